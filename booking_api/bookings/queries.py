"""All SQL of orders and bookings. Every change of a booking raises its version and notes its transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from booking_api.bookings.schemas import BookingRow, ItemRow, OrderRow
from booking_api.bookings.write_schemas import (
    AgreedTerms,
    ChangedBooking,
    ChangedItem,
    ChangedOrder,
    InsertedBooking,
    InsertedItem,
    InsertedOrder,
)
from booking_api.core.db import Connection, execute, fetch_all, fetch_one
from booking_api.core.db.rows import columns_of

ORDER_COLUMNS: Final = """
  id, customer_id, status, expires_at, hold_limit_at, pending_until, intent_id, channel, created_at, updated_at, version,
  status_reason, session_id, external_reference, metadata
"""
BOOKING_COLUMNS: Final = """
  id, order_id, position, customer_id, reference, slot_id, product_id, product_version, option_id, status, version,
  contact, answers, price, total, cancel_reason, refund_amount, channel, visit_ends_at, created_at, updated_at,
  confirmed_at, erased_at, agreed_starts_at, agreed_ends_at, agreed_origin_id, agreed_destination_id, moved_while_paying,
  slot_change, decide_by, offered_starts_at, status_reason, external_reference, metadata
"""

# orders -----------------------------------------------------------------------------------------------------------


async def find_order(db: Connection, org_id: UUID, order_id: UUID) -> OrderRow | None:
    return await fetch_one(
        db,
        OrderRow,
        f"""
        select {ORDER_COLUMNS} from booking_order where org_id = $1 and id = $2
        """,
        org_id,
        order_id,
    )


async def lock_order(db: Connection, org_id: UUID, order_id: UUID) -> OrderRow | None:
    """Locks an order until the transaction ends: every change of it comes through here."""
    return await fetch_one(
        db,
        OrderRow,
        f"""
        select {ORDER_COLUMNS} from booking_order where org_id = $1 and id = $2 for update
        """,
        org_id,
        order_id,
    )


async def lock_orders(db: Connection, org_id: UUID, order_ids: Sequence[UUID]) -> list[OrderRow]:
    """Locks those of the orders that nobody works on, in id order; the others are left out, as are unknown ones."""
    return await fetch_all(
        db,
        OrderRow,
        f"""
        select {ORDER_COLUMNS} from booking_order where org_id = $1 and id = any($2::uuid[]) order by id for update skip locked
        """,
        org_id,
        order_ids,
    )


async def list_orders(db: Connection, org_id: UUID, order_ids: Sequence[UUID]) -> list[OrderRow]:
    return await fetch_all(
        db,
        OrderRow,
        f"""
        select {ORDER_COLUMNS} from booking_order where org_id = $1 and id = any($2::uuid[])
        """,
        org_id,
        order_ids,
    )


class DueOrder(msgspec.Struct, frozen=True):
    org_id: UUID
    id: UUID


async def list_ended_holds(db: Connection, now: datetime, but: Sequence[UUID], limit: int) -> list[DueOrder]:
    """Holds that are over, of any organisation, but not these; for the sweep alone. Of the oldest thousand the first of
    each organisation, then the second, and so on: one that had a rush doesn't keep the others waiting."""
    return await fetch_all(
        db,
        DueOrder,
        """
        select org_id, id
        from (
          select org_id, id, expires_at, row_number() over (partition by org_id order by expires_at) as turn
          from (
            select org_id, id, expires_at from booking_order
            where status = 'on_hold' and expires_at <= $1 and not id = any($2::uuid[])
            order by expires_at limit 1000
          ) oldest
        ) due
        order by turn, expires_at limit $3
        """,
        now,
        but,
        limit,
    )


async def lock_ended_holds_on(
    db: Connection, org_id: UUID, slot_ids: Sequence[UUID], now: datetime, limit: int
) -> list[DueOrder]:
    """Holds on these slots that are over; skips what somebody is working on, so that no buyer waits."""
    return await fetch_all(
        db,
        DueOrder,
        """
        select o.org_id, o.id from booking_order o
        where o.org_id = $1 and o.status = 'on_hold' and o.expires_at <= $3 and exists (
          select from claim c join booking b on b.org_id = c.org_id and b.id = c.id
          where c.org_id = $1 and c.slot_id = any($2::uuid[]) and c.expires_at <= $3 and b.order_id = o.id
        )
        order by o.expires_at limit $4 for update of o skip locked
        """,
        org_id,
        slot_ids,
        now,
        limit,
    )


