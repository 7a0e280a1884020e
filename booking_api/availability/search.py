"""The search for availability: a page of slots, by start or by price. Nothing of it is cached but terms.

Places are counted by the statement that answers. What a product means for a party on a day, its terms, follows from
an immutable document and is kept.

Searches by start that come at once share a statement, whatever they ask for: half of what a search costs is to get hold
of a connection, to send a statement and to be woken by its answer. They share it as writes share a transaction, see
`core.queue.batching`: it begins after each of them came, so that none of their answers is older than its request, and
there is no timer, so that a single one waits for nobody. Those who ask the very same share the page, too.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple
from uuid import UUID

from booking_api.availability import queries, rules, search_queries
from booking_api.availability.answers import product_summary, write_page, write_slot
from booking_api.availability.schemas import AvailabilityQuery, FoundSlot, RankedOffer, SlotSearch
from booking_api.availability.targets import (
    Route,
    Target,
    all_products,
    check_party,
    date_range,
    find_target,
    holder_of,
    places_of,
)
from booking_api.availability.terms import Run, with_terms
from booking_api.catalog.operations import load_products
from booking_api.catalog.schemas import ProductDefinition
from booking_api.core.cache import BoundedCache
from booking_api.core.clock import Moment
from booking_api.core.context import Context
from booking_api.core.errors import DomainError
from booking_api.core.paging import read_cursor, write_cursor
from booking_api.core.per_process import PerProcess
from booking_api.core.queue.batching import Batcher, RunAlone, batcher_of
from booking_api.core.runtime import Runtime, acquire

SEARCH_DAYS = 31
SEARCHES_AT_ONCE = 32
"""How many share a statement: enough that more would save nothing, few enough that none waits long for the others."""
SUMMARIES = PerProcess(lambda: BoundedCache[object, str](KEPT_SUMMARIES))
KEPT_SUMMARIES = 4_096
NEVER = 2**53
"""Sorts what can't be booked after every price."""

StartPosition = tuple[date, Moment, UUID]
PricePosition = tuple[int, Moment, UUID]
LONG_AGO = datetime(1, 1, 2, tzinfo=UTC)
SearchKey = tuple[AvailabilityQuery, UUID | None]
"""A search and whose holds are the caller's own: what those who ask the very same have in common."""


class SearchRequest(NamedTuple):
    """One search. Its context has a connection, that of all, only while they are looked up."""

    ctx: Context
    query: AvailabilityQuery

    @property
    def key(self) -> SearchKey:
        return self.query, holder_of(self.ctx)


class SearchPlan(NamedTuple):
    """What a search looks for."""

    target: Target
    first: date
    last: date
    wanted: rules.UnitCounts | None


@dataclasses.dataclass(slots=True)
class FoundPage:
    """A page of slots as they were at a moment, for all who asked for it."""

    runs: list[Run]
    next_cursor: str | None
    now: datetime
    written: dict[tuple[str, ...], bytes] = dataclasses.field(default_factory=dict)
    """Its JSON by the languages of the readers so far."""


async def search(runtime: Runtime, ctx: Context, query: AvailabilityQuery) -> bytes:
    """An `AvailabilityPage`, encoded, of slots as they are now.

    The context needs no connection. Raises `Invalid` for a range or cursor that makes no sense, `Unprocessable` for an
    unknown product or place, and `PartyNotAllowed` when no product that was found allows the party.
    """
    if query.sort == "price":
        async with acquire(runtime) as ctx.db:
            page = await _by_price(ctx, query)
    else:
        page = await _by_start(runtime, SearchRequest(ctx, query))
    if (content := page.written.get(ctx.languages)) is None:
        content = page.written[ctx.languages] = _write(ctx, page)
    return content


def _write(ctx: Context, page: FoundPage) -> bytes:
    now = page.now.timestamp()
    slots = [write_slot(slot, run.terms, now) for run in page.runs for slot in run.slots]
    return write_page(slots, _summaries(ctx, page.runs), page.next_cursor)


def _summaries(ctx: Context, runs: Iterable[Run]) -> dict[UUID, str]:
    """The JSON of the products that the slots are of, by id. It is kept: a version of a product never changes."""
    kept = SUMMARIES.of(ctx.caches)
    found: dict[UUID, str] = {}
    for (product_id, version), terms in {run.version: run.terms for run in runs}.items():
        key = (ctx.org_id, product_id, version, ctx.languages)
        if (summary := kept.get(key)) is None:
            summary = rules.as_json(product_summary(terms.definition, ctx.languages))
            kept.put(key, summary)
        found[product_id] = summary
    return found


