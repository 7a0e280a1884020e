"""What comes after the hold: reading, changing, extending, cancelling, settling on site."""

from datetime import datetime
from uuid import UUID

from litestar import Response

from booking_api.bookings.operations import cancellation, editing
from booking_api.bookings.operations.facts import load_order, load_order_of, lock_whole
from booking_api.bookings.operations.labelling import has_details, relabel_booking
from booking_api.bookings.operations.show import THE_ORDER, Show
from booking_api.bookings.refusals import (
    AlreadyUsed,
    HoldExpired,
    NotCancellable,
    NotChangeable,
    PriceChanged,
    SalesClosed,
    UseOrder,
)
from booking_api.bookings.routes import (
    OWNER,
    PENDING_RETRY_SECONDS,
    TAG,
    AnyRequest,
    offering_alternatives,
    seen_of,
    versioned,
)
from booking_api.bookings.schemas import (
    Booking,
    BookingEdit,
    Cancellation,
    OnSitePayment,
    Order,
)
from booking_api.core.context import Context
from booking_api.core.errors import Conflict, NotFound, VersionConflict
from booking_api.core.web.http import Access, endpoint
from booking_api.core.web.replies import Reply, expected_versions, send, version_etag
from booking_api.core.web.transactions import writing
from booking_api.inventory.operations import SeatTaken

READER = Access(customer=True, staff="agent", scope="bookings:read")
MONEY_RETRY_SECONDS = "10"
STAFF = Access(staff="agent", scope="bookings:write")


@endpoint(
    "GET", "/v1/orders/{order_id:uuid}", tag=TAG, access=READER, answers={200: Order}, errors=(NotFound,),
    conditional=True,
)  # fmt: skip
async def get_order(ctx: Context, order_id: UUID) -> Reply:
    """Get an order with its bookings.

    Everything about it in one answer: status, price, payment, and each booking whole. Its ETag is its version; an
    order on hold depends on the minute and is never answered with 304.
    """
    order = await THE_ORDER(ctx, await load_order(ctx, order_id, partly=True))
    asked = any(booking.feedback_prompt is not None for booking in order.bookings)
    return _read(order, ctx.now, asked=asked)


def _read(answer: Booking | Order, now: datetime, *, asked: bool) -> Reply:
    """What was asked for, with its version. What depends on the minute, or asks a question, is sent anew each time."""
    etag = version_etag(answer.version)
    bookings = answer.bookings if isinstance(answer, Order) else [answer]
    if answer.status in {"on_hold", "pending"} or asked or any(_at_the_gate(booking, now) for booking in bookings):
        reply = Reply(answer, headers={"ETag": etag})
    else:
        headers = {"Cache-Control": "private, no-cache", "Vary": "Accept-Language, Authorization, Origin"}
        reply = Reply(answer, etag=etag, headers=headers)
    reply.headers |= _come_again(answer)
    return reply


def _at_the_gate(booking: Booking, now: datetime) -> bool:
    """Whether a scan may have changed what can be done with it, and the worker not have raised its version yet."""
    admitted = any(item.admitted_at is not None for item in booking.items)
    return booking.status == "confirmed" and (admitted or booking.slot.admit_from <= now < booking.slot.admit_until)


def _come_again(thing: Booking | Order) -> dict[str, str]:
    """When to look again, where money is still on its way: also after the booking itself has come to its end."""
    if thing.status == "pending":
        return {"Retry-After": PENDING_RETRY_SECONDS}
    return {"Retry-After": MONEY_RETRY_SECONDS} if thing.payment.status in {"processing", "refund_pending"} else {}


@endpoint(
    "GET", "/v1/bookings/{booking_id:uuid}", tag=TAG, access=READER, answers={200: Booking}, errors=(NotFound,),
    conditional=True,
)  # fmt: skip
async def get_booking(ctx: Context, booking_id: UUID) -> Reply:
    """Get a booking.

    Its ETag is its version. A booking on hold depends on the minute and is never answered with 304.
    """
    booking = await Show(booking_id=booking_id)(ctx, await load_order_of(ctx, booking_id))
    return _read(booking, ctx.now, asked=booking.feedback_prompt is not None)


@endpoint(
    "PATCH", "/v1/bookings/{booking_id:uuid}", tag=TAG, access=OWNER, answers={200: Booking},
    errors=(NotFound, VersionConflict, HoldExpired, NotChangeable, AlreadyUsed, SeatTaken, Conflict), conditional=True,
)  # fmt: skip
async def edit_booking(
    ctx: Context, booking_id: UUID, body: BookingEdit, expected_versions: frozenset[int] | None
) -> Reply:
    """Change details of a booking.

    Absent means untouched, null clears. Items match by id. Save piece by piece, so that an interrupted customer
    resumes anywhere. With `If-Match`, only if nothing changed meanwhile. `external_reference` and `metadata` are for keys
    and staff, whatever the booking's state.
    """
    facts = await load_order_of(ctx, booking_id, lock=True)
    booking = facts.booking(booking_id)
    if has_details(body):
        await editing.edit(ctx, facts, booking, body, expected_versions)
        expected_versions = None  # It was as expected, and what changed since is this request's own doing.
    await relabel_booking(ctx, facts, booking, body, expected_versions)
    return versioned(await Show(booking_id=booking_id)(ctx, facts))


