"""SQL of slots as they are. Taking and giving back is `claim_queries`, offering and changing `write_queries`."""

from collections.abc import Sequence
from uuid import UUID

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
