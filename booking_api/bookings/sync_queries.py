"""The SQL of sync and of the event streams: what changed since, and for whom."""

from typing import Any
from uuid import UUID

import msgspec

from booking_api.core.db import Connection, fetch_all, fetch_one


class Horizon(msgspec.Struct, frozen=True):
    oldest: int
    newest: int
    system: int
    """Which database cluster counts these transactions; a restored dump is counted by another one."""


async def transaction_horizon(db: Connection) -> Horizon:
    """The oldest transaction that may still commit, and the next one that would begin."""
    found = await fetch_one(
        db,
        Horizon,
        """
        select pg_snapshot_xmin(s)::text::bigint as oldest, pg_snapshot_xmax(s)::text::bigint as newest,
          c.system_identifier as system
        from pg_current_snapshot() as s, pg_control_system() as c
        """,
    )
    assert found is not None
    return found


class Change(msgspec.Struct, frozen=True):
    changed_xid: int
    id: UUID
    order_id: UUID | None
    type: str


async def list_changes(
    db: Connection, org_id: UUID, customer_id: UUID, after_xid: int, after_id: UUID, limit: int
) -> list[Change]:
    """A customer's bookings and tombstones by the transaction that last touched them."""
    return await fetch_all(
        db,
        Change,
        """
        (
          select changed_xid, id, order_id, 'booking' as type from booking
          where org_id = $1 and customer_id = $2 and (changed_xid, id) > ($3, $4)
          order by changed_xid, id limit $5
        )
        union all
        (
          select changed_xid, id, null::uuid, type from tombstone
          where org_id = $1 and customer_id = $2 and (changed_xid, id) > ($3, $4)
          order by changed_xid, id limit $5
        )
        order by changed_xid, id limit $5
        """,
        org_id,
        customer_id,
        after_xid,
        after_id,
        limit,
    )


class VersionRow(msgspec.Struct, frozen=True):
    org_id: UUID
    id: UUID
    credential_id: UUID
    subject_id: UUID
    version: int
    ended: bool


async def list_versions(db: Connection, watched_columns: list[list[Any]]) -> list[VersionRow]:
    """The versions of the bookings that somebody is watching, and whether those who watch still may.

    Reads `session`, `api_key` and `staff`, so that a stream costs no poll of its own to end with its credential.
    """
    return await fetch_all(
        db,
        VersionRow,
        """
        select b.org_id, b.id, w.credential_id, w.subject_id, b.version,
          s.revoked_at is not null or k.revoked_at is not null or m.revoked_at is not null as ended
        from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[]) as w (org_id, id, credential_id, subject_id)
        join booking b on b.org_id = w.org_id and b.id = w.id
        left join session s on s.org_id = w.org_id and s.id = w.credential_id
        left join api_key k on k.org_id = w.org_id and k.id = w.credential_id
        left join staff m on m.org_id = w.org_id and m.id = w.subject_id
        """,
        *watched_columns,
    )
