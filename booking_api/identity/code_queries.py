"""The SQL of single-use codes."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from booking_api.core.db import Connection, execute, fetch_all, fetch_one, fetch_value
from booking_api.identity.session_schemas import Redeemed


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
