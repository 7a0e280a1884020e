"""The SQL that changes a slot by itself, which is locked before its quotas, as in `claim_queries`."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from booking_api.core.db import Connection, execute, fetch_all, fetch_one
from booking_api.core.db.rows import columns_of
from booking_api.inventory.schemas import SlotState


async def lock_state(db: Connection, org_id: UUID, slot_id: UUID) -> SlotState | None:
    """Locks a slot that is about to change until the transaction ends."""
    return await fetch_one(
        db,
        SlotState,
        """
        select id, local_date, starts_at, ends_at, time_zone, capacity, taken, status, booking_closes_at, gate, resource,
               version, estimated_starts_at, estimated_ends_at, delay_note, delay_updated_at
        from slot where org_id = $1 and id = $2 for update
        """,
        org_id,
        slot_id,
    )


async def update_slot(db: Connection, org_id: UUID, slot: SlotState, now: datetime) -> None:
    """Writes what was changed of a locked slot, and raises its version."""
    await execute(
        db,
        """
        update slot
        set local_date = $3, starts_at = $4, ends_at = $5, capacity = $6, status = $7, booking_closes_at = $8, gate = $9,
            resource = $10, estimated_starts_at = $11, estimated_ends_at = $12, delay_note = $13, delay_updated_at = $14,
            version = slot.version + 1, updated_at = $15
        where org_id = $1 and id = $2
        """,
        org_id, slot.id, slot.local_date, slot.starts_at, slot.ends_at, slot.capacity, slot.status,
        slot.booking_closes_at, slot.gate, slot.resource, slot.estimated_starts_at, slot.estimated_ends_at,
        slot.delay_note, slot.delay_updated_at, now,
    )  # fmt: skip


async def move_quota_limits(db: Connection, org_id: UUID, slot_id: UUID, before: int, after: int) -> None:
    """Quotas that were as large as the slot, and so limited nothing, follow it."""
    await execute(
        db,
        "update quota set capacity = $4 where org_id = $1 and slot_id = $2 and capacity = $3",
        org_id,
        slot_id,
        before,
        after,
    )


class OptionQuota(msgspec.Struct, frozen=True):
    """How many places of a locked slot may be sold under an option, and how many are."""

    option_id: UUID
    capacity: int | None
    """None: it never had a quota of its own."""
    taken: int


async def find_quotas(db: Connection, org_id: UUID, slot_id: UUID, option_ids: Sequence[UUID]) -> list[OptionQuota]:
    """The quotas of these options, in no order; also of those that have none."""
    return await fetch_all(
        db,
        OptionQuota,
        """
        select o.option_id, q.capacity, coalesce(q.taken, (
          select sum(c.quota_places) from claim c where c.org_id = $1 and c.slot_id = $2 and c.option_id = o.option_id
        ), 0)::int as taken
        from unnest($3::uuid[]) as o (option_id)
        left join quota q on q.org_id = $1 and q.slot_id = $2 and q.option_id = o.option_id
        """,
        org_id,
        slot_id,
        option_ids,
    )


class WrittenQuota(msgspec.Struct, frozen=True):
    """A quota to be written; `taken` is for one that is new."""

    option_id: UUID
    capacity: int
    taken: int


async def write_quotas(db: Connection, org_id: UUID, slot_id: UUID, quotas: Sequence[WrittenQuota]) -> None:
    """Writes quotas of a locked slot."""
    await execute(
        db,
        """
        insert into quota (org_id, slot_id, option_id, capacity, taken)
        select $1, $2, given.* from unnest($3::uuid[], $4::int[], $5::int[]) as given (option_id, capacity, taken)
        order by given.option_id
        on conflict (org_id, slot_id, option_id) do update set capacity = excluded.capacity
        """,
        org_id, slot_id, *columns_of(quotas, WrittenQuota),
    )  # fmt: skip
