"""What site declares."""

from booking_api.core.capability import Capability
from booking_api.site import routes

CAPABILITY = Capability(
    name="site",
    routes=routes.ROUTES,
)
