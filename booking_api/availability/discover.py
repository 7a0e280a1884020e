"""The home screen in one call: what a party can book soonest, across all products.

Of each product a moment is known before which nothing of it can be booked. Those whose moments come first are looked at:
their next slots are read, and judged as a search judges them, which moves the moment to the first that can be booked.
That goes on until the first `limit` have been looked at. So nothing is shown that can't be booked, and the order is
exact. How much is read is bounded, whatever is sold out, asked for or offered; see docs/adr/0037.
"""

import heapq
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter

from booking_api.availability import discover_queries, rules
from booking_api.availability.answers import write_slot
from booking_api.availability.discover_answers import discovered_product, write_discovery, write_item
from booking_api.availability.discover_schemas import SHOWN_SLOTS, DiscoverQuery, LookAhead
from booking_api.availability.schemas import FoundSlot
from booking_api.availability.sought import Candidate, Candidates, Meant, read_meant
from booking_api.availability.targets import holder_of, refuse
from booking_api.availability.terms import with_terms
from booking_api.catalog.operations import load_definitions
from booking_api.catalog.rules import places
from booking_api.core.cache import BoundedCache
from booking_api.core.context import Context
from booking_api.core.money import Money
from booking_api.core.per_process import PerProcess

READ_AT_ONCE = SHOWN_SLOTS + 2
"""Slots of a product that a look reads: a few more than are shown, because some may turn out to be closed."""
LOOKED_AT = 500
"""Slots of a product with any room that a look goes through, to find those with room for the party."""
LEAST_LOOKED_AT = 20
"""Products that a look is for, where so many are left: a look at one takes as long."""
MOST_LOOKS = 12
MOST_PRODUCTS = 1_000
"""Products that are looked at for one answer."""
WRITTEN_PRODUCTS = PerProcess(lambda: BoundedCache[object, str](4_096))


async def discover(ctx: Context, query: DiscoverQuery) -> bytes:
    """A `Discovery`, encoded. Raises `Invalid`, and `PartyNotAllowed` when nothing that was found allows the party."""
    wanted = rules.parse_units(query.units)
    meant = await read_meant(ctx, query)
    if meant is None:
        return write_discovery([])
    candidates = Candidates(ctx, meant, query.limit)
    await candidates.begin()
    shown = await _soonest(ctx, candidates, meant, wanted, query.limit)
    return write_discovery([await _write(ctx, candidate, wanted) for candidate in shown])


async def _soonest(
    ctx: Context, candidates: Candidates, meant: Meant, wanted: rules.UnitCounts | None, limit: int
) -> list[Candidate]:
    """The first of them that can be booked, in order."""
    broken: list[str] = []
    is_allowed, looks, looked_at = False, 0, 0
    while looks < MOST_LOOKS and looked_at < MOST_PRODUCTS:
        first = heapq.nsmallest(limit, candidates.known.values(), key=attrgetter("rank"))
        if all(candidate.settled for candidate in first):
            # An unknown product may still begin before the last of these, or at the same time and nearer.
            if len(first) == limit and first[-1].starts_at < candidates.known_until:
                break
            if not await candidates.walk_on():
                break
            continue
        most = max(limit, LEAST_LOOKED_AT)
        front = heapq.nsmallest(most, candidates.known.values(), key=attrgetter("rank"))
        unsettled = [candidate for candidate in front if not candidate.settled]
        looked_at += len(unsettled)
        asked: list[tuple[Candidate, int]] = []
        for candidate, party in await _with_parties(ctx, unsettled, wanted):
            if isinstance(party, list):
                broken = broken or party
                candidates.drop(candidate)
            else:
                asked.append((candidate, party))
        if asked:
            is_allowed = True
            looks += 1
            await _look(ctx, meant, asked, wanted)
            for candidate, _ in asked:
                if candidate.settled and not candidate.slots:
                    candidates.drop(candidate)
    found = [candidate for candidate in candidates.known.values() if candidate.slots]
    if broken and not is_allowed:
        raise refuse(broken)
    return heapq.nsmallest(limit, found, key=attrgetter("rank"))


async def _with_parties(
    ctx: Context, candidates: Sequence[Candidate], wanted: rules.UnitCounts | None
) -> list[tuple[Candidate, int | list[str]]]:
    """Each with the places that the party takes there, or the rules that it breaks."""
    definitions = await load_definitions(
        ctx.db, ctx.caches, ctx.org_id, [(candidate.product_id, candidate.version) for candidate in candidates]
    )
    found: list[tuple[Candidate, int | list[str]]] = []
    for candidate in candidates:
        definition = definitions[candidate.product_id, candidate.version]
        counts, broken = rules.party_for(definition, wanted)
        found.append((candidate, broken or places(definition, counts)))
    return found


async def _look(
    ctx: Context, meant: Meant, asked: Sequence[tuple[Candidate, int]], wanted: rules.UnitCounts | None
) -> None:
    """Reads on from where each was left, and keeps what can be booked."""
    looks = [LookAhead(candidate.product_id, *candidate.after, party) for candidate, party in asked]
    rows = await discover_queries.look_ahead(
        ctx.db, ctx.org_id, looks, meant.first, holder_of(ctx), ctx.now, READ_AT_ONCE, LOOKED_AT
    )
    by_position = {position: list(slots) for position, slots in groupby(rows, key=attrgetter("position"))}
    for position, (candidate, _) in enumerate(asked, 1):
        slots = by_position.get(position, [])
        for slot, total in await _bookable(ctx, slots, wanted):
            if len(candidate.slots) < SHOWN_SLOTS:
                candidate.slots.append(slot)
                candidate.from_total = total if len(candidate.slots) == 1 else min(candidate.from_total, total)
        candidate.settled = len(slots) < READ_AT_ONCE or len(candidate.slots) == SHOWN_SLOTS
        if slots:
            final = slots[-1]
            candidate.after = datetime.fromtimestamp(final.starts_at, UTC), final.id
            candidate.version = final.product_version
            candidate.starts_at = candidate.slots[0].starts_at if candidate.slots else final.starts_at


async def _bookable(
    ctx: Context, slots: Sequence[FoundSlot], wanted: rules.UnitCounts | None
) -> list[tuple[FoundSlot, int]]:
    """The slots that the party can book now, each with its lowest total."""
    found: list[tuple[FoundSlot, int]] = []
    for run in await with_terms(ctx, slots, wanted):
        for slot in run.slots:
            _, options = rules.judge(slot, run.terms, ctx.now.timestamp())
            totals = [offer.total for offer, _, why in options if why is None and offer.total is not None]
            if totals:
                found.append((slot, min(totals)))
    return found


async def _write(ctx: Context, candidate: Candidate, wanted: rules.UnitCounts | None) -> str:
    now, slots = ctx.now.timestamp(), candidate.slots
    runs = await with_terms(ctx, slots, wanted)
    definition = runs[0].terms.definition
    kept, key = WRITTEN_PRODUCTS.of(ctx.caches), (ctx.org_id, *runs[0].version, ctx.languages)
    if (product := kept.get(key)) is None:
        product = rules.as_json(discovered_product(definition, ctx.languages))
        kept.put(key, product)
    written = [write_slot(slot, run.terms, now) for run in runs for slot in run.slots]
    from_price = Money(candidate.from_total, definition.currency)
    return write_item(product, candidate.distance_m, written, from_price)
