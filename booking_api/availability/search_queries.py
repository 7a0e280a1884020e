"""SQL that finds out what is to be looked at: the products of a route, slots by price, slots near in time."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from booking_api.availability.schemas import (
    ProductVersion,
    RankedOffer,
    RankedSlot,
    SlotId,
)
from booking_api.core.db import Connection, fetch_all
from booking_api.core.db.rows import columns_of


async def find_route_products(
    db: Connection, org_id: UUID, origin_id: UUID, destination_id: UUID, first: date, last: date
) -> list[ProductVersion]:
    """The products with slots between two places on these local dates.

    Goes from product to product in the index, which has thousands of slots of each.
    """
    return await fetch_all(
        db,
        ProductVersion,
        """
        with recursive of_route as (
          (
            select s.product_id from slot s
            where s.org_id = $1 and s.origin_id = $2 and s.destination_id = $3
            order by s.product_id limit 1
          )
          union all
          select (
            select s.product_id from slot s
            where s.org_id = $1 and s.origin_id = $2 and s.destination_id = $3 and s.product_id > r.product_id
            order by s.product_id limit 1
          )
          from of_route r
          where r.product_id is not null
        )
        select p.id as product_id, p.version
        from of_route r
        join product p on p.org_id = $1 and p.id = r.product_id
        where exists (
          select from slot s
          where s.org_id = $1 and s.origin_id = $2 and s.destination_id = $3 and s.product_id = r.product_id
            and s.local_date between $4 and $5
        )
        order by p.code
        """,
        org_id,
        origin_id,
        destination_id,
        first,
        last,
    )


async def find_products_at(
    db: Connection, org_id: UUID, origin_id: UUID | None, destination_id: UUID | None, first: date, last: date
) -> list[ProductVersion]:
    """The products of a place, which begin or take place there or go there, with slots on these local dates."""
    return await fetch_all(
        db,
        ProductVersion,
        """
        select p.id as product_id, p.version
        from product p
        where p.org_id = $1 and (coalesce(p.origin_id, p.venue_id) = $2 or p.destination_id = $3)
          and exists (
            select from slot s where s.org_id = $1 and s.product_id = p.id and s.local_date between $4 and $5
          )
        order by p.code
        """,
        org_id,
        origin_id,
        destination_id,
        first,
        last,
    )


async def rank_by_price(
    db: Connection,
    org_id: UUID,
    route: tuple[UUID | None, UUID | None],
    offers: Sequence[RankedOffer],
    after: tuple[int, datetime, UUID],
    now: datetime,
    limit: int,
) -> list[RankedSlot]:
    """Slots from now on by the lowest total that can be booked, then start and id, after a position.

    A product's offers stand together, the cheapest first; the last of them, without an option, has those slots on which none of the others can be booked.

    Nothing is read but what comes before the page's end: steps go from total to total, within one from day to day of
    UTC, and the sort, whose rows arrive by step, wants no further step once it has `limit` rows. A local date is at
    most one day from the date of UTC, and a delay is a day at most, so that the steps begin a day ago. A slot counts
    under one offer only, by the `exists` over those before it, and
    quotas are looked up slot by slot, in order. `offset 0` keeps the planner, which can't guess how many rows there
    are, on the index of products and dates, and the lookups behind the inner sort. The last page, which has to
    look at every slot under every offer, takes longer than a ranking of them all at once would.
    """
    origin_id, destination_id = route
    after_price, after_start, after_id = after
    return await fetch_all(
        db,
        RankedSlot,
        """
        with offer as materialized (
          select *
          from unnest($6::date[], $7::date[], $8::bigint[]) with ordinality as o (first_day, last_day, total, position)
        ), step as (
          select t.total, t.positions, d.day::date as day, d.day at time zone 'UTC' as since
          from (select o.total, array_agg(o.position::int) as positions from offer o group by o.total) t
          join (
            select distinct r.total, day
            from (select distinct o.total, o.first_day, o.last_day from offer o) r
            cross join lateral generate_series(
              (r.first_day - 1)::timestamp, (r.last_day + 1)::timestamp, interval '1 day'
            ) day
          ) d on d.total = t.total
          where (t.total, (d.day + interval '1 day') at time zone 'UTC') > ($13::bigint, $14::timestamptz)
            and (d.day + interval '2 days') at time zone 'UTC' > $16
          order by t.total, since
        )
        select s.id, s.starts_at, step.total as price
        from step
        cross join lateral (
          select s.id, s.starts_at
          from (
            select t.*, o.option_id, o.places, o.cheapest, o.position
            from unnest(step.positions) as n (position)
            cross join lateral (
              select n.position, ($4::uuid[])[n.position] as product_id, ($5::uuid[])[n.position] as option_id,
                     ($6::date[])[n.position] as first_day, ($7::date[])[n.position] as last_day,
                     ($9::int[])[n.position] as places, ($10::int[])[n.position] as closes_minutes,
                     ($11::int[])[n.position] as gate_minutes, ($12::int[])[n.position] as cheapest
            ) o
            join product p on p.org_id = $1 and p.id = o.product_id
            cross join lateral (
              select t.id, t.starts_at, t.local_date, t.capacity - t.taken as free, d.begins_at, d.finishes_at,
                     p.on_sale and t.status = 'open' and t.booking_closes_at + (d.begins_at - t.starts_at) > $16
                       and t.capacity - t.taken >= o.places as for_sale
              from slot t
              cross join lateral (
                select coalesce(t.estimated_starts_at, t.starts_at) as begins_at,
                       greatest(t.ends_at, coalesce(
                         t.estimated_ends_at, t.ends_at + coalesce(t.estimated_starts_at - t.starts_at, interval '0')
                       )) as finishes_at
              ) d
              where t.org_id = $1 and t.product_id = o.product_id
                and t.local_date between greatest(o.first_day, step.day - 1) and least(o.last_day, step.day + 1)
                and t.starts_at >= step.since and t.starts_at < step.since + interval '1 day'
                and d.begins_at >= $16
                and ($2::uuid is null or t.origin_id = $2) and ($3::uuid is null or t.destination_id = $3)
              offset 0
            ) t
            where o.first_day <= step.day + 1 and o.last_day >= step.day - 1
              and (step.total, t.starts_at, t.id) > ($13::bigint, $14::timestamptz, $15::uuid)
              and (o.option_id is null
                   or t.for_sale and least(
                     t.begins_at - make_interval(mins => o.closes_minutes),
                     t.finishes_at + make_interval(mins => o.gate_minutes)) > $16)
            order by t.starts_at, t.id
            offset 0
          ) s
          where (s.option_id is null or s.places <= least(s.free, (
              select q.capacity - q.taken from quota q
              where q.org_id = $1 and q.slot_id = s.id and q.option_id = s.option_id
            )))
            and not (s.for_sale and exists (
              select
              from unnest(
                ($5::uuid[])[s.cheapest:s.position - 1], ($6::date[])[s.cheapest:s.position - 1],
                ($7::date[])[s.cheapest:s.position - 1], ($10::int[])[s.cheapest:s.position - 1],
                ($11::int[])[s.cheapest:s.position - 1]
              ) as c (option_id, first_day, last_day, closes_minutes, gate_minutes)
              where s.local_date between c.first_day and c.last_day
                and least(s.begins_at - make_interval(mins => c.closes_minutes),
                          s.finishes_at + make_interval(mins => c.gate_minutes)) > $16
                and s.places <= least(s.free, (
                  select q.capacity - q.taken from quota q
                  where q.org_id = $1 and q.slot_id = s.id and q.option_id = c.option_id
                ))
            ))
          order by s.starts_at, s.id
          limit $17
        ) s
        order by step.total, step.since, s.starts_at, s.id
        limit $17
        """,
        org_id,
        origin_id,
        destination_id,
        *columns_of(offers, RankedOffer),
        after_price,
        after_start,
        after_id,
        now,
        limit,
    )


async def nearest_of_product(
    db: Connection, org_id: UUID, product_id: UUID, day: date, first: date, last: date, starts_at: datetime,
    places: int, now: datetime, limit: int,
) -> list[UUID]:  # fmt: skip
    """Open slots of a product with room, up to `limit` before (or at) and after a start, between two local dates."""
    rows = await fetch_all(
        db,
        SlotId,
        """
        (
          select s.id from slot s
          where s.org_id = $1 and s.product_id = $2 and s.local_date between $4 and $3 and s.starts_at <= $6
            and coalesce(s.estimated_starts_at, s.starts_at) > $8 and s.status = 'open'
            and s.booking_closes_at + coalesce(s.estimated_starts_at - s.starts_at, interval '0') > $8 and s.capacity - s.taken >= $7
          order by s.local_date desc, s.starts_at desc, s.id desc limit $9
        )
        union all
        (
          select s.id from slot s
          where s.org_id = $1 and s.product_id = $2 and s.local_date between $3 and $5 and s.starts_at > $6
            and coalesce(s.estimated_starts_at, s.starts_at) > $8 and s.status = 'open'
            and s.booking_closes_at + coalesce(s.estimated_starts_at - s.starts_at, interval '0') > $8 and s.capacity - s.taken >= $7
          order by s.local_date, s.starts_at, s.id limit $9
        )
        """,
        org_id,
        product_id,
        day,
        first,
        last,
        starts_at,
        places,
        now,
        limit,
    )
    return [row.id for row in rows]


async def nearest_of_route(
    db: Connection, org_id: UUID, origin_id: UUID, destination_id: UUID, day: date, first: date, last: date,
    starts_at: datetime, places: int, now: datetime, limit: int,
) -> list[UUID]:  # fmt: skip
    """Open slots between two places with room, up to `limit` before (or at) and after a start, between two dates."""
    rows = await fetch_all(
        db,
        SlotId,
        """
        (
          select s.id from slot s
          where s.org_id = $1 and s.origin_id = $2 and s.destination_id = $3 and s.local_date between $5 and $4
            and s.starts_at <= $7
            and coalesce(s.estimated_starts_at, s.starts_at) > $9 and s.status = 'open'
            and s.booking_closes_at + coalesce(s.estimated_starts_at - s.starts_at, interval '0') > $9 and s.capacity - s.taken >= $8
          order by s.local_date desc, s.starts_at desc, s.id desc limit $10
        )
        union all
        (
          select s.id from slot s
          where s.org_id = $1 and s.origin_id = $2 and s.destination_id = $3 and s.local_date between $4 and $6
            and s.starts_at > $7
            and coalesce(s.estimated_starts_at, s.starts_at) > $9 and s.status = 'open'
            and s.booking_closes_at + coalesce(s.estimated_starts_at - s.starts_at, interval '0') > $9 and s.capacity - s.taken >= $8
          order by s.local_date, s.starts_at, s.id limit $10
        )
        """,
        org_id,
        origin_id,
        destination_id,
        day,
        first,
        last,
        starts_at,
        places,
        now,
        limit,
    )
    return [row.id for row in rows]
