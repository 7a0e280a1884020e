"""A customer's own lists."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from uuid import UUID

from booking_api.bookings import claiming_routes, handover_routes, me_queries, queries
from booking_api.bookings.operations.facts import hide_unseen, load
from booking_api.bookings.operations.show import show_booking, show_order
from booking_api.bookings.routes import TAG
from booking_api.bookings.schemas import (
    Booking,
    BookingList,
    BookingRow,
    BookingsQuery,
    Order,
    OrderList,
    OrdersQuery,
)
from booking_api.core.clock import Moment
from booking_api.core.context import Context
from booking_api.core.paging import read_cursor, write_cursor
from booking_api.core.web.http import Access, endpoint
from booking_api.identity.audit import HIGHEST

CUSTOMER = Access(customer=True)
ByTime = tuple[Moment, UUID]
"""The end of a visit and the booking's id."""
NextRows = Callable[[BookingRow | None, int], Awaitable[list[BookingRow]]]
"""So many bookings after one, or after where the page begins."""


@endpoint("GET", "/v1/me/bookings", tag=TAG, access=CUSTOMER)
async def list_my_bookings(ctx: Context, query: BookingsQuery) -> BookingList:
    """List your bookings.

    Newest first, each as self-sufficient as when it is asked for by itself. `when` has those to come, the next one
    first, or those that are over.
    """
    if query.when is not None:
        return await _by_time(ctx, query)
    before = read_cursor(query.cursor, tuple[UUID])[0] if query.cursor else None
    customer_id = _customer(ctx)

    async def rows(after: BookingRow | None, limit: int) -> list[BookingRow]:
        return await me_queries.list_customer_bookings(
            ctx.db, ctx.org_id, customer_id, query.status, before if after is None else after.id, limit
        )

    return await _list(ctx, query.limit, rows, lambda booking: write_cursor(booking.id))


async def _by_time(ctx: Context, query: BookingsQuery) -> BookingList:
    upcoming, customer_id = query.when == "upcoming", _customer(ctx)
    first: ByTime = (ctx.now, HIGHEST) if upcoming else (datetime.max.replace(tzinfo=ctx.now.tzinfo), HIGHEST)
    begin = read_cursor(query.cursor, ByTime) if query.cursor else first
    find = me_queries.list_upcoming if upcoming else me_queries.list_past

    async def rows(after: BookingRow | None, limit: int) -> list[BookingRow]:
        position = begin if after is None else (after.visit_ends_at, after.id)
        return await find(ctx.db, ctx.org_id, customer_id, query.status, position, ctx.now, limit)

    return await _list(ctx, query.limit, rows, lambda booking: write_cursor(booking.visit_ends_at, booking.id))


async def _list(
    ctx: Context, limit: int, rows_after: NextRows, cursor_after: Callable[[BookingRow], str]
) -> BookingList:
    """A page of what the caller's session sees. What it doesn't see is passed over, so that a page is full anyhow."""
    items: list[Booking] = []
    final: BookingRow | None = None
    while True:
        wanted = limit - len(items)
        rows = await rows_after(final, wanted + 1)
        page = rows[:wanted]
        items += await _show(ctx, page)
        if len(rows) <= wanted:
            return BookingList(items=items)
        final = page[-1]
        if len(items) >= limit:
            return BookingList(items=items, next_cursor=cursor_after(final))


async def _show(ctx: Context, bookings: list[BookingRow]) -> list[Booking]:
    """Those of these bookings that the caller's session sees, in this order; their orders are read whole, because an
    answer speaks of both."""
    orders = await queries.list_orders(ctx.db, ctx.org_id, list({booking.order_id for booking in bookings}))
    shown = {
        booking.id: show_booking(ctx, facts, booking)
        for facts in await load(ctx, orders)
        for booking in hide_unseen(ctx, facts).shown
    }
    return [shown[booking.id] for booking in bookings if booking.id in shown]


@endpoint("GET", "/v1/me/orders", tag=TAG, access=CUSTOMER)
async def list_my_orders(ctx: Context, query: OrdersQuery) -> OrderList:
    """List your orders.

    Newest first, each with its bookings whole, as far as your session sees them.
    """
    before = read_cursor(query.cursor, tuple[UUID])[0] if query.cursor else None
    items: list[Order] = []
    while True:
        wanted = query.limit - len(items)
        rows = await me_queries.list_customer_orders(ctx.db, ctx.org_id, _customer(ctx), before, wanted + 1)
        page = rows[:wanted]
        by_id = {facts.order.id: hide_unseen(ctx, facts) for facts in await load(ctx, page)}
        found = [by_id[row.id] for row in page]
        items += [show_order(ctx, facts, sensitive=False) for facts in found if facts.shown]
        if len(rows) <= wanted:
            return OrderList(items=items)
        before = page[-1].id
        if len(items) >= query.limit:
            return OrderList(items=items, next_cursor=write_cursor(before))


def _customer(ctx: Context) -> UUID:
    assert ctx.caller.subject_id is not None, "only customers are admitted"
    return ctx.caller.subject_id


ROUTES = [list_my_bookings, list_my_orders, *handover_routes.ROUTES, *claiming_routes.ROUTES]
