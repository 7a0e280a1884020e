"""Everybody's bookings, for integrators and staff: a page of them, and one page after the other as an export.

In the order of their ids, which is that in which they were made, so that what is made meanwhile comes at the end and
nothing is passed over.
"""

import csv
import io
from uuid import UUID

from booking_api.bookings import label_queries, queries
from booking_api.bookings.label_schemas import BookingFilters
from booking_api.bookings.operations.facts import load
from booking_api.bookings.operations.show import show_booking
from booking_api.bookings.schemas import Booking
from booking_api.core.context import Context
from booking_api.core.web.replies import encode

COLUMNS = (
    "id", "reference", "external_reference", "order_id", "status", "version", "updated_at", "product_id", "product",
    "option", "slot_id", "starts_at", "ends_at", "items", "contact_name", "contact_email", "contact_phone", "currency",
    "total", "payment_status", "refunded", "metadata",
)  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""How a cell begins that a spreadsheet may carry out (OWASP, CSV injection)."""


async def list_page(
    ctx: Context, wanted: BookingFilters, after: UUID | None, limit: int
) -> tuple[list[Booking], UUID | None]:
    """Bookings that fit, and where to go on; None at the end."""
    found = await label_queries.list_fitting(ctx.db, ctx.org_id, wanted, after, limit + 1)
    page = found[:limit]
    orders = await queries.list_orders(ctx.db, ctx.org_id, list({row.order_id for row in page})) if page else []
    ids = {row.id for row in page}
    shown = {
        booking.id: show_booking(ctx, facts, booking)
        for facts in await load(ctx, orders)
        for booking in facts.bookings
        if booking.id in ids
    }
    # What was deleted between the two statements is left out.
    items = [shown[row.id] for row in page if row.id in shown]
    return items, page[-1].id if len(found) > limit else None


def write_lines(bookings: list[Booking]) -> bytes:
    """JSON lines."""
    return b"".join(encode(booking) + b"\n" for booking in bookings)


def write_header() -> bytes:
    return (",".join(COLUMNS) + "\r\n").encode()


def write_rows(bookings: list[Booking]) -> bytes:
    """Lines of CSV (RFC 4180), with money in minor units."""
    file = io.StringIO()
    csv.writer(file).writerows([harmless(cell) for cell in _row(booking)] for booking in bookings)
    return file.getvalue().encode()


def harmless(cell: object) -> str:
    """A cell that no spreadsheet takes for a formula: with an apostrophe before it, where it begins like one."""
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(FORMULA) else text


def _row(booking: Booking) -> tuple[object, ...]:
    contact, total = booking.contact, booking.price.total
    return (
        booking.id, booking.reference, booking.external_reference, booking.order_id, booking.status, booking.version,
        booking.updated_at.isoformat(), booking.product.id, booking.product.title, booking.option.title,
        booking.slot.id, booking.slot.starts_at.isoformat(), booking.slot.ends_at.isoformat(), len(booking.items),
        contact and contact.name, contact and contact.email, contact and contact.phone, total.currency, total.amount,
        booking.payment.status, booking.payment.refunded.amount if booking.payment.refunded else 0,
        encode(booking.metadata).decode() if booking.metadata else None,
    )  # fmt: skip
