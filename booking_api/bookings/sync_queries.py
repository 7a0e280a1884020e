"""The SQL of sync and of the event streams: what changed since, and for whom."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from booking_api.core.db import Connection, fetch_all, fetch_one
from booking_api.core.db.rows import columns_of


class Horizon(msgspec.Struct, frozen=True):
    system: int
    """Which database cluster answers; a dump that was restored elsewhere is another one."""
    oldest: datetime | None
    """When the oldest transaction began that is still under way; None where nothing is."""


async def transaction_horizon(db: Connection) -> Horizon:
    """Which transactions may still commit. Those of other roles are seen by a role that may see all of them.

    A commit may wait for longer than any time-out: for a replica that has to acknowledge it.
    """
    found = await fetch_one(
        db,
        Horizon,
        """
        select c.system_identifier as system, (
          select min(a.xact_start) from pg_stat_activity a
          where a.datname = current_database() and a.backend_type = 'client backend' and a.pid <> pg_backend_pid()
        ) as oldest
        from pg_control_system() as c
        """,
    )
    assert found is not None
    return found


class Sent(msgspec.Struct, frozen=True):
    whole: int
    """The marks of everything between two places, combined; 0 for nothing."""
    late: int
    """Those after a moment alone."""


async def combine_marks(
    db: Connection, org_id: UUID, customer_id: UUID, after: datetime, until: datetime, until_id: UUID, late: datetime
) -> Sent:
    """What is now after a moment and not after a place, as one number: another one as soon as anything is added,
    changes or leaves."""
    found = await fetch_one(
        db,
        Sent,
        """
        select coalesce(bit_xor(c.mark), 0) as whole, coalesce(bit_xor(c.mark) filter (where c.changed_at > $6), 0) as late
        from (
          select updated_at as changed_at, id, uuid_hash_extended(id, version) as mark from booking
          where org_id = $1 and customer_id = $2 and updated_at > $3
          union all
          select deleted_at, id, uuid_hash_extended(id, -1) from tombstone
          where org_id = $1 and customer_id = $2 and deleted_at > $3
        ) c
        where (c.changed_at, c.id) <= ($4, $5)
        """,
        org_id,
        customer_id,
        after,
        until,
        until_id,
        late,
    )
    assert found is not None
    return found


class Change(msgspec.Struct, frozen=True):
    changed_at: datetime
    id: UUID
    order_id: UUID | None
    type: str
    mark: int
    """Stands for this row in this version."""


async def list_changes(
    db: Connection, org_id: UUID, customer_id: UUID, after: datetime, after_id: UUID, limit: int
) -> list[Change]:
    """A customer's bookings and tombstones after a place, by the moment of the transaction that last wrote them."""
    return await fetch_all(
        db,
        Change,
        """
        (
          select updated_at as changed_at, id, order_id, 'booking' as type, uuid_hash_extended(id, version) as mark
          from booking where org_id = $1 and customer_id = $2 and (updated_at, id) > ($3, $4)
          order by updated_at, id limit $5
        )
        union all
        (
          select deleted_at, id, null::uuid, type, uuid_hash_extended(id, -1) as mark
          from tombstone where org_id = $1 and customer_id = $2 and (deleted_at, id) > ($3, $4)
          order by deleted_at, id limit $5
        )
        order by changed_at, id limit $5
        """,
        org_id,
        customer_id,
        after,
        after_id,
        limit,
    )


async def combine_all_marks(
    db: Connection, org_id: UUID, after: datetime, until: datetime, until_id: UUID, late: datetime
) -> Sent:
    """As `combine_marks`, of all customers."""
    found = await fetch_one(
        db,
        Sent,
        """
        select coalesce(bit_xor(c.mark), 0) as whole, coalesce(bit_xor(c.mark) filter (where c.changed_at > $5), 0) as late
        from (
          select updated_at as changed_at, id, uuid_hash_extended(id, version) as mark from booking
          where org_id = $1 and updated_at > $2
          union all
          select t.deleted_at, t.id, uuid_hash_extended(t.id, -1) from tombstone t
          where t.org_id = $1 and t.deleted_at > $2
            and not exists (select 1 from booking b where b.org_id = $1 and b.id = t.id)
        ) c
        where (c.changed_at, c.id) <= ($3, $4)
        """,
        org_id,
        after,
        until,
        until_id,
        late,
    )
    assert found is not None
    return found


async def list_all_changes(db: Connection, org_id: UUID, after: datetime, after_id: UUID, limit: int) -> list[Change]:
    """As `list_changes`, of all customers. What only went from one to another isn't gone."""
    return await fetch_all(
        db,
        Change,
        """
        (
          select updated_at as changed_at, id, order_id, 'booking' as type, uuid_hash_extended(id, version) as mark
          from booking where org_id = $1 and updated_at >= $2 and (updated_at, id) > ($2, $3)
          order by updated_at, id limit $4
        )
        union all
        (
          select t.deleted_at, t.id, null::uuid, t.type, uuid_hash_extended(t.id, -1) as mark
          from tombstone t where t.org_id = $1 and t.deleted_at >= $2 and (t.deleted_at, t.id) > ($2, $3)
            and not exists (select 1 from booking b where b.org_id = $1 and b.id = t.id)
          order by t.deleted_at, t.id limit $4
        )
        order by changed_at, id limit $4
        """,
        org_id,
        after,
        after_id,
        limit,
    )


class WatchedVersion(msgspec.Struct, frozen=True):
    org_id: UUID
    id: UUID
    credential_id: UUID
    subject_id: UUID
    version: int
    ended: bool


class Watched(msgspec.Struct, frozen=True):
    """Who watches what."""

    org_id: UUID
    id: UUID
    credential_id: UUID
    subject_id: UUID


async def list_versions(db: Connection, watched: Sequence[Watched]) -> list[WatchedVersion]:
    """The versions of the bookings that somebody is watching, and whether those who watch still may.

    Reads `session`, `api_key` and `staff`, so that a stream costs no poll of its own to end with its credential.
    """
    return await fetch_all(
        db,
        WatchedVersion,
        """
        select b.org_id, b.id, w.credential_id, w.subject_id, b.version,
          s.revoked_at is not null or k.revoked_at is not null or m.revoked_at is not null as ended
        from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[]) as w (org_id, id, credential_id, subject_id)
        join booking b on b.org_id = w.org_id and b.id = w.id
        left join session s on s.org_id = w.org_id and s.id = w.credential_id
        left join api_key k on k.org_id = w.org_id and k.id = w.credential_id
        left join staff m on m.org_id = w.org_id and m.id = w.subject_id
        """,
        *columns_of(watched, Watched),
    )
