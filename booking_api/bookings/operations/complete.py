"""What belongs to confirmed orders, however they came to be confirmed: their places, seats, passes and events."""

from collections.abc import Sequence
from typing import NamedTuple

from booking_api.bookings.events import BookingConfirmed
from booking_api.bookings.operations.facts import Facts
from booking_api.bookings.operations.write import events_of, save_items
from booking_api.bookings.schemas import BookingRow
from booking_api.bookings.slot_rules import pass_window, still_fits
from booking_api.core.context import Context
from booking_api.core.db.event_queries import Event
from booking_api.core.queue.events import publish
from booking_api.identity import operations as identity
from booking_api.identity.schemas import Reachable
from booking_api.inventory import operations as inventory
from booking_api.passes import operations as passes
from booking_api.passes.schemas import PassRequest


class Confirmed(NamedTuple):
    """An order that is confirmed, with the context of who asks. The contexts of several share one transaction."""

    ctx: Context
    facts: Facts


async def keep_places(ctx: Context, orders: Sequence[Facts]) -> bool:
    """Keeps the places for good. False when some were given back meanwhile."""
    return await inventory.keep(ctx.db, ctx.org_id, [booking.id for facts in orders for booking in facts.bookings])


async def complete(orders: Sequence[Confirmed], before: Sequence[Event] = ()) -> None:
    """What else belongs to confirmed bookings: seats, passes, the customers remembered, the events, which follow those
    from `before`."""
    ctx = orders[0].ctx
    bookings = [(one.facts, booking) for one in orders for booking in one.facts.bookings]
    for facts, booking in bookings:
        await _assign_seats(ctx, facts, booking)
    await issue_passes(ctx, bookings)
    said: list[Reachable] = []
    for one in orders:
        if one.ctx.caller.restriction is None and (contact := one.facts.bookings[0].contact) is not None:
            customer_id, language = one.facts.order.customer_id, one.ctx.language
            said.append(Reachable(customer_id, contact.name, contact.email, contact.phone, language))
    await identity.remember_customers(ctx.db, ctx.org_id, said, ctx.now)
    await publish(ctx.db, [*before, *events_of(ctx, BookingConfirmed, [booking for _, booking in bookings])])


async def _assign_seats(ctx: Context, facts: Facts, booking: BookingRow) -> None:
    """Seats items that need a seat and chose none, together where possible."""
    slot = facts.slot(booking)
    if slot.seat_layout_id is None:
        return
    takes_seat = {unit.id for unit in facts.definition(booking).units if unit.takes_seat}
    waiting = [item for item in facts.items[booking.id] if item.seat is None and item.unit_id in takes_seat]
    if not waiting:
        return
    rows = await inventory.layout_rows(ctx.db, ctx.caches, ctx.org_id, slot.seat_layout_id)
    seated = await inventory.assign_seats(ctx.db, ctx.org_id, slot.id, booking.id, rows, [item.id for item in waiting])
    for item in waiting:
        item.seat = seated.get(item.id)
    await save_items(ctx, [item for item in waiting if item.seat is not None])


async def issue_passes(ctx: Context, bookings: Sequence[tuple[Facts, BookingRow]]) -> int:
    """Issues a pass for each active item of confirmed bookings whose current one says something else, or is missing.

    How many stand in place of an earlier one.
    """
    reissued = 0
    wanted: list[PassRequest] = []
    facts_of: list[Facts] = []
    for facts, booking in bookings:
        slot = facts.slot(booking)
        admission = facts.option(booking).admission
        admit_from, admit_until = pass_window(admission, slot, ctx.now)
        for item in facts.items[booking.id]:
            request = PassRequest(item.id, slot.id, booking.customer_id, admit_from, admit_until)
            current = facts.passes.get(item.id)
            if item.status == "active" and not still_fits(current, request, admission, slot):
                wanted.append(request)
                facts_of.append(facts)
                reissued += current is not None
    for facts, row in zip(facts_of, await passes.issue(ctx, wanted), strict=True):
        facts.passes[row.item_id] = row
    return reissued
