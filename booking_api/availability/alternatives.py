"""What else has room, near in time, for a party that was refused.

Those who are refused the same at once share a look, which begins after each of them was refused.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from booking_api.availability import queries, rules, search_queries
from booking_api.availability.schemas import Alternative
from booking_api.availability.terms import with_terms
from booking_api.catalog.operations import load_definitions
from booking_api.catalog.rules import places
from booking_api.core.context import Context
from booking_api.core.money import Money
from booking_api.core.per_process import PerProcess
from booking_api.core.queue.coalescing import Coalescer, seconds_of
from booking_api.core.runtime import Runtime, acquire
from booking_api.inventory.schemas import SlotRow

ALTERNATIVE_DAYS = 31
"""Alternatives are at most this many days away."""


class Wanted(NamedTuple):
    """What somebody wanted of a slot and can't have: what alternatives are looked for by."""

    slot: SlotRow
    option_id: UUID
    counts: Mapping[UUID, int]
    """Items by unit."""


async def share_alternatives(runtime: Runtime, ctx: Context, wanted: Wanted) -> list[Alternative]:
    """As `find_alternatives`, for a context without a connection, at a moment after this was called."""
    key = ctx.org_id, wanted.slot.id, wanted.option_id, frozenset(wanted.counts.items())
    return await ALTERNATIVES.of(runtime.caches, runtime).ask(key, (ctx, wanted))


async def _find_shared(runtime: Runtime, asked: Sequence[tuple[Context, Wanted]]) -> list[Alternative]:
    ctx, wanted = asked[-1]
    async with acquire(runtime) as db:
        return await find_alternatives(dataclasses.replace(ctx, db=db), wanted)


def _coalescer(runtime: Runtime) -> Coalescer[object, tuple[Context, Wanted], list[Alternative]]:
    return Coalescer(lambda _, asked: _find_shared(runtime, asked), seconds=seconds_of(runtime))


ALTERNATIVES = PerProcess(_coalescer)


async def find_alternatives(ctx: Context, wanted: Wanted, limit: int = 3) -> list[Alternative]:
    """What has room for a party that a slot has none for, nearest in time first.

    Looks at the same route, or else the same product, within a month, and at the other options of the slot itself.
    Each slot counts once: with the option of the same code if that can be booked, else with the cheapest.
    """
    slot, option_id, counts = wanted
    own = (await load_definitions(ctx.db, ctx.caches, ctx.org_id, [(slot.product_id, slot.product_version)]))[
        slot.product_id, slot.product_version
    ]
    units = {unit.id: unit.code for unit in own.units}
    if not set(counts) <= set(units):
        return []
    party = {units[unit_id]: count for unit_id, count in counts.items()}
    asked = own.option(option_id)
    found = await queries.find_slots_with_room(
        ctx.db, ctx.org_id, await _nearest(ctx, slot, places(own, counts), limit), None, ctx.now
    )
    chosen: list[Alternative] = []
    runs = await with_terms(ctx, found, party)
    for terms, near in [(run.terms, near) for run in runs for near in run.slots]:
        best: tuple[bool, int, Alternative] | None = None
        _, options = rules.judge(near, terms, ctx.now.timestamp())
        for offer, left, why in options:
            if why is not None or offer.total is None or (near.id, offer.option.id) == (slot.id, option_id):
                continue
            other_code = asked is None or offer.option.code != asked.code
            if best is None or (other_code, offer.total) < best[:2]:
                best = other_code, offer.total, Alternative(
                    slot_id=near.id, product_id=near.product_id,
                    starts_at=datetime.fromtimestamp(near.starts_at, ZoneInfo(near.time_zone)),
                    time_zone=near.time_zone, option_id=offer.option.id, vacancies=left,
                    total=Money(offer.total, terms.definition.currency),
                )  # fmt: skip
        if best is not None:
            chosen.append(best[2])
    chosen.sort(key=lambda alternative: (abs(alternative.starts_at - slot.starts_at), alternative.slot_id))
    return chosen[:limit]


async def _nearest(ctx: Context, slot: SlotRow, wanted_places: int, limit: int) -> list[UUID]:
    """Candidates on both sides; more than wanted, because quotas and conditions are looked at later."""
    away = timedelta(days=ALTERNATIVE_DAYS)
    day, first, last, most = slot.local_date, slot.local_date - away, slot.local_date + away, 4 * limit
    if slot.destination_id is not None:
        return await search_queries.nearest_of_route(
            ctx.db, ctx.org_id, slot.origin_id, slot.destination_id, day, first, last, slot.starts_at, wanted_places,
            ctx.now, most,
        )  # fmt: skip
    return await search_queries.nearest_of_product(
        ctx.db, ctx.org_id, slot.product_id, day, first, last, slot.starts_at, wanted_places, ctx.now, most
    )
