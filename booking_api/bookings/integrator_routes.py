"""What integrators and staff read of everybody's bookings, and note of orders."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from litestar import Request, Response
from litestar.response import Stream

from booking_api.bookings.label_schemas import AllBookingsQuery, ExportQuery, OrderLabels
from booking_api.bookings.operations.facts import load_order
from booking_api.bookings.operations.labelling import relabel_order
from booking_api.bookings.operations.listing import list_page, write_header, write_lines, write_rows
from booking_api.bookings.operations.show import THE_ORDER
from booking_api.bookings.routes import TAG, versioned
from booking_api.bookings.schemas import Booking, BookingList, Order
from booking_api.core.context import Context
from booking_api.core.errors import NotFound, VersionConflict
from booking_api.core.paging import read_cursor, write_cursor
from booking_api.core.web.http import Access, Binary, endpoint
from booking_api.core.web.inputs import read_query
from booking_api.core.web.replies import Reply
from booking_api.core.web.transactions import reading, writing
from booking_api.identity import audit

READS_ALL = Access(staff="agent", scope="bookings:read")
EXPORTS = Access(staff="manager", scope="bookings:read")
LABELS = Access(staff="agent", scope="bookings:write")
PAGE = 100
"""Bookings of an export that are in memory at once."""
EXPORTED = Binary(
    "application/jsonl", "A booking a line, as JSON; or as CSV with `format=csv`.", is_text=True, others=("text/csv",)
)
MEDIA_TYPES = {"jsonl": "application/jsonl", "csv": "text/csv; charset=utf-8"}


@endpoint("GET", "/v1/bookings", tag=TAG, access=READS_ALL)
async def list_bookings(ctx: Context, query: AllBookingsQuery) -> BookingList:
    """List everybody's bookings.

    Those that fit all filters, in the order in which they were made: what is made while you page comes at the end.
    Answers to sensitive questions are left out.
    """
    after = read_cursor(query.cursor, tuple[UUID])[0] if query.cursor else None
    items, following = await list_page(ctx, query, after, query.limit)
    return BookingList(items=items, next_cursor=None if following is None else write_cursor(following))


@endpoint(
    "GET", "/v1/bookings/export", tag=TAG, access=EXPORTS, query=ExportQuery,
    answers={200: EXPORTED},
)  # fmt: skip
async def export_bookings(request: Request[Any, Any, Any]) -> Response[Any]:
    """Export bookings.

    All that fit, in the order in which they were made, as they are when their line is sent. If it breaks off, ask again
    with `after`, the id in the last whole line. In CSV money is in minor units, and a cell that a spreadsheet would take
    for a formula begins with an apostrophe. Exports are noted in the audit.
    """
    query = read_query(request, ExportQuery)
    async with writing(request) as ctx:
        await audit.note(ctx, "data.exported", "organisation", ctx.org_id, "bookings")
        items, following = await list_page(ctx, query, query.after, PAGE)
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="bookings.{query.format}"',
        "X-Accel-Buffering": "no",
    }
    lines = _lines(request, query, items, following)
    return Stream(lines, media_type=MEDIA_TYPES[query.format], headers=headers)


async def _lines(
    request: Request[Any, Any, Any], query: ExportQuery, items: list[Booking], following: UUID | None
) -> AsyncIterator[bytes]:
    """A connection is taken for each page, and given back while the client reads."""
    write = write_rows if query.format == "csv" else write_lines
    if query.format == "csv":
        yield write_header()
    while True:
        yield write(items)
        if following is None:
            return
        async with reading(request) as ctx:
            items, following = await list_page(ctx, query, following, PAGE)


@endpoint(
    "PATCH", "/v1/orders/{order_id:uuid}", tag=TAG, access=LABELS, answers={200: Order},
    errors=(NotFound, VersionConflict), conditional=True,
)  # fmt: skip
async def label_order(
    ctx: Context, order_id: UUID, body: OrderLabels, expected_versions: frozenset[int] | None
) -> Reply:
    """Label an order.

    Your own reference and notes. Absent means untouched, null clears; customers see neither. Those of a booking are
    changed with it.
    """
    facts = await load_order(ctx, order_id, lock=True)
    await relabel_order(ctx, facts, body, expected_versions)
    return versioned(await THE_ORDER(ctx, facts))


ROUTES = [list_bookings, export_bookings, label_order]