async def list_undecided_orders(db: Connection, now: datetime, but: Sequence[UUID], limit: int) -> list[DueOrder]:
    """Orders whose payment had no outcome in time, of any organisation, but not these; for the sweep alone."""
    return await fetch_all(
        db,
        DueOrder,
        """
        select org_id, id from booking_order
        where status = 'pending' and pending_until <= $1 and not id = any($2::uuid[])
        order by pending_until limit $3
        """,
        now,
        but,
        limit,
    )


async def list_due_decisions(db: Connection, now: datetime, but: Sequence[UUID], limit: int) -> list[DueOrder]:
    """Orders, of any organisation, but not these, with a customer who hasn't chosen in time; for the sweep alone."""
    return await fetch_all(
        db,
        DueOrder,
        """
        select org_id, order_id as id from booking
        where status = 'confirmed' and decide_by <= $1 and not order_id = any($2::uuid[])
        order by decide_by limit $3
        """,
        now,
        but,
        limit,
    )


# bookings ---------------------------------------------------------------------------------------------------------


async def insert_orders(
    db: Connection,
    org_id: UUID,
    orders: Sequence[InsertedOrder],
    bookings: Sequence[InsertedBooking],
    items: Sequence[InsertedItem],
) -> None:
    """Inserts orders with their bookings and items.

    One statement, because a batch waits for the answer to each. Raises a unique violation of `booking_order_pkey` or
    `booking_pkey` when a client's id is taken, and of `booking_reference_is_unique` when another has the reference.
    """
    await execute(
        db,
        """
        with ordered as (
          insert into booking_order (
            org_id, id, customer_id, status, expires_at, hold_limit_at, channel, created_at, updated_at, unpaid_until,
            unpaid_places, address_digest, contact_digest, session_id
          )
          select $1, o.id, o.customer_id, o.status, o.expires_at, o.hold_limit_at, o.channel, o.created_at, o.created_at,
            o.unpaid_until, o.unpaid_places, o.address_digest, o.contact_digest, o.session_id
          from unnest(
            $2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::text[], $8::timestamptz[],
            $9::uuid[], $10::timestamptz[], $11::int[], $12::bytea[], $13::bytea[]
          ) as o (
            id, customer_id, status, expires_at, hold_limit_at, channel, created_at, session_id, unpaid_until,
            unpaid_places, address_digest, contact_digest
          )
        ), booked as (
          insert into booking (
            org_id, id, order_id, position, customer_id, reference, slot_id, product_id, product_version, option_id,
            status, version, contact, answers, price, total, channel, visit_ends_at, created_at, updated_at,
            confirmed_at, agreed_starts_at, agreed_ends_at, agreed_origin_id, agreed_destination_id, name_words,
            holds_sensitive
          )
          select $1, b.id, b.order_id, b.position, b.customer_id, b.reference, b.slot_id, b.product_id,
            b.product_version, b.option_id, b.status, b.version, b.contact, b.answers, b.price, b.total, b.channel,
            b.visit_ends_at, b.created_at, b.created_at, b.confirmed_at, b.agreed_starts_at, b.agreed_ends_at,
            b.agreed_origin_id, b.agreed_destination_id,
            array_to_tsvector(string_to_array(b.words, ' ')), b.holds_sensitive
          from unnest(
            $14::uuid[], $15::uuid[], $16::int[], $17::uuid[], $18::text[], $19::uuid[], $20::uuid[], $21::int[],
            $22::uuid[], $23::text[], $24::int[], $25::jsonb[], $26::jsonb[], $27::jsonb[], $28::bigint[], $29::text[],
            $30::timestamptz[], $31::timestamptz[], $32::timestamptz[], $33::timestamptz[], $34::timestamptz[],
            $35::uuid[], $36::uuid[], $37::text[], $38::boolean[]
          ) as b (
            id, order_id, position, customer_id, reference, slot_id, product_id, product_version, option_id, status,
            version, contact, answers, price, total, channel, visit_ends_at, created_at, confirmed_at, agreed_starts_at,
            agreed_ends_at, agreed_origin_id, agreed_destination_id, words, holds_sensitive
          )
        ), itemised as (
          insert into item (
            org_id, id, booking_id, slot_id, position, unit_id, name, seat, answers, status, amount, companion_item_id,
            name_words
          )
          select $1, i.id, i.booking_id, i.slot_id, i.position, i.unit_id, i.name, i.seat, i.answers, i.status, i.amount,
            i.companion_item_id, array_to_tsvector(string_to_array(i.words, ' '))
          from unnest(
            $39::uuid[], $40::uuid[], $41::uuid[], $42::int[], $43::uuid[], $44::text[], $45::text[], $46::jsonb[],
            $47::text[], $48::bigint[], $49::uuid[], $50::text[]
          ) as i (
            id, booking_id, slot_id, position, unit_id, name, seat, answers, status, amount, companion_item_id, words
          )
        )
        select 1
        """,
        org_id,
        *columns_of(orders, InsertedOrder),
        *columns_of(bookings, InsertedBooking),
        *columns_of(items, InsertedItem),
    )


