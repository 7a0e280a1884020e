"""The SQL that reads slots as they were written."""

from datetime import datetime
from uuid import UUID

import msgspec

from booking_api.core.db import Connection, fetch_all
from booking_api.inventory.write_schemas import SlotStatus


class OfferedSlot(msgspec.Struct, frozen=True):
    """A slot, what it refers to by code, with its quotas by the options' ids."""

    code: str
    product: str
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    end_time_zone: str
    capacity: int
    status: SlotStatus
    booking_closes_at: datetime
    gate: str | None
    resource: str | None
    seat_layout: str | None
    quotas: dict[str, int] | None


async def list_offered(db: Connection, org_id: UUID, after_code: str, limit: int) -> list[OfferedSlot]:
    """Slots in order of their codes."""
    return await fetch_all(
        db,
        OfferedSlot,
        """
        select s.code, p.code as product, s.starts_at, s.ends_at, s.time_zone, s.end_time_zone, s.capacity, s.status,
               s.booking_closes_at, s.gate, s.resource, l.code as seat_layout,
               (select jsonb_object_agg(q.option_id, q.capacity) from quota q
                where q.org_id = $1 and q.slot_id = s.id) as quotas
        from slot s
        join product p on p.org_id = $1 and p.id = s.product_id
        left join seat_layout l on l.org_id = $1 and l.id = s.seat_layout_id
        where s.org_id = $1 and s.code > $2
        order by s.code
        limit $3
        """,
        org_id,
        after_code,
        limit,
    )
