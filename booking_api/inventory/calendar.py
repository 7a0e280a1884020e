"""The calendar: each local date with its best slot's status, the places left and the lowest price.

Each date is as the one statement `calendar_queries.sum_up` finds it at some moment between the request and its
answer. Sums are kept by the process, and `calendar_news` says which of them still hold.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from uuid import UUID

from booking_api.catalog import queries as catalog_queries
from booking_api.catalog.operations import load_definitions
from booking_api.catalog.schemas import ProductDefinition
from booking_api.core.context import Context
from booking_api.core.db import Connection, columns
from booking_api.core.replies import encode
from booking_api.core.runtime import Runtime, acquire
from booking_api.inventory import calendar_queries, rules, search_queries
from booking_api.inventory.calendar_days import Pair, Sheet
from booking_api.inventory.calendar_news import Kept, TargetKey, kept_of, make_room, target_key
from booking_api.inventory.calendar_queries import HeldPlaces, SumRow
from booking_api.inventory.schemas import Calendar, SlotsQuery
from booking_api.inventory.targets import Target, check_party, date_range, find_target, holder_of

CALENDAR_DAYS = 62
Span = tuple[date, date]


async def calendar(runtime: Runtime, ctx: Context, query: SlotsQuery) -> bytes:
    """A `Calendar`, encoded, of every date of the range; errors as `search`.

    The context needs no connection: a request that waits for what others fetch as well holds none.
    """
    wanted = rules.parse_units(query.units)
    kept = kept_of(runtime, ctx.org_id)
    held = await kept.follow(holder_of(ctx), ctx.now)
    target = await _find_target(runtime, ctx, kept, query)
    first, last = date_range(ctx, target, query, CALENDAR_DAYS)
    key = target_key(target)
    sheet = kept.sheet(key, wanted)
    own = _own_pairs(held, key, first, last)
    if not own and (content := sheet.kept(first, last, ctx.now)) is not None:
        return content
    of_caller: dict[Pair, SumRow | None] = {}
    if own:
        of_caller = dict.fromkeys(own)
        rows = await _sum_up(runtime, ctx.org_id, key, sheet, [], own, holder_of(ctx), ctx.now)
        of_caller |= {(row.day, row.product_id): row for row in rows}
    dates = rules.days_between(first, last)
    async with sheet.lock:
        missing, stale = sheet.pending(dates, ctx.now)
        if missing or stale:
            sheet.begin(missing)
            rows = await _sum_up(runtime, ctx.org_id, key, sheet, _spans(missing), stale, None, ctx.now)
            sheet.fill(missing, stale, rows, ctx.now)
            make_room(runtime)
        currency = sheet.currency
        if currency is None:
            # Some product refuses the party or has a currency of its own: it depends on those of these dates.
            products = list(sheet.products.values()) if isinstance(key, UUID) else sheet.present(dates, of_caller)
            check_party(products, wanted)
            currencies = {product.currency for product in products}
            # Amounts of several currencies have no lowest one.
            currency = currencies.pop() if len(currencies) == 1 else None
        content = encode(Calendar(sheet.read(dates, of_caller, currency)))
        if not own and not any(sheet.pending(dates, ctx.now)):
            sheet.keep(dates, content)
    return content


async def _find_target(runtime: Runtime, ctx: Context, kept: Kept, query: SlotsQuery) -> Target:
    """As `find_target`, which is asked once for each name."""
    name, targets = (query.product_id, query.origin, query.destination), kept.targets
    if (target := targets.get(name)) is None:
        async with acquire(runtime) as ctx.db:
            target = await find_target(ctx, query)
        targets.put(name, target)
    return target


def _own_pairs(held: Sequence[HeldPlaces], key: TargetKey, first: date, last: date) -> list[Pair]:
    """The cells on which the caller's own claims may have a bearing."""
    return [
        (row.local_date, row.product_id)
        for row in held
        if key in (row.product_id, (row.origin_id, row.destination_id)) and first <= row.local_date <= last
    ]


def _spans(dates: Sequence[date]) -> list[Span]:
    """Ascending dates as runs without a gap."""
    starts = [dates[0]] if dates else []
    ends: list[date] = []
    for before, after in pairwise(dates):
        if after - before > timedelta(days=1):
            ends.append(before)
            starts.append(after)
    return list(zip(starts, [*ends, *dates[-1:]], strict=True))


async def _sum_up(
    runtime: Runtime, org_id: UUID, key: TargetKey, sheet: Sheet, spans: Sequence[Span], pairs: Collection[Pair],
    holder_id: UUID | None, now: datetime,
) -> list[SumRow]:  # fmt: skip
    """The sums of all products on the dates of the spans, and of the single cells."""
    route = (None, None) if isinstance(key, UUID) else key
    async with acquire(runtime) as db:
        unknown = {day for day, product_id in pairs if product_id not in sheet.products}
        met = {span: await _meet(runtime, db, org_id, key, sheet, span) for span in spans}
        for day in unknown:
            await _meet(runtime, db, org_id, key, sheet, (day, day))
        rows = [
            row
            for (first, last), products in met.items()
            for product in products
            for row in rules.offer_rows(product, sheet.wanted, first, last)
        ]
        rows += [
            row
            for day, product_id in pairs
            if (product := sheet.products.get(product_id)) is not None
            for row in rules.offer_rows(product, sheet.wanted, day, day)
        ]
        return await calendar_queries.sum_up(db, org_id, route, columns(rows, 8), holder_id, rules.LIMITED_SHARE, now)


async def _meet(
    runtime: Runtime, db: Connection, org_id: UUID, key: TargetKey, sheet: Sheet, span: Span
) -> Iterable[ProductDefinition]:
    """The products that the span may meet, which the sheet then knows."""
    if isinstance(key, UUID):
        product = await catalog_queries.find_product(db, org_id, key)
        versions = [] if product is None else [(product.id, product.version)]
    else:
        found = await search_queries.find_route_products(db, org_id, *key, *span)
        versions = [(row.product_id, row.version) for row in found]
    definitions = (await load_definitions(db, runtime.caches, org_id, versions)).values()
    sheet.know(definitions)
    return definitions
