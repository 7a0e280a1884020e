"""The SQL of one person, over the tables of every capability below: reading it all, and erasing it."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from booking_api.core.db import Connection, execute, fetch_all
from booking_api.persons.schemas import BookingOf, FoundId, KnownCustomer, KnownFeedback, KnownScan, KnownSession

# finding ----------------------------------------------------------------------------------------------------------


async def find_customers(
    db: Connection, org_id: UUID, emails: Sequence[str], digits: Sequence[str], limit: int
) -> list[FoundId]:
    """The customers who are reached by an address in any of its forms (in small letters, or its digits), or whose
    bookings are."""
    return await fetch_all(
        db,
        FoundId,
        """
        select distinct id from (
          select c.id from customer c where c.org_id = $1 and (
            lower(btrim(c.email, E' \\t\\r\\n')) = any($2::text[]) or regexp_replace(c.phone, '[^0-9]', '', 'g') = any($3::text[])
          )
          union all
          select b.customer_id as id from booking b where b.org_id = $1 and b.erased_at is null and (
            lower(btrim(b.contact ->> 'email', E' \\t\\r\\n')) = any($2::text[])
            or regexp_replace(b.contact ->> 'phone', '[^0-9]', '', 'g') = any($3::text[])
          )
        ) found order by id limit $4
        """,
        org_id,
        emails,
        digits,
        limit,
    )


async def lock_bookings_ahead(
    db: Connection, org_id: UUID, customer_ids: Sequence[UUID], now: datetime, limit: int
) -> list[FoundId]:
    """Bookings that stand and aren't over, locked so that none is confirmed meanwhile."""
    return await fetch_all(
        db,
        FoundId,
        """
        select id from booking
        where org_id = $1 and customer_id = any($2::uuid[]) and visit_ends_at > $3
          and status in ('on_hold', 'pending', 'confirmed')
        order by id limit $4 for update
        """,
        org_id,
        customer_ids,
        now,
        limit,
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


async def list_bookings(db: Connection, org_id: UUID, customer_ids: Sequence[UUID], limit: int) -> list[BookingOf]:
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
        from booking b where b.org_id = $1 and b.customer_id = any($2::uuid[]) order by b.id limit $3
        """,
        org_id,
        customer_ids,
        limit,
    )


async def list_feedback(db: Connection, org_id: UUID, customer_ids: Sequence[UUID], limit: int) -> list[KnownFeedback]:
    return await fetch_all(
        db,
        KnownFeedback,
        """
        select id, created_at, kind, score, text from feedback
        where org_id = $1 and customer_id = any($2::uuid[]) order by id limit $3
        """,
        org_id,
        customer_ids,
        limit,
    )


async def list_scans(db: Connection, org_id: UUID, customer_ids: Sequence[UUID], limit: int) -> list[KnownScan]:
    return await fetch_all(
        db,
        KnownScan,
        """
        select s.item_id, s.scanned_at, s.gate, s.direction, s.verdict, s.override_reason
        from booking b join item i on i.org_id = $1 and i.booking_id = b.id
        join scan s on s.org_id = $1 and s.item_id = i.id
        where b.org_id = $1 and b.customer_id = any($2::uuid[]) order by s.scanned_at limit $3
        """,
        org_id,
        customer_ids,
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


async def erase_digests(db: Connection, org_id: UUID, customer_ids: Sequence[UUID]) -> int:
    """What orders keep of contacts and network addresses, to count places by. Before the bookings, as verbs lock them."""
    return await execute(
        db,
        """
        update booking_order set contact_digest = null, address_digest = null
        where org_id = $1 and (contact_digest is not null or address_digest is not null) and id in (
          select order_id from booking where org_id = $1 and customer_id = any($2::uuid[])
        )
        """,
        org_id,
        customer_ids,
    )


async def erase_bookings(db: Connection, org_id: UUID, customer_ids: Sequence[UUID], now: datetime) -> int:
    return await execute(
        db,
        """
        update booking set contact = null, name_words = null, answers = null, cancel_reason = null, erased_at = $3,
          holds_sensitive = false,
          version = version + 1, updated_at = $3
        where org_id = $1 and customer_id = any($2::uuid[]) and erased_at is null
        """,
        org_id,
        customer_ids,
        now,
    )


async def erase_items(db: Connection, org_id: UUID, customer_ids: Sequence[UUID]) -> int:
    return await execute(
        db,
        """
        update item set name = null, name_words = null, answers = null, change_reason = null
        where org_id = $1 and (name is not null or answers is not null or change_reason is not null) and booking_id in (
          select id from booking where org_id = $1 and customer_id = any($2::uuid[])
        )
        """,
        org_id,
        customer_ids,
    )


async def erase_customers(db: Connection, org_id: UUID, customer_ids: Sequence[UUID], now: datetime) -> int:
    return await execute(
        db,
        """
        update customer set name = null, email = null, phone = null, updated_at = $3
        where org_id = $1 and id = any($2::uuid[]) and (name is not null or email is not null or phone is not null)
        """,
        org_id,
        customer_ids,
        now,
    )


async def erase_feedback(db: Connection, org_id: UUID, customer_ids: Sequence[UUID], now: datetime) -> int:
    """Texts; scores stay, which are nobody's without the customer's name."""
    return await execute(
        db,
        """
        update feedback set text = null, erased_at = $3
        where org_id = $1 and customer_id = any($2::uuid[]) and text is not null
        """,
        org_id,
        customer_ids,
        now,
    )


async def erase_scans(db: Connection, org_id: UUID, customer_ids: Sequence[UUID]) -> int:
    return await execute(
        db,
        """
        update scan set override_reason = null, answer = ''::bytea
        where org_id = $1 and (override_reason is not null or answer <> ''::bytea) and item_id in (
          select i.id from booking b join item i on i.org_id = $1 and i.booking_id = b.id
          where b.org_id = $1 and b.customer_id = any($2::uuid[])
        )
        """,
        org_id,
        customer_ids,
    )


async def erase_archived_scans(db: Connection, org_id: UUID, customer_ids: Sequence[UUID]) -> int:
    return await execute(
        db,
        """
        update scan_archive set override_reason = null
        where org_id = $1 and override_reason is not null and item_id in (
          select i.id from booking b join item i on i.org_id = $1 and i.booking_id = b.id
          where b.org_id = $1 and b.customer_id = any($2::uuid[])
        )
        """,
        org_id,
        customer_ids,
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
