"""What keys may be allowed at the gate."""

from booking_api.core.capability import Scope

SCOPES = (
    Scope("scan", "agent"),
    Scope("scan:override", "manager"),
    Scope("gate:read", "agent"),
)
