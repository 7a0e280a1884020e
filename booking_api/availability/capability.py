"""What availability declares."""

from booking_api.availability import routes
from booking_api.core.capability import Capability, Tag

CAPABILITY = Capability(
    name="availability",
    tags=[
        Tag("Availability", "When, and how much is left. Exact at every moment: nothing is shown that is gone.", 20),
    ],
    routes=routes.ROUTES,
)
