"""SQL of the home screen: products that are sought, when they begin next, and their next slots.

All of it is bounded: so many products, so many slots of each, so many steps of a walk.
"""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from booking_api.availability.discover_schemas import (
    FirstStart,
    LookAhead,
    NextSlot,
    PlaceZone,
    SoughtProduct,
    SoughtProducts,
    WalkedSlot,
)
from booking_api.availability.queries import FOUND_COLUMNS
from booking_api.core.db import Connection, fetch_all
from booking_api.core.db.rows import columns_of


async def find_sought(
    db: Connection, org_id: UUID, kind: str | None, words: str | None, limit: int
) -> list[SoughtProduct]:
    """Products on sale, wherever they are, in no order."""
    return await fetch_all(
        db,
        SoughtProduct,
        """
        select p.id as product_id, p.version, l.latitude, l.longitude
        from product p
        left join place l on l.org_id = $1 and l.id = coalesce(p.origin_id, p.venue_id)
        where p.org_id = $1 and p.on_sale and ($2::text is null or p.kind = $2)
          and ($3::text is null or p.words @@ $3::text::tsquery)
        limit $4
        """,
        org_id,
        kind,
        words,
        limit,
    )


async def find_near(db: Connection, org_id: UUID, sought: Sequence[SoughtProducts], limit: int) -> list[SoughtProduct]:
    """Products on sale whose place is within the box, in no order."""
    return await fetch_all(
        db,
        SoughtProduct,
        """
        select p.product_id, p.version, l.latitude, l.longitude
        from unnest(
          $2::text[], $3::text[], $4::float8[], $5::float8[], $6::float8[], $7::float8[], $8::float8[], $9::float8[]
        ) as a (kind, words, south, north, west, east, other_west, other_east)
        join place l on l.org_id = $1 and l.latitude between a.south and a.north
          and (l.longitude between a.west and a.east or l.longitude between a.other_west and a.other_east)
        cross join lateral (
          select p.id as product_id, p.version from product p
          where p.org_id = $1 and coalesce(p.origin_id, p.venue_id) = l.id and p.on_sale
            and (a.kind is null or p.kind = a.kind) and (a.words is null or p.words @@ a.words::tsquery)
          offset 0
        ) p
        limit $10
        """,
        org_id,
        *columns_of(sought, SoughtProducts),
        limit,
    )


async def list_zones(db: Connection, org_id: UUID) -> list[PlaceZone]:
    """The zones that there are places in, from one to the next in an index that has thousands of places in each."""
    return await fetch_all(
        db,
        PlaceZone,
        """
        with recursive zone as (
          (select l.time_zone from place l where l.org_id = $1 order by l.time_zone limit 1)
          union all
          select (
            select l.time_zone from place l where l.org_id = $1 and l.time_zone > z.time_zone order by l.time_zone limit 1
          )
          from zone z
          where z.time_zone is not null
        )
        select z.time_zone from zone z where z.time_zone is not null
        """,
        org_id,
    )


async def first_starts(
    db: Connection, org_id: UUID, product_ids: Sequence[UUID], first: date, since: datetime, now: datetime
) -> list[FirstStart]:
    """When the next slot with any room begins, of each product that has one: one probe of an index each.

    What is late is looked up apart: it began before, by its timetable.
    """
    return await fetch_all(
        db,
        FirstStart,
        """
        with late as materialized (
          select s.product_id, min(s.starts_at) as starts_at from slot s
          where s.org_id = $1 and s.estimated_starts_at > $5 and s.starts_at < $4 and s.local_date >= $3
            and s.status = 'open' and not s.sold_out
          group by s.product_id
        )
        select c.product_id, least(late.starts_at, s.starts_at) as starts_at
        from unnest($2::uuid[]) as c (product_id)
        left join late on late.product_id = c.product_id
        left join lateral (
          select s.starts_at from slot s
          where s.org_id = $1 and s.product_id = c.product_id and s.status = 'open' and not s.sold_out
            and s.starts_at >= $4 and s.local_date >= $3
            and (s.booking_closes_at > $5 or s.estimated_starts_at is not null)
          order by s.starts_at, s.id limit 1
        ) s on true
        where coalesce(late.starts_at, s.starts_at) is not null
        """,
        org_id,
        product_ids,
        first,
        since,
        now,
    )


