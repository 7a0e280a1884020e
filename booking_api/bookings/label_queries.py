"""The SQL of what integrators read and note."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from booking_api.bookings.label_schemas import BookingFilters, Labelled, ListedBooking, Raised
from booking_api.core.db import Connection, execute, fetch_all, fetch_one
from booking_api.core.db.rows import columns_of
from booking_api.core.ids import read_code

FITTING: Final = """
  select b.id, b.order_id from booking b
  where b.org_id = $1 and ($2::timestamptz is null or b.updated_at >= $2) and ($3::uuid is null or b.slot_id = $3)
    and ($4::uuid is null or b.product_id = $4) and ($5::text is null or b.status = $5)
    and ($6::text is null or b.reference = $6) and ($7::text is null or b.external_reference = $7)
    and ($8::jsonb is null or b.metadata @> $8) and ($9::uuid is null or b.id > $9)
"""
IN_ORDER: Final = "order by b.id limit $10"


async def list_fitting(
    db: Connection, org_id: UUID, wanted: BookingFilters, after: UUID | None, limit: int
) -> list[ListedBooking]:
    """The ids of bookings that fit, in order, after one. What finds them by an index is said twice, because a plan is
    kept for all values of a statement, and one that knows of no filter would read everything."""
    key, _, value = (wanted.metadata or "").partition(":")
    noted = None if wanted.metadata is None else {key: value}
    reference = None if wanted.reference is None else read_code(wanted.reference)
    since, slot_id, product_id, status = wanted.changed_since, wanted.slot_id, wanted.product_id, wanted.status
    external = wanted.external_reference
    if reference is not None:
        return await fetch_all(
            db, ListedBooking, f"{FITTING} and b.reference = $6 {IN_ORDER}",
            org_id, since, slot_id, product_id, status, reference, external, noted, after, limit,
        )  # fmt: skip
    if external is not None:
        return await fetch_all(
            db, ListedBooking, f"{FITTING} and b.external_reference = $7 {IN_ORDER}",
            org_id, since, slot_id, product_id, status, reference, external, noted, after, limit,
        )  # fmt: skip
    if slot_id is not None:
        return await fetch_all(
            db, ListedBooking, f"{FITTING} and b.slot_id = $3 {IN_ORDER}",
            org_id, since, slot_id, product_id, status, reference, external, noted, after, limit,
        )  # fmt: skip
    if noted is not None:
        return await fetch_all(
            db, ListedBooking, f"{FITTING} and b.metadata @> $8 {IN_ORDER}",
            org_id, since, slot_id, product_id, status, reference, external, noted, after, limit,
        )  # fmt: skip
    if since is not None:
        return await fetch_all(
            db, ListedBooking, f"{FITTING} and b.updated_at >= $2 {IN_ORDER}",
            org_id, since, slot_id, product_id, status, reference, external, noted, after, limit,
        )  # fmt: skip
    return await fetch_all(
        db, ListedBooking, f"{FITTING} {IN_ORDER}",
        org_id, since, slot_id, product_id, status, reference, external, noted, after, limit,
    )  # fmt: skip


async def label_bookings(db: Connection, org_id: UUID, labelled: Sequence[Labelled]) -> None:
    """Gives bookings that are being made their labels."""
    await execute(
        db,
        """
        update booking b set external_reference = w.external_reference, metadata = w.metadata
        from unnest($2::uuid[], $3::text[], $4::jsonb[]) as w (id, external_reference, metadata)
        where b.org_id = $1 and b.id = w.id
        """,
        org_id,
        *columns_of(labelled, Labelled),
    )


async def label_order(db: Connection, org_id: UUID, order: Labelled) -> None:
    """Gives an order that is being made its labels."""
    await execute(
        db,
        "update booking_order set external_reference = $3, metadata = $4 where org_id = $1 and id = $2",
        org_id, order.id, order.external_reference, order.metadata,
    )  # fmt: skip


async def relabel_booking(db: Connection, org_id: UUID, booking: Labelled, now: datetime) -> Raised | None:
    """Gives a booking other labels, which raises its version; None where it has these already."""
    return await fetch_one(
        db,
        Raised,
        """
        update booking set external_reference = $3, metadata = $4, version = version + 1, updated_at = $5
        where org_id = $1 and id = $2
          and (external_reference is distinct from $3 or metadata is distinct from $4::jsonb)
        returning version, updated_at
        """,
        org_id, booking.id, booking.external_reference, booking.metadata, now,
    )  # fmt: skip


async def relabel_order(db: Connection, org_id: UUID, order: Labelled, now: datetime) -> Raised | None:
    """Raises an order's version, giving it these labels: also where only those of a booking of it are other ones."""
    return await fetch_one(
        db,
        Raised,
        """
        update booking_order set external_reference = $3, metadata = $4, version = version + 1, updated_at = $5
        where org_id = $1 and id = $2
        returning version, updated_at
        """,
        org_id, order.id, order.external_reference, order.metadata, now,
    )  # fmt: skip
