"""The SQL of a session's life: opened, first used, renewed, listed, ended."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from booking_api.core.db import Connection, execute, fetch_all
from booking_api.core.db.rows import columns_of
from booking_api.identity.session_schemas import SessionRow


async def find_session_rows(db: Connection, org_id: UUID, session_ids: Sequence[UUID]) -> list[SessionRow]:
    """Those of the sessions that have a row."""
    return await fetch_all(
        db,
        SessionRow,
        """
        select id, subject_id, kind, channel, device, opened_by, address_digest, booking_id, generation, created_at,
               last_used_at, first_used_at, coalesce(advances, '{}') as advances, others_ended_at, revoked_at
        from session where org_id = $1 and id = any($2::uuid[])
        """,
        org_id,
        session_ids,
    )


async def list_sessions(
    db: Connection, org_id: UUID, subject_id: UUID, address_digest: bytes | None, only: UUID | None,
    used_after: datetime, before: UUID | None, limit: int,
) -> list[SessionRow]:  # fmt: skip
    """A subject's sessions that live, the newest first; only those of an address, or only one."""
    return await fetch_all(
        db,
        SessionRow,
        """
        select id, subject_id, kind, channel, device, opened_by, address_digest, booking_id, generation, created_at,
               last_used_at, first_used_at, coalesce(advances, '{}') as advances, others_ended_at, revoked_at
        from session
        where org_id = $1 and subject_id = $2 and ($3::bytea is null or address_digest = $3)
          and ($4::uuid is null or id = $4) and last_used_at > $5 and ($6::uuid is null or id < $6)
          and revoked_at is null
        order by id desc limit $7
        """,
        org_id, subject_id, address_digest, only, used_after, before, limit,
    )  # fmt: skip


async def insert_session(
    db: Connection, org_id: UUID, session_id: UUID, subject_id: UUID, kind: str, channel: str, device: str | None,
    opened_by: str, address_digest: bytes | None, booking_id: UUID | None, now: datetime,
) -> None:  # fmt: skip
    """Opens a session of which no token was used yet."""
    await execute(
        db,
        """
        insert into session (
          org_id, id, subject_id, kind, channel, device, opened_by, address_digest, booking_id, generation, created_at,
          last_used_at
        ) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, $10, $10)
        """,
        org_id, session_id, subject_id, kind, channel, device, opened_by, address_digest, booking_id, now,
    )  # fmt: skip


class FirstUse(msgspec.Struct, frozen=True):
    """A session, by its id, whose first token was used."""

    id: UUID
    subject_id: UUID
    kind: str
    channel: str
    device: str | None
    created_at: datetime


async def note_first_uses(db: Connection, org_id: UUID, uses: Sequence[FirstUse], now: datetime) -> None:
    """Gives sessions whose first token was used their row, in id order, so that two of these don't deadlock."""
    await execute(
        db,
        """
        insert into session (
          org_id, id, subject_id, kind, channel, device, generation, created_at, last_used_at, first_used_at
        )
        select $1, u.id, u.subject_id, u.kind, u.channel, u.device, 0, u.created_at, $8, $8
        from unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::timestamptz[])
          as u (id, subject_id, kind, channel, device, created_at)
        on conflict (org_id, id) do update
          set first_used_at = coalesce(session.first_used_at, excluded.first_used_at),
              last_used_at = greatest(session.last_used_at, excluded.last_used_at),
              kind = excluded.kind, channel = coalesce(session.channel, excluded.channel),
              device = coalesce(session.device, excluded.device)
        """,
        org_id,
        *columns_of(uses, FirstUse),
        now,
    )


async def advance_session(
    db: Connection, org_id: UUID, session_id: UUID, subject_id: UUID, generation: int, kind: str, channel: str,
    device: str | None, now: datetime,
) -> bool:  # fmt: skip
    """Moves a session to the generation of a refresh token; False if a later one was used, or it is revoked.

    Of the latest eight generations it is kept when each was first used.
    """
    return bool(
        await execute(
            db,
            """
            insert into session (
              org_id, id, subject_id, generation, kind, channel, device, created_at, last_used_at, first_used_at, advances
            )
            values ($1, $2, $3, $4, $5, $6, $7, $8, $8, $8, array[$8]::timestamptz[])
            on conflict (org_id, id) do update
              set generation = excluded.generation, last_used_at = excluded.last_used_at,
                  first_used_at = coalesce(session.first_used_at, excluded.first_used_at), kind = excluded.kind,
                  channel = coalesce(session.channel, excluded.channel), device = excluded.device,
                  advances = case when excluded.generation > session.generation
                    then (excluded.advances || session.advances)[1:8] else session.advances end
              where session.revoked_at is null and session.generation <= excluded.generation
            """,
            org_id,
            session_id,
            subject_id,
            generation,
            kind,
            channel,
            device,
            now,
        )
    )


