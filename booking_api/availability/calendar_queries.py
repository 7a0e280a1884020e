"""SQL of the calendar: slots summed up by local date."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec

from booking_api.availability.schemas import OfferRow
from booking_api.core.db import Connection, fetch_all
from booking_api.core.db.rows import columns_of


class DayRow(msgspec.Struct, frozen=True):
    """The slots of a local date that are yet to begin. `rank` is the best status's position in `rules.STATUSES`."""

    day: date
    rank: int
    vacancies: int
    from_price: int | None
    holders: str | None
    """The ids, separated by commas, of the holders with places on a slot that has no room for the party."""


async def sum_up(
    db: Connection,
    org_id: UUID,
    route: tuple[UUID | None, UUID | None],
    offers: Sequence[OfferRow],
    holder_ids: Sequence[UUID],
    limited_share: int,
    now: datetime,
) -> list[DayRow]:
    """The slots summed up by local date, for callers without a claim on them; the rank as `rules.judge`.

    A delay moves the times at which an offer closes.
    Slots are reached through those without an option, which say on which days a product is asked for. `offset 0` keeps
    the planner, which can't guess how many rows there are, on the index of products and dates. Holders are looked up in
    one object, because it would go through all of them again for each slot.
    """
    origin_id, destination_id = route
    return await fetch_all(
        db,
        DayRow,
        """
        with offer as (
          select *
          from unnest($4::uuid[], $5::uuid[], $6::date[], $7::date[], $8::bigint[], $9::int[], $10::int[], $11::int[])
            as o (product_id, option_id, first_day, last_day, total, places, closes_minutes, gate_minutes)
        ), found as (
          select s.*, p.on_sale and s.status = 'open' and s.booking_closes_at + s.late > $14 as for_sale
          from offer o
          join product p on p.org_id = $1 and p.id = o.product_id
          cross join lateral (
            select t.id, t.product_id, t.local_date, t.capacity, t.capacity - t.taken as free, t.status,
                   t.booking_closes_at, coalesce(t.estimated_starts_at, t.starts_at) as begins_at,
                   coalesce(t.estimated_starts_at - t.starts_at, interval '0') as late,
                   greatest(t.ends_at, coalesce(
                     t.estimated_ends_at, t.ends_at + coalesce(t.estimated_starts_at - t.starts_at, interval '0')
                   )) as finishes_at
            from slot t
            where t.org_id = $1 and t.product_id = o.product_id and t.local_date between o.first_day and o.last_day
              and coalesce(t.estimated_starts_at, t.starts_at) >= $14
              and ($2::uuid is null or t.origin_id = $2) and ($3::uuid is null or t.destination_id = $3)
            offset 0
          ) s
          where o.option_id is null
        ), offered as (
          select s.id, s.local_date, s.capacity, s.free, s.status, o.total, o.places,
                 coalesce(s.for_sale and least(
                   s.begins_at - make_interval(mins => o.closes_minutes),
                   s.finishes_at + make_interval(mins => o.gate_minutes)
                 ) > $14, false) as open,
                 least(s.free, coalesce(q.capacity - q.taken, s.free)) as room
          from found s
          left join offer o on o.option_id is not null and o.product_id = s.product_id
            and s.local_date between o.first_day and o.last_day
          left join quota q on q.org_id = $1 and q.slot_id = s.id and q.option_id = o.option_id
        ), summed as (
          select d.id, d.local_date, d.status, d.capacity, d.free, bool_or(d.open) as on_offer,
                 max(d.room) filter (where d.open and d.room >= d.places) as room,
                 min(d.total) filter (where d.open and d.room >= d.places) as total
          from offered d
          group by d.id, d.local_date, d.status, d.capacity, d.free
        ), mine as (
          select jsonb_object_agg(m.slot_id, m.holders) as by_slot
          from (
            select c.slot_id, string_agg(distinct c.holder_id::text, ',') as holders
            from claim c
            where c.org_id = $1 and c.holder_id = any($12::uuid[]) and c.places > 0
              and (c.expires_at is null or c.expires_at > $14)
            group by c.slot_id
          ) m
        )
        select d.local_date as day,
               max(case
                 when d.status = 'cancelled' then 0
                 when not d.on_offer then 1
                 when d.room is null then 2
                 when d.room * $13::int <= d.capacity then 3
                 else 4
               end) as rank,
               coalesce(sum(d.free) filter (where d.on_offer), 0)::int as vacancies,
               min(d.total) as from_price,
               string_agg((select mine.by_slot from mine) ->> d.id::text, ',') filter (
                 where d.status <> 'cancelled' and d.on_offer and d.room is null
               ) as holders
        from summed d
        group by d.local_date
        """,
        org_id,
        origin_id,
        destination_id,
        *columns_of(offers, OfferRow),
        holder_ids,
        limited_share,
        now,
    )
