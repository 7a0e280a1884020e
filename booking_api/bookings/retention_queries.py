"""The SQL that erases contacts and answers after the visit, and buries holds that nobody came back to."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from booking_api.core.db import Connection, execute, fetch_all


class Concerned(msgspec.Struct, frozen=True):
    org_id: UUID


async def list_organisations_to_silence(db: Connection, now: datetime) -> list[Concerned]:
    """Organisations with something sensitive about visits that are over."""
    return await fetch_all(
        db,
        Concerned,
        """
        select o.org_id from organisation o
        where exists (
          select from booking b where b.org_id = o.org_id and b.holds_sensitive and b.visit_ends_at <= $1
        )
        """,
        now,
    )


async def list_organisations_to_erase(db: Connection, now: datetime, usual_days: int) -> list[Concerned]:
    """Organisations with contacts, or with texts of feedback, from visits that ended so many days ago as each has set,
    or else as is usual; 0 is never."""
    return await fetch_all(
        db,
        Concerned,
        """
        select o.org_id
        from (
          select org_id, least(coalesce(nullif(retention_days, 0), $2), 100000) as days from organisation
        ) o
        where o.days > 0 and (
          exists (
            select from booking b
            where b.org_id = o.org_id and b.erased_at is null and b.visit_ends_at < $1::timestamptz - o.days * interval '1 day'
          ) or exists (
            select from feedback f
            where f.org_id = o.org_id and f.text is not null and f.retention_from < $1::timestamptz - o.days * interval '1 day'
          )
        )
        """,
        now,
        usual_days,
    )


class OrderToErase(msgspec.Struct, frozen=True):
    id: UUID


async def lock_orders_to_erase(db: Connection, org_id: UUID, visit_before: datetime, limit: int) -> list[OrderToErase]:
    """Locks orders with bookings whose visit ended before a moment.

    Orders are locked before their bookings, as by every verb; those that somebody works on are left for later.
    """
    return await fetch_all(
        db,
        OrderToErase,
        """
        select o.id from booking_order o
        where o.org_id = $1 and o.id in (
          select b.order_id from booking b where b.org_id = $1 and b.visit_ends_at < $2 and b.erased_at is null
          order by b.visit_ends_at limit $3
        )
        order by o.id for update skip locked
        """,
        org_id,
        visit_before,
        limit,
    )


async def lock_orders_of(db: Connection, org_id: UUID, booking_ids: Sequence[UUID]) -> list[OrderToErase]:
    """Locks the orders of these bookings, waiting for transactions that work on them."""
    return await fetch_all(
        db,
        OrderToErase,
        """
        select id from booking_order
        where org_id = $1 and id in (select order_id from booking where org_id = $1 and id = any($2::uuid[]))
        order by id for update
        """,
        org_id,
        booking_ids,
    )


class DueBooking(msgspec.Struct, frozen=True):
    id: UUID


async def list_over(
    db: Connection, org_id: UUID, order_ids: Sequence[UUID], visit_before: datetime
) -> list[DueBooking]:
    """Those bookings of these orders whose visit ended before a moment and that aren't erased."""
    return await fetch_all(
        db,
        DueBooking,
        """
        select id from booking
        where org_id = $1 and order_id = any($2::uuid[]) and visit_ends_at < $3 and erased_at is null
        """,
        org_id,
        order_ids,
        visit_before,
    )


async def list_ahead(
    db: Connection, org_id: UUID, booking_ids: Sequence[UUID], now: datetime, limit: int
) -> list[DueBooking]:
    """Those of the bookings that stand and aren't over."""
    return await fetch_all(
        db,
        DueBooking,
        """
        select id from booking
        where org_id = $1 and id = any($2::uuid[]) and visit_ends_at > $3
          and status in ('on_hold', 'pending', 'confirmed')
        order by id limit $4
        """,
        org_id,
        booking_ids,
        now,
        limit,
    )


async def lock_orders_to_silence(db: Connection, org_id: UUID, now: datetime, limit: int) -> list[OrderToErase]:
    """Locks orders with bookings whose visit is over and about which something sensitive was said, whatever became of
    them. Those that somebody works on are left for later."""
    return await fetch_all(
        db,
        OrderToErase,
        """
        select o.id from booking_order o
        where o.org_id = $1 and o.id in (
          select b.order_id from booking b where b.org_id = $1 and b.visit_ends_at <= $2 and b.holds_sensitive
          order by b.visit_ends_at limit $3
        )
        order by o.id for update skip locked
        """,
        org_id,
        now,
        limit,
    )


class Erased(msgspec.Struct, frozen=True):
    id: UUID
    order_id: UUID
    customer_id: UUID
    slot_id: UUID


async def erase_bookings(db: Connection, org_id: UUID, booking_ids: Sequence[UUID], now: datetime) -> list[Erased]:
    """Erases contact, answers and the reason of a cancellation of those of the bookings that have any or may get one."""
    return await fetch_all(
        db,
        Erased,
        """
        update booking set contact = null, name_words = null, answers = null, cancel_reason = null, metadata = null,
          erased_at = coalesce(erased_at, $3), holds_sensitive = false,
          version = booking.version + 1, updated_at = $3
        where org_id = $1 and id = any($2::uuid[]) and (
          erased_at is null or contact is not null or name_words is not null or answers is not null
          or cancel_reason is not null or metadata is not null
        )
        returning id, order_id, customer_id, slot_id
        """,
        org_id,
        booking_ids,
        now,
    )


