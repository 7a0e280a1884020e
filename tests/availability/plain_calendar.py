"""A calendar by one plain statement for one caller alone: what the shared one is compared with."""

from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

import asyncpg
import msgspec

from booking_api.availability import rules
from booking_api.availability.schemas import AvailabilityCalendar, CalendarDay, OfferRow
from booking_api.availability.targets import check_party
from booking_api.catalog.operations import load_definitions
from booking_api.catalog.rules import PartyNotAllowed
from booking_api.catalog.schemas import ProductDefinition
from booking_api.core.db.rows import columns_of
from booking_api.core.money import Money
from tests.world import World

SQL = """
        with offer as (
          select * from unnest($4::uuid[], $5::uuid[], $6::date[], $7::date[], $8::bigint[], $9::int[], $10::int[], $11::int[])
            as o (product_id, option_id, first_day, last_day, total, places, closes_minutes, gate_minutes)
        ), mine as (
          select distinct c.slot_id
          from claim c
          where c.org_id = $1 and c.holder_id = $12 and c.places > 0 and (c.expires_at is null or c.expires_at > $14)
        ), summed as (
          select s.local_date, s.status, s.capacity, s.capacity - s.taken as free, mine.slot_id is not null as held,
                 coalesce(bool_or(offered.open), false) as on_offer,
                 max(offered.room) filter (where offered.open and offered.room >= o.places) as room,
                 min(o.total) filter (where offered.open and offered.room >= o.places) as total
          from offer o
          join product p on p.org_id = $1 and p.id = o.product_id
          cross join lateral (
            select t.id, t.local_date, t.capacity, t.taken, t.status,
                   coalesce(t.estimated_starts_at, t.starts_at) as begins,
                   t.booking_closes_at + coalesce(t.estimated_starts_at - t.starts_at, interval '0') as closes,
                   greatest(t.ends_at, t.estimated_ends_at, case when t.estimated_ends_at is null
                     then t.ends_at + (t.estimated_starts_at - t.starts_at) end) as ends
            from slot t
            where t.org_id = $1 and t.product_id = o.product_id and t.local_date between o.first_day and o.last_day
              and coalesce(t.estimated_starts_at, t.starts_at) >= $14
              and ($2::uuid is null or t.origin_id = $2) and ($3::uuid is null or t.destination_id = $3)
            offset 0
          ) s
          left join mine on mine.slot_id = s.id
          left join quota q on q.org_id = $1 and q.slot_id = s.id and q.option_id = o.option_id
          left join lateral (
            select s.status = 'open' and p.on_sale and s.closes > $14
                     and s.begins - make_interval(mins => o.closes_minutes) > $14
                     and coalesce(s.ends + make_interval(mins => o.gate_minutes) > $14, true) as open,
                   least(s.capacity - s.taken, coalesce(q.capacity - q.taken, s.capacity)) as room
          ) offered on o.option_id is not null
          group by s.id, s.local_date, s.status, s.capacity, s.taken, mine.slot_id
        )
        select d.local_date as day,
               max(case
                 when d.status = 'cancelled' then 0
                 when not d.on_offer then 1
                 when d.room is null then case when d.held then 3 else 2 end
                 when d.room * $13::int <= d.capacity then 3
                 else 4
               end) as rank,
               coalesce(sum(d.free) filter (where d.on_offer), 0)::int as vacancies,
               min(d.total) as from_price
        from summed d
        group by d.local_date
        """


class DayRow(msgspec.Struct):
    day: date
    rank: int
    vacancies: int
    from_price: int | None


def offer_columns(
    products: Iterable[ProductDefinition], wanted: rules.UnitCounts | None, first: date, last: date
) -> list[tuple[object, ...]]:
    """Every offer of the products, and of each a row without an option, for a statement over all of their slots."""
    return columns_of([row for product in products for row in rules.offer_rows(product, wanted, first, last)], OfferRow)


async def plain_calendar(
    world: World, db: asyncpg.Connection, now: datetime, target: UUID | tuple[UUID, UUID], first: date, last: date,
    units: str | None, holder: UUID | None,
) -> AvailabilityCalendar | None:  # fmt: skip
    """None where no product allows the party."""
    org_id, wanted = world.org.org_id, rules.parse_units(units)
    route = (None, None) if isinstance(target, UUID) else target
    versions = await db.fetch(
        """
        select p.id, p.version from product p
        where p.org_id = $1 and (p.id = $2 or ($2::uuid is null and exists (
          select from slot s where s.org_id = $1 and s.product_id = p.id and s.origin_id = $3 and s.destination_id = $4
            and s.local_date between $5 and $6)))
        order by p.code
        """,
        org_id, target if isinstance(target, UUID) else None, *route, first, last,
    )  # fmt: skip
    found = await load_definitions(db, {}, org_id, [(row["id"], row["version"]) for row in versions])
    products: list[ProductDefinition] = [found[row["id"], row["version"]] for row in versions]
    try:
        check_party(products, wanted)
    except PartyNotAllowed:
        return None
    rows = await db.fetch(
        SQL, org_id, *route, *offer_columns(products, wanted, first, last), holder, rules.LIMITED_SHARE, now
    )
    by_day = {row.day: row for row in msgspec.convert(rows, list[DayRow])}
    currencies = {product.currency for product in products}
    currency = currencies.pop() if len(currencies) == 1 else None
    days: list[CalendarDay] = []
    for day in rules.days_between(first, last):
        row = by_day.get(day, DayRow(day, 1, 0, None))
        price = None if row.from_price is None or currency is None else Money(row.from_price, currency)
        days.append(CalendarDay(date=day, status=rules.STATUSES[row.rank], vacancies=row.vacancies, from_price=price))
    return AvailabilityCalendar(days)
