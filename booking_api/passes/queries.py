"""SQL of the passes. Who is inside is in `attendance_queries`."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from booking_api.core.db import Connection, execute, fetch_all, fetch_one, fetch_value
from booking_api.core.db.rows import columns_of
from booking_api.passes.schemas import (
    Issue,
    IssuedCode,
    IssueRow,
    ItemStateRow,
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
