"""SQL of single slots: what they have left, their seats and layouts. Searching is `search_queries`."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from booking_api.availability.schemas import FoundSlot, SeatClaimRow, SeatLayoutRow
from booking_api.core.db import Connection, fetch_all, fetch_one


async def find_slots_with_room(
    db: Connection, org_id: UUID, slot_ids: Sequence[UUID], holder_id: UUID | None, now: datetime
) -> list[FoundSlot]:
    """Slots by id, in no order, past and cancelled ones too."""
    return await fetch_all(
        db,
        FoundSlot,
        """
        with mine as (
          select c.slot_id, sum(c.places)::int as places
          from claim c
          where c.org_id = $1 and c.holder_id = $3 and (c.expires_at is null or c.expires_at > $4)
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
               coalesce(mine.places, 0) as held, s.version,
               case when s.estimated_starts_at is not null then jsonb_build_object(
                 'estimated_starts_at', s.estimated_starts_at, 'estimated_ends_at', s.estimated_ends_at,
                 'note', s.delay_note, 'updated_at', s.delay_updated_at
               ) end::text as delay
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


async def find_layout(db: Connection, org_id: UUID, layout_id: UUID) -> SeatLayoutRow | None:
    return await fetch_one(
        db,
        SeatLayoutRow,
        "select l.id, l.seats, l.layout from seat_layout l where l.org_id = $1 and l.id = $2",
        org_id,
        layout_id,
    )
