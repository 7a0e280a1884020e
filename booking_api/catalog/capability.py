"""What catalog declares."""

from booking_api.catalog import routes
from booking_api.core.capability import Capability, Tag

CAPABILITY = Capability(
    name="catalog",
    tags=[
        Tag(
            "Catalogue",
            "What is sold: places, products with their options, units, conditions and questions.",
            10,
        ),
    ],
    routes=routes.ROUTES,
)
