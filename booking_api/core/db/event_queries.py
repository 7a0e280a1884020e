"""The SQL of events: publishing, relaying, and what leaves when it is old."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from booking_api.core.db import Connection, execute, fetch_all, fetch_value
from booking_api.core.db.rows import FoundIds, columns_of
from booking_api.core.ids import new_id


class Event(msgspec.Struct, frozen=True):
    """Something that happened to `subject_id`, to be published."""

    org_id: UUID
    type: str
    subject_id: UUID
    data: Any
    created_at: datetime
    id: UUID = msgspec.field(default_factory=new_id)


class StoredEvent(msgspec.Struct, frozen=True):
    org_id: UUID
    id: UUID
    type: str
    subject_id: UUID
    data: dict[str, Any]
    created_at: datetime


async def insert_events(db: Connection, events: Sequence[Event]) -> None:
    await execute(
        db,
        """
        insert into event (org_id, type, subject_id, data, created_at, id)
        select e.*
        from unnest($1::uuid[], $2::text[], $3::uuid[], $4::jsonb[], $5::timestamptz[], $6::uuid[])
          as e (org_id, type, subject_id, data, created_at, id)
        """,
        *columns_of(events, Event),
    )


async def plan_by_keys(db: Connection) -> None:
    """Lets the statements of this transaction find their rows by index and key alone.

    The planner doesn't know beforehand that each event that the relay claims is in one partition only, and while
    partitions are small it would rather read all of them.
    """
    await fetch_value(
        db,
        """
        select set_config('enable_seqscan', 'off', true) || set_config('enable_hashjoin', 'off', true)
          || set_config('enable_mergejoin', 'off', true)
        """,
    )


async def list_waiting_events(db: Connection, limit: int) -> list[FoundIds]:
    """The oldest events that weren't relayed, by organisation."""
    return await fetch_all(
        db,
        FoundIds,
        """
        select org_id, array_agg(id) as ids
        from (select org_id, id, created_at from event where relayed_at is null order by created_at limit $1) oldest
        group by org_id order by min(created_at)
        """,
        limit,
    )


async def claim_events(db: Connection, org_id: UUID, ids: Sequence[UUID], now: datetime) -> list[StoredEvent]:
    """Marks those of these events as relayed, and returns them, that no other relay has or is about to.

    They are found by their keys. A plan by the index of all that waits, which is nearly empty most of the time, would
    read a whole backlog for each organisation; that is why `relayed_at is null` is said in other words.
    """
    return await fetch_all(
        db,
        StoredEvent,
        """
        with due as materialized (
          select e.id from unnest($2::uuid[]) as w (id)
          join event e on e.org_id = $1 and e.id = w.id and coalesce(e.relayed_at, 'infinity') = 'infinity'
          for update of e skip locked
        )
        update event set relayed_at = $3
        from due where event.org_id = $1 and event.id = due.id
        returning event.org_id, event.id, event.type, event.subject_id, event.data, event.created_at
        """,
        org_id, ids, now,
    )  # fmt: skip


async def claim_unrelayed_events(db: Connection, now: datetime, limit: int) -> list[StoredEvent]:
    """Marks up to `limit` events as relayed, an organisation after the other, and returns them, the oldest first; for
    the relay alone, in its transaction."""
    claimed: list[StoredEvent] = []
    for waiting in await list_waiting_events(db, limit):
        claimed += await claim_events(db, waiting.org_id, waiting.ids, now)
    return sorted(claimed, key=lambda event: (event.created_at, event.id))


async def find_events(db: Connection, org_id: UUID, ids: Sequence[UUID]) -> list[StoredEvent]:
    """Those of these events that are still kept."""
    return await fetch_all(
        db,
        StoredEvent,
        """
        select org_id, id, type, subject_id, data, created_at from event where org_id = $1 and id = any($2::uuid[])
        """,
        org_id,
        ids,
    )


async def list_events(
    db: Connection, org_id: UUID, types: Sequence[str], after: UUID, end: UUID, limit: int, *, relayed_only: bool
) -> list[StoredEvent]:
    """Events of these types between two ids, in the order of their ids; those that no relay has reached where wanted."""
    return await fetch_all(
        db,
        StoredEvent,
        """
        select org_id, id, type, subject_id, data, created_at from event
        where org_id = $1 and id > $3 and id < $4 and type = any($2::text[]) and (relayed_at is not null or not $6)
        order by id limit $5
        """,
        org_id, types, after, end, limit, relayed_only,
    )  # fmt: skip


async def rest_holds_events(db: Connection, first: UUID, end: UUID) -> bool:
    """Whether the default partition holds events of a range of ids, so that it can't have a partition of its own."""
    return await fetch_value(db, "select exists (select from event_rest where id >= $1 and id < $2)", first, end)


async def holds_unrelayed_events(db: Connection, first: UUID, end: UUID) -> bool:
    """Whether an event of a range of ids still waits for the relay."""
    return await fetch_value(
        db, "select exists (select from event where relayed_at is null and id >= $1 and id < $2)", first, end
    )


async def delete_relayed_events(db: Connection, org_id: UUID, end: UUID, limit: int) -> int:
    """Deletes an organisation's relayed events with lower ids from the default partition, at most `limit` at a time."""
    return await execute(
        db,
        """
        with due as materialized (
          select id from event_rest where org_id = $1 and id < $2 and relayed_at is not null
          order by id limit $3 for update skip locked
        )
        delete from event_rest using due where event_rest.org_id = $1 and event_rest.id = due.id
        """,
        org_id, end, limit,
    )  # fmt: skip
