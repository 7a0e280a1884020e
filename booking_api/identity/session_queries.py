"""The SQL of sessions, single-use codes, customers and the mailbox."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from booking_api.core.db import Connection, execute, fetch_all, fetch_one, fetch_value
from booking_api.core.db.rows import FoundIds, columns_of
from booking_api.identity.schemas import KnownContact, Reachable, Redeemed

# sessions ---------------------------------------------------------------------------------------------------------


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


# single-use codes -------------------------------------------------------------------------------------------------


async def insert_code(
    db: Connection, org_id: UUID, code_hash: bytes, purpose: str, customer_id: UUID, booking_id: UUID | None,
    address_digest: bytes | None, alone: bool, expires_at: datetime, now: datetime,
) -> None:  # fmt: skip
    await execute(
        db,
        """
        insert into single_use_code (
          org_id, code_hash, purpose, customer_id, booking_id, address_digest, alone, expires_at, created_at
        ) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """,
        org_id, code_hash, purpose, customer_id, booking_id, address_digest, alone, expires_at, now,
    )  # fmt: skip


async def count_codes(
    db: Connection, org_id: UUID, customer_id: UUID, purpose: str, booking_id: UUID | None, address_digest: bytes | None,
    since: datetime,
) -> int:  # fmt: skip
    """How many codes of a purpose were made for somebody since, and for this booking and address if they are named."""
    return await fetch_value(
        db,
        """
        select count(*)::int from single_use_code
        where org_id = $1 and customer_id = $2 and purpose = $3 and ($4::uuid is null or booking_id = $4)
          and ($5::bytea is null or address_digest = $5) and created_at > $6
        """,
        org_id,
        customer_id,
        purpose,
        booking_id,
        address_digest,
        since,
    )


async def redeem_code(db: Connection, org_id: UUID, code_hash: bytes, now: datetime) -> Redeemed | None:
    """Uses a code up, if it lives: of several at once, one gets it."""
    return await fetch_one(
        db,
        Redeemed,
        """
        update single_use_code set used_at = $3
        where org_id = $1 and code_hash = $2 and used_at is null and expires_at > $3
        returning purpose, customer_id as subject_id, booking_id, address_digest, alone
        """,
        org_id,
        code_hash,
        now,
    )


class OldCodes(msgspec.Struct, frozen=True):
    org_id: UUID
    code_hashes: list[bytes]


async def list_old_codes(db: Connection, before: datetime, limit: int) -> list[OldCodes]:
    """The codes that expired first, before a moment, by organisation."""
    return await fetch_all(
        db,
        OldCodes,
        """
        select org_id, array_agg(code_hash) as code_hashes
        from (select org_id, code_hash from single_use_code where expires_at < $1 order by expires_at limit $2) old
        group by org_id
        """,
        before,
        limit,
    )


async def delete_codes(db: Connection, org_id: UUID, code_hashes: Sequence[bytes]) -> int:
    """Deletes codes; skips what somebody works on."""
    return await execute(
        db,
        """
        with due as materialized (
          select code_hash from single_use_code where org_id = $1 and code_hash = any($2::bytea[])
          order by code_hash for update skip locked
        )
        delete from single_use_code c using due where c.org_id = $1 and c.code_hash = due.code_hash
        """,
        org_id,
        code_hashes,
    )


# customers --------------------------------------------------------------------------------------------------------


async def upsert_customers(db: Connection, org_id: UUID, customers: Sequence[Reachable], now: datetime) -> None:
    """Each customer once, in id order, so that two of these don't deadlock."""
    await execute(
        db,
        """
        insert into customer (org_id, id, name, email, phone, locale, created_at, updated_at)
        select $1, c.*, $7, $7
        from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[])
          as c (customer_id, name, email, phone, language)
        on conflict (org_id, id) do update
          set name = excluded.name, email = excluded.email, phone = excluded.phone, locale = excluded.locale,
              updated_at = excluded.updated_at
        """,
        org_id,
        *columns_of(customers, Reachable),
        now,
    )


class FoundContact(KnownContact, frozen=True):
    id: UUID
    language: str


async def find_contacts(db: Connection, org_id: UUID, customer_ids: Sequence[UUID]) -> list[FoundContact]:
    return await fetch_all(
        db,
        FoundContact,
        "select name, email, phone, id, locale as language from customer where org_id = $1 and id = any($2::uuid[])",
        org_id,
        customer_ids,
    )


async def erase_contacts(db: Connection, org_id: UUID, customer_ids: Sequence[UUID], now: datetime) -> int:
    return await execute(
        db,
        """
        update customer set name = null, email = null, phone = null, updated_at = $3
        where org_id = $1 and id = any($2::uuid[]) and (name is not null or email is not null or phone is not null)
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


async def list_old_mail(db: Connection, before: datetime, limit: int) -> list[FoundIds]:
    """The oldest messages from before a moment, by organisation."""
    return await fetch_all(
        db,
        FoundIds,
        """
        select org_id, array_agg(id) as ids
        from (select org_id, id from mailbox where created_at < $1 order by created_at limit $2) old
        group by org_id
        """,
        before,
        limit,
    )


async def delete_mail(db: Connection, org_id: UUID, ids: Sequence[UUID]) -> int:
    """Deletes messages; skips what somebody works on."""
    return await execute(
        db,
        """
        with due as materialized (
          select id from mailbox where org_id = $1 and id = any($2::uuid[]) order by id for update skip locked
        )
        delete from mailbox using due where mailbox.org_id = $1 and mailbox.id = due.id
        """,
        org_id,
        ids,
    )
