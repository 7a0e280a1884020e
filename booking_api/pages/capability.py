"""What pages declares."""

from booking_api.core.capability import Capability
from booking_api.pages import routes

CAPABILITY = Capability(
    name="pages",
    routes=routes.ROUTES,
)
