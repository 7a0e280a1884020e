"""The SQL of sessions as they are used. How they begin, go on and end is in `session_life_queries`."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from booking_api.core.db import Connection, execute, fetch_all
from booking_api.core.db.rows import FoundIds


class FoundSession(msgspec.Struct, frozen=True):
    """What verifying access tokens reads: their organisation, and one of their sessions, if any has a row."""

    org_id: UUID
    name: str
    time_zone: str
    currency: str
    locale: str
    live: bool
    retention_days: int | None
    country: str | None
    moved_later_minutes: int
    moved_earlier_minutes: int
    session_id: UUID | None
    used_at: datetime | None
    first_used_at: datetime | None
    revoked_at: datetime | None
    address_digest: bytes | None
    booking_id: UUID | None
    narrowed_at: datetime | None
    others_ended_at: datetime | None


async def find_sessions(db: Connection, org_id: UUID, session_ids: Sequence[UUID]) -> list[FoundSession]:
    """A row for each session that has one, a bare row of the organisation if none has; none without the organisation.

    A session without a row is one of which no token was used yet.
    """
    return await fetch_all(
        db,
        FoundSession,
        """
        select o.org_id, o.name, o.time_zone, o.currency, o.locale, o.live, o.retention_days, o.country,
               o.moved_later_minutes, o.moved_earlier_minutes,
               s.id as session_id, s.last_used_at as used_at, s.first_used_at, s.revoked_at, s.address_digest,
               s.booking_id, s.narrowed_at, s.others_ended_at
        from organisation o left join session s on s.org_id = $1 and s.id = any($2::uuid[])
        where o.org_id = $1
        """,
        org_id,
        session_ids,
    )


class SignedInMember(msgspec.Struct, frozen=True):
    """What verifying an access token of staff reads of its member."""

    id: UUID
    role: str
    used_at: datetime | None
    revoked_at: datetime | None


async def find_members(db: Connection, org_id: UUID, staff_ids: Sequence[UUID]) -> list[SignedInMember]:
    return await fetch_all(
        db,
        SignedInMember,
        """
        select id, role, last_used_at as used_at, revoked_at from staff
        where org_id = $1 and id = any($2::uuid[])
        """,
        org_id,
        staff_ids,
    )


async def note_session_use(
    db: Connection, org_id: UUID, session_ids: Sequence[UUID], now: datetime, unseen_since: datetime
) -> None:
    """Notes the use unless a note is fresh. Passes over locked rows: the holder of the lock is noting it."""
    await execute(
        db,
        """
        with unseen as materialized (
          select id from session where org_id = $1 and id = any($2::uuid[]) and last_used_at < $4
          for update skip locked
        )
        update session set last_used_at = $3 from unseen where session.org_id = $1 and session.id = unseen.id
        """,
        org_id, session_ids, now, unseen_since,
    )  # fmt: skip


async def note_staff_use(
    db: Connection, org_id: UUID, staff_ids: Sequence[UUID], now: datetime, unseen_since: datetime
) -> None:
    """As `note_session_use`, for members of staff."""
    await execute(
        db,
        """
        with unseen as materialized (
          select id from staff
          where org_id = $1 and id = any($2::uuid[]) and (last_used_at is null or last_used_at < $4)
          for update skip locked
        )
        update staff set last_used_at = $3 from unseen where staff.org_id = $1 and staff.id = unseen.id
        """,
        org_id, staff_ids, now, unseen_since,
    )  # fmt: skip


async def list_old_sessions(db: Connection, before: datetime, limit: int) -> list[FoundIds]:
    """The sessions that weren't used for longest since before a moment, by organisation."""
    return await fetch_all(
        db,
        FoundIds,
        """
        select org_id, array_agg(id) as ids
        from (select org_id, id from session where last_used_at < $1 order by last_used_at limit $2) old
        group by org_id
        """,
        before,
        limit,
    )


async def delete_sessions(db: Connection, org_id: UUID, ids: Sequence[UUID], before: datetime) -> int:
    """Deletes those of these sessions that weren't used since a moment; skips one that is being used."""
    return await execute(
        db,
        """
        with due as materialized (
          select id from session where org_id = $1 and id = any($2::uuid[]) and last_used_at < $3
          order by id for update skip locked
        )
        delete from session using due where session.org_id = $1 and session.id = due.id
        """,
        org_id,
        ids,
        before,
    )
