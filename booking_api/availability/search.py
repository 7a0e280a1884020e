"""The search for availability: slots, seats, and what else has room. Nothing of it is cached but terms.

Places are counted by the statement that answers. What a product means for a party on a day, its terms, follows from
an immutable document and is kept.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from booking_api.availability import queries, rules, search_queries
from booking_api.availability.answers import availability, product_summary
from booking_api.availability.schemas import (
    Alternative,
    Availability,
    AvailabilityPage,
    AvailabilityQuery,
    FoundSlot,
    RankedOffer,
    SeatLayoutAnswer,
    SlotQuery,
    SlotSeats,
)
from booking_api.availability.targets import (
    Route,
    Target,
    all_products,
    check_party,
    date_range,
    find_target,
    holder_of,
    places_of,
    refuse,
)
from booking_api.catalog.operations import load_definitions
from booking_api.catalog.rules import places
from booking_api.catalog.schemas import ProductDefinition
from booking_api.core.cache import BoundedCache
from booking_api.core.clock import Moment
from booking_api.core.context import Context
from booking_api.core.errors import NotFound
from booking_api.core.money import Money
from booking_api.core.paging import read_cursor, write_cursor
from booking_api.core.per_process import PerProcess
from booking_api.inventory.queries import find_slots
from booking_api.inventory.schemas import SlotRow

SEARCH_DAYS = 31
ALTERNATIVE_DAYS = 31
"""Alternatives are at most this many days away."""
TERMS = PerProcess(lambda: BoundedCache[object, rules.Terms](KEPT_TERMS))
KEPT_TERMS = 4_096
SUMMARIES = PerProcess(lambda: BoundedCache[object, msgspec.Raw](KEPT_SUMMARIES))
KEPT_SUMMARIES = 4_096
NEVER = 2**53
"""Sorts what can't be booked after every price."""

StartPosition = tuple[date, Moment, UUID]
PricePosition = tuple[int, Moment, UUID]
LONG_AGO = datetime(1, 1, 2, tzinfo=UTC)


class Run(NamedTuple):
    """Neighbours of the same product and price, and what they have in common."""

    version: tuple[UUID, int]
    terms: rules.Terms
    slots: list[FoundSlot]


async def _with_terms(ctx: Context, slots: Sequence[FoundSlot], wanted: rules.UnitCounts | None) -> list[Run]:
    """The slots, in their order, with their terms: by the version of the product that is on sale, the price of the
    day and the party. Terms that were made before are kept."""
    party = None if wanted is None else tuple(sorted(wanted.items()))
    kept = TERMS.of(ctx.caches)
    # All of a statement's slots of one product have the same version of it.
    lines = [list(line) for _, line in groupby(slots, key=attrgetter("product_id"))]
    definitions = await load_definitions(
        ctx.db, ctx.caches, ctx.org_id, {(line[0].product_id, line[0].product_version) for line in lines}
    )
    runs: list[Run] = []
    for line in lines:
        version = line[0].product_id, line[0].product_version
        definition = definitions[version]
        for period, run in _periods(definition, line):
            key = (ctx.org_id, version, period, party)
            if (terms := kept.get(key)) is None:
                terms = rules.make_terms(definition, wanted, run[0].local_date)
                kept.put(key, terms)
            runs.append(Run(version, terms, run))
    return runs


def _periods(definition: ProductDefinition, line: list[FoundSlot]) -> list[tuple[int, list[FoundSlot]]]:
    """Slots of a product cut where their prices may change, each piece with its number among the price's periods."""
    changes = definition.price_changes
    if not changes:
        return [(0, line)]
    cut = groupby(line, key=lambda slot: bisect_right(changes, slot.local_date))
    return [(period, list(run)) for period, run in cut]


# search -----------------------------------------------------------------------------------------------------------


async def search(ctx: Context, query: AvailabilityQuery) -> AvailabilityPage:
    """One page of slots as they are now; their options and products are written already.

    Raises `Invalid` for a range or cursor that makes no sense, `Unprocessable` for an unknown product or place, and
    `PartyNotAllowed` when no product that was found allows the party.
    """
    wanted = rules.parse_units(query.units)
    target = await find_target(ctx, query)
    first, last = date_range(ctx, target, query, SEARCH_DAYS)
    if not isinstance(target, Route):
        check_party([target], wanted)
    if query.sort == "price":
        slots, cursor = await _by_price(ctx, target, first, last, wanted, query)
    else:
        slots, cursor = await _by_start(ctx, target, first, last, query)
    runs = await _with_terms(ctx, slots, wanted)
    if runs and all(run.terms.broken for run in runs):
        # None on this page allows the party; whether to refuse it depends on all that there are.
        check_party(await all_products(ctx, target, first, last), wanted)
    now = ctx.now.timestamp()
    items = [availability(slot, run.terms, now) for run in runs for slot in run.slots]
    return AvailabilityPage(items=items, products=_summaries(ctx, runs), next_cursor=cursor)


