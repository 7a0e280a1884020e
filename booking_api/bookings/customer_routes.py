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
from booking_api.bookings.operations.facts import load, load_order_of, show_booking
from booking_api.bookings.operations.refusing import require_booking
from booking_api.bookings.operations.sync import sync
from booking_api.bookings.operations.watch import watch_of
from booking_api.bookings.refusals import SyncExpired
from booking_api.bookings.routes import TAG
from booking_api.bookings.rules import FINAL
from booking_api.bookings.schemas import Booking, BookingList, BookingsQuery, ResumeCode, SyncPage, SyncQuery
from booking_api.core.context import Context
from booking_api.core.errors import Conflict, NotFound, Overloaded, RateLimited
from booking_api.core.http import Access, Binary, endpoint
from booking_api.core.inputs import read_query
from booking_api.core.log import log
from booking_api.core.paging import read_cursor, write_cursor
from booking_api.core.replies import Reply, encode, runtime_of, send
from booking_api.core.transactions import reading, writing
from booking_api.identity import operations as identity

CUSTOMER = Access(customer=True)
HEARTBEAT_SECONDS = 15
LONGEST_STREAM_SECONDS = 900
"""Then the stream ends and the app opens another, with a fresh token."""


@endpoint("GET", "/v1/me/bookings", tag=TAG, access=CUSTOMER, query=BookingsQuery, answers={200: BookingList})
async def list_my_bookings(request: Request[Any, Any, Any]) -> Response[bytes]:
    """List your bookings.

    Newest first, each as self-sufficient as when it is asked for by itself.
    """
    query = read_query(request, BookingsQuery)
    before = read_cursor(query.cursor, tuple[UUID])[0] if query.cursor else None
    async with reading(request) as ctx:
        assert ctx.caller.subject_id is not None
        rows = await queries.list_customer_bookings(
            ctx.db, ctx.org_id, ctx.caller.subject_id, query.status, before, query.limit + 1
        )
        page = rows[: query.limit]
        ctx.reply = Reply(
            BookingList(
                items=await _show(ctx, [row.order_id for row in page], [row.id for row in page]),
                next_cursor=write_cursor(page[-1].id) if len(rows) > query.limit else None,
            )
        )
    return send(request, ctx)


async def _show(ctx: Context, order_ids: list[UUID], booking_ids: list[UUID]) -> list[Booking]:
    """These bookings in this order; their orders are read whole, because an answer speaks of both."""
    orders = await queries.list_orders(ctx.db, ctx.org_id, list(set(order_ids)))
    shown = {
        booking.id: show_booking(ctx, facts, booking) for facts in await load(ctx, orders) for booking in facts.bookings
    }
    return [shown[booking_id] for booking_id in booking_ids if booking_id in shown]


@endpoint("GET", "/v1/sync", tag=TAG, access=CUSTOMER, query=SyncQuery, answers={200: SyncPage}, errors=(SyncExpired,))
async def sync_changes(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Get what changed since.

    All that an app needs to show bookings and passes without a network. Keep `next_since` and send it as `since`
    next time; while `has_more`, ask again at once. A thing may come twice: the higher `version` counts.
    """
    query = read_query(request, SyncQuery)
    async with reading(request) as ctx:
        assert ctx.caller.subject_id is not None
        ctx.reply = Reply(await sync(ctx, query, ctx.caller.subject_id))
    return send(request, ctx)


@endpoint(
    "POST", "/v1/bookings/{booking_id:uuid}/resume-code", tag=TAG, access=CUSTOMER, answers={201: ResumeCode},
    errors=(NotFound, Conflict),
)  # fmt: skip
async def create_resume_code(request: Request[Any, Any, Any], booking_id: UUID) -> Response[bytes]:
    """Get a code to go on with on another device.

    The code works once, for ten minutes, with `POST /v1/tokens {grant: "code"}` on the other device. A repeat of
    the idempotency key makes a new one, because codes are never stored.
    """
    async with writing(request, renew=lambda ctx, _: _resume_code(ctx, booking_id)) as ctx:
        facts = await load_order_of(ctx, booking_id)
        require_booking(ctx, facts, facts.booking(booking_id), "resume")
        ctx.reply = Reply({}, 201, secrets=await _resume_code(ctx, booking_id))
    return send(request, ctx)


async def _resume_code(ctx: Context, booking_id: UUID) -> ResumeCode:
    assert ctx.caller.subject_id is not None
    seconds = ctx.settings.code_seconds
    code = await identity.make_code(ctx.db, ctx.org_id, "resume", ctx.caller.subject_id, booking_id, ctx.now, seconds)
    return ResumeCode(code, ctx.now + timedelta(seconds=seconds))


@endpoint(
    "GET", "/v1/bookings/{booking_id:uuid}/stream", tag=TAG, access=READER, errors=(NotFound,),
    answers={200: Binary("text/event-stream", "The whole booking at each change; `id` is its version.", is_text=True)},
)  # fmt: skip
async def stream_booking(request: Request[Any, Any, Any], booking_id: UUID) -> Response[Any]:
    """Follow a booking as server-sent events.

    Sends the whole booking now and at each change, comments as heartbeats, and ends at a final state or after a
    quarter of an hour. Nothing may depend on it: a backgrounded app just GETs.
    """
    watch_of(runtime_of(request)).check_room(_owner(request))
    async with reading(request) as ctx:
        facts = await load_order_of(ctx, booking_id)
        first = show_booking(ctx, facts, facts.booking(booking_id))
    events = _events(request, booking_id, first)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Stream(events, media_type="text/event-stream", headers=headers)


def _owner(request: Request[Any, Any, Any]) -> UUID:
    """Whose event streams are counted together: a person's on all their devices, or those of a key."""
    caller = request.scope["auth"][1]
    return caller.subject_id or caller.credential_id


def _event(booking: Booking) -> bytes:
    return b"id: %d\nevent: booking\ndata: %s\n\n" % (booking.version, encode(booking))


async def _events(request: Request[Any, Any, Any], booking_id: UUID, booking: Booking) -> AsyncIterator[bytes]:
    runtime = runtime_of(request)
    org = request.scope["auth"][0]
    yield _event(booking)
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + LONGEST_STREAM_SECONDS
    # As when its time is over, the stream ends where one too many was opened or the database fails: an answer that
    # has begun can't become another one. The app opens a new one, and is told there what is the matter.
    with suppress(Overloaded, RateLimited):
        async with watch_of(runtime).on(org.org_id, booking_id, booking.version, _owner(request)) as changed:
            while booking.status not in FINAL and loop.time() < ends_at:
                try:
                    await asyncio.wait_for(changed.wait(), timeout=HEARTBEAT_SECONDS)
                except TimeoutError:
                    yield b": heartbeat\n\n"
                    continue
                changed.clear()
                if runtime.closing.is_set():
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