class OrderOf(msgspec.Struct, frozen=True):
    booking_id: UUID
    order_id: UUID


async def find_orders_of(db: Connection, org_id: UUID, booking_ids: Sequence[UUID]) -> list[OrderOf]:
    """The orders that those of these bookings belong to that exist."""
    return await fetch_all(
        db,
        OrderOf,
        "select id as booking_id, order_id from booking where org_id = $1 and id = any($2::uuid[])",
        org_id,
        booking_ids,
    )


async def list_bookings_of_orders(db: Connection, org_id: UUID, order_ids: Sequence[UUID]) -> list[BookingRow]:
    return await fetch_all(
        db,
        BookingRow,
        f"""
        select {BOOKING_COLUMNS} from booking where org_id = $1 and order_id = any($2::uuid[]) order by order_id, position
        """,
        org_id,
        order_ids,
    )


class OrderOnSlot(msgspec.Struct, frozen=True):
    order_id: UUID


async def list_orders_on_slot(
    db: Connection, org_id: UUID, slot_id: UUID, after: UUID, limit: int
) -> list[OrderOnSlot]:
    """Orders with a live booking on a slot, by id."""
    return await fetch_all(
        db,
        OrderOnSlot,
        """
        select distinct order_id from booking
        where org_id = $1 and slot_id = $2 and status in ('on_hold', 'pending', 'confirmed') and order_id > $3
        order by order_id limit $4
        """,
        org_id,
        slot_id,
        after,
        limit,
    )


async def list_holds_on_slot(
    db: Connection, org_id: UUID, slot_id: UUID, made_before: datetime, after: UUID, limit: int
) -> list[OrderOnSlot]:
    """Orders that hold places on a slot since before a moment, by id."""
    return await fetch_all(
        db,
        OrderOnSlot,
        """
        select distinct order_id from booking
        where org_id = $1 and slot_id = $2 and status = 'on_hold' and created_at <= $3 and order_id > $4
        order by order_id limit $5
        """,
        org_id,
        slot_id,
        made_before,
        after,
        limit,
    )


async def list_items(db: Connection, org_id: UUID, booking_ids: Sequence[UUID]) -> list[ItemRow]:
    return await fetch_all(
        db,
        ItemRow,
        """
        select id, booking_id, slot_id, position, unit_id, name, seat, answers, status, amount, companion_item_id,
          after_admission
        from item where org_id = $1 and booking_id = any($2::uuid[]) order by booking_id, position
        """,
        org_id,
        booking_ids,
    )