async def walk(
    db: Connection, org_id: UUID, sought: Sequence[SoughtProducts], first: date, after: tuple[datetime, UUID], now: datetime,
    steps: int,
) -> list[WalkedSlot]:  # fmt: skip
    """The next slots of all products in the order of their starts: the first of each product that is sought, and the
    last of all, where any is left. What is late stands behind the walker and is seen from everywhere."""
    after_start, after_id = after
    return await fetch_all(
        db,
        WalkedSlot,
        """
        with a as materialized (
          select *
          from unnest(
            $2::text[], $3::text[], $4::float8[], $5::float8[], $6::float8[], $7::float8[], $8::float8[], $9::float8[]
          ) as a (kind, words, south, north, west, east, other_west, other_east)
        ), walked as materialized (
          select s.id, s.starts_at, s.product_id,
                 s.status = 'open' and not s.sold_out and s.local_date >= $10
                   and (s.booking_closes_at > $13 or s.estimated_starts_at is not null) as open
          from slot s
          where s.org_id = $1 and (s.starts_at, s.id) > ($11::timestamptz, $12::uuid)
          order by s.starts_at, s.id
          limit $14
        ), late as materialized (
          select s.id, s.starts_at, s.product_id, true as open
          from slot s
          where s.org_id = $1 and s.estimated_starts_at > $13 and (s.starts_at, s.id) <= ($11::timestamptz, $12::uuid)
            and s.status = 'open' and not s.sold_out and s.local_date >= $10
          limit $14
        )
        select w.id, w.starts_at, p.id as product_id, p.version, l.latitude, l.longitude
        from a
        cross join (
          select distinct on (w.product_id) w.*
          from (select * from walked union all select * from late) w
          where w.open
          order by w.product_id, w.starts_at, w.id
        ) w
        cross join lateral (
          select p.id, p.version, coalesce(p.origin_id, p.venue_id) as place_id from product p
          where p.org_id = $1 and p.id = w.product_id and p.on_sale
            and (a.kind is null or p.kind = a.kind) and (a.words is null or p.words @@ a.words::tsquery)
          offset 0
        ) p
        left join lateral (
          select l.latitude, l.longitude from place l where l.org_id = $1 and l.id = p.place_id offset 0
        ) l on true
        where a.south is null or l.latitude between a.south and a.north
          and (l.longitude between a.west and a.east or l.longitude between a.other_west and a.other_east)
        union all
        (
          select w.id, w.starts_at, null, null, null, null from walked w order by w.starts_at desc, w.id desc limit 1
        )
        """,
        org_id,
        *columns_of(sought, SoughtProducts),
        first,
        after_start,
        after_id,
        now,
        steps,
    )


async def look_ahead(
    db: Connection, org_id: UUID, looks: Sequence[LookAhead], first: date, holder_id: UUID | None, now: datetime,
    most: int, looked_at: int,
) -> list[NextSlot]:  # fmt: skip
    """The next slots of several products that have room for their party, `most` of each, in order.

    Of each product so many slots with any room are looked at and no more, however many have too little.
    """
    return await fetch_all(
        db,
        NextSlot,
        f"""
        with mine as (
          select c.slot_id, sum(c.places)::int as places
          from claim c
          where c.org_id = $1 and c.holder_id = $7 and (c.expires_at is null or c.expires_at > $8)
          group by c.slot_id
        )
        select {FOUND_COLUMNS}, a.position
        from unnest($2::uuid[], $3::timestamptz[], $4::uuid[], $5::int[]) with ordinality
          as a (product_id, after_start, after_id, places, position)
        cross join lateral (
          select p.version, p.on_sale from product p where p.org_id = $1 and p.id = a.product_id offset 0
        ) p
        cross join lateral (
          select s.*
          from (
            select s.* from slot s
            where s.org_id = $1 and s.product_id = a.product_id and s.status = 'open' and not s.sold_out
              and (s.starts_at, s.id) > (a.after_start, a.after_id)
            order by s.starts_at, s.id
            limit $10
          ) s
          where s.local_date >= $6 and s.capacity - s.taken >= a.places
            and coalesce(s.estimated_starts_at, s.starts_at) > $8
            and s.booking_closes_at + coalesce(s.estimated_starts_at - s.starts_at, interval '0') > $8
          order by s.starts_at, s.id
          limit $9
        ) s
        left join mine on mine.slot_id = s.id
        order by a.position, s.starts_at, s.id
        """,
        org_id,
        *columns_of(looks, LookAhead),
        first,
        holder_id,
        now,
        most,
        looked_at,
    )
