"""What keys may be allowed about orders and bookings."""

from booking_api.core.capability import Scope

SCOPES = (
    Scope("bookings:read", "agent"),
    Scope("bookings:write", "agent", publishable=True),
)
