"""All SQL of the passes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from booking_api.core.db import Connection, execute, fetch_all, fetch_one, fetch_value
from booking_api.passes.schemas import IssuedCode, IssueRow, PassRow


async def find_latest_issues(db: Connection, org_id: UUID, item_ids: Sequence[UUID]) -> list[IssueRow]:
    """When the last pass of each of these items was issued, revoked ones included."""
    return await fetch_all(
        db,
        IssueRow,
        """
        select item_id, max(issued_at) as issued_at from pass
        where org_id = $1 and item_id = any($2::uuid[])
        group by item_id
        """,
        org_id,
        item_ids,
    )


async def insert_passes(db: Connection, org_id: UUID, pass_columns: list[list[Any]]) -> None:
    """Raises `asyncpg.UniqueViolationError` if a twin issued a pass for the same item and second."""
    await execute(
        db,
        """
        insert into pass
          (org_id, id, item_id, slot_id, customer_id, kid, code, issued_at, valid_from, valid_until, revoked_at)
        select $1, p.id, p.item_id, p.slot_id, p.customer_id, p.kid, p.code, p.issued_at, p.valid_from, p.valid_until, null
        from unnest(
          $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::timestamptz[], $9::timestamptz[],
          $10::timestamptz[]
        ) as p (id, item_id, slot_id, customer_id, kid, code, issued_at, valid_from, valid_until)
        """,
        org_id,
        *pass_columns,
    )


async def revoke_passes(db: Connection, org_id: UUID, item_ids: Sequence[UUID], now: datetime) -> int:
    """Revokes the live passes of these items; how many there were."""
    return await execute(
        db,
        """
        update pass set revoked_at = $3
        where org_id = $1 and item_id = any($2::uuid[]) and revoked_at is null
        """,
        org_id,
        item_ids,
        now,
    )


async def find_live_passes(db: Connection, org_id: UUID, item_ids: Sequence[UUID]) -> list[PassRow]:
    return await fetch_all(
        db,
        PassRow,
        """
        select id, item_id, slot_id, customer_id, kid, code, issued_at, valid_from, valid_until, revoked_at
        from pass where org_id = $1 and item_id = any($2::uuid[]) and revoked_at is null
        """,
        org_id,
        item_ids,
    )


async def find_issued(db: Connection, org_id: UUID, issue_columns: list[list[Any]]) -> list[IssuedCode]:
    """The passes that were issued for these items at these seconds, revoked ones included."""
    return await fetch_all(
        db,
        IssuedCode,
        """
        select p.item_id, p.issued_at, p.code
        from unnest($2::uuid[], $3::timestamptz[]) as c (item_id, issued_at)
        join pass p on p.org_id = $1 and p.item_id = c.item_id and p.issued_at = c.issued_at
        """,
        org_id,
        *issue_columns,
    )


async def find_pass(db: Connection, org_id: UUID, pass_id: UUID) -> PassRow | None:
    return await fetch_one(
        db,
        PassRow,
        """
        select id, item_id, slot_id, customer_id, kid, code, issued_at, valid_from, valid_until, revoked_at
        from pass where org_id = $1 and id = $2
        """,
        org_id,
        pass_id,
    )


async def find_key_owner(db: Connection, kid: str) -> UUID | None:
    """The organisation that a key belongs to; across organisations, to tell a neighbour's pass from a forgery."""
    return await fetch_value(db, "select org_id from signing_key where kid = $1", kid)
