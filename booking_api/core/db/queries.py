"""All SQL of the core: events, idempotency keys, worker heartbeats."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from booking_api.core.db import Connection, execute, fetch_all, fetch_one, fetch_value
from booking_api.core.db.rows import FoundIds, columns_of
from booking_api.core.ids import new_id
from booking_api.core.rounds import one_by_one


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


class StoredAnswer(msgspec.Struct, frozen=True):
    """What an idempotency key was answered with. `fresh` is false while a twin holds the lock."""

    locked: bool
    fingerprint: bytes | None
    status: int | None
    body: bytes | None
    customer_id: UUID | None
    created_at: datetime | None
    is_used: bool
    """Whether a token that came with the answer was used."""
    is_ended: bool
    """Whether the session of these tokens was ended."""


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


class PartitionRow(msgspec.Struct, frozen=True):
    name: str


async def list_partitions(db: Connection, table: str) -> list[PartitionRow]:
    """The partitions of a table by name, the default one included."""
    return await fetch_all(
        db,
        PartitionRow,
        """
        select c.relname::text as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = to_regclass($1) order by c.relname
        """,
        table,
    )


async def limit_lock_wait(db: Connection, lock_timeout: str) -> None:
    """Lets nothing in this transaction wait longer for a lock, such as `500ms`."""
    await fetch_value(db, "select set_config('lock_timeout', $1, true)", lock_timeout)


async def begin_definition(db: Connection, lock: int, lock_timeout: str) -> bool:
    """False if another process is changing definitions; else nothing in this transaction waits long for a lock."""
    return await fetch_value(
        db,
        "select pg_try_advisory_xact_lock($1) and set_config('lock_timeout', $2, true) is not null",
        lock,
        lock_timeout,
    )


async def find_answer(db: Connection, org_id: UUID, credential_id: UUID, key_hash: bytes, lock: int) -> StoredAnswer:
    """Tries the lock that twins share, and reads what the key was answered with before.

    Reads `session`, which belongs to a capability above: a customer's first one has the customer's id.
    The lock is only a hint that a twin is under way; the truth of a key is its primary key.
    """
    found = await fetch_one(
        db,
        StoredAnswer,
        """
        select l.locked, k.fingerprint, k.status, k.body, k.customer_id, k.created_at,
          s.first_used_at is not null as is_used, s.revoked_at is not null as is_ended
        from (select pg_try_advisory_xact_lock($4) as locked) l
        left join idempotency_key k on k.org_id = $1 and k.credential_id = $2 and k.key_hash = $3
        left join session s on s.org_id = $1 and s.id = k.customer_id
        """,
        org_id, credential_id, key_hash, lock,
    )  # fmt: skip
    assert found is not None
    return found


async def store_answer(
    db: Connection, org_id: UUID, credential_id: UUID, key_hash: bytes, fingerprint: bytes, status: int, body: bytes,
    customer_id: UUID | None, now: datetime, unfinished: int, about_id: UUID | None = None,
) -> bool:  # fmt: skip
    """Stores an answer, or finishes an unfinished one. False if a twin stored its own first."""
    return bool(
        await execute(
            db,
            """
            insert into idempotency_key
              (org_id, credential_id, key_hash, fingerprint, status, body, customer_id, created_at, about_id)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $10)
            on conflict (org_id, credential_id, key_hash) do update
              set status = excluded.status, body = excluded.body, customer_id = excluded.customer_id,
                about_id = excluded.about_id
              where idempotency_key.status = $9 and idempotency_key.fingerprint = excluded.fingerprint
            """,
            org_id, credential_id, key_hash, fingerprint, status, body, customer_id, now, unfinished, about_id,
        )
    )  # fmt: skip


class WantedAnswer(msgspec.Struct, frozen=True):
    """A key whose answer is looked for, and the lock that its twins contend for."""

    credential_id: UUID
    key_hash: bytes
    lock: int


class FoundAnswer(msgspec.Struct, frozen=True):
    """As `StoredAnswer`, of one of several keys."""

    position: int
    locked: bool
    fingerprint: bytes | None
    status: int | None
    body: bytes | None
    customer_id: UUID | None
    created_at: datetime | None
    is_used: bool
    is_ended: bool


async def find_answers(db: Connection, org_id: UUID, wanted: Sequence[WantedAnswer]) -> list[FoundAnswer]:
    """As `find_answer`, for several keys at once, in their order."""
    return await fetch_all(
        db,
        FoundAnswer,
        """
        select wanted.position::int as position, pg_try_advisory_xact_lock(wanted.lock) as locked,
          k.fingerprint, k.status, k.body, k.customer_id, k.created_at,
          k.first_used_at is not null as is_used, k.revoked_at is not null as is_ended
        from unnest($2::uuid[], $3::bytea[], $4::bigint[]) with ordinality as wanted (credential_id, key_hash, lock, position)
        -- The offset lets each key be looked up by itself: a plan made while the table was small would read all of it.
        left join lateral (
          select k.fingerprint, k.status, k.body, k.customer_id, k.created_at, s.first_used_at, s.revoked_at
          from idempotency_key k
          left join session s on s.org_id = $1 and s.id = k.customer_id
          where k.org_id = $1 and k.credential_id = wanted.credential_id and k.key_hash = wanted.key_hash
          offset 0
        ) k on true
        order by wanted.position
        """,
        org_id,
        *columns_of(wanted, WantedAnswer),
    )


class NewAnswer(msgspec.Struct, frozen=True):
    """What a key is answered with: `customer_id` gets the tokens, `about_id` is whom the answer is about."""

    credential_id: UUID
    key_hash: bytes
    fingerprint: bytes
    status: int
    body: bytes
    customer_id: UUID | None
    about_id: UUID | None = None


async def store_answers(db: Connection, org_id: UUID, answers: Sequence[NewAnswer], now: datetime) -> int:
    """Stores new answers; fewer than were given if a twin stored its own first."""
    return await execute(
        db,
        """
        insert into idempotency_key
          (org_id, credential_id, key_hash, fingerprint, status, body, customer_id, about_id, created_at)
        select $1, a.*, $9
        from unnest($2::uuid[], $3::bytea[], $4::bytea[], $5::smallint[], $6::bytea[], $7::uuid[], $8::uuid[])
          as a (credential_id, key_hash, fingerprint, status, body, customer_id, about_id)
        on conflict (org_id, credential_id, key_hash) do nothing
        """,
        org_id,
        *columns_of(answers, NewAnswer),
        now,
    )


class OldAnswers(msgspec.Struct, frozen=True):
    org_id: UUID
    credential_ids: list[UUID]
    key_hashes: list[bytes]


async def list_old_answers(db: Connection, before: datetime, limit: int) -> list[OldAnswers]:
    """The keys of the oldest answers that were stored before a moment, by organisation."""
    return await fetch_all(
        db,
        OldAnswers,
        """
        select org_id, array_agg(credential_id) as credential_ids, array_agg(key_hash) as key_hashes
        from (
          select org_id, credential_id, key_hash from idempotency_key where created_at < $1 order by created_at limit $2
        ) old
        group by org_id
        """,
        before,
        limit,
    )


async def delete_answers_of(
    db: Connection, org_id: UUID, credential_ids: Sequence[UUID], key_hashes: Sequence[bytes], before: datetime
) -> int:
    """Deletes those of these answers that were stored before a moment; skips what somebody works on."""
    return await execute(
        db,
        """
        with due as materialized (
          select k.credential_id, k.key_hash from unnest($2::uuid[], $3::bytea[]) as w (credential_id, key_hash)
          join idempotency_key k
            on k.org_id = $1 and k.credential_id = w.credential_id and k.key_hash = w.key_hash and k.created_at < $4
          for update of k skip locked
        )
        delete from idempotency_key k using due
        where k.org_id = $1 and k.credential_id = due.credential_id and k.key_hash = due.key_hash
        """,
        org_id, credential_ids, key_hashes, before,
    )  # fmt: skip


async def delete_answers(db: Connection, before: datetime, limit: int) -> int:
    """Deletes stored answers older than `before`, at most `limit` at a time, an organisation after the other."""
    old = await list_old_answers(db, before, limit)
    return sum(
        await one_by_one(old, lambda one: delete_answers_of(db, one.org_id, one.credential_ids, one.key_hashes, before))
    )


async def beat(db: Connection, worker_id: UUID, now: datetime, stale_before: datetime) -> None:
    """Says that a worker is alive and forgets those long gone."""
    await execute(db, "delete from worker_heartbeat where seen_at < $1", stale_before)
    await execute(
        db,
        """
        insert into worker_heartbeat (worker_id, seen_at) values ($1, $2)
        on conflict (worker_id) do update set seen_at = excluded.seen_at
        """,
        worker_id,
        now,
    )


async def forget_worker(db: Connection, worker_id: UUID) -> None:
    """Says that a worker has stopped, so that nobody waits to find out."""
    await execute(db, "delete from worker_heartbeat where worker_id = $1", worker_id)


async def analyse(db: Connection) -> None:
    """Samples every table for the planner, each in a transaction of its own. Not to be called in one."""
    await execute(db, "analyze")


class Liveness(msgspec.Struct, frozen=True):
    workers: int
    oldest_unrelayed_at: datetime | None


async def liveness(db: Connection, seen_after: datetime) -> Liveness:
    """How many workers were seen since, and the oldest event that still waits for the relay."""
    found = await fetch_one(
        db,
        Liveness,
        """
        select
          (select count(*)::int from worker_heartbeat where seen_at > $1) as workers,
          (select min(created_at) from event where relayed_at is null) as oldest_unrelayed_at
        """,
        seen_after,
    )
    assert found is not None
    return found


# what the planner knows -------------------------------------------------------------------------------------------


async def list_new_tables(db: Connection, rows: int) -> list[str]:
    """Tables of ours that have so many rows and were never analysed, by names that SQL can use."""
    return await fetch_value(
        db,
        """
        select coalesce(array_agg(c.oid::regclass::text order by c.oid), '{}')
        from pg_stat_user_tables s join pg_class c on c.oid = s.relid
        where s.last_analyze is null and s.last_autoanalyze is null and s.n_live_tup >= $1
          and pg_has_role(c.relowner, 'usage')
        """,
        rows,
    )
