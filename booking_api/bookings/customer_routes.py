"""What a customer's phone asks for: their bookings, sync, the event stream, going on on another device."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

from litestar import Request, Response
from litestar.response import Stream

from booking_api.bookings import queries
from booking_api.bookings.change_routes import READER
from booking_api.bookings.operations.facts import hide_unseen, load, load_order_of
from booking_api.bookings.operations.refusing import require_booking
from booking_api.bookings.operations.show import show_booking
from booking_api.bookings.operations.sync import sync
from booking_api.bookings.operations.sync_all import sync_everybody
from booking_api.bookings.operations.watch import owner_of, watch_of
from booking_api.bookings.refusals import SyncExpired
from booking_api.bookings.routes import TAG
from booking_api.bookings.rules import FINAL
from booking_api.bookings.schemas import Booking, BookingList, BookingsQuery, ResumeCode, SyncPage, SyncQuery
from booking_api.core.context import Context
from booking_api.core.errors import Conflict, NotFound, Overloaded, RateLimited
from booking_api.core.log import log
from booking_api.core.paging import read_cursor, write_cursor
from booking_api.core.web.http import Access, Binary, endpoint
from booking_api.core.web.replies import Reply, encode, runtime_of
from booking_api.core.web.transactions import reading
from booking_api.identity import audit, codes, reach

CUSTOMER = Access(customer=True)
HELPS = Access(customer=True, staff="agent")
HEARTBEAT_SECONDS = 15
LONGEST_STREAM_SECONDS = 900
"""Then the stream ends and the app opens another, with a fresh token."""


@endpoint("GET", "/v1/me/bookings", tag=TAG, access=CUSTOMER)
async def list_my_bookings(ctx: Context, query: BookingsQuery) -> BookingList:
    """List your bookings.

    Newest first, each as self-sufficient as when it is asked for by itself.
    """
    before = read_cursor(query.cursor, tuple[UUID])[0] if query.cursor else None
    assert ctx.caller.subject_id is not None
    return await _list(ctx, query, before)


async def _list(ctx: Context, query: BookingsQuery, before: UUID | None) -> BookingList:
    """A page of what the caller's session sees. What it doesn't see is passed over, so that a page is full anyhow."""
    assert ctx.caller.subject_id is not None
    items: list[Booking] = []
    while True:
        wanted = query.limit - len(items)
        rows = await queries.list_customer_bookings(
            ctx.db, ctx.org_id, ctx.caller.subject_id, query.status, before, wanted + 1
        )
        page = rows[:wanted]
        items += await _show(ctx, [row.order_id for row in page], [row.id for row in page])
        if len(rows) <= wanted:
            return BookingList(items=items)
        before = page[-1].id
        if len(items) >= query.limit:
            return BookingList(items=items, next_cursor=write_cursor(before))


async def _show(ctx: Context, order_ids: list[UUID], booking_ids: list[UUID]) -> list[Booking]:
    """Those of these bookings that the caller's session sees, in this order; their orders are read whole, because an
    answer speaks of both."""
    orders = await queries.list_orders(ctx.db, ctx.org_id, list(set(order_ids)))
    shown = {
        booking.id: show_booking(ctx, facts, booking)
        for facts in await load(ctx, orders)
        for booking in hide_unseen(ctx, facts).shown
    }
    return [shown[booking_id] for booking_id in booking_ids if booking_id in shown]


@endpoint("GET", "/v1/sync", tag=TAG, access=READER, errors=(SyncExpired,))
async def sync_changes(ctx: Context, query: SyncQuery) -> SyncPage:
    """Get what changed since.

    All that an app needs to show bookings and passes without a network. Keep `next_since` and send it as `since`
    next time; while `has_more`, ask again at once. A thing may come twice: the higher `version` counts. Keys and staff get
    everybody's bookings, first all in the order in which they were made, then what changed meanwhile and since.
    """
    if not ctx.caller.is_customer:
        return await sync_everybody(ctx, query)
    assert ctx.caller.subject_id is not None
    return await sync(ctx, query, ctx.caller.subject_id)


async def _resume_again(ctx: Context, _stored: bytes, booking_id: UUID) -> ResumeCode:
    return await _resume_code(ctx, booking_id)


@endpoint(
    "POST", "/v1/bookings/{booking_id:uuid}/resume-code", tag=TAG, access=HELPS, answers={201: ResumeCode},
    errors=(NotFound, Conflict), renew=_resume_again,
)  # fmt: skip
async def create_resume_code(ctx: Context, booking_id: UUID) -> Reply:
    """Get a code to go on with on another device.

    The code works once, for ten minutes, with `POST /v1/tokens {grant: "code"}` on the other device. A customer's code
    opens there what their own session sees. One that staff make for a customer whom they help opens this booking and
    no other, and is audited. A repeat of the idempotency key makes a new one, because codes are never stored.
    """
    return Reply({}, 201, secrets=await _resume_code(ctx, booking_id))


async def _resume_code(ctx: Context, booking_id: UUID) -> ResumeCode:
    """A code that opens no more than its maker sees: of a restricted session, what the address opens that it has
    proven, or this booking."""
    facts = await load_order_of(ctx, booking_id)
    require_booking(ctx, facts, facts.booking(booking_id), "resume")
    seconds, restriction = ctx.settings.code_seconds, ctx.caller.restriction
    helped = not ctx.caller.is_customer
    address = None if restriction is None else restriction.address
    contact = facts.booking(booking_id).contact
    if address and (contact is None or not reach.matches(ctx.vault, ctx.org, address, contact.email, contact.phone)):
        address = None
    code = await codes.make_code(
        ctx.db, ctx.org_id, "help" if helped else "resume", facts.order.customer_id, booking_id, ctx.now, seconds,
        address_digest=address, alone=helped or (restriction is not None and address is None),
    )  # fmt: skip
    if helped:
        await audit.note(ctx, "code.issued", "booking", booking_id)
    return ResumeCode(code, ctx.now + timedelta(seconds=seconds))


@endpoint(
    "GET", "/v1/bookings/{booking_id:uuid}/stream", tag=TAG, access=READER, errors=(NotFound,),
    answers={200: Binary("text/event-stream", "The whole booking at each change; `id` is its version.", is_text=True)},
)  # fmt: skip
async def stream_booking(request: Request[Any, Any, Any], booking_id: UUID) -> Response[Any]:
    """Follow a booking as server-sent events.

    Sends the whole booking now and at each change, comments as heartbeats, and ends at a final state, with the session
    or key that opened it, or after a quarter of an hour. Nothing may depend on it: a backgrounded app just GETs.
    """
    watch_of(runtime_of(request)).check_room(owner_of(request.scope["auth"][1]))
    async with reading(request) as ctx:
        facts = await load_order_of(ctx, booking_id)
        first = show_booking(ctx, facts, facts.booking(booking_id))
    events = _events(request, booking_id, first)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Stream(events, media_type="text/event-stream", headers=headers)


def _event(booking: Booking) -> bytes:
    return b"id: %d\nevent: booking\ndata: %s\n\n" % (booking.version, encode(booking))


async def _events(request: Request[Any, Any, Any], booking_id: UUID, booking: Booking) -> AsyncIterator[bytes]:
    runtime = runtime_of(request)
    org, caller = request.scope["auth"]
    yield _event(booking)
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + LONGEST_STREAM_SECONDS
    # As when its time is over, the stream ends where one too many was opened or the database fails: an answer that
    # has begun can't become another one. The app opens a new one, and is told there what is the matter.
    with suppress(Overloaded, RateLimited):
        async with watch_of(runtime).on(org.org_id, booking_id, booking.version, caller) as changed:
            while booking.status not in FINAL and loop.time() < ends_at:
                try:
                    await asyncio.wait_for(changed.wait(), timeout=HEARTBEAT_SECONDS)
                except TimeoutError:
                    yield b": heartbeat\n\n"
                    continue
                changed.clear()
                if runtime.closing.is_set() or changed.ended:
                    break
                latest = await _latest(request, booking_id)
                if latest is None:
                    break
                if latest.version != booking.version:
                    booking = latest
                    yield _event(booking)


async def _latest(request: Request[Any, Any, Any], booking_id: UUID) -> Booking | None:
    """The booking as it is now; None where that can't be found out."""
    try:
        async with reading(request) as ctx:
            facts = await load_order_of(ctx, booking_id)
            return show_booking(ctx, facts, facts.booking(booking_id))
    except Exception as error:  # noqa: BLE001 - whatever it was, nobody can be told any more
        log.warning("stream.ended", error=type(error).__name__)
        return None


ROUTES = [list_my_bookings, sync_changes, create_resume_code, stream_booking]
