"""The SQL about items that were admitted: they are cancelled and changed under the lock that scans take."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from booking_api.core.db import Connection, execute, fetch_all


class FreeBooking(msgspec.Struct, frozen=True):
    id: UUID


async def lock_bookings_of_order(db: Connection, org_id: UUID, order_id: UUID) -> int:
    """Locks the bookings of an order until the transaction ends, as every scan of one of their items does.

    The order is locked before, so that nobody else locks several of them. How many there are.
    """
    return await execute(
        db,
        """
        select id from booking where org_id = $1 and order_id = $2 order by id for no key update
        """,
        org_id,
        order_id,
    )


async def lock_free_bookings(db: Connection, org_id: UUID, booking_ids: Sequence[UUID]) -> list[FreeBooking]:
    """Locks those of these bookings that nobody scans, in id order; the others are left out. Their orders are locked."""
    return await fetch_all(
        db,
        FreeBooking,
        """
        select id from booking where org_id = $1 and id = any($2::uuid[]) order by id for no key update skip locked
        """,
        org_id,
        booking_ids,
    )


class BookingOfItem(msgspec.Struct, frozen=True):
    item_id: UUID
    booking_id: UUID
    order_id: UUID


async def find_bookings_of_items(db: Connection, org_id: UUID, item_ids: Sequence[UUID]) -> list[BookingOfItem]:
    return await fetch_all(
        db,
        BookingOfItem,
        """
        select i.id as item_id, b.id as booking_id, b.order_id
        from item i join booking b on b.org_id = $1 and b.id = i.booking_id
        where i.org_id = $1 and i.id = any($2::uuid[])
        """,
        org_id,
        item_ids,
    )


class RaisedBooking(msgspec.Struct, frozen=True):
    """What the events of a booking say of it."""

    id: UUID
    order_id: UUID
    slot_id: UUID
    customer_id: UUID


async def raise_versions(
    db: Connection, org_id: UUID, order_ids: Sequence[UUID], booking_ids: Sequence[UUID], now: datetime
) -> list[RaisedBooking]:
    """Raises the versions of these bookings, of which nothing that is written here has changed, and of their orders.

    The caller holds the locks of the orders.
    """
    return await fetch_all(
        db,
        RaisedBooking,
        """
        with ordered as (
          update booking_order set version = version + 1, updated_at = $4 where org_id = $1 and id = any($2::uuid[])
        )
        update booking set version = version + 1, updated_at = $4
        where org_id = $1 and id = any($3::uuid[])
        returning id, order_id, slot_id, customer_id
        """,
        org_id,
        order_ids,
        booking_ids,
        now,
    )


class KeptBooking(msgspec.Struct, frozen=True):
    booking_id: UUID
    order_id: UUID


async def find_kept_bookings(db: Connection, org_id: UUID, item_ids: Sequence[UUID]) -> list[KeptBooking]:
    """The bookings that keep the place of one of these items though it was cancelled."""
    return await fetch_all(
        db,
        KeptBooking,
        """
        select distinct b.id as booking_id, b.order_id
        from item i join booking b on b.org_id = $1 and b.id = i.booking_id
        where i.org_id = $1 and i.id = any($2::uuid[]) and i.after_admission = 'kept'
        """,
        org_id,
        item_ids,
    )


async def note_change_reasons(db: Connection, org_id: UUID, item_ids: Sequence[UUID], reason: str) -> None:
    """Why items were changed although their people had been admitted."""
    await execute(
        db,
        "update item set change_reason = $3 where org_id = $1 and id = any($2::uuid[])",
        org_id,
        item_ids,
        reason,
    )
