"""Slots by price by one statement that ranks all of them: what the search, which reads no more than a page, is compared with."""

from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

import asyncpg

from booking_api.availability import rules
from booking_api.availability.search import NEVER
from booking_api.catalog.schemas import ProductDefinition
from tests.availability.plain_calendar import offer_columns

SQL = """
        with offer as (
          select * from unnest($4::uuid[], $5::uuid[], $6::date[], $7::date[], $8::bigint[], $9::int[], $10::int[], $11::int[])
            as o (product_id, option_id, first_day, last_day, total, places, closes_minutes, gate_minutes)
        )
        select s.id, s.starts_at, coalesce(min(o.total) filter (
            where s.status = 'open' and p.on_sale and d.closes > $13
              and d.begins - make_interval(mins => o.closes_minutes) > $13
              and coalesce(d.ends + make_interval(mins => o.gate_minutes) > $13, true)
              and least(s.capacity - s.taken, coalesce(q.capacity - q.taken, s.capacity)) >= o.places
          ), $12::bigint) as price
        from offer o
        join product p on p.org_id = $1 and p.id = o.product_id
        join slot s on s.org_id = $1 and s.product_id = o.product_id and s.local_date between o.first_day and o.last_day
        cross join lateral (
          select coalesce(s.estimated_starts_at, s.starts_at) as begins,
                 s.booking_closes_at + coalesce(s.estimated_starts_at - s.starts_at, interval '0') as closes,
                 greatest(s.ends_at, s.estimated_ends_at, case when s.estimated_ends_at is null
                   then s.ends_at + (s.estimated_starts_at - s.starts_at) end) as ends
        ) d
        left join quota q on q.org_id = $1 and q.slot_id = s.id and q.option_id = o.option_id
        where d.begins >= $13 and ($2::uuid is null or s.origin_id = $2) and ($3::uuid is null or s.destination_id = $3)
        group by s.id, s.starts_at
        order by price, s.starts_at, s.id
        """


async def plain_ranking(
    db: asyncpg.Connection, org_id: UUID, route: tuple[UUID | None, UUID | None], products: Iterable[ProductDefinition],
    wanted: rules.UnitCounts | None, first: date, last: date, now: datetime,
) -> list[tuple[int, datetime, UUID]]:  # fmt: skip
    """Every slot's lowest total that can be booked, start and id, in this order."""
    rows = await db.fetch(SQL, org_id, *route, *offer_columns(products, wanted, first, last), NEVER, now)
    return [(row["price"], row["starts_at"], row["id"]) for row in rows]
