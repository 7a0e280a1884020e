"""SQL of slots as they are: found by searches or by id, their seats and layouts.

What is told of a slot comes from one statement, so that it is all of one moment: the slot, the version of its product
that is on sale, what is left of its quotas, and the places that the caller holds.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from booking_api.availability.schemas import FoundSlot, SearchedSlot, SeatClaimRow, SeatLayoutRow, SlotSearch
from booking_api.core.db import Connection, fetch_all, fetch_one
from booking_api.core.db.rows import columns_of

FOUND_COLUMNS: Final = """
  s.id, s.product_id, p.version as product_version, p.on_sale, s.local_date,
    date_part('epoch', s.starts_at) as starts_at, date_part('epoch', s.ends_at) as ends_at,
    s.time_zone, s.end_time_zone, s.capacity, s.taken, s.status,
    date_part('epoch', s.booking_closes_at) as booking_closes_at, s.gate, s.resource, s.seat_layout_id,
    (
      select string_agg(q.option_id || '=' || (q.capacity - q.taken) || ',', '')
      from quota q
      where q.org_id = $1 and q.slot_id = s.id
    ) as quotas,
    coalesce(mine.places, 0) as held, s.version,
    case when s.estimated_starts_at is not null then jsonb_build_object(
      'estimated_starts_at', s.estimated_starts_at, 'estimated_ends_at', s.estimated_ends_at,
      'note', s.delay_note, 'updated_at', s.delay_updated_at
    ) end::text as delay
"""
"""Of a `FoundSlot`, from `slot s`, `product p` and `mine`, the places of the caller's own live claims by slot."""


FROM_A_POSITION: Final = """
  and s.local_date between a.first_day and a.last_day and coalesce(s.estimated_starts_at, s.starts_at) >= $12
  and (s.local_date, s.starts_at, s.id) > (a.after_day, a.after_start, a.after_id)
  order by s.local_date, s.starts_at, s.id limit a.most
"""
"""Slots `s` of a search `a` that begin from now on, at most as many as it wants."""


async def search_slots(
    db: Connection, org_id: UUID, searches: Sequence[SlotSearch], now: datetime
) -> list[SearchedSlot]:
    """What each of several searches finds of slots that start from now on, by local date, start and id.

    Each goes through one of four indexes from its position on, and stops when it has enough: what is null finds nothing.
    `offset 0` keeps the planner, which can't guess how many rows there are, on the products' key.
    """
    if not searches:
        return []
    return await fetch_all(
        db,
        SearchedSlot,
        f"""
        with search as (
          select *
          from unnest(
            $2::uuid[], $3::uuid[], $4::uuid[], $5::date[], $6::date[], $7::date[], $8::timestamptz[], $9::uuid[],
            $10::uuid[], $11::int[]
          ) with ordinality as a (
            product_id, origin_id, destination_id, first_day, last_day, after_day, after_start, after_id, holder_id,
            most, position
          )
        ), mine as (
          select c.holder_id, c.slot_id, sum(c.places)::int as places
          from claim c
          where c.org_id = $1 and c.holder_id = any($10::uuid[]) and (c.expires_at is null or c.expires_at > $12)
          group by c.holder_id, c.slot_id
        )
        select {FOUND_COLUMNS}, a.position
        from search a
        cross join lateral (
          (
            select s.* from slot s
            where s.org_id = $1 and s.origin_id = a.origin_id and s.destination_id = a.destination_id
              {FROM_A_POSITION}
          )
          union all
          (
            select s.* from slot s
            where s.org_id = $1 and s.origin_id = a.origin_id and a.destination_id is null
              {FROM_A_POSITION}
          )
          union all
          (
            select s.* from slot s
            where s.org_id = $1 and s.destination_id = a.destination_id and a.origin_id is null
              {FROM_A_POSITION}
          )
          union all
          (
            select s.* from slot s
            where s.org_id = $1 and s.product_id = a.product_id
              {FROM_A_POSITION}
          )
        ) s
        cross join lateral (
          select p.version, p.on_sale from product p where p.org_id = $1 and p.id = s.product_id offset 0
        ) p
        left join mine on mine.slot_id = s.id and mine.holder_id = a.holder_id
        order by a.position, s.local_date, s.starts_at, s.id
        """,
        org_id,
        *columns_of(searches, SlotSearch),
        now,
    )


async def find_slots_with_room(
    db: Connection, org_id: UUID, slot_ids: Sequence[UUID], holder_id: UUID | None, now: datetime
) -> list[FoundSlot]:
    """Slots by id, in no order, past and cancelled ones too."""
    return await fetch_all(
        db,
        FoundSlot,
        f"""
        with mine as (
          select c.slot_id, sum(c.places)::int as places
          from claim c
          where c.org_id = $1 and c.holder_id = $3 and (c.expires_at is null or c.expires_at > $4)
          group by c.slot_id
        )
        select {FOUND_COLUMNS}
        from slot s
        join product p on p.org_id = $1 and p.id = s.product_id
        left join mine on mine.slot_id = s.id
        where s.org_id = $1 and s.id = any($2::uuid[])
        """,
        org_id,
        slot_ids,
        holder_id,
        now,
    )


async def find_claimed_seats(
    db: Connection, org_id: UUID, slot_id: UUID, holder_id: UUID | None, now: datetime
) -> list[SeatClaimRow]:
    """Every seat of a slot that is taken, and whether it is by a live claim of this holder."""
    return await fetch_all(
        db,
        SeatClaimRow,
        """
        select t.seat,
               coalesce(c.holder_id = $3 and (c.expires_at is null or c.expires_at > $4), false) as mine
        from seat_claim t
        join claim c on c.org_id = $1 and c.id = t.claim_id
        where t.org_id = $1 and t.slot_id = $2
        order by t.seat
        """,
        org_id,
        slot_id,
        holder_id,
        now,
    )


async def find_layout(db: Connection, org_id: UUID, layout_id: UUID | None, code: str | None) -> SeatLayoutRow | None:
    """The layout with this id, or else the newest of this code."""
    return await fetch_one(
        db,
        SeatLayoutRow,
        """
        select l.id, l.seats, l.layout from seat_layout l
        where l.org_id = $1 and (l.id = $2 or l.code = $3) order by l.version desc limit 1
        """,
        org_id,
        layout_id,
        code,
    )
