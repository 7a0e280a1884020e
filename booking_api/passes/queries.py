"""All SQL of the passes."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from booking_api.core.db import Connection, execute, fetch_all, fetch_one, fetch_value
from booking_api.core.db.rows import columns_of
from booking_api.passes.schemas import (
    AttendanceBefore,
    Entering,
    Issue,
    IssuedCode,
    IssueRow,
    ItemStateRow,
    Leaving,
    NewPass,
    PicturedPass,
    Revoked,
)


async def find_latest_issues(db: Connection, org_id: UUID, item_ids: Sequence[UUID]) -> list[IssueRow]:
    """When the last pass of each of these items was issued and for whom, revoked ones included."""
    return await fetch_all(
        db,
        IssueRow,
        """
        select distinct on (item_id) item_id, issued_at, customer_id from pass
        where org_id = $1 and item_id = any($2::uuid[])
        order by item_id, issued_at desc
        """,
        org_id,
        item_ids,
    )


async def insert_passes(db: Connection, org_id: UUID, passes: Sequence[NewPass]) -> None:
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
        *columns_of(passes, NewPass),
    )


async def revoke_passes(db: Connection, org_id: UUID, item_ids: Sequence[UUID], now: datetime) -> int:
    """Ends the current passes of these items; how many there were. Their codes stay good for whom they were made."""
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


async def revoke_codes(db: Connection, org_id: UUID, revoked: Sequence[Revoked]) -> None:
    """Makes every code worthless that was issued for an item before a second. Never takes a revocation back."""
    await execute(
        db,
        """
        insert into pass_revocation (org_id, item_id, issued_before)
        select $1, r.item_id, r.issued_before
        from unnest($2::uuid[], $3::timestamptz[]) as r (item_id, issued_before) order by r.item_id
        on conflict (org_id, item_id) do update
          set issued_before = greatest(pass_revocation.issued_before, excluded.issued_before)
        """,
        org_id,
        *columns_of(revoked, Revoked),
    )


async def find_items(db: Connection, org_id: UUID, item_ids: Sequence[UUID]) -> list[ItemStateRow]:
    """The current pass and the admission of each of these items, in any order."""
    return await fetch_all(
        db,
        ItemStateRow,
        """
        select w.item_id, p.id, p.slot_id, p.customer_id, p.kid, p.code, p.issued_at, p.valid_from, p.valid_until,
          a.first_admitted_at
        from unnest($2::uuid[]) as w (item_id)
        left join pass p on p.org_id = $1 and p.item_id = w.item_id and p.revoked_at is null
        left join attendance a on a.org_id = $1 and a.item_id = w.item_id
        """,
        org_id,
        item_ids,
    )


async def find_issued(db: Connection, org_id: UUID, issues: Sequence[Issue]) -> list[IssuedCode]:
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
        *columns_of(issues, Issue),
    )


async def find_pass(db: Connection, org_id: UUID, pass_id: UUID) -> PicturedPass | None:
    """A pass, with how much longer than it says the gate admits with it, because its slot is delayed."""
    return await fetch_one(
        db,
        PicturedPass,
        """
        select p.id, p.item_id, p.slot_id, p.customer_id, p.kid, p.code, p.issued_at, p.valid_from, p.valid_until,
               p.revoked_at,
               coalesce(
                 greatest(s.estimated_starts_at - s.starts_at, s.estimated_ends_at - s.ends_at), interval '0'
               ) as delayed_by
        from pass p left join slot s on s.org_id = $1 and s.id = p.slot_id
        where p.org_id = $1 and p.id = $2
        """,
        org_id,
        pass_id,
    )


class PassContact(msgspec.Struct, frozen=True):
    """What decides whether a restricted session sees a pass."""

    booking_id: UUID
    session_id: UUID | None
    email: str | None
    phone: str | None


async def find_pass_contact(db: Connection, org_id: UUID, pass_id: UUID) -> PassContact | None:
    """The contact of a pass's booking. Reads tables of `bookings`, which stands above: a pass knows no contact."""
    return await fetch_one(
        db,
        PassContact,
        """
        select b.id as booking_id, o.session_id, b.contact ->> 'email' as email, b.contact ->> 'phone' as phone
        from pass p
        join item i on i.org_id = p.org_id and i.id = p.item_id
        join booking b on b.org_id = i.org_id and b.id = i.booking_id
        join booking_order o on o.org_id = b.org_id and o.id = b.order_id
        where p.org_id = $1 and p.id = $2
        """,
        org_id,
        pass_id,
    )


async def find_key_owner(db: Connection, kid: str) -> UUID | None:
    """The organisation that a key belongs to; across organisations, to tell a neighbour's pass from a forgery."""
    return await fetch_value(db, "select org_id from signing_key where kid = $1", kid)


# attendance -------------------------------------------------------------------------------------------------------


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
