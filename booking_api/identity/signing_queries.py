"""The SQL of signing keys."""

from datetime import datetime
from uuid import UUID

import msgspec

from booking_api.core.db import Connection, execute, fetch_all, fetch_one, fetch_value


class ActiveKeyRow(msgspec.Struct, frozen=True):
    kid: str
    private_key_encrypted: bytes
    created_at: datetime


class PublicKeyRow(msgspec.Struct, frozen=True):
    kid: str
    public_key: bytes


async def find_active_key(db: Connection, org_id: UUID) -> ActiveKeyRow | None:
    return await fetch_one(
        db,
        ActiveKeyRow,
        """
        select kid, private_key_encrypted, created_at from signing_key
        where org_id = $1 and retired_at is null
        """,
        org_id,
    )


class SealedKeyRow(msgspec.Struct, frozen=True):
    org_id: UUID
    kid: str
    private_key_encrypted: bytes
    is_active: bool


async def list_sealed_keys(db: Connection, org_id: UUID | None) -> list[SealedKeyRow]:
    """The private keys of an organisation, for re-encrypting them; of all, for looking whether they can be read."""
    return await fetch_all(
        db,
        SealedKeyRow,
        """
        select org_id, kid, private_key_encrypted, retired_at is null as is_active from signing_key
        where $1::uuid is null or org_id = $1 order by org_id, kid
        """,
        org_id,
    )


async def reseal_key(db: Connection, org_id: UUID, kid: str, before: bytes, after: bytes) -> bool:
    """Puts the re-encrypted key in place of what was read; False where somebody else did so first."""
    return bool(
        await execute(
            db,
            """
            update signing_key set private_key_encrypted = $4
            where org_id = $1 and kid = $2 and private_key_encrypted = $3
            """,
            org_id,
            kid,
            before,
            after,
        )
    )


async def kid_exists(db: Connection, kid: str) -> bool:
    """Whether any organisation has a key of this id: a scanner finds a key by its `kid` alone."""
    return await fetch_value(db, "select exists (select from signing_key where kid = $1)", kid)


async def insert_signing_key(
    db: Connection, org_id: UUID, kid: str, private_key_encrypted: bytes, public_key: bytes, now: datetime
) -> None:
    """Adds an organisation's active key, unless it has one or gets one at this moment."""
    await execute(
        db,
        """
        insert into signing_key (org_id, kid, private_key_encrypted, public_key, created_at)
        values ($1, $2, $3, $4, $5)
        on conflict (org_id) where retired_at is null do nothing
        """,
        org_id, kid, private_key_encrypted, public_key, now,
    )  # fmt: skip


async def retire_signing_keys(db: Connection, org_id: UUID, now: datetime) -> None:
    await execute(db, "update signing_key set retired_at = $2 where org_id = $1 and retired_at is null", org_id, now)


async def find_public_key(db: Connection, org_id: UUID, kid: str) -> bytes | None:
    """A key's public half, retired or not: a pass of an old key is expired, not forged."""
    return await fetch_value(db, "select public_key from signing_key where org_id = $1 and kid = $2", org_id, kid)


async def list_public_keys(db: Connection, kid: str | None, needed_since: datetime, limit: int) -> list[PublicKeyRow]:
    """The keys of all organisations that may still verify a pass: the active ones, those retired after
    `needed_since`, and those of a live pass that ends after it. Active ones first, then the newest.

    Reads `pass`, which belongs to a capability above, because only it knows until when a retired key is needed.
    """
    return await fetch_all(
        db,
        PublicKeyRow,
        """
        select k.kid, k.public_key from signing_key k
        where ($1::text is null or k.kid = $1) and (
          k.retired_at is null or k.retired_at > $2 or exists (
            select from pass p
            where p.org_id = k.org_id and p.kid = k.kid and p.revoked_at is null and p.valid_until > $2
          )
        )
        order by k.retired_at is not null, k.created_at desc, k.kid limit $3
        """,
        kid,
        needed_since,
        limit,
    )