async def revoke_session(db: Connection, org_id: UUID, session_id: UUID, subject_id: UUID, now: datetime) -> None:
    """Ends a session, which may have no row yet; again changes nothing."""
    await execute(
        db,
        """
        insert into session (org_id, id, subject_id, generation, created_at, last_used_at, revoked_at)
        values ($1, $2, $3, 0, $4, $4, $4)
        on conflict (org_id, id) do update set revoked_at = coalesce(session.revoked_at, excluded.revoked_at)
        """,
        org_id, session_id, subject_id, now,
    )  # fmt: skip


class EndedSession(msgspec.Struct, frozen=True):
    id: UUID


async def revoke_others(
    db: Connection, org_id: UUID, subject_id: UUID, but: UUID, address_digest: bytes | None, only: UUID | None,
    now: datetime,
) -> list[EndedSession]:  # fmt: skip
    """Ends the sessions of a subject but one: all of them, only those of an address, or only those of a booking."""
    return await fetch_all(
        db,
        EndedSession,
        """
        update session set revoked_at = $6
        where org_id = $1 and subject_id = $2 and id <> $3 and ($4::bytea is null or address_digest = $4)
          and ($5::uuid is null or booking_id = $5) and revoked_at is null
        returning id
        """,
        org_id, subject_id, but, address_digest, only, now,
    )  # fmt: skip


async def mark_others_ended(db: Connection, org_id: UUID, subject_id: UUID, now: datetime) -> None:
    """Ends a customer's first session and all that were made before and have no row."""
    await execute(
        db,
        """
        insert into session (org_id, id, subject_id, generation, created_at, last_used_at, revoked_at, others_ended_at)
        values ($1, $2, $2, 0, $3, $3, $3, $3)
        on conflict (org_id, id) do update
          set revoked_at = coalesce(session.revoked_at, excluded.revoked_at), others_ended_at = excluded.others_ended_at
        """,
        org_id, subject_id, now,
    )  # fmt: skip


async def narrow_sessions(db: Connection, org_id: UUID, customer_ids: Sequence[UUID], now: datetime) -> None:
    """Notes that a booking may have left the restricted sessions of these customers."""
    await execute(
        db,
        """
        with due as materialized (
          select id from session
          where org_id = $1 and subject_id = any($2::uuid[]) and revoked_at is null
            and (address_digest is not null or booking_id is not null)
          order by id for update
        )
        update session set narrowed_at = $3 from due where session.org_id = $1 and session.id = due.id
        """,
        org_id, customer_ids, now,
    )  # fmt: skip


class LiveContact(msgspec.Struct, frozen=True):
    email: str | None
    phone: str | None


class Proof(msgspec.Struct, frozen=True):
    id: UUID


async def list_proofs(db: Connection, org_id: UUID, customer_id: UUID, digests: Sequence[bytes]) -> list[Proof]:
    """A session, ended or not, that was opened for a customer by a code sent to the address with these digests."""
    return await fetch_all(
        db,
        Proof,
        "select id from session where org_id = $1 and subject_id = $2 and address_digest = any($3::bytea[]) limit 1",
        org_id,
        customer_id,
        digests,
    )


async def list_live_contacts(
    db: Connection, org_id: UUID, customer_id: UUID, now: datetime, limit: int
) -> list[LiveContact]:
    """The different contacts of a customer's bookings that are still to come.

    Reads `booking`, which belongs to a capability above, because only it knows whom else a customer books for.
    """
    return await fetch_all(
        db,
        LiveContact,
        """
        select distinct contact ->> 'email' as email, contact ->> 'phone' as phone from booking
        where org_id = $1 and customer_id = $2 and status in ('on_hold', 'pending', 'confirmed') and visit_ends_at > $3
        limit $4
        """,
        org_id,
        customer_id,
        now,
        limit,
    )
