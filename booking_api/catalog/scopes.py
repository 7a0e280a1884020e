"""What keys may be allowed about the catalogue."""

from booking_api.core.capability import Scope

SCOPES = (
    Scope("catalog:read", "agent", publishable=True),
    Scope("catalogue:read", "manager"),
    Scope("catalogue:write", "manager"),
)
