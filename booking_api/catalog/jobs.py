"""What follows from changes of the catalogue."""

import msgspec

from booking_api.catalog import document_queries, write_queries
from booking_api.catalog.description_rules import PLACES
from booking_api.catalog.schemas import Place, ProductDefinition
from booking_api.catalog.write_schemas import NewProduct
from booking_api.catalog.writing import begin_writing, save_products
from booking_api.core.clock import utc_now
from booking_api.core.db.event_queries import StoredEvent
from booking_api.core.runtime import Runtime, acquire

BATCH = 100


async def follow_place(runtime: Runtime, event: StoredEvent) -> None:
    """Gives the products that name a place new versions, in which it is called as it is now.

    A batch is a transaction, and doing it again changes nothing: what is right already gets no new version.
    """
    after = ""
    while True:
        async with acquire(runtime) as db, db.transaction():
            await begin_writing(db, event.org_id)
            place = await document_queries.find_place(db, event.org_id, event.subject_id, None)
            codes = [
                row.code
                for row in await document_queries.list_codes_at(db, event.org_id, event.subject_id, after, BATCH)
            ]
            if place is None or not codes:
                return
            current = await write_queries.find_products_by_code(db, event.org_id, codes)
            moved = [NewProduct(_with_place(row.definition, place)) for row in current]
            await save_products(db, event.org_id, moved, utc_now())
        after = codes[-1]


def _with_place(definition: ProductDefinition, state: document_queries.PlaceState) -> ProductDefinition:
    place = Place(**{name: getattr(state, name) for name in Place.__struct_fields__})
    named = {name: place for name in PLACES if (old := getattr(definition, name)) and old.id == place.id}
    return msgspec.structs.replace(definition, **named)
