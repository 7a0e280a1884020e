"""People who were admitted: nobody is scanned while it is decided about them, and their places stay taken."""

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from booking_api.bookings import gate_queries, queries
from booking_api.bookings.events import BookingChanged
from booking_api.bookings.gate_queries import BookingOfItem
from booking_api.bookings.operations.facts import Facts, admissions, load_order
from booking_api.bookings.operations.write import save_items
from booking_api.bookings.schemas import BookingRow, ItemRow
from booking_api.catalog.rules import places
from booking_api.core.context import Context
from booking_api.core.queue.events import publish
from booking_api.inventory import operations as inventory
from booking_api.inventory.schemas import Kept
from booking_api.passes import operations as passes


async def lock_admissions(ctx: Context, facts: Facts) -> None:
    """Looks at who was admitted, and lets nobody be scanned until the transaction ends. The order is locked already.

    Two statements, because one that waited for a scan would still see what was there before it.
    """
    if facts.order.status == "confirmed":
        await gate_queries.lock_bookings_of_order(ctx.db, ctx.org_id, facts.order.id)
        items = [
            item.id for booking in facts.bookings if booking.status == "confirmed" for item in facts.items[booking.id]
        ]
        facts.admitted = admissions(await passes.find_items(ctx.db, ctx.org_id, items))


def needed(facts: Facts, booking: BookingRow, items: Sequence[ItemRow]) -> tuple[int, int]:
    """How many places, and how many of the option's own quota, these items of a booking take."""
    places_of = places(facts.definition(booking), Counter(item.unit_id for item in items))
    return places_of, places_of if facts.option(booking).quota is not None else 0


def kept_of(facts: Facts, bookings: Sequence[BookingRow]) -> dict[UUID, Kept]:
    """What these cancelled bookings keep of their claims."""
    kept: dict[UUID, Kept] = {}
    for booking in bookings:
        if items := [item for item in facts.items[booking.id] if item.after_admission == "kept"]:
            kept[booking.id] = Kept(*needed(facts, booking, items), [item.id for item in items])
    return kept


async def give_back_unadmitted(ctx: Context, item_ids: Sequence[UUID]) -> None:
    """Gives the places of cancelled items back that were kept because of an admission which was undone since.

    In the transaction that undid it, which holds the lock of the items' booking.
    """
    for found in await gate_queries.find_kept_bookings(ctx.db, ctx.org_id, item_ids):
        facts = await load_order(ctx, found.order_id)
        booking = facts.booking(found.booking_id)
        freed = [item for item in facts.items[booking.id] if item.id in item_ids and item.after_admission == "kept"]
        for item in freed:
            item.after_admission, item.seat = "given_back", None
        await save_items(ctx, freed)
        await inventory.give_back(ctx.db, ctx.org_id, [booking.id], kept_of(facts, [booking]))


async def lock_order_of(ctx: Context, item_id: UUID) -> None:
    """Locks the order of an item, for a caller that takes an admission back: orders before their bookings, as all do."""
    for found in await gate_queries.find_bookings_of_items(ctx.db, ctx.org_id, [item_id]):
        await queries.lock_order(ctx.db, ctx.org_id, found.order_id)


async def take_admissions_back(ctx: Context, item_ids: Sequence[UUID]) -> None:
    """Lets everybody know that these items of a locked order aren't admitted any more, and gives back what was kept."""
    await _tell(ctx, await gate_queries.find_bookings_of_items(ctx.db, ctx.org_id, item_ids))
    await give_back_unadmitted(ctx, item_ids)


async def tell_of_admissions(ctx: Context, item_ids: Sequence[UUID]) -> int:
    """Lets everybody know that these items were admitted: by the versions of their bookings and orders; how many
    bookings. Those that somebody works on are left to the next time, so that no scan waits.
    """
    found = await gate_queries.find_bookings_of_items(ctx.db, ctx.org_id, item_ids)
    locked = {order.id for order in await queries.lock_orders(ctx.db, ctx.org_id, [one.order_id for one in found])}
    within = [one.booking_id for one in found if one.order_id in locked]
    free = {row.id for row in await gate_queries.lock_free_bookings(ctx.db, ctx.org_id, within)}
    told = [one for one in found if one.booking_id in free]
    untold = await passes.mark_admissions_told(ctx.db, ctx.org_id, [one.item_id for one in told])
    return await _tell(ctx, [one for one in told if one.item_id in untold])


async def _tell(ctx: Context, items: Sequence[BookingOfItem]) -> int:
    """Raises the versions of the bookings of these items and of their orders, once each."""
    if not items:
        return 0
    orders, bookings = {one.order_id for one in items}, {one.booking_id for one in items}
    raised = await gate_queries.raise_versions(ctx.db, ctx.org_id, sorted(orders), sorted(bookings), ctx.now)
    events = [
        BookingChanged(order_id=one.order_id, slot_id=one.slot_id, customer_id=one.customer_id).event(
            ctx.org_id, one.id, ctx.now
        )
        for one in raised
    ]
    await publish(ctx.db, events)
    return len(raised)
