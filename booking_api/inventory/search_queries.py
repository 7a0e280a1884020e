"""SQL of the search for availability.

What a search needs of a slot comes from one statement, so that it is all of one moment: the slot, the version of
its product that is on sale, what is left of its quotas, and the places that the caller holds. Filters stand on the
slot's own columns, in the order of an index.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from booking_api.core.db import Connection, fetch_all
from booking_api.inventory.schemas import FoundSlot, ProductVersion, RankedSlot, SlotId


async def search_product(
    db: Connection,
    org_id: UUID,
    product_id: UUID,
    first: date,
    last: date,
    after: tuple[date, datetime, UUID],
    holder_id: UUID | None,
    now: datetime,
    limit: int,
) -> list[FoundSlot]:
    """Slots of a product that start from now on, by local date, start and id, after a position."""
    return await fetch_all(
        db,
        FoundSlot,
        """
        with mine as (
          select c.slot_id, sum(c.places)::int as places
          from claim c
          where c.org_id = $1 and c.holder_id = $8 and (c.expires_at is null or c.expires_at > $9)
          group by c.slot_id
        )
        select s.id, s.product_id, p.version as product_version, p.on_sale, s.local_date,
               date_part('epoch', s.starts_at) as starts_at, date_part('epoch', s.ends_at) as ends_at,
               s.time_zone, s.end_time_zone, s.capacity, s.taken, s.status,
               date_part('epoch', s.booking_closes_at) as booking_closes_at, s.gate, s.resource, s.seat_layout_id,
               (
                 select string_agg(q.option_id || '=' || (q.capacity - q.taken) || ',', '')
                 from quota q
                 where q.org_id = $1 and q.slot_id = s.id
               ) as quotas,
               coalesce(mine.places, 0) as held
        from slot s
        join product p on p.org_id = $1 and p.id = s.product_id
        left join mine on mine.slot_id = s.id
        where s.org_id = $1 and s.product_id = $2 and s.local_date between $3 and $4 and s.starts_at >= $9
          and (s.local_date, s.starts_at, s.id) > ($5::date, $6::timestamptz, $7::uuid)
        order by s.local_date, s.starts_at, s.id
        limit $10
        """,
        org_id,
        product_id,
        first,
        last,
        *after,
        holder_id,
        now,
        limit,
    )


async def search_route(
    db: Connection,
    org_id: UUID,
    origin_id: UUID,
    destination_id: UUID,
    first: date,
    last: date,
    after: tuple[date, datetime, UUID],
    holder_id: UUID | None,
    now: datetime,
    limit: int,
) -> list[FoundSlot]:
    """Slots between two places that start from now on, by local date, start and id, after a position."""
    return await fetch_all(
        db,
        FoundSlot,
        """
        with mine as (
          select c.slot_id, sum(c.places)::int as places
          from claim c
          where c.org_id = $1 and c.holder_id = $9 and (c.expires_at is null or c.expires_at > $10)
          group by c.slot_id
        )
        select s.id, s.product_id, p.version as product_version, p.on_sale, s.local_date,
               date_part('epoch', s.starts_at) as starts_at, date_part('epoch', s.ends_at) as ends_at,
               s.time_zone, s.end_time_zone, s.capacity, s.taken, s.status,
               date_part('epoch', s.booking_closes_at) as booking_closes_at, s.gate, s.resource, s.seat_layout_id,
               (
                 select string_agg(q.option_id || '=' || (q.capacity - q.taken) || ',', '')
                 from quota q
                 where q.org_id = $1 and q.slot_id = s.id
               ) as quotas,
               coalesce(mine.places, 0) as held
        from slot s
        join product p on p.org_id = $1 and p.id = s.product_id
        left join mine on mine.slot_id = s.id
        where s.org_id = $1 and s.origin_id = $2 and s.destination_id = $3 and s.local_date between $4 and $5
          and s.starts_at >= $10
          and (s.local_date, s.starts_at, s.id) > ($6::date, $7::timestamptz, $8::uuid)
        order by s.local_date, s.starts_at, s.id
        limit $11
        """,
        org_id,
        origin_id,
        destination_id,
        first,
        last,
        *after,
        holder_id,
        now,
        limit,
    )


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


async def rank_by_price(
    db: Connection,
    org_id: UUID,
    route: tuple[UUID | None, UUID | None],
    offers: list[list[Any]],
    after: tuple[int, datetime, UUID],
    never: int,
    now: datetime,
    limit: int,
) -> list[RankedSlot]:
    """Slots from now on by the lowest total that can be booked, then start and id; `never` stands for none.

    `offers` are columns: product, option, first and last day, total, places, minutes before the start when it closes.
    Slots are reached through them, each product once without an option for the slots on which nothing is offered.
    `offset 0` keeps the planner, which can't guess how many rows there are, on the index of products and dates.
    """
    return await fetch_all(
        db,
        RankedSlot,
        """
        with offer as (
          select * from unnest($4::uuid[], $5::uuid[], $6::date[], $7::date[], $8::bigint[], $9::int[], $10::int[])
            as o (product_id, option_id, first_day, last_day, total, places, closes_minutes)
        ), ranked as (
          select s.id, s.starts_at, coalesce(min(o.total) filter (
              where s.status = 'open' and p.on_sale and s.booking_closes_at > $15
                and s.starts_at - make_interval(mins => o.closes_minutes) > $15
                and least(s.capacity - s.taken, coalesce(q.capacity - q.taken, s.capacity)) >= o.places
            ), $14::bigint) as price
          from offer o
          join product p on p.org_id = $1 and p.id = o.product_id
          cross join lateral (
            select t.id, t.local_date, t.starts_at, t.capacity, t.taken, t.status, t.booking_closes_at
            from slot t
            where t.org_id = $1 and t.product_id = o.product_id and t.local_date between o.first_day and o.last_day
              and t.starts_at >= $15
              and ($2::uuid is null or t.origin_id = $2) and ($3::uuid is null or t.destination_id = $3)
            offset 0
          ) s
          left join quota q on q.org_id = $1 and q.slot_id = s.id and q.option_id = o.option_id
          group by s.id, s.starts_at
        )
        select r.id, r.starts_at, r.price
        from ranked r
        where (r.price, r.starts_at, r.id) > ($11::bigint, $12::timestamptz, $13::uuid)
        order by r.price, r.starts_at, r.id
        limit $16
        """,
        org_id,
        *route,
        *offers,
        *after,
        never,
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
            and s.starts_at > $8 and s.status = 'open' and s.booking_closes_at > $8 and s.capacity - s.taken >= $7
          order by s.local_date desc, s.starts_at desc, s.id desc limit $9
        )
        union all
        (
          select s.id from slot s
          where s.org_id = $1 and s.product_id = $2 and s.local_date between $3 and $5 and s.starts_at > $6
            and s.starts_at > $8 and s.status = 'open' and s.booking_closes_at > $8 and s.capacity - s.taken >= $7
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
            and s.starts_at > $9 and s.status = 'open' and s.booking_closes_at > $9 and s.capacity - s.taken >= $8
          order by s.local_date desc, s.starts_at desc, s.id desc limit $10
        )
        union all
        (
          select s.id from slot s
          where s.org_id = $1 and s.origin_id = $2 and s.destination_id = $3 and s.local_date between $4 and $6
            and s.starts_at > $7
            and s.starts_at > $9 and s.status = 'open' and s.booking_closes_at > $9 and s.capacity - s.taken >= $8
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
