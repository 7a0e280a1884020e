"""The SQL that offers slots: staged by COPY in temporary tables, then compared and merged.

Slots are locked before quotas and in id order, as in `claim_queries`, so that an import meets buyers without deadlock.
What is the same is neither written nor locked. Staged lines look things up by scalar subquery: one probe of an index
each, where a join would read the whole of a table whose growth the planner hasn't heard of yet.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec.structs import astuple

from booking_api.core.db import Connection, execute, fetch_all
from booking_api.inventory.write_schemas import SlotFields


class StagedSlot(SlotFields, frozen=True, kw_only=True):
    """A slot on the stage, under its position in what was handed over; `id` is for a new one."""

    position: int
    id: UUID


class StagedQuota(msgspec.Struct, frozen=True):
    position: int
    option_id: UUID
    capacity: int


async def create_staged_slots(db: Connection) -> None:
    await execute(
        db,
        """
        create temporary table if not exists staged_slot (
          position integer not null, id uuid not null, code text not null primary key, product_id uuid not null,
          kind text not null, origin_id uuid not null, destination_id uuid, local_date date not null,
          starts_at timestamptz not null, ends_at timestamptz not null, time_zone text not null,
          end_time_zone text not null, capacity integer not null, status text, booking_closes_at timestamptz not null,
          gate text, resource text, seat_layout_id uuid, existing_id uuid
        ) on commit drop
        """,
    )


async def create_staged_quotas(db: Connection) -> None:
    await execute(
        db,
        """
        create temporary table if not exists staged_quota (
          position integer not null, option_id uuid not null, capacity integer not null, primary key (position, option_id)
        ) on commit drop
        """,
    )


async def empty_stage(db: Connection) -> None:
    await execute(db, "truncate staged_slot, staged_quota")


async def stage(db: Connection, slots: Sequence[StagedSlot], quotas: Sequence[StagedQuota]) -> None:
    """Streams the rows in by COPY. Raises `asyncpg.DataError` for what the columns can't hold."""
    await db.copy_records_to_table("staged_slot", records=map(astuple, slots), columns=StagedSlot.__struct_fields__)
    await db.copy_records_to_table("staged_quota", records=map(astuple, quotas), columns=StagedQuota.__struct_fields__)


async def find_existing(db: Connection, org_id: UUID) -> None:
    """Notes on each staged line the slot that has its code, if there is one."""
    await execute(
        db,
        "update staged_slot g set existing_id = (select s.id from slot s where s.org_id = $1 and s.code = g.code)",
        org_id,
    )


async def analyze_stage(db: Connection) -> None:
    """Tells the planner how many rows there are, which it can't know of a table made a moment ago."""
    await execute(db, "analyze staged_slot, staged_quota")


class StagedLine(msgspec.Struct, frozen=True):
    position: int
    existing_id: UUID | None
    other_product: bool


async def compare_staged(db: Connection, org_id: UUID) -> list[StagedLine]:
    """The staged slots that are new, or that differ from what is there in anything, quotas included."""
    return await fetch_all(
        db,
        StagedLine,
        """
        select g.position, g.existing_id, g.existing_id is not null and s.product_id <> g.product_id as other_product
        from staged_slot g
        left join lateral (
          select * from slot where slot.org_id = $1 and slot.id = g.existing_id offset 0
        ) s on true
        where g.existing_id is null
           or (s.product_id, s.origin_id, s.destination_id, s.local_date, s.starts_at, s.ends_at, s.time_zone)
              is distinct from
              (g.product_id, g.origin_id, g.destination_id, g.local_date, g.starts_at, g.ends_at, g.time_zone)
           or (s.end_time_zone, s.capacity, s.status, s.booking_closes_at, s.gate, s.resource, s.seat_layout_id)
              is distinct from
              (g.end_time_zone, g.capacity, coalesce(g.status, s.status), g.booking_closes_at, g.gate, g.resource,
               g.seat_layout_id)
           or exists (
             select from staged_quota w
             where w.position = g.position and w.capacity is distinct from (
               select q.capacity from quota q
               where q.org_id = $1 and q.slot_id = g.existing_id and q.option_id = w.option_id))
           or exists (
             select from quota q
             where q.org_id = $1 and q.slot_id = g.existing_id and q.capacity <> g.capacity
               and not exists (
                 select from staged_quota w where w.position = g.position and w.option_id = q.option_id))
        """,
        org_id,
    )


async def keep_staged(db: Connection, positions: Sequence[int]) -> None:
    """Drops every other line from the stage."""
    await execute(db, "delete from staged_slot where not position = any($1::int[])", positions)


class LockedSlot(msgspec.Struct, frozen=True):
    id: UUID
    taken: int


async def lock_for_change(db: Connection, org_id: UUID, slot_ids: Sequence[UUID]) -> list[LockedSlot]:
    """Locks slots that are about to change until the transaction ends."""
    return await fetch_all(
        db,
        LockedSlot,
        "select id, taken from slot where org_id = $1 and id = any($2::uuid[]) order by id for update",
        org_id,
        slot_ids,
    )


