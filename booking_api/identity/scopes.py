"""What keys may be allowed about staff, keys and the audit."""

from booking_api.core.capability import Scope

SCOPES = (
    Scope("staff:write", "owner"),
    Scope("keys:write", "owner"),
    Scope("audit:read", "owner"),
)
