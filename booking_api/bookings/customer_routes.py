"""What a customer's phone asks for: sync and the event stream."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any
from uuid import UUID

from litestar import Request, Response
from litestar.response import Stream

from booking_api.bookings import me_routes
from booking_api.bookings.change_routes import READER
from booking_api.bookings.operations.facts import load_order_of
from booking_api.bookings.operations.show import show_booking
from booking_api.bookings.operations.sync import sync
from booking_api.bookings.operations.sync_all import sync_everybody
from booking_api.bookings.operations.watch import owner_of, watch_of
from booking_api.bookings.refusals import SyncExpired
from booking_api.bookings.routes import TAG
from booking_api.bookings.rules import FINAL
from booking_api.bookings.schemas import Booking, SyncPage, SyncQuery
from booking_api.core.context import Context
from booking_api.core.errors import NotFound, Overloaded, RateLimited
from booking_api.core.log import log
from booking_api.core.web.http import Access, Binary, endpoint
from booking_api.core.web.replies import encode, runtime_of
from booking_api.core.web.transactions import reading

CUSTOMER = Access(customer=True)
HELPS = Access(customer=True, staff="agent")
HEARTBEAT_SECONDS = 15
LONGEST_STREAM_SECONDS = 900
"""Then the stream ends and the app opens another, with a fresh token."""


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


ROUTES = [sync_changes, stream_booking, *me_routes.ROUTES]