class Obstacle(msgspec.Struct, frozen=True):
    position: int
    seated: bool
    """Seats of another layout than the staged one are taken."""
    over_quota: bool
    """More is taken under an option than its staged quota."""


async def find_obstacles(db: Connection, org_id: UUID) -> list[Obstacle]:
    """Staged slots that can't get their new layout or quotas. A statement after the lock, so that it sees what was
    taken while the lock was waited for.
    """
    return await fetch_all(
        db,
        Obstacle,
        """
        with found as (
          select g.position,
                 exists (select from seat_claim c where c.org_id = $1 and c.slot_id = g.existing_id)
                   and g.seat_layout_id is distinct from (
                     select s.seat_layout_id from slot s where s.org_id = $1 and s.id = g.existing_id) as seated,
                 exists (
                   select from staged_quota w
                   where w.position = g.position and w.capacity < (
                     select sum(c.quota_places) from claim c
                     where c.org_id = $1 and c.slot_id = g.existing_id and c.option_id = w.option_id)) as over_quota
          from staged_slot g
          where g.existing_id is not null
        )
        select position, seated, over_quota from found where seated or over_quota
        """,
        org_id,
    )


async def merge_slots(db: Connection, org_id: UUID, now: datetime) -> int:
    """Writes the staged slots; an existing one keeps its id, what is taken, and its status unless one is staged.

    It keeps its delay as well, unless it gets other times than those that were delayed, or is cancelled.
    """
    return await execute(
        db,
        """
        insert into slot (org_id, id, code, product_id, kind, origin_id, destination_id, local_date, starts_at, ends_at,
                          time_zone, end_time_zone, capacity, taken, status, booking_closes_at, gate, resource,
                          seat_layout_id, updated_at)
        select $1, g.id, g.code, g.product_id, g.kind, g.origin_id, g.destination_id, g.local_date, g.starts_at,
               g.ends_at, g.time_zone, g.end_time_zone, g.capacity, 0, coalesce(g.status, 'open'),
               g.booking_closes_at, g.gate, g.resource, g.seat_layout_id, $2
        from staged_slot g
        order by coalesce(g.existing_id, g.id)
        on conflict (org_id, code) do update
        set origin_id = excluded.origin_id, destination_id = excluded.destination_id, local_date = excluded.local_date,
            starts_at = excluded.starts_at, ends_at = excluded.ends_at, time_zone = excluded.time_zone,
            end_time_zone = excluded.end_time_zone, capacity = excluded.capacity,
            status = coalesce((select g.status from staged_slot g where g.code = excluded.code), slot.status),
            version = slot.version + 1,
            (estimated_starts_at, estimated_ends_at, delay_note, delay_updated_at) = (
              select d.estimated_starts_at, d.estimated_ends_at, d.delay_note, d.delay_updated_at from (
                select slot.estimated_starts_at, slot.estimated_ends_at, slot.delay_note, slot.delay_updated_at
                where slot.starts_at = excluded.starts_at and slot.ends_at = excluded.ends_at and not exists (
                  select from staged_slot g where g.code = excluded.code and g.status = 'cancelled'
                )
              ) d
            ),
            booking_closes_at = excluded.booking_closes_at, gate = excluded.gate, resource = excluded.resource,
            seat_layout_id = excluded.seat_layout_id, updated_at = excluded.updated_at
        """,
        org_id,
        now,
    )


async def merge_quotas(db: Connection, org_id: UUID) -> None:
    """Writes the staged quotas. A new quota of an existing slot begins with what live claims hold of it already."""
    await execute(
        db,
        """
        insert into quota (org_id, slot_id, option_id, capacity, taken)
        select $1, coalesce(g.existing_id, g.id), w.option_id, w.capacity,
               coalesce((select sum(c.quota_places) from claim c
                         where c.org_id = $1 and c.slot_id = g.existing_id and c.option_id = w.option_id), 0)::int
        from staged_slot g
        join staged_quota w on w.position = g.position
        where w.capacity is distinct from (
          select q.capacity from quota q
          where q.org_id = $1 and q.slot_id = g.existing_id and q.option_id = w.option_id)
        order by 2, 3
        on conflict (org_id, slot_id, option_id) do update set capacity = excluded.capacity
        """,
        org_id,
    )


async def lift_quotas(db: Connection, org_id: UUID, slot_ids: Sequence[UUID]) -> None:
    """Quotas that the staged slots no longer have limit nothing from now on; their rows keep counting."""
    await execute(
        db,
        """
        update quota set capacity = g.capacity
        from staged_slot g
        where quota.org_id = $1 and quota.slot_id = any($2::uuid[]) and g.existing_id = quota.slot_id
          and quota.capacity <> g.capacity
          and not exists (select from staged_quota w where w.position = g.position and w.option_id = quota.option_id)
        """,
        org_id,
        slot_ids,
    )
