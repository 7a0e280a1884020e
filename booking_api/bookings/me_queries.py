"""SQL of a customer's own lists: their bookings, all or those to come or past, and their orders."""

from datetime import datetime
from uuid import UUID

from booking_api.bookings.queries import BOOKING_COLUMNS, ORDER_COLUMNS
from booking_api.bookings.schemas import BookingRow, OrderRow
from booking_api.core.db import Connection, fetch_all


async def list_customer_bookings(
    db: Connection, org_id: UUID, customer_id: UUID, status: str | None, before: UUID | None, limit: int
) -> list[BookingRow]:
    """A customer's bookings, newest first: the id is time-ordered."""
    return await fetch_all(
        db,
        BookingRow,
        f"""
        select {BOOKING_COLUMNS} from booking
        where org_id = $1 and customer_id = $2 and ($3::text is null or status = $3) and ($4::uuid is null or id < $4)
        order by id desc limit $5
        """,
        org_id,
        customer_id,
        status,
        before,
        limit,
    )


async def list_upcoming(
    db: Connection, org_id: UUID, customer_id: UUID, status: str | None, after: tuple[datetime, UUID], now: datetime,
    limit: int,
) -> list[BookingRow]:  # fmt: skip
    """A customer's bookings that stand and whose visit isn't over, by its end, after a position."""
    after_end, after_id = after
    return await fetch_all(
        db,
        BookingRow,
        f"""
        select {BOOKING_COLUMNS} from booking
        where org_id = $1 and customer_id = $2 and ($3::text is null or status = $3)
          and status in ('on_hold', 'pending', 'confirmed') and visit_ends_at > $6
          and (visit_ends_at, id) > ($4::timestamptz, $5::uuid)
        order by visit_ends_at, id limit $7
        """,
        org_id,
        customer_id,
        status,
        after_end,
        after_id,
        now,
        limit,
    )


async def list_past(
    db: Connection, org_id: UUID, customer_id: UUID, status: str | None, before: tuple[datetime, UUID], now: datetime,
    limit: int,
) -> list[BookingRow]:  # fmt: skip
    """All others of a customer's bookings, the latest first, before a position."""
    before_end, before_id = before
    return await fetch_all(
        db,
        BookingRow,
        f"""
        select {BOOKING_COLUMNS} from booking
        where org_id = $1 and customer_id = $2 and ($3::text is null or status = $3)
          and not (status in ('on_hold', 'pending', 'confirmed') and visit_ends_at > $6)
          and (visit_ends_at, id) < ($4::timestamptz, $5::uuid)
        order by visit_ends_at desc, id desc limit $7
        """,
        org_id,
        customer_id,
        status,
        before_end,
        before_id,
        now,
        limit,
    )


async def list_customer_orders(
    db: Connection, org_id: UUID, customer_id: UUID, before: UUID | None, limit: int
) -> list[OrderRow]:
    """A customer's orders, newest first, found by their bookings."""
    return await fetch_all(
        db,
        OrderRow,
        f"""
        select {ORDER_COLUMNS} from booking_order
        where org_id = $1 and ($3::uuid is null or id < $3)
          and id = any(array(select b.order_id from booking b where b.org_id = $1 and b.customer_id = $2))
        order by id desc limit $4
        """,
        org_id,
        customer_id,
        before,
        limit,
    )