async def _extend(request: AnyRequest, order_id: UUID | None, booking_id: UUID | None, show: Show) -> Response[bytes]:
    seen = seen_of(expected_versions(request), booking_id)
    async with offering_alternatives(request), writing(request) as ctx:
        facts = await lock_whole(ctx, order_id, booking_id)
        await editing.extend(ctx, facts, seen)
        ctx.reply = versioned(await show(ctx, facts))
    return send(request, ctx)


@endpoint(
    "POST", "/v1/orders/{order_id:uuid}/extend", tag=TAG, access=OWNER, answers={200: Order},
    errors=(NotFound, HoldExpired, SalesClosed, VersionConflict, Conflict), conditional=True,
)  # fmt: skip
async def extend_order(request: AnyRequest, order_id: UUID) -> Response[bytes]:
    """Extend a hold.

    It gets its full time again, up to a limit counted from its beginning. `expires_at` says how long that is.
    """
    return await _extend(request, order_id, None, THE_ORDER)


@endpoint(
    "POST", "/v1/bookings/{booking_id:uuid}/extend", tag=TAG, access=OWNER, answers={200: Booking},
    errors=(NotFound, UseOrder, HoldExpired, SalesClosed, VersionConflict, Conflict), conditional=True,
)  # fmt: skip
async def extend_booking(request: AnyRequest, booking_id: UUID) -> Response[bytes]:
    """Extend the hold of a single booking.

    The same as extending its order. In an order of several it is 409 `use_order`.
    """
    return await _extend(request, None, booking_id, Show(booking_id=booking_id))


@endpoint(
    "POST", "/v1/orders/{order_id:uuid}/cancel", tag=TAG, access=OWNER, body_optional=True, answers={200: Order},
    errors=(NotFound, NotCancellable, PriceChanged, VersionConflict), conditional=True,
)  # fmt: skip
async def cancel_order(
    ctx: Context, order_id: UUID, body: Cancellation, expected_versions: frozenset[int] | None
) -> Reply:
    """Cancel an order: held, being paid, or confirmed.

    Places are back at once, passes are revoked, and what `cancellation` said is refunded: `payment` says how far that
    is. An open payment is called off; what it brings all the same goes back. Repeating it is 200.
    """
    facts = await load_order(ctx, order_id, lock=True)
    await cancellation.cancel(ctx, facts, body, seen=seen_of(expected_versions))
    return versioned(await THE_ORDER(ctx, facts))


@endpoint(
    "POST", "/v1/bookings/{booking_id:uuid}/cancel", tag=TAG, access=OWNER, body_optional=True,
    answers={200: Booking}, errors=(NotFound, UseOrder, NotCancellable, PriceChanged, VersionConflict),
    conditional=True,
)  # fmt: skip
async def cancel_booking(
    ctx: Context, booking_id: UUID, body: Cancellation, expected_versions: frozenset[int] | None
) -> Reply:
    """Cancel one booking.

    In an order of several, a held booking and one that is being paid can't be cancelled by itself (409
    `use_order`), a confirmed one can.
    """
    facts = await load_order_of(ctx, booking_id, lock=True)
    seen = seen_of(expected_versions, booking_id)
    await cancellation.cancel(ctx, facts, body, only=facts.booking(booking_id), seen=seen)
    return versioned(await Show(booking_id=booking_id)(ctx, facts))


@endpoint(
    "POST", "/v1/bookings/{booking_id:uuid}/payments", tag=TAG, access=STAFF, answers={200: Booking},
    errors=(NotFound, Conflict),
)  # fmt: skip
async def settle_booking(ctx: Context, booking_id: UUID, body: OnSitePayment) -> Reply:
    """Settle on site.

    Staff note the cash or card money taken for a booking that is `due_on_site`; its passes are paid from then on.
    """
    facts = await load_order_of(ctx, booking_id, lock=True)
    booking = facts.booking(booking_id)
    await editing.settle_on_site(ctx, facts, booking, body)
    return versioned(await Show(booking_id=booking_id)(ctx, facts))


ROUTES = [
    get_order, get_booking, edit_booking, extend_order, extend_booking, cancel_order, cancel_booking, settle_booking,
]  # fmt: skip