async def _plan(
    ctx: Context, query: AvailabilityQuery, products: Mapping[UUID, ProductDefinition] | None = None
) -> SearchPlan:
    wanted = rules.parse_units(query.units)
    target = await find_target(ctx, query, products)
    first, last = date_range(ctx, target, query, SEARCH_DAYS)
    if not isinstance(target, Route):
        check_party([target], wanted)
    return SearchPlan(target, first, last, wanted)


async def _page(
    ctx: Context, plan: SearchPlan, slots: Sequence[FoundSlot], next_cursor: str | None, now: datetime
) -> FoundPage:
    """Raises `PartyNotAllowed`: where none of these allows the party, it depends on all that there are."""
    runs = await with_terms(ctx, slots, plan.wanted)
    if runs and all(run.terms.broken for run in runs):
        check_party(await all_products(ctx, plan.target, plan.first, plan.last), plan.wanted)
    return FoundPage(runs, next_cursor, now)


# by start ---------------------------------------------------------------------------------------------------------


async def _by_start(runtime: Runtime, asked: SearchRequest) -> FoundPage:
    batcher: Batcher[SearchRequest, FoundPage] = batcher_of(
        runtime,
        ("search", asked.ctx.org_id),
        lambda: Batcher(lambda batch: _look_up(runtime, batch), cap=SEARCHES_AT_ONCE),
    )
    try:
        return await batcher.submit(asked)
    except RunAlone:
        (page,) = await _look_up(runtime, [asked])
    if isinstance(page, Exception):
        raise page
    return page


async def _look_up(runtime: Runtime, batch: Sequence[SearchRequest]) -> list[FoundPage | Exception]:
    """The pages of all, or what each is refused for, at the moment at which the last of them asked."""
    ctx = batch[-1].ctx
    asked_by_key = {asked.key: asked for asked in batch}
    found: dict[SearchKey, FoundPage | Exception] = {}
    async with acquire(runtime) as db:
        for asked in batch:
            asked.ctx.db = db
        products = await load_products(ctx, list({query.product_id for query, _ in asked_by_key if query.product_id}))
        plans: dict[SearchKey, tuple[SearchPlan, SlotSearch]] = {}
        for key, asked in asked_by_key.items():
            try:
                plan = await _plan(asked.ctx, asked.query, products)
                plans[key] = plan, _slots_of(plan, asked)
            except DomainError as refusal:
                found[key] = refusal
        rows = await queries.search_slots(db, ctx.org_id, [slots for _, slots in plans.values()], ctx.now)
        by_position = {position: list(slots) for position, slots in groupby(rows, key=attrgetter("position"))}
        for position, (key, (plan, _)) in enumerate(plans.items(), 1):
            asked, slots = asked_by_key[key], by_position.get(position, [])
            page, cursor = slots[: asked.query.limit], None
            if len(slots) > len(page):
                final = page[-1]
                cursor = write_cursor(final.local_date, datetime.fromtimestamp(final.starts_at, UTC), final.id)
            try:
                found[key] = await _page(asked.ctx, plan, page, cursor, ctx.now)
            except DomainError as refusal:
                found[key] = refusal
    return [found[asked.key] for asked in batch]


def _slots_of(plan: SearchPlan, asked: SearchRequest) -> SlotSearch:
    query = asked.query
    after: StartPosition = (
        read_cursor(query.cursor, StartPosition) if query.cursor else (date.min, LONG_AGO, UUID(int=0))
    )
    product_id = None if isinstance(plan.target, Route) else plan.target.id
    return SlotSearch(
        product_id, *places_of(plan.target), plan.first, plan.last, *after, holder_of(asked.ctx), query.limit + 1
    )


# by price ---------------------------------------------------------------------------------------------------------


async def _by_price(ctx: Context, query: AvailabilityQuery) -> FoundPage:
    """Ranks in the database, where the slots are, and then reads the page whole."""
    plan = await _plan(ctx, query)
    after: PricePosition = read_cursor(query.cursor, PricePosition) if query.cursor else (-1, LONG_AGO, UUID(int=0))
    products = await all_products(ctx, plan.target, plan.first, plan.last)
    check_party(products, plan.wanted)
    offers = ranked_offers(products, plan.wanted, plan.first, plan.last)
    ranked = await search_queries.rank_by_price(
        ctx.db, ctx.org_id, places_of(plan.target), offers, after, ctx.now, query.limit + 1
    )
    page = ranked[: query.limit]
    found = await queries.find_slots_with_room(ctx.db, ctx.org_id, [row.id for row in page], holder_of(ctx), ctx.now)
    by_id = {slot.id: slot for slot in found}
    cursor = write_cursor(page[-1].price, page[-1].starts_at, page[-1].id) if len(ranked) > len(page) else None
    return await _page(ctx, plan, [by_id[row.id] for row in page if row.id in by_id], cursor, ctx.now)


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
