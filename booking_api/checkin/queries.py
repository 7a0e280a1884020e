"""All SQL of the gate. It reads items, bookings, slots and passes in joins and writes its own tables only."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from booking_api.checkin.schemas import GateSlotRow, ItemFacts, OutcomeRow, ScanRow, ScanToUndo, StoredScan
from booking_api.core.db import Connection, execute, fetch_all, fetch_one, fetch_value

# scans ------------------------------------------------------------------------------------------------------------


async def find_scan(db: Connection, org_id: UUID, nonce: str) -> StoredScan | None:
    return await fetch_one(
        db,
        StoredScan,
        "select request_hash, admit, verdict, answer from scan where org_id = $1 and nonce = $2",
        org_id,
        nonce,
    )


async def lock_booking_of(db: Connection, org_id: UUID, item_id: UUID) -> UUID | None:
    """Locks the booking of an item until the transaction ends; None for an unknown item.

    One lock for the whole party can't deadlock, and it also keeps the booking from being cancelled meanwhile.
    """
    return await fetch_value(
        db,
        """
        select b.id from booking b
        where b.org_id = $1 and b.id = (select i.booking_id from item i where i.org_id = $1 and i.id = $2)
        for no key update of b
        """,
        org_id,
        item_id,
    )


async def find_facts(db: Connection, org_id: UUID, item_ids: Sequence[UUID]) -> list[ItemFacts]:
    """What there is to know of these items, in booking order; unknown ones are left out."""
    return await fetch_all(
        db,
        ItemFacts,
        """
        select
          i.id as item_id, i.booking_id, i.unit_id, i.name, i.seat, i.status as item_status, i.companion_item_id,
          b.reference, b.status as booking_status, b.product_id, b.product_version, b.option_id,
          b.contact->>'name' as contact_name,
          coalesce((b.price->'due_on_site'->>'amount')::bigint, 0) as due_on_site,
          coalesce(b.price->'due_on_site'->>'currency', b.price->'total'->>'currency', '') as currency,
          (select coalesce(sum(t.amount), 0)::bigint from settlement t
           where t.org_id = $1 and t.order_id = b.order_id and t.booking_id = b.id) as settled,
          s.id as slot_id, s.starts_at, s.ends_at, s.time_zone, s.status as slot_status, s.gate,
          p.issued_at as pass_issued_at, p.valid_until as pass_valid_until,
          coalesce(a.inside, false) as inside, coalesce(a.entries, 0) as entries, a.first_admitted_at,
          a.last_scan_nonce as last_nonce, l.received_at as last_at, l.direction as last_direction, l.gate as last_gate,
          (select count(*)::int from item m
           where m.org_id = $1 and m.booking_id = b.id and m.status = 'active') as party_size,
          (select count(*)::int from item m join attendance ma on ma.org_id = $1 and ma.item_id = m.id
           where m.org_id = $1 and m.booking_id = b.id and m.status = 'active') as checked_in
        from item i
        join booking b on b.org_id = $1 and b.id = i.booking_id
        join slot s on s.org_id = $1 and s.id = i.slot_id
        left join pass p on p.org_id = $1 and p.item_id = i.id and p.revoked_at is null
        left join attendance a on a.org_id = $1 and a.item_id = i.id
        left join scan l on l.org_id = $1 and l.nonce = a.last_scan_nonce
        where i.org_id = $1 and i.id = any($2::uuid[])
        order by i.booking_id, i.position, i.id
        """,
        org_id,
        item_ids,
    )


async def was_issued(db: Connection, org_id: UUID, item_id: UUID, issued_at: datetime) -> bool:
    """Whether a pass of this item was ever issued at that second."""
    return await fetch_value(
        db,
        "select exists (select 1 from pass where org_id = $1 and item_id = $2 and issued_at = $3)",
        org_id,
        item_id,
        issued_at,
    )


async def count_admitted(db: Connection, org_id: UUID, slot_id: UUID) -> int:
    """How many items were admitted to a slot, those who left again included."""
    return await fetch_value(
        db, "select count(*)::int from attendance where org_id = $1 and slot_id = $2", org_id, slot_id
    )


async def insert_scan(db: Connection, org_id: UUID, scan: ScanRow) -> bool:
    """Records a scan. False if its nonce was used by a twin meanwhile."""
    rows = await execute(
        db,
        """
        insert into scan (org_id, nonce, id, request_hash, item_id, slot_id, gate, direction, admit, verdict,
                          scanned_at, received_at, scanned_by, override_reason, answer)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
        on conflict (org_id, nonce) do nothing
        """,
        org_id, scan.nonce, scan.id, scan.request_hash, scan.item_id, scan.slot_id, scan.gate, scan.direction,
        scan.admit, scan.verdict, scan.scanned_at, scan.received_at, scan.scanned_by, scan.override_reason, scan.answer,
    )  # fmt: skip
    return rows == 1


async def insert_outcomes(db: Connection, org_id: UUID, nonce: str, outcome_columns: list[list[Any]]) -> None:
    await execute(
        db,
        """
        insert into scan_outcome (org_id, nonce, item_id, admit, verdict, inside_before, entries_before, nonce_before)
        select $1, $2, o.item_id, o.admit, o.verdict, o.inside_before, o.entries_before, o.nonce_before
        from unnest($3::uuid[], $4::boolean[], $5::text[], $6::boolean[], $7::int[], $8::text[])
          as o (item_id, admit, verdict, inside_before, entries_before, nonce_before)
        """,
        org_id,
        nonce,
        *outcome_columns,
    )


# attendance -------------------------------------------------------------------------------------------------------


async def enter(
    db: Connection, org_id: UUID, item_ids: Sequence[UUID], slot_ids: Sequence[UUID], nonce: str, now: datetime
) -> None:
    """The items are inside from now on. The caller holds the lock of their booking."""
    await execute(
        db,
        """
        insert into attendance
          (org_id, item_id, slot_id, inside, entries, first_admitted_at, last_scan_nonce, updated_at)
        select $1, e.item_id, e.slot_id, true, 1, $5, $4, $5
        from unnest($2::uuid[], $3::uuid[]) as e (item_id, slot_id) order by e.item_id
        on conflict (org_id, item_id) do update
          set slot_id = excluded.slot_id, inside = true, entries = attendance.entries + 1,
              last_scan_nonce = excluded.last_scan_nonce, updated_at = excluded.updated_at
        """,
        org_id,
        item_ids,
        slot_ids,
        nonce,
        now,
    )


async def leave(db: Connection, org_id: UUID, item_ids: Sequence[UUID], nonce: str, now: datetime) -> None:
    """The items are outside from now on."""
    await execute(
        db,
        """
        update attendance set inside = false, last_scan_nonce = $3, updated_at = $4
        where org_id = $1 and item_id = any($2::uuid[])
        """,
        org_id,
        item_ids,
        nonce,
        now,
    )


async def restore_attendance(
    db: Connection, org_id: UUID, item_ids: Sequence[UUID], inside: Sequence[bool], entries: Sequence[int],
    nonces: Sequence[str], now: datetime,
) -> None:  # fmt: skip
    """Puts attendance back to what it was before a scan."""
    await execute(
        db,
        """
        update attendance set inside = r.inside, entries = r.entries, last_scan_nonce = r.nonce, updated_at = $6
        from unnest($2::uuid[], $3::boolean[], $4::int[], $5::text[]) as r (item_id, inside, entries, nonce)
        where attendance.org_id = $1 and attendance.item_id = r.item_id
        """,
        org_id,
        item_ids,
        inside,
        entries,
        nonces,
        now,
    )


async def delete_attendance(db: Connection, org_id: UUID, item_ids: Sequence[UUID]) -> None:
    """Forgets attendance that only an undone scan had begun."""
    await execute(db, "delete from attendance where org_id = $1 and item_id = any($2::uuid[])", org_id, item_ids)


# undo -------------------------------------------------------------------------------------------------------------


async def find_scan_to_undo(db: Connection, org_id: UUID, nonce: str) -> ScanToUndo | None:
    return await fetch_one(
        db,
        ScanToUndo,
        "select item_id, received_at, scanned_by, undone_at from scan where org_id = $1 and nonce = $2",
        org_id,
        nonce,
    )


async def mark_undone(db: Connection, org_id: UUID, nonce: str, now: datetime, undone_by: UUID) -> bool:
    """Records that a scan no longer counts. False if it was undone before."""
    return bool(
        await execute(
            db,
            "update scan set undone_at = $3, undone_by = $4 where org_id = $1 and nonce = $2 and undone_at is null",
            org_id,
            nonce,
            now,
            undone_by,
        )
    )


async def find_outcomes(db: Connection, org_id: UUID, nonce: str) -> list[OutcomeRow]:
    return await fetch_all(
        db,
        OutcomeRow,
        """
        select o.item_id, o.admit, o.inside_before, o.entries_before, o.nonce_before,
               coalesce(a.inside, false) as inside, coalesce(a.entries, 0) as entries, a.last_scan_nonce as last_nonce
        from scan_outcome o left join attendance a on a.org_id = $1 and a.item_id = o.item_id
        where o.org_id = $1 and o.nonce = $2 order by o.item_id
        """,
        org_id,
        nonce,
    )


# look-up ----------------------------------------------------------------------------------------------------------


class FoundItem(msgspec.Struct, frozen=True):
    booking_id: UUID
    id: UUID


async def find_items_by_reference(db: Connection, org_id: UUID, reference: str) -> list[FoundItem]:
    return await fetch_all(
        db,
        FoundItem,
        """
        select i.booking_id, i.id
        from booking b join item i on i.org_id = $1 and i.booking_id = b.id
        where b.org_id = $1 and b.reference = $2
        """,
        org_id,
        reference,
    )


async def find_items_by_name(
    db: Connection, org_id: UUID, slot_id: UUID, pattern: str, after: UUID, limit: int
) -> list[FoundItem]:
    """The items of up to `limit` bookings of a slot, after the booking `after`, whose contact or items match."""
    return await fetch_all(
        db,
        FoundItem,
        """
        select i.booking_id, i.id
        from (
          select b.id from booking b
          where b.org_id = $1 and b.slot_id = $2 and b.id > $4 and b.status in ('confirmed', 'cancelled')
            and (b.contact->>'name' ilike $3
                 or exists (select 1 from item n where n.org_id = $1 and n.booking_id = b.id and n.name ilike $3))
          order by b.id limit $5
        ) found
        join item i on i.org_id = $1 and i.booking_id = found.id
        """,
        org_id,
        slot_id,
        pattern,
        after,
        limit,
    )


async def list_gate_slots(
    db: Connection, org_id: UUID, gate: str | None, earliest_start: datetime, ends_after: datetime,
    starts_before: datetime, after: tuple[datetime, UUID], limit: int,
) -> list[GateSlotRow]:  # fmt: skip
    """Slots of a gate, or of all, that run within a window, with their counts; after the position `after`."""
    return await fetch_all(
        db,
        GateSlotRow,
        """
        select s.id, s.product_id, s.product_version, s.starts_at, s.ends_at, s.time_zone, s.gate, s.status,
          (select count(*)::int from booking b
             join item i on i.org_id = $1 and i.booking_id = b.id and i.status = 'active'
           where b.org_id = $1 and b.slot_id = s.id and b.status = 'confirmed') as expected,
          (select count(*)::int from attendance a where a.org_id = $1 and a.slot_id = s.id) as admitted,
          (select count(*)::int from attendance a where a.org_id = $1 and a.slot_id = s.id and a.inside) as inside
        from (
          select f.id, f.product_id, p.version as product_version, f.starts_at, f.ends_at, f.time_zone, f.gate, f.status
          from slot f join product p on p.org_id = $1 and p.id = f.product_id
          where f.org_id = $1 and ($2::text is null or lower(f.gate) = lower($2))
            and f.starts_at between $3 and $5 and f.ends_at >= $4 and (f.starts_at, f.id) > ($6, $7)
          order by f.starts_at, f.id limit $8
        ) s
        order by s.starts_at, s.id
        """,
        org_id,
        gate,
        earliest_start,
        ends_after,
        starts_before,
        *after,
        limit,
    )


# upkeep -----------------------------------------------------------------------------------------------------------


async def erase_answers(db: Connection, before: datetime, limit: int) -> int:
    """Empties the stored answers of old scans, of any organisation, at most `limit` at a time: they hold names."""
    return await execute(
        db,
        """
        with due as materialized (
          select org_id, nonce from scan where received_at < $1 and answer <> ''::bytea
          order by received_at limit $2 for update skip locked
        )
        update scan set answer = ''::bytea
        from due where scan.org_id = due.org_id and scan.nonce = due.nonce
        """,
        before,
        limit,
    )
