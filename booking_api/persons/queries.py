"""The SQL of one person, over the tables of every capability below: finding them, and reading it all."""

from collections.abc import Sequence
from uuid import UUID

from booking_api.core.db import Connection, fetch_all
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
