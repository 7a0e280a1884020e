"""What keys may be allowed about feedback."""

from booking_api.core.capability import Scope

SCOPES = (
    Scope("feedback:read", "manager"),
    Scope("feedback:write", "manager", publishable=True),
)