def _summaries(ctx: Context, runs: Iterable[Run]) -> dict[UUID, Any]:
    """The JSON of the products that the slots are of, by id. It is kept: a version of a product never changes."""
    kept = SUMMARIES.of(ctx.caches)
    found: dict[UUID, Any] = {}
    for (product_id, version), terms in {run.version: run.terms for run in runs}.items():
        key = (ctx.org_id, product_id, version, ctx.languages)
        if (summary := kept.get(key)) is None:
            summary = msgspec.Raw(msgspec.json.encode(product_summary(terms.definition, ctx.languages)))
            kept.put(key, summary)
        found[product_id] = summary
    return found


async def _by_start(
    ctx: Context, target: Target, first: date, last: date, query: AvailabilityQuery
) -> tuple[list[FoundSlot], str | None]:
    after: StartPosition = (
        read_cursor(query.cursor, StartPosition) if query.cursor else (date.min, LONG_AGO, UUID(int=0))
    )
    holder, limit = holder_of(ctx), query.limit + 1
    if isinstance(target, Route):
        rows = await search_queries.search_route(
            ctx.db, ctx.org_id, target.origin.id, target.destination.id, first, last, after, holder, ctx.now, limit
        )
    else:
        rows = await search_queries.search_product(
            ctx.db, ctx.org_id, target.id, first, last, after, holder, ctx.now, limit
        )
    page = rows[: query.limit]
    if len(rows) == len(page):
        return page, None
    final = page[-1]
    return page, write_cursor(final.local_date, datetime.fromtimestamp(final.starts_at, UTC), final.id)


async def _by_price(
    ctx: Context, target: Target, first: date, last: date, wanted: rules.UnitCounts | None, query: AvailabilityQuery
) -> tuple[list[FoundSlot], str | None]:
    """Ranks in the database, where the slots are, and then reads the page whole."""
    after: PricePosition = read_cursor(query.cursor, PricePosition) if query.cursor else (-1, LONG_AGO, UUID(int=0))
    products = await all_products(ctx, target, first, last)
    check_party(products, wanted)
    ranked = await search_queries.rank_by_price(
        ctx.db, ctx.org_id, places_of(target), ranked_offers(products, wanted, first, last), after, ctx.now,
        query.limit + 1,
    )  # fmt: skip
    page = ranked[: query.limit]
    found = await queries.find_slots_with_room(ctx.db, ctx.org_id, [row.id for row in page], holder_of(ctx), ctx.now)
    by_id = {slot.id: slot for slot in found}
    slots = [by_id[row.id] for row in page if row.id in by_id]
    if len(ranked) == len(page):
        return slots, None
    return slots, write_cursor(page[-1].price, page[-1].starts_at, page[-1].id)


def ranked_offers(
    products: Iterable[ProductDefinition], wanted: rules.UnitCounts | None, first: date, last: date
) -> list[RankedOffer]:
    """The offers as `rank_by_price` takes them: of each product the cheapest first, and last that there is none."""
    ranked: list[RankedOffer] = []
    for product in products:
        offers = list(rules.offer_rows(product, wanted, first, last))
        places, cheapest = max(offer.places for offer in offers), len(ranked) + 1
        priced = [
            RankedOffer(
                product_id=offer.product_id,
                option_id=offer.option_id,
                first_day=offer.first_day,
                last_day=offer.last_day,
                total=NEVER if offer.total is None else offer.total,
                places=places,
                closes_minutes=offer.closes_minutes,
                gate_minutes=offer.gate_minutes,
                cheapest=cheapest,
            )
            for offer in offers
        ]
        ranked += sorted(priced, key=attrgetter("total"))
    return ranked


# single slots -----------------------------------------------------------------------------------------------------


class ShownSlot(NamedTuple):
    """One slot as it is now, and the rules that the party breaks."""

    answer: Availability
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
    (run,) = await _with_terms(ctx, slots, wanted)
    return ShownSlot(availability(slots[0], run.terms, ctx.now.timestamp()), slots[0].version, run.terms.broken)


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


async def get_layout(ctx: Context, layout_id: UUID) -> SeatLayoutAnswer:
    """How seats are arranged. Raises `NotFound`."""
    row = await queries.find_layout(ctx.db, ctx.org_id, layout_id)
    if row is None:
        raise NotFound("There is no such seat layout.")
    return SeatLayoutAnswer(row.id, row.seats, row.layout.decks)


# alternatives -----------------------------------------------------------------------------------------------------


async def alternatives(
    ctx: Context, slot: SlotRow, option_id: UUID, counts: Mapping[UUID, int], limit: int = 3
) -> list[Alternative]:
    """What has room for a party that a slot has none for, nearest in time first.

    Looks at the same route, or else the same product, within a month, and at the other options of the slot itself.
    Each slot counts once: with the option of the same code if that can be booked, else with the cheapest.
    """
    own = (await load_definitions(ctx.db, ctx.caches, ctx.org_id, [(slot.product_id, slot.product_version)]))[
        slot.product_id, slot.product_version
    ]
    units = {unit.id: unit.code for unit in own.units}
    if not set(counts) <= set(units):
        return []
    wanted = {units[unit_id]: count for unit_id, count in counts.items()}
    asked = own.option(option_id)
    found = await queries.find_slots_with_room(
        ctx.db, ctx.org_id, await _nearest(ctx, slot, places(own, counts), limit), None, ctx.now
    )
    chosen: list[Alternative] = []
    runs = await _with_terms(ctx, found, wanted)
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
