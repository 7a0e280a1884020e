"""SQL of slots as they are. Taking and giving back is `claim_queries`, offering `write_queries`."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from booking_api.core.db import Connection, fetch_all
from booking_api.inventory.schemas import SlotRow


async def find_slots(db: Connection, org_id: UUID, slot_ids: Sequence[UUID]) -> list[SlotRow]:
    """Slots by id, in no order, each with the version of its product that is on sale."""
    return await fetch_all(
        db,
        SlotRow,
        """
        select s.id, s.code, s.product_id, p.version as product_version, p.on_sale, s.kind, s.origin_id,
               s.destination_id, s.local_date, s.starts_at, s.ends_at, s.time_zone, s.end_time_zone, s.capacity,
               s.taken, s.status, s.booking_closes_at, s.gate, s.resource, s.seat_layout_id, s.version,
               case when s.estimated_starts_at is not null then jsonb_build_object(
                 'estimated_starts_at', s.estimated_starts_at, 'estimated_ends_at', s.estimated_ends_at,
                 'note', s.delay_note, 'updated_at', s.delay_updated_at
               ) end as delay
        from slot s
        join product p on p.org_id = $1 and p.id = s.product_id
        where s.org_id = $1 and s.id = any($2::uuid[])
        """,
        org_id,
        slot_ids,
    )


class CodeRow(msgspec.Struct, frozen=True):
    code: str


async def find_missing_codes(db: Connection, org_id: UUID, codes: Sequence[str]) -> list[CodeRow]:
    return await fetch_all(
        db,
        CodeRow,
        """
        select given.code from unnest($2::text[]) as given (code)
        where not exists (select from slot s where s.org_id = $1 and s.code = given.code)
        """,
        org_id,
        codes,
    )


class OverlappingSlot(msgspec.Struct, frozen=True):
    resource: str
    code: str
    other_code: str
    """A slot that begins no later and is still under way."""


async def list_overlaps(
    db: Connection, org_id: UUID, resources: Sequence[str], first: datetime, last: datetime, limit: int
) -> list[OverlappingSlot]:
    """Slots of these resources that begin between two moments while another one of the same is under way.

    Cancelled ones take nobody's time, nor do those without any length. Longer than two days before the first moment
    nothing is looked at.
    """
    return await fetch_all(
        db,
        OverlappingSlot,
        """
        with taken as (
          select s.resource, s.code, s.id, s.starts_at, s.ends_at,
                 max(s.ends_at) over (
                   partition by s.resource order by s.starts_at, s.id rows between unbounded preceding and 1 preceding
                 ) as busy_until
          from slot s
          where s.org_id = $1 and s.resource = any($2::text[]) and s.starts_at between $3::timestamptz - interval '2 days' and $4
            and s.status <> 'cancelled' and s.ends_at > s.starts_at
        ), found as (
          select t.resource, t.code, t.id, t.starts_at from taken t
          where t.busy_until > t.starts_at and t.starts_at >= $3
          order by t.resource, t.starts_at, t.id limit $5
        )
        select f.resource, f.code, o.code as other_code
        from found f
        cross join lateral (
          select b.code from taken b
          where b.resource = f.resource and (b.starts_at, b.id) < (f.starts_at, f.id) and b.ends_at > f.starts_at
          order by b.ends_at desc, b.id limit 1
        ) o
        order by f.resource, f.starts_at, f.id
        """,
        org_id,
        resources,
        first,
        last,
        limit,
    )


class SoldSlot(msgspec.Struct, frozen=True):
    id: UUID


async def find_sold(db: Connection, org_id: UUID, slot_ids: Sequence[UUID]) -> list[SoldSlot]:
    """Those of the slots on which somebody holds a claim, and who is to be told of a change."""
    return await fetch_all(
        db,
        SoldSlot,
        """
        select s.id from slot s where s.org_id = $1 and s.id = any($2::uuid[])
          and exists (select from claim c where c.org_id = $1 and c.slot_id = s.id)
        """,
        org_id,
        slot_ids,
    )
