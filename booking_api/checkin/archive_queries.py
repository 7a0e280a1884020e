"""The SQL of the archive: scans that are long past, by month, each with what it meant for its items."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from booking_api.checkin.schemas import StoredScan
from booking_api.core.db import Connection, execute, fetch_all, fetch_value


class OldScan(msgspec.Struct, frozen=True):
    org_id: UUID
    nonce: str
    received_at: datetime


class NonceRow(msgspec.Struct, frozen=True):
    nonce: str


async def list_old_scans(db: Connection, before: datetime, limit: int) -> list[OldScan]:
    """The oldest scans, of any organisation, that were received before a moment."""
    return await fetch_all(
        db,
        OldScan,
        "select org_id, nonce, received_at from scan where received_at < $1 order by received_at limit $2",
        before,
        limit,
    )


async def lock_scans(db: Connection, org_id: UUID, nonces: Sequence[str]) -> list[NonceRow]:
    """Locks those of these scans that nobody is working on."""
    return await fetch_all(
        db,
        NonceRow,
        "select nonce from scan where org_id = $1 and nonce = any($2::text[]) order by nonce for update skip locked",
        org_id,
        nonces,
    )


async def copy_scans(db: Connection, org_id: UUID, nonces: Sequence[str]) -> None:
    """Copies scans into the archive. The answers aren't kept: they were erased long ago, because they held names."""
    await execute(
        db,
        """
        insert into scan_archive (org_id, nonce, id, request_hash, item_id, slot_id, gate, direction, admit, verdict,
                                  scanned_at, received_at, scanned_by, override_reason, undone_at, undone_by, outcomes)
        select s.org_id, s.nonce, s.id, s.request_hash, s.item_id, s.slot_id, s.gate, s.direction, s.admit, s.verdict,
          s.scanned_at, s.received_at, s.scanned_by, s.override_reason, s.undone_at, s.undone_by,
          coalesce((
            select jsonb_agg(to_jsonb(o) - array['org_id', 'nonce'] order by o.item_id)
            from scan_outcome o where o.org_id = $1 and o.nonce = s.nonce
          ), '[]')
        from scan s where s.org_id = $1 and s.nonce = any($2::text[])
        on conflict (org_id, nonce, received_at) do nothing
        """,
        org_id,
        nonces,
    )


async def delete_outcomes(db: Connection, org_id: UUID, nonces: Sequence[str]) -> None:
    await execute(db, "delete from scan_outcome where org_id = $1 and nonce = any($2::text[])", org_id, nonces)


async def delete_scans(db: Connection, org_id: UUID, nonces: Sequence[str]) -> int:
    """Deletes scans without their outcomes; how many."""
    return await execute(db, "delete from scan where org_id = $1 and nonce = any($2::text[])", org_id, nonces)


async def find_archived_scans(db: Connection, org_id: UUID, nonces: Sequence[str]) -> list[StoredScan]:
    """The latest archived scan of each of these nonces. Looks into every month."""
    return await fetch_all(
        db,
        StoredScan,
        """
        select distinct on (nonce) nonce, request_hash, admit, verdict, ''::bytea as answer, null::uuid as customer_id
        from scan_archive where org_id = $1 and nonce = any($2::text[]) order by nonce, received_at desc
        """,
        org_id,
        nonces,
    )


async def is_archived(db: Connection, org_id: UUID, nonce: str) -> bool:
    return await fetch_value(
        db, "select exists (select from scan_archive where org_id = $1 and nonce = $2)", org_id, nonce
    )


async def erase_old_reasons(db: Connection, org_id: UUID, before: datetime, limit: int) -> int:
    """Erases the reasons of overrides that were typed before a moment, at most `limit` of each at a time: that there
    was one stays, as an empty text."""
    erased = await execute(
        db,
        """
        with due as materialized (
          select nonce from scan where org_id = $1 and received_at < $2 and override_reason <> ''
          order by received_at limit $3 for update skip locked
        )
        update scan set override_reason = '' from due where scan.org_id = $1 and scan.nonce = due.nonce
        """,
        org_id,
        before,
        limit,
    )
    return erased + await execute(
        db,
        """
        with due as materialized (
          select nonce, received_at from scan_archive
          where org_id = $1 and received_at < $2 and override_reason <> ''
          order by received_at limit $3 for update skip locked
        )
        update scan_archive set override_reason = ''
        from due where scan_archive.org_id = $1 and scan_archive.nonce = due.nonce
          and scan_archive.received_at = due.received_at
        """,
        org_id,
        before,
        limit,
    )
