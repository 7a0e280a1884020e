"""Looking people up, and what a gate has before it."""

from datetime import datetime, timedelta
from uuid import UUID

from booking_api.availability.rules import delay_answer, local
from booking_api.bookings.operations import names
from booking_api.catalog import operations as catalog
from booking_api.checkin import answers, queries
from booking_api.checkin.rules import same_gate
from booking_api.checkin.schemas import (
    GateSlot,
    GateSlotPage,
    GateSlotsQuery,
    ItemFacts,
    LookupBooking,
    LookupPage,
    LookupQuery,
)
from booking_api.core.context import Context
from booking_api.core.errors import invalid
from booking_api.core.ids import read_code
from booking_api.core.paging import read_cursor, write_cursor
from booking_api.core.text.folding import search_query
from booking_api.core.texts import pick

BEFORE = timedelta(hours=2)
AFTER = timedelta(hours=6)
LONGEST_SLOT = timedelta(days=7)
"""Slots that began longer ago aren't looked for, so that the search is bounded."""
NIL = UUID(int=0)


async def look_up(ctx: Context, query: LookupQuery) -> LookupPage:
    """The bookings with a reference, or with a name on a slot. None found is an empty list."""
    if query.reference is not None:
        if query.name is not None or query.slot_id is not None or query.cursor is not None:
            raise invalid("/query/reference", "Look up either by `reference` or by `name` and `slot_id`.")
        found = await queries.find_items_by_reference(ctx.db, ctx.org_id, read_code(query.reference))
        return LookupPage(items=await _load(ctx, [item.id for item in found]))
    if query.name is None or query.slot_id is None:
        raise invalid("/query/reference", "Look up either by `reference` or by `name` and `slot_id`.")
    asked = search_query(query.name)
    if asked is None:
        return LookupPage(items=[])
    await names.fold_slot(ctx.db, ctx.org_id, query.slot_id)
    (after,) = read_cursor(query.cursor, tuple[UUID]) if query.cursor is not None else (NIL,)
    found = await queries.find_items_by_name(ctx.db, ctx.org_id, query.slot_id, asked, after, query.limit + 1)
    booking_ids = sorted({item.booking_id for item in found})
    page = booking_ids[: query.limit]
    return LookupPage(
        items=await _load(ctx, [item.id for item in found if item.booking_id in set(page)]),
        next_cursor=write_cursor(page[-1]) if len(booking_ids) > query.limit else None,
    )


async def _load(ctx: Context, item_ids: list[UUID]) -> list[LookupBooking]:
    if not item_ids:
        return []
    parties: dict[UUID, list[ItemFacts]] = {}
    for row in await queries.find_facts(ctx.db, ctx.org_id, item_ids):
        parties.setdefault(row.booking_id, []).append(row)
    versions = {(rows[0].product_id, rows[0].product_version) for rows in parties.values()}
    definitions = await catalog.load_definitions(ctx.db, ctx.caches, ctx.org_id, versions)
    return [
        answers.lookup_booking(rows, definitions[rows[0].product_id, rows[0].product_version], ctx.now, ctx.languages)
        for rows in parties.values()
    ]


async def list_slots(ctx: Context, query: GateSlotsQuery) -> GateSlotPage:
    """The slots around a moment, with how many are expected, admitted and inside."""
    at = query.at or ctx.now
    if not 1970 <= at.year <= 2100:
        raise invalid("/query/at", "The year must be between 1970 and 2100.")
    earliest = at - LONGEST_SLOT
    after = read_cursor(query.cursor, tuple[datetime, UUID]) if query.cursor is not None else (earliest, NIL)
    if after[0].tzinfo is None:
        raise invalid("/query/cursor", "This is not a cursor of this list.")
    gates: list[str] | None = None
    if query.gate is not None:
        # Compared here, because databases differ in what they know of letters.
        known = await queries.list_gates(ctx.db, ctx.org_id, earliest, at + AFTER)
        gates = [row.gate for row in known if same_gate(row.gate, query.gate)]
    rows = await queries.list_gate_slots(
        ctx.db, ctx.org_id, gates, earliest, at - BEFORE, at + AFTER, after, query.limit + 1
    )
    page = rows[: query.limit]
    versions = {(row.product_id, row.product_version) for row in page}
    definitions = await catalog.load_definitions(ctx.db, ctx.caches, ctx.org_id, versions)
    return GateSlotPage(
        items=[
            GateSlot(
                slot_id=row.id, product_id=row.product_id, status=row.status, gate=row.gate,
                product=pick(definitions[row.product_id, row.product_version].title, ctx.languages),
                starts_at=local(row.starts_at, row.time_zone), ends_at=local(row.ends_at, row.time_zone),
                time_zone=row.time_zone, delay=delay_answer(row.delay, row.time_zone, row.time_zone), expected=row.expected, admitted=row.admitted, inside=row.inside,
            )
            for row in page
        ],
        next_cursor=write_cursor(page[-1].starts_at, page[-1].id) if len(rows) > query.limit else None,
    )  # fmt: skip
