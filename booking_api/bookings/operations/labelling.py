"""What integrators call orders and bookings, and note of them.

Labels are written by a second statement, and only where they are given, so that a hold without any costs what it did.
"""

from collections.abc import Sequence

from msgspec import UNSET

from booking_api.bookings import label_queries
from booking_api.bookings.label_schemas import Labelled, OrderLabels
from booking_api.bookings.operations.facts import Facts
from booking_api.bookings.operations.refusing import Seen, require_version
from booking_api.bookings.schemas import BookingEdit, BookingRow, NewOrder, OrderRow
from booking_api.core.context import Context
from booking_api.core.errors import unprocessable

NAMES = ("external_reference", "metadata")
LABELLERS = {"key", "staff"}


def require_labeller(ctx: Context, wanted: NewOrder, *, is_short: bool) -> None:
    """Raises `Unprocessable` where somebody names labels who doesn't see them."""
    if ctx.caller.kind in LABELLERS:
        return
    within = [("", wanted), *((f"/bookings/{at}" * (not is_short), one) for at, one in enumerate(wanted.bookings))]
    for pointer, one in within:
        _require_absent(pointer, {name: getattr(one, name) for name in NAMES}, None)


def _require_absent(pointer: str, given: dict[str, object], absent: object) -> None:
    for name, value in given.items():
        if value is not absent:
            raise unprocessable(f"{pointer}/{name}", "Only keys and staff may set this.")


async def label_new(ctx: Context, wanted: NewOrder, facts: Facts) -> None:
    """Writes the labels of an order that has just been held."""
    order = facts.order
    if any(getattr(wanted, name) is not None for name in NAMES):
        order.external_reference, order.metadata = wanted.external_reference, wanted.metadata
        await label_queries.label_order(ctx.db, ctx.org_id, _labelled(order))
    named: list[BookingRow] = []
    for booking, wish in zip(facts.bookings, wanted.bookings, strict=True):
        if any(getattr(wish, name) is not None for name in NAMES):
            booking.external_reference, booking.metadata = wish.external_reference, wish.metadata
            named.append(booking)
    if named:
        await label_queries.label_bookings(ctx.db, ctx.org_id, [_labelled(booking) for booking in named])


def _labelled(row: OrderRow | BookingRow) -> Labelled:
    return Labelled(row.id, row.external_reference, row.metadata)


def _relabel(ctx: Context, row: OrderRow | BookingRow, change: OrderLabels | BookingEdit) -> bool:
    """Changes a row as its integrator wishes; whether that is another thing. Raises `Unprocessable` for others."""
    given = {name: getattr(change, name) for name in NAMES}
    if ctx.caller.kind not in LABELLERS:
        _require_absent("", given, UNSET)
    before = _labelled(row)
    for name, value in given.items():
        if value is not UNSET:
            setattr(row, name, value or None)
    return _labelled(row) != before


async def relabel_booking(
    ctx: Context, facts: Facts, booking: BookingRow, change: BookingEdit, expected: frozenset[int] | None
) -> None:
    """Changes a booking's labels, whatever its state. Raises `VersionConflict`, and `Unprocessable` for customers."""
    if not _relabel(ctx, booking, change):
        return
    require_version(facts, None if expected is None else Seen(expected, booking.id))
    raised = await label_queries.relabel_booking(ctx.db, ctx.org_id, _labelled(booking), ctx.now)
    if raised is not None:
        booking.version, booking.updated_at = raised.version, raised.updated_at
        await _raise_order(ctx, facts.order)


async def relabel_order(ctx: Context, facts: Facts, change: OrderLabels, expected: frozenset[int] | None) -> None:
    """Changes an order's labels, whatever its state. Raises `VersionConflict`."""
    if _relabel(ctx, facts.order, change):
        require_version(facts, None if expected is None else Seen(expected, None))
        await _raise_order(ctx, facts.order)


async def _raise_order(ctx: Context, order: OrderRow) -> None:
    raised = await label_queries.relabel_order(ctx.db, ctx.org_id, _labelled(order), ctx.now)
    if raised is not None:
        order.version, order.updated_at = raised.version, raised.updated_at


def has_details(change: BookingEdit) -> bool:
    """Whether an edit names anything but labels."""
    return any(value is not UNSET for value in _details(change))


def _details(change: BookingEdit) -> Sequence[object]:
    return change.contact, change.answers, change.items
