"""Single slots as they are at this moment, past and cancelled ones too, with their seats and layouts."""

from typing import NamedTuple
from uuid import UUID

from booking_api.availability import queries, rules
from booking_api.availability.answers import write_slot
from booking_api.availability.schemas import SeatLayoutAnswer, SlotQuery, SlotSeats
from booking_api.availability.targets import holder_of, refuse
from booking_api.availability.terms import with_terms
from booking_api.catalog.reference_rules import CatalogueReference
from booking_api.core.context import Context
from booking_api.core.errors import NotFound
from booking_api.inventory.queries import find_slots


class ShownSlot(NamedTuple):
    """One slot as it is now, and the rules that the party breaks."""

    content: bytes
    """An `Availability`, encoded."""
    version: int
    broken: list[str]


async def get_slot(ctx: Context, slot_id: UUID, query: SlotQuery) -> ShownSlot:
    """One slot as it is now, also when it is past or cancelled. Raises `NotFound` and `PartyNotAllowed`."""
    shown = await show_slot(ctx, slot_id, rules.parse_units(query.units))
    if shown.broken:
        raise refuse(shown.broken)
    return shown


async def show_slot(ctx: Context, slot_id: UUID, wanted: rules.UnitCounts | None) -> ShownSlot:
    """One slot as it is now, for whatever party. Raises `NotFound`."""
    slots = await queries.find_slots_with_room(ctx.db, ctx.org_id, [slot_id], holder_of(ctx), ctx.now)
    if not slots:
        raise NotFound("There is no such slot.")
    (run,) = await with_terms(ctx, slots, wanted)
    return ShownSlot(write_slot(slots[0], run.terms, ctx.now.timestamp()).encode(), slots[0].version, run.terms.broken)


async def get_seats(ctx: Context, slot_id: UUID) -> SlotSeats:
    """The seats of a slot that aren't free. Raises `NotFound`, also for a slot without a seat layout."""
    slots = await find_slots(ctx.db, ctx.org_id, [slot_id])
    if not slots:
        raise NotFound("There is no such slot.")
    if slots[0].seat_layout_id is None:
        raise NotFound("This slot has no seats to choose.")
    seats = await queries.find_claimed_seats(ctx.db, ctx.org_id, slot_id, holder_of(ctx), ctx.now)
    return SlotSeats(
        layout_id=slots[0].seat_layout_id,
        taken=[row.seat for row in seats],
        held_by_you=[row.seat for row in seats if row.mine],
    )


async def get_layout(ctx: Context, named: CatalogueReference) -> SeatLayoutAnswer:
    """How seats are arranged. Raises `NotFound`."""
    row = await queries.find_layout(ctx.db, ctx.org_id, named.id, named.code)
    if row is None:
        raise NotFound("There is no such seat layout.")
    return SeatLayoutAnswer(row.id, row.seats, row.layout.decks)
