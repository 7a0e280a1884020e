"""The SQL of sessions, single-use codes, customers and the mailbox."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from booking_api.core.db import Connection, execute, fetch_all, fetch_one
from booking_api.identity.schemas import Contact, Redeemed

# sessions ---------------------------------------------------------------------------------------------------------


class FoundSession(msgspec.Struct, frozen=True):
    """All that verifying an access token reads: its organisation, its session's row and its member of staff."""

    org_id: UUID
    name: str
    time_zone: str
    currency: str
    locale: str
    live: bool
    retention_days: int | None
    session_used_at: datetime | None
    session_revoked_at: datetime | None
    role: str | None
    staff_used_at: datetime | None
    staff_revoked_at: datetime | None


async def find_session(db: Connection, org_id: UUID, session_id: UUID, staff_id: UUID | None) -> FoundSession | None:
    """None if there is no such organisation. A session without a row is one that was never refreshed."""
    return await fetch_one(
        db,
        FoundSession,
        """
        select o.org_id, o.name, o.time_zone, o.currency, o.locale, o.live, o.retention_days,
               s.last_used_at as session_used_at, s.revoked_at as session_revoked_at,
               m.role, m.last_used_at as staff_used_at, m.revoked_at as staff_revoked_at
        from organisation o
        left join session s on s.org_id = $1 and s.id = $2
        left join staff m on m.org_id = $1 and m.id = $3
        where o.org_id = $1
        """,
        org_id,
        session_id,
        staff_id,
    )


async def advance_session(
    db: Connection, org_id: UUID, session_id: UUID, subject_id: UUID, generation: int, now: datetime
) -> bool:
    """Moves a session to the generation of a refresh token; False if a later one was used, or it is revoked."""
    return bool(
        await execute(
            db,
            """
            insert into session (org_id, id, subject_id, generation, created_at, last_used_at)
            values ($1, $2, $3, $4, $5, $5)
            on conflict (org_id, id) do update
              set generation = excluded.generation, last_used_at = excluded.last_used_at
              where session.revoked_at is null and session.generation <= excluded.generation
            """,
            org_id,
            session_id,
            subject_id,
            generation,
            now,
        )
    )


async def revoke_session(db: Connection, org_id: UUID, session_id: UUID, subject_id: UUID, now: datetime) -> None:
    await execute(
        db,
        """
        insert into session (org_id, id, subject_id, generation, created_at, last_used_at, revoked_at)
        values ($1, $2, $3, 0, $4, $4, $4)
        on conflict (org_id, id) do update
          set revoked_at = coalesce(session.revoked_at, excluded.revoked_at), last_used_at = excluded.last_used_at
        """,
        org_id, session_id, subject_id, now,
    )  # fmt: skip


async def note_session_use(
    db: Connection, org_id: UUID, session_id: UUID, now: datetime, unseen_since: datetime
) -> None:
    """Notes the use unless a note is fresh. Passes over a locked row: whoever holds the lock is noting it."""
    await execute(
        db,
        """
        update session set last_used_at = $3
        where org_id = $1 and id = (
          select id from session where org_id = $1 and id = $2 and last_used_at < $4 for update skip locked
        )
        """,
        org_id, session_id, now, unseen_since,
    )  # fmt: skip


async def delete_old_sessions(db: Connection, before: datetime, limit: int) -> int:
    """Deletes sessions last used before, of any organisation, at most `limit` at a time."""
    return await execute(
        db,
        """
        with due as materialized (
          select org_id, id from session where last_used_at < $1 order by last_used_at limit $2
          for update skip locked
        )
        delete from session using due where session.org_id = due.org_id and session.id = due.id
        """,
        before,
        limit,
    )


# single-use codes -------------------------------------------------------------------------------------------------