async def raise_orders(db: Connection, org_id: UUID, order_ids: Sequence[UUID]) -> int:
    """Raises the version of orders as that of a booking of theirs is, and forgets what they keep of contacts and
    network addresses to count places by."""
    return await execute(
        db,
        """
        update booking_order set version = version + 1, contact_digest = null, address_digest = null,
          metadata = null
        where org_id = $1 and id = any($2::uuid[])
        """,
        org_id,
        order_ids,
    )


class IdleCustomer(msgspec.Struct, frozen=True):
    customer_id: UUID


async def list_idle_customers(db: Connection, org_id: UUID, customer_ids: Sequence[UUID]) -> list[IdleCustomer]:
    """Those of the customers who have no booking left that is not erased."""
    return await fetch_all(
        db,
        IdleCustomer,
        """
        select distinct c.customer_id from unnest($2::uuid[]) as c (customer_id)
        where not exists (
          select from booking b where b.org_id = $1 and b.customer_id = c.customer_id and b.erased_at is null
        )
        """,
        org_id,
        customer_ids,
    )


async def erase_items(db: Connection, org_id: UUID, booking_ids: Sequence[UUID]) -> None:
    await execute(
        db,
        """
        update item set name = null, name_words = null, answers = null, change_reason = null
        where org_id = $1 and booking_id = any($2::uuid[])
        """,
        org_id,
        booking_ids,
    )


class DeadOrder(msgspec.Struct, frozen=True):
    id: UUID
    customer_id: UUID


async def list_dead_orders(db: Connection, org_id: UUID, before: datetime, limit: int) -> list[DeadOrder]:
    """Orders that ended without ever having stood, and of which no money came or may still come.

    They are known by the end of their hold, which a confirmation forgets, and so does a refund.
    """
    return await fetch_all(
        db,
        DeadOrder,
        """
        select o.id, o.customer_id from booking_order o
        where o.org_id = $1 and o.status in ('expired', 'rejected', 'cancelled') and o.expires_at is not null
          and o.updated_at < $2
          and not exists (
            select from payment_intent p where p.org_id = o.org_id and p.order_id = o.id
              and p.status not in ('failed', 'cancelled')
          )
          and not exists (select from refund r where r.org_id = o.org_id and r.order_id = o.id)
          and not exists (select from settlement s where s.org_id = o.org_id and s.order_id = o.id)
          and not exists (
            select from booking b where b.org_id = o.org_id and b.order_id = o.id and b.confirmed_at is not null
          )
        order by o.updated_at limit $3 for update of o skip locked
        """,
        org_id,
        before,
        limit,
    )


async def bury_orders(db: Connection, org_id: UUID, order_ids: Sequence[UUID], now: datetime) -> list[Erased]:
    """Deletes orders with all that is theirs and leaves a tombstone for each booking, so that phones forget it; which
    bookings these were."""
    await execute(
        db,
        """
        insert into tombstone (org_id, customer_id, type, id, deleted_at)
        select org_id, customer_id, 'booking', id, $3
        from booking where org_id = $1 and order_id = any($2::uuid[])
        on conflict (org_id, customer_id, type, id) do nothing
        """,
        org_id,
        order_ids,
        now,
    )
    await execute(
        db,
        """
        delete from item where org_id = $1 and booking_id in (
          select id from booking where org_id = $1 and order_id = any($2::uuid[])
        )
        """,
        org_id,
        order_ids,
    )
    gone = await fetch_all(
        db,
        Erased,
        """
        delete from booking where org_id = $1 and order_id = any($2::uuid[])
        returning id, order_id, customer_id, slot_id
        """,
        org_id,
        order_ids,
    )
    await execute(db, "delete from booking_order where org_id = $1 and id = any($2::uuid[])", org_id, order_ids)
    return gone


class OldTombstones(msgspec.Struct, frozen=True):
    org_id: UUID
    customer_ids: list[UUID]
    types: list[str]
    ids: list[UUID]


async def list_old_tombstones(db: Connection, before: datetime, limit: int) -> list[OldTombstones]:
    """The oldest tombstones from before a moment, by organisation."""
    return await fetch_all(
        db,
        OldTombstones,
        """
        select org_id, array_agg(customer_id) as customer_ids, array_agg(type) as types, array_agg(id) as ids
        from (
          select org_id, customer_id, type, id from tombstone where deleted_at < $1 order by deleted_at limit $2
        ) old
        group by org_id
        """,
        before,
        limit,
    )


async def delete_tombstones(db: Connection, old: OldTombstones) -> int:
    """Deletes an organisation's tombstones; skips what somebody works on."""
    return await execute(
        db,
        """
        with due as materialized (
          select t.customer_id, t.type, t.id from unnest($2::uuid[], $3::text[], $4::uuid[]) as w (customer_id, type, id)
          join tombstone t on t.org_id = $1 and t.customer_id = w.customer_id and t.type = w.type and t.id = w.id
          for update of t skip locked
        )
        delete from tombstone t using due
        where t.org_id = $1 and t.customer_id = due.customer_id and t.type = due.type and t.id = due.id
        """,
        old.org_id,
        old.customer_ids,
        old.types,
        old.ids,
    )
