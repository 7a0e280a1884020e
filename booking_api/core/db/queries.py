"""The SQL of idempotency keys and of worker heartbeats."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from booking_api.core.db import Connection, execute, fetch_all, fetch_one, fetch_value
from booking_api.core.db.rows import columns_of
from booking_api.core.rounds import one_by_one


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


async def limit_lock_wait(db: Connection, lock_timeout: str) -> None:
    """Lets nothing in this transaction wait longer for a lock, such as `500ms`."""
    await fetch_value(db, "select set_config('lock_timeout', $1, true)", lock_timeout)


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
