"""The SQL about items that were admitted: they are cancelled and changed under the lock that scans take."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from booking_api.core.db import Connection, execute, fetch_all


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
