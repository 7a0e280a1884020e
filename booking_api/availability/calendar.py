"""The calendar: each local date with its best slot's status, the places left and the lowest price.

Nothing is kept. Those who ask the same at once share the next statement, so that none of their answers is older than
its request; see `core.queue.coalescing` and docs/adr/0020.
"""

import dataclasses
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

import msgspec

from booking_api.availability import calendar_queries, rules
from booking_api.availability.schemas import AvailabilityCalendar, CalendarDay, SlotsQuery
from booking_api.availability.targets import all_products, check_party, date_range, find_target, holder_of, places_of
from booking_api.core.context import Context
from booking_api.core.money import Money
from booking_api.core.per_process import PerProcess
from booking_api.core.queue.coalescing import Coalescer, seconds_of
from booking_api.core.runtime import Runtime, acquire
from booking_api.core.web.replies import encode

CALENDAR_DAYS = 62
CLOSED, LIMITED = rules.STATUSES.index("closed"), rules.STATUSES.index("limited")

CalendarQuestion = tuple[UUID, SlotsQuery]
"""The organisation and what is asked."""


class Summed(NamedTuple):
    """What all who asked the same share."""

    content: bytes
    """A `AvailabilityCalendar` for a caller without a claim that matters."""
    days: list[CalendarDay]
    holders: dict[date, str]
    """Of those who asked, who has places on a slot of the date that has no room for the party: one's own hold never hides
    a slot, which is `limited` for its holder."""


async def calendar(runtime: Runtime, ctx: Context, query: SlotsQuery) -> bytes:
    """A `AvailabilityCalendar`, encoded, of every date of the range; errors as `search`.

    The context needs no connection: the statement that is shared has one.
    """
    summed = await CALENDARS.of(runtime.caches, runtime).ask((ctx.org_id, query), ctx)
    holder_id = str(holder_of(ctx) or "nobody")
    own = {day for day, holders in summed.holders.items() if holder_id in holders}
    if not own:
        return summed.content
    return encode(AvailabilityCalendar([_for_holder(day) if day.date in own else day for day in summed.days]))


def _for_holder(day: CalendarDay) -> CalendarDay:
    rank = max(rules.STATUSES.index(day.status), LIMITED)
    return msgspec.structs.replace(day, status=rules.STATUSES[rank])


async def _sum_up(runtime: Runtime, question: CalendarQuestion, asked: Sequence[Context]) -> Summed:
    """The calendar at the moment at which the last of them asked."""
    org_id, query = question
    wanted = rules.parse_units(query.units)
    holders = {holder_id for ctx in asked if (holder_id := holder_of(ctx)) is not None}
    async with acquire(runtime) as db:
        ctx = dataclasses.replace(asked[-1], db=db)
        target = await find_target(ctx, query)
        first, last = date_range(ctx, target, query, CALENDAR_DAYS)
        products = await all_products(ctx, target, first, last)
        check_party(products, wanted)
        offers = [offer for product in products for offer in rules.offer_rows(product, wanted, first, last)]
        rows = await calendar_queries.sum_up(
            db, org_id, places_of(target), offers, list(holders), rules.LIMITED_SHARE, ctx.now
        )
    found = {row.day: row for row in rows}
    currencies = {product.currency for product in products}
    # Amounts of several currencies have no lowest one.
    currency = currencies.pop() if len(currencies) == 1 else None
    days = [_day(day, found.get(day), currency) for day in rules.days_between(first, last)]
    return Summed(encode(AvailabilityCalendar(days)), days, {row.day: row.holders for row in rows if row.holders})


def _day(day: date, row: calendar_queries.DayRow | None, currency: str | None) -> CalendarDay:
    if row is None:
        return CalendarDay(date=day, status=rules.STATUSES[CLOSED], vacancies=0)
    price = None if row.from_price is None or currency is None else Money(row.from_price, currency)
    return CalendarDay(date=day, status=rules.STATUSES[row.rank], vacancies=row.vacancies, from_price=price)


def _coalescer(runtime: Runtime) -> Coalescer[CalendarQuestion, Context, Summed]:
    return Coalescer(lambda question, asked: _sum_up(runtime, question, asked), seconds=seconds_of(runtime))


CALENDARS = PerProcess(_coalescer)
