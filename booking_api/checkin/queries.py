"""All SQL of the gate. It reads items, bookings, slots, passes and attendance in joins and writes scans only."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from booking_api.checkin.schemas import (
    AdmittedCount,
    GateRow,
    GateSlotRow,
    ItemFacts,
    LockedItem,
    OutcomeRow,
    ScanToUndo,
    StoredScan,
)
from booking_api.core.db import Connection, execute, fetch_all, fetch_one
from booking_api.core.db.rows import columns_of

# scans ------------------------------------------------------------------------------------------------------------


async def find_scans(db: Connection, org_id: UUID, nonces: Sequence[str]) -> list[StoredScan]:
    return await fetch_all(
        db,
        StoredScan,
        """
        select s.nonce, s.request_hash, s.admit, s.verdict, s.answer,
          (select b.customer_id from item i join booking b on b.org_id = $1 and b.id = i.booking_id
           where i.org_id = $1 and i.id = s.item_id) as customer_id
        from scan s where s.org_id = $1 and s.nonce = any($2::text[])
        """,
        org_id,
        nonces,
    )


async def lock_bookings_of(db: Connection, org_id: UUID, item_ids: Sequence[UUID]) -> list[LockedItem]:
    """Locks the bookings of items until the transaction ends; unknown items are left out.

    One lock for the whole party can't deadlock, and it also keeps the booking from being cancelled meanwhile.
    """
    return await fetch_all(
        db,
        LockedItem,
        """
        select i.id as item_id, b.id as booking_id
        from item i join booking b on b.org_id = $1 and b.id = i.booking_id
        where i.org_id = $1 and i.id = any($2::uuid[])
        order by b.id for no key update of b
        """,
        org_id,
        item_ids,
    )


async def lock_free_bookings_of(db: Connection, org_id: UUID, item_ids: Sequence[UUID]) -> list[LockedItem]:
    """As `lock_bookings_of`, but bookings that another transaction has locked are left out as well."""
    return await fetch_all(
        db,
        LockedItem,
        """
        select i.id as item_id, b.id as booking_id
        from item i join booking b on b.org_id = $1 and b.id = i.booking_id
        where i.org_id = $1 and i.id = any($2::uuid[])
        order by b.id for no key update of b skip locked
        """,
        org_id,
        item_ids,
    )


async def find_facts(db: Connection, org_id: UUID, item_ids: Sequence[UUID]) -> list[ItemFacts]:
    """What there is to know of these items, in booking order; unknown ones are left out."""
    return await fetch_all(
        db,
        ItemFacts,
        """
        select
          i.id as item_id, i.booking_id, i.unit_id, i.name, i.seat, i.status as item_status, i.companion_item_id,
          b.customer_id, b.reference, b.status as booking_status, b.product_id, b.product_version, b.option_id,
          b.contact->>'name' as contact_name,
          coalesce((b.price->'due_on_site'->>'amount')::bigint, 0) as due_on_site,
          coalesce(b.price->'due_on_site'->>'currency', b.price->'total'->>'currency', '') as currency,
          case when (b.price->'due_on_site'->>'amount')::bigint > 0 then
            (select coalesce(sum(t.amount), 0)::bigint from settlement t
             where t.org_id = $1 and t.order_id = b.order_id and t.booking_id = b.id)
          else 0 end as settled,
          s.id as slot_id, s.starts_at, s.ends_at, s.estimated_starts_at, s.estimated_ends_at, s.time_zone,
          s.status as slot_status, s.gate,
          p.issued_at as pass_issued_at, r.issued_before as revoked_before,
          coalesce(a.inside, false) as inside, coalesce(a.entries, 0) as entries, a.first_admitted_at,
          a.last_scan_nonce as last_nonce, l.received_at as last_at, l.direction as last_direction, l.gate as last_gate,
          party.party_size, party.checked_in
        from item i
        join booking b on b.org_id = $1 and b.id = i.booking_id
        join slot s on s.org_id = $1 and s.id = i.slot_id
        left join pass p on p.org_id = $1 and p.item_id = i.id and p.revoked_at is null
        left join pass_revocation r on r.org_id = $1 and r.item_id = i.id
        left join attendance a on a.org_id = $1 and a.item_id = i.id
        left join scan l on l.org_id = $1 and l.nonce = a.last_scan_nonce
        cross join lateral (
          select count(*)::int as party_size, count(ma.item_id)::int as checked_in
          from item m left join attendance ma on ma.org_id = $1 and ma.item_id = m.id
          where m.org_id = $1 and m.booking_id = b.id and m.status = 'active'
        ) party
        where i.org_id = $1 and i.id = any($2::uuid[])
        order by i.booking_id, i.position, i.id
        """,
        org_id,
        item_ids,
    )


async def count_admitted(db: Connection, org_id: UUID, slot_ids: Sequence[UUID]) -> list[AdmittedCount]:
    """How many items were admitted to each slot, those who left again included; slots without any are left out."""
    return await fetch_all(
        db,
        AdmittedCount,
        """
        select slot_id, count(*)::int as admitted from attendance
        where org_id = $1 and slot_id = any($2::uuid[]) group by slot_id
        """,
        org_id,
        slot_ids,
    )


class ScanRecord(msgspec.Struct, frozen=True):
    """A scan as it is recorded. The item is null where the code named none of ours."""

    nonce: str
    id: UUID
    request_hash: bytes
    item_id: UUID | None
    slot_id: UUID | None
    gate: str | None
    direction: str
    admit: bool
    verdict: str
    scanned_at: datetime
    scanned_by: UUID
    override_reason: str | None
    answer: bytes


async def insert_scans(db: Connection, org_id: UUID, now: datetime, scans: Sequence[ScanRecord]) -> int:
    """Records scans; how many. Those whose nonce was used meanwhile are left out."""
    return await execute(
        db,
        """
        insert into scan (org_id, nonce, id, request_hash, item_id, slot_id, gate, direction, admit, verdict,
                          scanned_at, received_at, scanned_by, override_reason, answer)
        select $1, s.nonce, s.id, s.request_hash, s.item_id, s.slot_id, s.gate, s.direction, s.admit, s.verdict,
               s.scanned_at, $2, s.scanned_by, s.override_reason, s.answer
        from unnest(
          $3::text[], $4::uuid[], $5::bytea[], $6::uuid[], $7::uuid[], $8::text[], $9::text[], $10::boolean[],
          $11::text[], $12::timestamptz[], $13::uuid[], $14::text[], $15::bytea[]
        ) as s (nonce, id, request_hash, item_id, slot_id, gate, direction, admit, verdict, scanned_at, scanned_by,
                override_reason, answer)
        on conflict (org_id, nonce) do nothing
        """,
        org_id,
        now,
        *columns_of(scans, ScanRecord),
    )


class OutcomeRecord(msgspec.Struct, frozen=True):
    """What a scan meant for one item, and where the item was before."""

    nonce: str
    item_id: UUID
    admit: bool
    verdict: str
    inside_before: bool
    entries_before: int
    nonce_before: str | None


async def insert_outcomes(db: Connection, org_id: UUID, outcomes: Sequence[OutcomeRecord]) -> None:
    await execute(
        db,
        """
        insert into scan_outcome (org_id, nonce, item_id, admit, verdict, inside_before, entries_before, nonce_before)
        select $1, o.nonce, o.item_id, o.admit, o.verdict, o.inside_before, o.entries_before, o.nonce_before
        from unnest($2::text[], $3::uuid[], $4::boolean[], $5::text[], $6::boolean[], $7::int[], $8::text[])
          as o (nonce, item_id, admit, verdict, inside_before, entries_before, nonce_before)
        """,
        org_id,
        *columns_of(outcomes, OutcomeRecord),
    )


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
    db: Connection, org_id: UUID, slot_id: UUID, asked: str, after: UUID, limit: int
) -> list[FoundItem]:
    """The items of up to `limit` bookings of a slot, after the booking `after`, whose contact or items are asked for."""
    return await fetch_all(
        db,
        FoundItem,
        """
        select i.booking_id, i.id
        from (
          select b.id from booking b
          where b.org_id = $1 and b.slot_id = $2 and b.id > $4 and b.status in ('confirmed', 'cancelled')
            and (b.name_words @@ $3::text::tsquery
                 or exists (
                   select 1 from item n where n.org_id = $1 and n.booking_id = b.id and n.name_words @@ $3::text::tsquery
                 ))
          order by b.id limit $5
        ) found
        join item i on i.org_id = $1 and i.booking_id = found.id
        """,
        org_id,
        slot_id,
        asked,
        after,
        limit,
    )


async def list_gates(db: Connection, org_id: UUID, earliest_start: datetime, starts_before: datetime) -> list[GateRow]:
    """The names of the gates of the slots that start within a window, each as it was written."""
    return await fetch_all(
        db,
        GateRow,
        """
        select distinct gate from slot
        where org_id = $1 and gate is not null and starts_at between $2 and $3 order by gate
        """,
        org_id,
        earliest_start,
        starts_before,
    )


async def list_gate_slots(
    db: Connection, org_id: UUID, gates: Sequence[str] | None, earliest_start: datetime, ends_after: datetime,
    starts_before: datetime, after: tuple[datetime, UUID], limit: int,
) -> list[GateSlotRow]:  # fmt: skip
    """Slots of a gate by its names, or of all, that run within a window, with their counts; after the position `after`."""
    after_start, after_id = after
    return await fetch_all(
        db,
        GateSlotRow,
        """
        select s.id, s.product_id, s.product_version, s.starts_at, s.ends_at, s.time_zone, s.gate, s.delay, s.status,
          (select count(*)::int from booking b
             join item i on i.org_id = $1 and i.booking_id = b.id and i.status = 'active'
           where b.org_id = $1 and b.slot_id = s.id and b.status = 'confirmed') as expected,
          (select count(*)::int from attendance a where a.org_id = $1 and a.slot_id = s.id) as admitted,
          (select count(*)::int from attendance a where a.org_id = $1 and a.slot_id = s.id and a.inside) as inside
        from (
          select f.id, f.product_id, p.version as product_version, f.starts_at, f.ends_at, f.time_zone, f.gate, f.status,
            case when f.estimated_starts_at is not null then jsonb_build_object(
              'estimated_starts_at', f.estimated_starts_at, 'estimated_ends_at', f.estimated_ends_at,
              'note', f.delay_note, 'updated_at', f.delay_updated_at
            ) end as delay
          from slot f join product p on p.org_id = $1 and p.id = f.product_id
          where f.org_id = $1 and ($2::text[] is null or f.gate = any($2))
            and f.starts_at between $3 and $5
            and greatest(f.ends_at, coalesce(f.estimated_ends_at, f.ends_at + (f.estimated_starts_at - f.starts_at))) >= $4
            and (f.starts_at, f.id) > ($6, $7)
          order by f.starts_at, f.id limit $8
        ) s
        order by s.starts_at, s.id
        """,
        org_id,
        gates,
        earliest_start,
        ends_after,
        starts_before,
        after_start,
        after_id,
        limit,
    )


# upkeep and erasure -----------------------------------------------------------------------------------------------------------


class OldNonces(msgspec.Struct, frozen=True):
    org_id: UUID
    nonces: list[str]


async def list_old_answers(db: Connection, before: datetime, limit: int) -> list[OldNonces]:
    """The oldest scans from before a moment whose answer is still there, by organisation."""
    return await fetch_all(
        db,
        OldNonces,
        """
        select org_id, array_agg(nonce) as nonces
        from (
          select org_id, nonce from scan where received_at < $1 and answer <> ''::bytea order by received_at limit $2
        ) old
        group by org_id
        """,
        before,
        limit,
    )


async def erase_answers(db: Connection, org_id: UUID, nonces: Sequence[str]) -> int:
    """Empties the stored answers of scans, which hold names; skips what somebody works on.

    By their keys, as `core.db.event_queries.claim_events`, and not by the index of all answers that are there.
    """
    return await execute(
        db,
        """
        with due as materialized (
          select nonce from scan where org_id = $1 and nonce = any($2::text[]) and length(answer) > 0
          order by nonce for update skip locked
        )
        update scan set answer = ''::bytea from due where scan.org_id = $1 and scan.nonce = due.nonce
        """,
        org_id,
        nonces,
    )
