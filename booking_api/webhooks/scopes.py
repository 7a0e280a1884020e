"""What keys may be allowed about webhooks."""

from booking_api.core.capability import Scope

SCOPES = (Scope("webhooks:write", "owner"),)