async def update_orders(
    db: Connection, org_id: UUID, orders: Sequence[ChangedOrder], bookings: Sequence[ChangedBooking], now: datetime
) -> None:
    """Writes what may change of orders and of these bookings, and raises the versions of all of them."""
    await execute(
        db,
        """
        with changed as (
          update booking set status = c.status, contact = c.contact, answers = c.answers, price = c.price,
            cancel_reason = c.cancel_reason, refund_amount = c.refund_amount, confirmed_at = c.confirmed_at,
            visit_ends_at = c.visit_ends_at, status_reason = c.status_reason, version = booking.version + 1,
            holds_sensitive = c.holds_sensitive, name_words = array_to_tsvector(string_to_array(c.words, ' ')),
            decide_by = case when c.status = 'confirmed' then booking.decide_by end, updated_at = $23
          from unnest(
            $11::uuid[], $12::text[], $13::jsonb[], $14::jsonb[], $15::jsonb[], $16::text[], $17::bigint[],
            $18::timestamptz[], $19::timestamptz[], $20::text[], $21::text[], $22::boolean[]
          ) as c (
            id, status, contact, answers, price, cancel_reason, refund_amount, confirmed_at, visit_ends_at, status_reason,
            words, holds_sensitive
          )
          where booking.org_id = $1 and booking.id = c.id
        )
        update booking_order set status = c.status, expires_at = c.expires_at, pending_until = c.pending_until,
          intent_id = c.intent_id, status_reason = c.status_reason, version = booking_order.version + 1, updated_at = $23,
          unpaid_until = c.unpaid_until, unpaid_places = c.unpaid_places,
          contact_digest = coalesce(c.contact_digest, booking_order.contact_digest)
        from unnest(
          $2::uuid[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::uuid[], $7::text[], $8::timestamptz[],
          $9::int[], $10::bytea[]
        ) as c (
          id, status, expires_at, pending_until, intent_id, status_reason, unpaid_until, unpaid_places, contact_digest
        )
        where booking_order.org_id = $1 and booking_order.id = c.id
        """,
        org_id,
        *columns_of(orders, ChangedOrder),
        *columns_of(bookings, ChangedBooking),
        now,
    )


async def update_agreed(db: Connection, org_id: UUID, bookings: Sequence[BookingRow]) -> None:
    """Notes what bookings' customers have agreed to; beside `update_orders`, which raises the versions."""
    await execute(
        db,
        """
        update booking set agreed_starts_at = c.agreed_starts_at, agreed_ends_at = c.agreed_ends_at,
          agreed_origin_id = c.agreed_origin_id, agreed_destination_id = c.agreed_destination_id,
          moved_while_paying = c.moved_while_paying, slot_change = c.slot_change, decide_by = c.decide_by,
          offered_starts_at = c.offered_starts_at
        from unnest(
          $2::uuid[], $3::timestamptz[], $4::timestamptz[], $5::uuid[], $6::uuid[], $7::boolean[], $8::text[],
          $9::timestamptz[], $10::timestamptz[]
        ) as c (
          id, agreed_starts_at, agreed_ends_at, agreed_origin_id, agreed_destination_id, moved_while_paying, slot_change,
          decide_by, offered_starts_at
        )
        where booking.org_id = $1 and booking.id = c.id
        """,
        org_id,
        *columns_of(bookings, AgreedTerms),
    )


async def update_items(db: Connection, org_id: UUID, items: Sequence[ChangedItem]) -> None:
    await execute(
        db,
        """
        update item set name = c.name, seat = c.seat, answers = c.answers, status = c.status,
          name_words = array_to_tsvector(string_to_array(c.words, ' ')), after_admission = c.after_admission
        from unnest($2::uuid[], $3::text[], $4::text[], $5::jsonb[], $6::text[], $7::text[], $8::text[])
          as c (id, name, seat, answers, status, after_admission, words)
        where item.org_id = $1 and item.id = c.id
        """,
        org_id,
        *columns_of(items, ChangedItem),
    )


class FoundReference(msgspec.Struct, frozen=True):
    id: UUID
    customer_id: UUID
    email: str | None
    phone: str | None


async def find_reference(db: Connection, org_id: UUID, reference: str) -> FoundReference | None:
    """A booking by its reference, with what its owner can be reached by."""
    return await fetch_one(
        db,
        FoundReference,
        """
        select id, customer_id, contact ->> 'email' as email, contact ->> 'phone' as phone
        from booking where org_id = $1 and reference = $2
        """,
        org_id,
        reference,
    )
