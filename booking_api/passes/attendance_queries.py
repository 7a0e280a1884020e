"""SQL of who is inside, and of whose admission is still to be told."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from booking_api.core.db import Connection, execute, fetch_all
from booking_api.core.db.rows import columns_of
from booking_api.passes.schemas import AttendanceBefore, Entering, Leaving


async def enter(db: Connection, org_id: UUID, entering: Sequence[Entering], now: datetime) -> None:
    """The items are inside from now on, which is still to be told of those that never were. The caller locked their bookings."""
    await execute(
        db,
        """
        insert into attendance
          (org_id, item_id, slot_id, inside, entries, first_admitted_at, last_scan_nonce, updated_at, is_news)
        select $1, e.item_id, e.slot_id, true, 1, $5, e.nonce, $5, true
        from unnest($2::uuid[], $3::uuid[], $4::text[]) as e (item_id, slot_id, nonce) order by e.item_id
        on conflict (org_id, item_id) do update
          set slot_id = excluded.slot_id, inside = true, entries = attendance.entries + 1,
              last_scan_nonce = excluded.last_scan_nonce, updated_at = excluded.updated_at
        """,
        org_id,
        *columns_of(entering, Entering),
        now,
    )


async def leave(db: Connection, org_id: UUID, leaving: Sequence[Leaving], now: datetime) -> None:
    """The items are outside from now on. The caller holds the locks of their bookings."""
    await execute(
        db,
        """
        update attendance set inside = false, last_scan_nonce = l.nonce, updated_at = $4
        from unnest($2::uuid[], $3::text[]) as l (item_id, nonce)
        where attendance.org_id = $1 and attendance.item_id = l.item_id
        """,
        org_id,
        *columns_of(leaving, Leaving),
        now,
    )


async def restore_attendance(db: Connection, org_id: UUID, before: Sequence[AttendanceBefore], now: datetime) -> None:
    """Puts attendance back to what it was before a scan."""
    await execute(
        db,
        """
        update attendance set inside = r.inside, entries = r.entries, last_scan_nonce = r.nonce, updated_at = $6
        from unnest($2::uuid[], $3::boolean[], $4::int[], $5::text[]) as r (item_id, inside, entries, nonce)
        where attendance.org_id = $1 and attendance.item_id = r.item_id
        """,
        org_id,
        *columns_of(before, AttendanceBefore),
        now,
    )


async def delete_attendance(db: Connection, org_id: UUID, item_ids: Sequence[UUID]) -> None:
    """Forgets attendance that only an undone scan had begun."""
    await execute(db, "delete from attendance where org_id = $1 and item_id = any($2::uuid[])", org_id, item_ids)


class UntoldItem(msgspec.Struct, frozen=True):
    org_id: UUID
    item_id: UUID


async def list_untold_admissions(db: Connection, limit: int) -> list[UntoldItem]:
    """Items, of any organisation, whose admission nobody was told of yet, the oldest first; for the job alone."""
    return await fetch_all(
        db,
        UntoldItem,
        "select org_id, item_id from attendance where is_news order by first_admitted_at limit $1",
        limit,
    )


class ToldItem(msgspec.Struct, frozen=True):
    item_id: UUID


async def mark_admissions_told(db: Connection, org_id: UUID, item_ids: Sequence[UUID]) -> list[ToldItem]:
    """Marks the admissions of these items as told; the items that were untold still."""
    return await fetch_all(
        db,
        ToldItem,
        """
        update attendance set is_news = false
        where org_id = $1 and item_id = any($2::uuid[]) and is_news
        returning item_id
        """,
        org_id,
        item_ids,
    )