async def insert_code(
    db: Connection, org_id: UUID, code_hash: bytes, purpose: str, customer_id: UUID, booking_id: UUID | None,
    expires_at: datetime, now: datetime,
) -> None:  # fmt: skip
    await execute(
        db,
        """
        insert into single_use_code (org_id, code_hash, purpose, customer_id, booking_id, expires_at, created_at)
        values ($1, $2, $3, $4, $5, $6, $7)
        """,
        org_id, code_hash, purpose, customer_id, booking_id, expires_at, now,
    )  # fmt: skip


async def redeem_code(db: Connection, org_id: UUID, code_hash: bytes, now: datetime) -> Redeemed | None:
    """Uses a code up, if it lives: of several at once, one gets it."""
    return await fetch_one(
        db,
        Redeemed,
        """
        update single_use_code set used_at = $3
        where org_id = $1 and code_hash = $2 and used_at is null and expires_at > $3
        returning customer_id, booking_id
        """,
        org_id,
        code_hash,
        now,
    )


async def delete_old_codes(db: Connection, before: datetime, limit: int) -> int:
    """Deletes codes that expired before, of any organisation, at most `limit` at a time."""
    return await execute(
        db,
        """
        with due as materialized (
          select org_id, code_hash from single_use_code where expires_at < $1 order by expires_at limit $2
          for update skip locked
        )
        delete from single_use_code using due where single_use_code.org_id = due.org_id and single_use_code.code_hash = due.code_hash
        """,
        before,
        limit,
    )


# customers --------------------------------------------------------------------------------------------------------


async def upsert_customer(
    db: Connection, org_id: UUID, customer_id: UUID, name: str | None, email: str | None, phone: str | None,
    language: str, now: datetime,
) -> None:  # fmt: skip
    await execute(
        db,
        """
        insert into customer (org_id, id, name, email, phone, locale, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $7)
        on conflict (org_id, id) do update
          set name = excluded.name, email = excluded.email, phone = excluded.phone, locale = excluded.locale,
              updated_at = excluded.updated_at
        """,
        org_id, customer_id, name, email, phone, language, now,
    )  # fmt: skip


async def find_contact(db: Connection, org_id: UUID, customer_id: UUID) -> Contact | None:
    return await fetch_one(
        db, Contact, "select name, email, phone from customer where org_id = $1 and id = $2", org_id, customer_id
    )


async def erase_contacts(db: Connection, org_id: UUID, customer_ids: Sequence[UUID], now: datetime) -> int:
    return await execute(
        db,
        """
        update customer set name = null, email = null, phone = null, updated_at = $3
        where org_id = $1 and id = any($2::uuid[])
        """,
        org_id, customer_ids, now,
    )  # fmt: skip


# the mailbox ------------------------------------------------------------------------------------------------------


class MailRow(msgspec.Struct, frozen=True):
    id: UUID
    recipient: str
    subject: str
    body: str
    created_at: datetime


async def insert_mail(
    db: Connection, org_id: UUID, mail_id: UUID, recipient: str, subject: str, body: str, now: datetime
) -> None:
    """Puts a message into the mailbox; one that is there already stays as it is."""
    await execute(
        db,
        """
        insert into mailbox (org_id, id, recipient, subject, body, created_at) values ($1, $2, $3, $4, $5, $6)
        on conflict (org_id, id) do nothing
        """,
        org_id, mail_id, recipient, subject, body, now,
    )  # fmt: skip


async def list_mail(db: Connection, org_id: UUID, limit: int) -> list[MailRow]:
    """The newest messages first."""
    return await fetch_all(
        db,
        MailRow,
        """
        select id, recipient, subject, body, created_at from mailbox
        where org_id = $1 order by created_at desc, id desc limit $2
        """,
        org_id,
        limit,
    )


async def delete_old_mail(db: Connection, before: datetime, limit: int) -> int:
    """Deletes messages older than `before`, of any organisation, at most `limit` at a time."""
    return await execute(
        db,
        """
        with due as materialized (
          select org_id, id from mailbox where created_at < $1 order by created_at limit $2 for update skip locked
        )
        delete from mailbox using due where mailbox.org_id = due.org_id and mailbox.id = due.id
        """,
        before,
        limit,
    )
