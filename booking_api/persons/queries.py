"""The SQL of one person, over the tables of every capability below: reading it all, and erasing it."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from booking_api.core.db import Connection, execute, fetch_all
from booking_api.persons.schemas import (
    Address,
    BookingOf,
    FoundId,
    KnownCustomer,
    KnownFeedback,
    KnownScan,
    KnownSession,
    Reached,
)

# finding ----------------------------------------------------------------------------------------------------------


async def find_reached_customers(
    db: Connection, org_id: UUID, kind: str, key: str, irregular: str, after: UUID, limit: int
) -> list[Reached]:
    """Customers whose own contact has an address of a kind (`email` or `phone`) that is the key, or that isn't in the
    form in which addresses are kept by now and has to be read: what fits the pattern. In id order, after one."""
    return await fetch_all(
        db,
        Reached,
        """
        select id, id as customer_id, address from (
          select id, case when $2 = 'email' then email else phone end as address from customer where org_id = $1
        ) known
        where (lower(address collate "C") = $3 or address ~ $4) and id > $5
        order by id limit $6
        """,
        org_id,
        kind,
        key,
        irregular,
        after,
        limit,
    )


async def find_reached_bookings(
    db: Connection, org_id: UUID, kind: str, key: str, irregular: str, after: UUID, limit: int
) -> list[Reached]:
    """As above, the bookings by their contact."""
    return await fetch_all(
        db,
        Reached,
        """
        select id, customer_id, contact ->> $2 as address from booking
        where org_id = $1 and contact ->> $2 is not null and id > $5
          and (lower(contact ->> $2 collate "C") = $3 or contact ->> $2 ~ $4)
        order by id limit $6
        """,
        org_id,
        kind,
        key,
        irregular,
        after,
        limit,
    )


async def list_addresses(db: Connection, org_id: UUID, kind: str, customer_ids: Sequence[UUID]) -> list[Address]:
    """The addresses of a kind that these customers and their bookings have, each once."""
    return await fetch_all(
        db,
        Address,
        """
        select customer_id, contact ->> $2 as address from booking
        where org_id = $1 and customer_id = any($3::uuid[]) and contact ->> $2 is not null
        union
        select id, case when $2 = 'email' then email else phone end from customer
        where org_id = $1 and id = any($3::uuid[]) and case when $2 = 'email' then email else phone end is not null
        """,
        org_id,
        kind,
        customer_ids,
    )


async def list_bookings_of(db: Connection, org_id: UUID, customer_ids: Sequence[UUID]) -> list[FoundId]:
    return await fetch_all(
        db,
        FoundId,
        "select id from booking where org_id = $1 and customer_id = any($2::uuid[])",
        org_id,
        customer_ids,
    )


# reading ----------------------------------------------------------------------------------------------------------


async def list_customers(db: Connection, org_id: UUID, customer_ids: Sequence[UUID]) -> list[KnownCustomer]:
    return await fetch_all(
        db,
        KnownCustomer,
        "select id, name, email, phone, locale from customer where org_id = $1 and id = any($2::uuid[]) order by id",
        org_id,
        customer_ids,
    )


async def list_bookings(db: Connection, org_id: UUID, booking_ids: Sequence[UUID], limit: int) -> list[BookingOf]:
    return await fetch_all(
        db,
        BookingOf,
        """
        select b.id, b.reference, b.status, b.product_id, b.product_version, b.created_at, b.visit_ends_at, b.contact, b.answers,
          b.cancel_reason, b.price,
          coalesce(
            (
              select jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                'id', i.id, 'status', i.status, 'name', i.name, 'seat', i.seat, 'answers', i.answers)) order by i.id)
              from item i where i.org_id = $1 and i.booking_id = b.id
            ), '[]'
          ) as items
        from booking b where b.org_id = $1 and b.id = any($2::uuid[]) order by b.id limit $3
        """,
        org_id,
        booking_ids,
        limit,
    )


async def list_feedback(
    db: Connection, org_id: UUID, customer_ids: Sequence[UUID], booking_ids: Sequence[UUID], limit: int
) -> list[KnownFeedback]:
    """What these customers said, and what was said about these bookings."""
    return await fetch_all(
        db,
        KnownFeedback,
        """
        select id, created_at, kind, score, text from feedback
        where org_id = $1 and (customer_id = any($2::uuid[]) or booking_id = any($3::uuid[])) order by id limit $4
        """,
        org_id,
        customer_ids,
        booking_ids,
        limit,
    )


async def list_scans(db: Connection, org_id: UUID, booking_ids: Sequence[UUID], limit: int) -> list[KnownScan]:
    return await fetch_all(
        db,
        KnownScan,
        """
        select s.item_id, s.scanned_at, s.gate, s.direction, s.verdict, nullif(s.override_reason, '') as override_reason
        from item i join scan s on s.org_id = $1 and s.item_id = i.id
        where i.org_id = $1 and i.booking_id = any($2::uuid[]) order by s.scanned_at limit $3
        """,
        org_id,
        booking_ids,
        limit,
    )


async def list_sessions(db: Connection, org_id: UUID, customer_ids: Sequence[UUID], limit: int) -> list[KnownSession]:
    return await fetch_all(
        db,
        KnownSession,
        """
        select id, created_at, last_used_at, device from session
        where org_id = $1 and subject_id = any($2::uuid[]) order by id limit $3
        """,
        org_id,
        customer_ids,
        limit,
    )


# erasing ----------------------------------------------------------------------------------------------------------


async def erase_feedback(
    db: Connection, org_id: UUID, customer_ids: Sequence[UUID], booking_ids: Sequence[UUID], now: datetime
) -> int:
    """Texts; scores stay, which are nobody's without the customer's name."""
    return await execute(
        db,
        """
        update feedback set text = null, erased_at = $4
        where org_id = $1 and (customer_id = any($2::uuid[]) or booking_id = any($3::uuid[])) and text is not null
        """,
        org_id,
        customer_ids,
        booking_ids,
        now,
    )


async def erase_scans(db: Connection, org_id: UUID, booking_ids: Sequence[UUID]) -> int:
    """What was typed and answered; that there was an override stays, as an empty text."""
    return await execute(
        db,
        """
        update scan set answer = ''::bytea,
          override_reason = case when override_reason is not null then '' end
        where org_id = $1 and (override_reason <> '' or answer <> ''::bytea) and item_id in (
          select i.id from item i where i.org_id = $1 and i.booking_id = any($2::uuid[])
        )
        """,
        org_id,
        booking_ids,
    )


async def erase_archived_scans(db: Connection, org_id: UUID, booking_ids: Sequence[UUID]) -> int:
    return await execute(
        db,
        """
        update scan_archive set override_reason = ''
        where org_id = $1 and override_reason <> '' and item_id in (
          select i.id from item i where i.org_id = $1 and i.booking_id = any($2::uuid[])
        )
        """,
        org_id,
        booking_ids,
    )


async def forget_devices(db: Connection, org_id: UUID, customer_ids: Sequence[UUID], now: datetime) -> int:
    """Ends the sessions of customers and forgets on which devices they were."""
    return await execute(
        db,
        """
        update session set device = null, revoked_at = coalesce(revoked_at, $3)
        where org_id = $1 and subject_id = any($2::uuid[]) and (device is not null or revoked_at is null)
        """,
        org_id,
        customer_ids,
        now,
    )


async def delete_answers(db: Connection, org_id: UUID, customer_ids: Sequence[UUID]) -> int:
    """Deletes the answers that are stored for repeats of their own requests."""
    return await execute(
        db,
        """
        delete from idempotency_key where org_id = $1 and (
          customer_id = any($2::uuid[])
          or credential_id in (select id from session where org_id = $1 and subject_id = any($2::uuid[]))
        )
        """,
        org_id,
        customer_ids,
    )


async def erase_answers(
    db: Connection, org_id: UUID, customer_ids: Sequence[UUID], erased: int, unfinished: int
) -> int:
    """Empties the answers about them that are stored for others: for staff, integrations and apps. The keys stay, so
    that a repeat is still known for one and does nothing anew."""
    return await execute(
        db,
        """
        update idempotency_key set status = $3, body = ''::bytea
        where org_id = $1 and about_id = any($2::uuid[]) and status not in ($3, $4) and body <> ''::bytea
        """,
        org_id,
        customer_ids,
        erased,
        unfinished,
    )


async def delete_mail(db: Connection, org_id: UUID, recipients: Sequence[str]) -> int:
    return await execute(
        db,
        "delete from mailbox where org_id = $1 and lower(recipient) = any($2::text[])",
        org_id,
        recipients,
    )
