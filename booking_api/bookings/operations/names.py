"""The words of names that were saved by a program that knew of none: before an upgrade, or by a server of the old
version while it lasts. What this program saves has its words already."""

from collections.abc import Sequence
from uuid import UUID

from booking_api.bookings import name_queries as queries
from booking_api.bookings.name_queries import FoldedName, Named
from booking_api.core.db import Connection
from booking_api.core.text.folding import words_of

BATCH = 500
MOST_AT_A_LOOK_UP = 5_000
NIL = UUID(int=0)


async def fold_next(db: Connection, org_id: UUID) -> bool:
    """Goes through an organisation's next bookings in the order of their ids, in a transaction of its own; whether
    there may be more. The position is kept with what was written, so that it goes on wherever it was ended."""
    async with db.transaction():
        after = await queries.find_progress(db, org_id) or NIL
        bookings = await queries.list_bookings_after(db, org_id, after, BATCH)
        if not bookings:
            return False
        await _fold(db, org_id, bookings, await queries.list_items_of(db, org_id, [row.id for row in bookings]))
        await queries.store_progress(db, org_id, bookings[-1].id)
    return len(bookings) == BATCH


async def fold_slot(db: Connection, org_id: UUID, slot_id: UUID) -> None:
    """Sees to it that everybody on a slot can be found by name."""
    contacts = await queries.list_contacts_on_slot(db, org_id, slot_id, MOST_AT_A_LOOK_UP)
    await _fold(db, org_id, contacts, await queries.list_items_on_slot(db, org_id, slot_id, MOST_AT_A_LOOK_UP))


async def _fold(db: Connection, org_id: UUID, contacts: Sequence[Named], items: Sequence[Named]) -> None:
    if names := _with_words(contacts):
        await queries.fold_contacts(db, org_id, names)
    if names := _with_words(items):
        await queries.fold_items(db, org_id, names)


def _with_words(named: Sequence[Named]) -> list[FoldedName]:
    return [FoldedName(row.id, row.name, words_of(row.name)) for row in named if row.name is not None]
