"""All SQL of identity."""

from datetime import datetime
from uuid import UUID

import msgspec

from booking_api.core.context import Organisation
from booking_api.core.db import Connection, execute, fetch_all, fetch_one
from booking_api.identity.schemas import StaffRow


async def insert_organisation(db: Connection, org: Organisation, now: datetime) -> None:
    await execute(
        db,
        """
        insert into organisation (org_id, name, time_zone, currency, locale, live, retention_days, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        org.org_id, org.name, org.time_zone, org.currency, org.locale, org.live, org.retention_days, now,
    )  # fmt: skip


async def find_organisation(db: Connection, org_id: UUID) -> Organisation | None:
    return await fetch_one(
        db,
        Organisation,
        "select org_id, name, time_zone, currency, locale, live, retention_days from organisation where org_id = $1",
        org_id,
    )


async def list_organisations(db: Connection) -> list[Organisation]:
    """Every organisation of the installation; for jobs and commands, which then loop over them."""
    return await fetch_all(
        db,
        Organisation,
        """
        select org_id, name, time_zone, currency, locale, live, retention_days
        from organisation order by created_at, org_id
        """,
    )


class FoundKey(msgspec.Struct, frozen=True):
    id: UUID
    kind: str
    channel: str
    scopes: list[str]
    revoked_at: datetime | None
    name: str
    time_zone: str
    currency: str
    locale: str
    live: bool
    retention_days: int | None


async def use_key(db: Connection, org_id: UUID, secret_hash: bytes, now: datetime, unseen_since: datetime) -> FoundKey | None:
    """Finds a key with its organisation, and notes its use where the last note is older than `unseen_since`."""
    found = await fetch_one(
        db,
        FoundKey,
        """
        select k.id, k.kind, k.channel, k.scopes, k.revoked_at,
               o.name, o.time_zone, o.currency, o.locale, o.live, o.retention_days
        from api_key k join organisation o on o.org_id = k.org_id
        where k.org_id = $1 and k.secret_hash = $2
        """,
        org_id,
        secret_hash,
    )
    if found is not None and found.revoked_at is None:
        await execute(
            db,
            """
            update api_key set last_used_at = $3
            where org_id = $1 and id = $2 and (last_used_at is null or last_used_at < $4)
            """,
            org_id, found.id, now, unseen_since,
        )  # fmt: skip
    return found


async def insert_key(
    db: Connection, org_id: UUID, key_id: UUID, kind: str, name: str, channel: str, scopes: list[str],
    hint: str, secret_hash: bytes, now: datetime,
) -> None:  # fmt: skip
    await execute(
        db,
        """
        insert into api_key (org_id, id, kind, name, channel, scopes, hint, secret_hash, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """,
        org_id, key_id, kind, name, channel, scopes, hint, secret_hash, now,
    )  # fmt: skip


async def insert_staff(db: Connection, org_id: UUID, row: StaffRow) -> None:
    """Adds a member of staff. Raises `asyncpg.UniqueViolationError` (`staff_email_is_unique`)."""
    await execute(
        db,
        "insert into staff (org_id, id, name, email, role, created_at) values ($1, $2, $3, $4, $5, $6)",
        org_id, row.id, row.name, row.email, row.role, row.created_at,
    )  # fmt: skip


async def find_staff(db: Connection, org_id: UUID, staff_id: UUID) -> StaffRow | None:
    return await fetch_one(
        db,
        StaffRow,
        """
        select id, name, email, role, created_at, last_used_at, revoked_at
        from staff where org_id = $1 and id = $2
        """,
        org_id,
        staff_id,
    )


class SessionRow(msgspec.Struct, frozen=True):
    generation: int
    revoked_at: datetime | None


async def find_session(db: Connection, org_id: UUID, session_id: UUID) -> SessionRow | None:
    return await fetch_one(
        db, SessionRow, "select generation, revoked_at from session where org_id = $1 and id = $2", org_id, session_id
    )


