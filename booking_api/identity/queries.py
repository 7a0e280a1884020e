"""The SQL of organisations and API keys; that of staff, sessions, codes and signing keys stands in the files beside."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from booking_api.core.context import Organisation
from booking_api.core.db import Connection, execute, fetch_all, fetch_one
from booking_api.identity.key_schemas import KeyLimits, KeyRow

# organisations ----------------------------------------------------------------------------------------------------


async def insert_organisation(db: Connection, org: Organisation, now: datetime) -> None:
    await execute(
        db,
        """
        insert into organisation (org_id, name, time_zone, currency, locale, live, retention_days, created_at, country)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """,
        org.org_id, org.name, org.time_zone, org.currency, org.locale, org.live, org.retention_days, now, org.country,
    )  # fmt: skip


async def find_organisation(db: Connection, org_id: UUID) -> Organisation | None:
    return await fetch_one(
        db,
        Organisation,
        """
        select org_id, name, time_zone, currency, locale, live, retention_days, country, moved_later_minutes,
          moved_earlier_minutes
        from organisation where org_id = $1
        """,
        org_id,
    )


async def set_moves(db: Connection, org_id: UUID, later: int | None, earlier: int | None) -> None:
    """Sets by how many minutes slots may move before their customers may choose; None leaves a number as it is."""
    await execute(
        db,
        """
        update organisation
        set moved_later_minutes = coalesce($2, moved_later_minutes), moved_earlier_minutes = coalesce($3, moved_earlier_minutes)
        where org_id = $1
        """,
        org_id,
        later,
        earlier,
    )


async def change_retention(db: Connection, org_id: UUID, days: int | None) -> bool:
    """Sets after how many days contacts are erased; False where that is so already, or there is no organisation."""
    return bool(
        await execute(
            db,
            "update organisation set retention_days = $2 where org_id = $1 and retention_days is distinct from $2",
            org_id,
            days,
        )
    )


async def list_organisations(db: Connection) -> list[Organisation]:
    """Every organisation of the installation; for jobs and commands, which then loop over them."""
    return await fetch_all(
        db,
        Organisation,
        """
        select org_id, name, time_zone, currency, locale, live, retention_days, country, moved_later_minutes,
          moved_earlier_minutes
        from organisation order by created_at, org_id
        """,
    )


async def set_country(db: Connection, org_id: UUID, country: str | None) -> None:
    await execute(db, "update organisation set country = $2 where org_id = $1", org_id, country)


# keys -------------------------------------------------------------------------------------------------------------


class FoundKey(msgspec.Struct, frozen=True):
    org_id: UUID
    secret_hash: bytes
    id: UUID
    kind: str
    channel: str
    scopes: list[str]
    allowed_origins: list[str]
    allowed_apps: list[str]
    rate_limit_per_minute: int | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    name: str
    time_zone: str
    currency: str
    locale: str
    live: bool
    retention_days: int | None
    country: str | None
    moved_later_minutes: int
    moved_earlier_minutes: int


async def find_keys_with_organisation(
    db: Connection, org_ids: Sequence[UUID], secret_hashes: Sequence[bytes]
) -> list[FoundKey]:
    """Those of the keys that exist, each in the organisation that it names."""
    return await fetch_all(
        db,
        FoundKey,
        """
        select k.org_id, k.secret_hash, k.id, k.kind, k.channel, k.scopes, k.allowed_origins, k.allowed_apps,
               k.rate_limit_per_minute, k.last_used_at, k.revoked_at,
               o.name, o.time_zone, o.currency, o.locale, o.live, o.retention_days, o.country, o.moved_later_minutes,
               o.moved_earlier_minutes
        from unnest($1::uuid[], $2::bytea[]) as w (org_id, secret_hash)
        join api_key k on k.org_id = w.org_id and k.secret_hash = w.secret_hash
        join organisation o on o.org_id = w.org_id
        """,
        org_ids,
        secret_hashes,
    )


async def note_key_use(db: Connection, org_id: UUID, key_id: UUID, now: datetime, unseen_since: datetime) -> None:
    """Notes the use unless a note is fresh. Passes over a locked row: the holder of the lock is noting it."""
    await execute(
        db,
        """
        update api_key set last_used_at = $3
        where org_id = $1 and id = (
          select id from api_key where org_id = $1 and id = $2 and (last_used_at is null or last_used_at < $4)
          for update skip locked
        )
        """,
        org_id, key_id, now, unseen_since,
    )  # fmt: skip


async def insert_key(db: Connection, org_id: UUID, row: KeyRow, secret_hash: bytes) -> None:
    await execute(
        db,
        """
        insert into api_key (org_id, id, kind, name, channel, scopes, hint, secret_hash, created_at, allowed_origins,
          allowed_apps, rate_limit_per_minute)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        """,
        org_id, row.id, row.kind, row.name, row.channel, row.scopes, row.hint, secret_hash, row.created_at,
        row.allowed_origins, row.allowed_apps, row.rate_limit_per_minute,
    )  # fmt: skip


async def change_key(db: Connection, org_id: UUID, key_id: UUID, name: str, limits: KeyLimits) -> None:
    await execute(
        db,
        """
        update api_key set name = $3, allowed_origins = $4, allowed_apps = $5, rate_limit_per_minute = $6
        where org_id = $1 and id = $2 and revoked_at is null
        """,
        org_id, key_id, name, limits.allowed_origins, limits.allowed_apps, limits.rate_limit_per_minute,
    )  # fmt: skip


async def list_keys(db: Connection, org_id: UUID, after_id: UUID | None, limit: int) -> list[KeyRow]:
    """Keys in the order they were made, the revoked ones too."""
    return await fetch_all(
        db,
        KeyRow,
        """
        select id, kind, name, channel, scopes, hint, created_at, last_used_at, revoked_at, allowed_origins, allowed_apps,
          rate_limit_per_minute
        from api_key where org_id = $1 and ($2::uuid is null or id > $2)
        order by id limit $3
        """,
        org_id,
        after_id,
        limit,
    )


async def revoke_key(db: Connection, org_id: UUID, key_id: UUID, now: datetime) -> bool:
    """Revokes a key; False if there is none that isn't revoked."""
    return bool(
        await execute(
            db,
            "update api_key set revoked_at = $3 where org_id = $1 and id = $2 and revoked_at is null",
            org_id,
            key_id,
            now,
        )
    )


async def find_key(db: Connection, org_id: UUID, key_id: UUID) -> KeyRow | None:
    """A key, kept as it is until the transaction ends."""
    return await fetch_one(
        db,
        KeyRow,
        """
        select id, kind, name, channel, scopes, hint, created_at, last_used_at, revoked_at, allowed_origins, allowed_apps,
          rate_limit_per_minute
        from api_key where org_id = $1 and id = $2 for update
        """,
        org_id,
        key_id,
    )
