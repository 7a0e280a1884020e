"""The step of an upgrade that SQL can't do: the words of the names that are there already (docs/adr/0014)."""

from booking_api.bookings.operations import names
from booking_api.catalog import operations as catalog
from booking_api.core.db import Connection
from booking_api.identity import queries as identity_queries


async def fold_names(db: Connection) -> None:
    """Writes the words under which the places, products and people of every organisation are found.

    May be repeated, and ended at any moment: it goes on where it was, a batch of bookings in each transaction.
    """
    for org in await identity_queries.list_organisations(db):
        await catalog.fold_places(db, org.org_id)
        await catalog.fold_products(db, org.org_id)
        while await names.fold_next(db, org.org_id):
            pass
