"""What persons declares."""

from booking_api.core.capability import Capability, Tag
from booking_api.persons import routes

CAPABILITY = Capability(
    name="persons",
    tags=[
        Tag("Persons", "What is known of one person: exported or erased, for owners.", 120),
    ],
    routes=routes.ROUTES,
    audited={
        "person.erased": "person",
        "person.exported": "person",
    },
)
