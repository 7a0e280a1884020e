"""What catalog declares."""

from booking_api.catalog import document_routes, jobs, operations, routes
from booking_api.catalog.events import PlaceUpdated, ProductUpdated
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
        Tag(
            document_routes.TAG,
            "For back offices: places, products and seat layouts as whole documents, in the form of the catalogue's files.",
            15,
        ),
    ],
    routes=[*routes.ROUTES, *document_routes.ROUTES],
    events=[ProductUpdated, PlaceUpdated],
    subscribers={PlaceUpdated: [jobs.follow_place]},
    audited={"place.written": "place", "product.written": "product", "seat_layout.written": "seat_layout"},
    personal={
        "place": dict.fromkeys(("code", "name", "name_folded", "words", "time_zone", "address"), NOT),
        "product": dict.fromkeys(("code", "kind", "words"), NOT),
        "product_version": {"definition": NOT},
        "seat_layout": {"code": NOT, "layout": NOT},
    },
    backfills=[operations.fold_places, operations.fold_products],
)
