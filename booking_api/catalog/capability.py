"""What catalog declares."""

from booking_api.catalog import operations, routes
from booking_api.core.capability import Capability, Tag
from booking_api.core.personal import NOT

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
    personal={
        "place": dict.fromkeys(("code", "name", "name_folded", "words", "time_zone", "address"), NOT),
        "product": dict.fromkeys(("code", "kind", "words"), NOT),
        "product_version": {"definition": NOT},
        "seat_layout": {"code": NOT, "layout": NOT},
    },
    backfills=[operations.fold_places, operations.fold_products],
)
