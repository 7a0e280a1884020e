"""From a slot to a pass: hold and confirm over HTTP."""

from collections.abc import Awaitable
from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import UUID

import asyncpg
from litestar import Response

from booking_api.bookings.operations import confirmation, settlement
from booking_api.bookings.operations.expire import end_holds_on
from booking_api.bookings.operations.facts import Facts, load_order, lock_whole
from booking_api.bookings.operations.holding import NoRoom, Wish, place_hold, sold_out
from booking_api.bookings.operations.labelling import label_new, require_labeller
from booking_api.bookings.operations.refusing import Seen, refunded_instead, with_alternatives
from booking_api.bookings.operations.repeat import find_earlier, remember_id, without_secrets
from booking_api.bookings.operations.show import THE_ORDER, Show
from booking_api.bookings.operations.together import ConfirmWish, HoldWish, confirm_together, hold_together
from booking_api.bookings.refusals import (
    ContactUnproven,
    DetailsMissing,
    HoldExpired,
    PaymentDeclined,
    PriceChanged,
    SalesClosed,
    SlotChanged,
    SoldOut,
    TooManyHolds,
    UseOrder,
)
from booking_api.bookings.schemas import (
    Booking,
    BookingWithTokens,
    Confirmation,
    NewBooking,
    NewBookingOfOrder,
    NewOrder,
    Order,
)
from booking_api.catalog.rules import PartyNotAllowed
from booking_api.core.context import Context
from booking_api.core.errors import Conflict, IdTaken, NotFound, VersionConflict
from booking_api.core.ids import new_id
from booking_api.core.queue.together import join
from booking_api.core.web.handlers import AnyRequest
from booking_api.core.web.http import Access, endpoint
from booking_api.core.web.inputs import read_body
from booking_api.core.web.problems import CONSTRAINTS, problem_reply
from booking_api.core.web.replies import Reply, expected_versions, runtime_of, send, version_etag
from booking_api.core.web.transactions import make_context, writing
from booking_api.identity.rate_limits import client_address
from booking_api.inventory.operations import SeatTaken
from booking_api.payments import charging
from booking_api.payments import operations as payments
from booking_api.payments.schemas import ON_SITE, Intent, PaymentInProgress

TAG = "Bookings"
ANYONE = Access(app=True, customer=True, staff="agent", scope="bookings:write")
OWNER = Access(customer=True, staff="agent", scope="bookings:write")
PENDING_RETRY_SECONDS = "2"
PENDING = (
    "The payment is under way; the server finishes it without the app. GET again, `Retry-After` says when. "
    "The answer of a repeat with the same method and token as well."
)
MOST_SUPERSEDED = 5
"""How often one confirmation takes the place of a payment that somebody else has just begun."""
HOLD_ERRORS = (SoldOut, SeatTaken, SalesClosed, TooManyHolds, PriceChanged, PartyNotAllowed, IdTaken)
CONFIRM_ERRORS = (
    HoldExpired, TooManyHolds, ContactUnproven, SalesClosed, SlotChanged, PriceChanged, DetailsMissing, PaymentDeclined, PaymentInProgress, Conflict,
)  # fmt: skip
OUR_IDS = {"booking_order_pkey", "booking_pkey", "claim_pkey"}
CONSTRAINTS |= dict.fromkeys(OUR_IDS, IdTaken)
CONSTRAINTS["slot_taken_within_capacity"] = CONSTRAINTS["quota_taken_within_capacity"] = SoldOut
TRY_AGAIN = OUR_IDS | {"booking_reference_is_unique"}
"""A twin came first, or another booking has the reference that was drawn."""


class offering_alternatives(AbstractAsyncContextManager[None]):  # noqa: N801 - reads as a verb where it is used
    """Adds what else has room to a refusal that leaves, now that nothing is locked any more."""

    def __init__(self, request: AnyRequest) -> None:
        self.request = request

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, SalesClosed | SoldOut):
            raise await with_alternatives(make_context(self.request, None), error, runtime_of(self.request)) from None


# holding ----------------------------------------------------------------------------------------------------------


@endpoint(
    "POST", "/v1/orders", tag=TAG, access=ANYONE, body=NewOrder, answers={201: Order, 200: Order, 202: Order},
    answer_descriptions={200: "It was made before, with this id.", 202: "Held, and the payment is under way."},
    errors=(*HOLD_ERRORS, *CONFIRM_ERRORS),
)  # fmt: skip
async def create_order(request: AnyRequest) -> Response[bytes]:
    """Hold several bookings, all or none.

    The places are kept until `expires_at`. With `confirm` the order is confirmed at once. The first order under a
    publishable key makes a customer and answers with their tokens.
    """
    wish = await read_body(request, NewOrder)
    async with offering_alternatives(request):
        return await _place(request, wish, THE_ORDER)


@endpoint(
    "POST", "/v1/bookings", tag=TAG, access=ANYONE, body=NewBooking,
    answers={201: BookingWithTokens, 200: BookingWithTokens, 202: BookingWithTokens},
    answer_descriptions={200: "It was made before, with this id.", 202: "Held, and the payment is under way."},
    errors=(*HOLD_ERRORS, *CONFIRM_ERRORS), together=True,
)  # fmt: skip
async def create_booking(request: AnyRequest) -> Response[bytes]:
    """Hold one booking, the short way.

    With `confirm: true` and a contact (a returning customer's is known) it is the express booking: one request from
    a known slot to a pass. The first booking under a publishable key answers with the new customer's tokens.
    """
    wish = await read_body(request, NewBooking)
    booking = NewBookingOfOrder(
        id=wish.id, slot_id=wish.slot_id, option_id=wish.option_id, items=wish.items, answers=wish.answers,
        external_reference=wish.external_reference, metadata=wish.metadata,
    )  # fmt: skip
    order = NewOrder(
        bookings=[booking],
        contact=wish.contact,
        confirm=wish.confirm,
        payment=wish.payment,
        expected_total=wish.expected_total,
    )
    async with offering_alternatives(request):
        return await _place(request, order, Show(booking_id=wish.id), is_short=True, booking_id=wish.id)


async def _place(
    request: AnyRequest, wanted: NewOrder, show: Show, *, is_short: bool = False, booking_id: UUID | None = None
) -> Response[bytes]:
    """Places once, and once more when ended holds stood in the way or somebody else has an id or the references."""

    def place() -> Awaitable[Response[bytes]]:
        if is_short and _needs_no_provider(wanted) and not _is_unusual(wanted):
            return _place_together(request, wanted, show)
        return _place_once(request, wanted, show, booking_id, is_short=is_short)

    try:
        return await place()
    except (NoRoom, SeatTaken) as error:
        org = request.scope["auth"][0]
        outdated = isinstance(error, NoRoom) and error.outdated
        slots = [booking.slot_id for booking in wanted.bookings]
        if not outdated and not await end_holds_on(runtime_of(request), org.org_id, slots):
            raise (sold_out(error) if isinstance(error, NoRoom) else error) from None
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name not in TRY_AGAIN:
            raise
    try:
        return await place()
    except NoRoom as error:
        raise sold_out(error) from None


def _is_labelled(wanted: NewOrder) -> bool:
    """Whether an order, or a booking of it, is to have a reference or notes of an integrator."""
    return any(one.external_reference or one.metadata for one in (wanted, *wanted.bookings))


def _is_unusual(wanted: NewOrder) -> bool:
    """Whether more than the statements that a batch shares are needed: for chosen seats, and for labels."""
    return _is_labelled(wanted) or any(item.seat is not None for item in wanted.bookings[0].items)


def _needs_no_provider(wish: NewOrder | Confirmation) -> bool:
    """Whether it is plain before anything was looked up that nobody has to be asked for money."""
    confirm = not isinstance(wish, NewOrder) or wish.confirm
    return not confirm or wish.payment is None or wish.payment.method == ON_SITE


async def _place_together(request: AnyRequest, wanted: NewOrder, show: Show) -> Response[bytes]:
    """Places in a transaction shared with the requests that came at the same time; by itself where that can't be."""
    ctx, booking_id = make_context(request, None), wanted.bookings[0].id
    marks: set[Any] = {booking_id} if booking_id is not None else set()
    if wanted.confirm and ctx.caller.is_customer:
        # The contact that comes with one confirmation is known to the customer's next.
        marks.add(("confirms", ctx.caller.subject_id))
    wish = HoldWish(wanted, await request.body(), show, _first_reply, _address(request))
    answer = await join(request, ctx, "hold", wish, hold_together, *marks)
    return await _place_once(request, wanted, show, booking_id, is_short=True) if answer is None else answer


def _address(request: AnyRequest) -> str:
    return client_address(request.scope, runtime_of(request).settings.trusted_proxies)


def _first_reply(ctx: Context, facts: Facts, answer: Any) -> Reply:
    return _held(ctx, answer, 201, facts.order.customer_id if ctx.caller.kind == "app" else None)


async def _place_once(
    request: AnyRequest, wanted: NewOrder, show: Show, booking_id: UUID | None, *, is_short: bool
) -> Response[bytes]:
    body = await request.body()
    async with writing(request) as ctx:
        earlier = await find_earlier(ctx, wanted.id, booking_id, body)
        is_new = earlier is None
        if earlier is not None:
            facts = earlier.facts
        else:
            customer_id = ctx.caller.subject_id if ctx.caller.is_customer else None
            customer_id = customer_id or new_id()
            if _is_labelled(wanted):
                require_labeller(ctx, wanted, is_short=is_short)
            facts = await place_hold(Wish(ctx, wanted, customer_id, is_short, _address(request)))
            if _is_labelled(wanted):
                await label_new(ctx, wanted, facts)
            thing_id = wanted.id or booking_id
            if ctx.caller.kind == "app" and thing_id is not None:
                await remember_id(ctx, thing_id, body, customer_id)
        opens = earlier is None or earlier.opens
        tokens_for = facts.order.customer_id if ctx.caller.kind == "app" and opens else None
        intent_id = None
        if wanted.confirm and (is_new or ctx.resumes):
            wish = Confirmation(contact=wanted.contact, payment=wanted.payment)
            intent_id = await confirmation.begin(ctx, facts, wish)
        if intent_id is None:
            answer = await show(ctx, facts)
            if ctx.caller.kind == "app" and not opens and not ctx.resumes:
                answer = without_secrets(answer)
            ctx.reply = _held(ctx, answer, 201 if is_new or ctx.resumes else 200, tokens_for)
        else:
            ctx.begun = facts.order.id
    if intent_id is not None:
        return await _pay(request, facts.order.id, intent_id, show, 201, tokens_for)
    return send(request, ctx)


def _held(ctx: Context, answer: Any, status: int, tokens_for: UUID | None) -> Reply:
    kind = "bookings" if isinstance(answer, Booking) else "orders"
    headers = {"Location": f"{ctx.base_url}/v1/{kind}/{answer.id}", "ETag": version_etag(answer.version)}
    return Reply(answer, status, headers=headers, tokens_for=tokens_for)


async def _pay(
    request: AnyRequest, order_id: UUID, intent_id: UUID, show: Show, status: int, tokens_for: UUID | None = None
) -> Response[bytes]:
    """Between two transactions: asks the provider, then settles. Whatever dies here, the reconciler finishes."""
    org = request.scope["auth"][0]
    outcome = await charging.call_provider(runtime_of(request), org.org_id, intent_id)
    async with writing(request) as ctx:
        facts = await load_order(ctx, order_id, lock=True)
        intent = await payments.record_outcome(ctx.db, ctx.org_id, intent_id, outcome, ctx.now)
        await settlement.settle(ctx, facts, intent)
        if facts.order.status == "on_hold":
            declined = PaymentDeclined(order_id=str(order_id), decline_code=_decline_code(intent))
            ctx.reply = problem_reply(ctx, declined)
            ctx.reply.tokens_for = tokens_for
        elif facts.order.status == "pending":
            answer = await show(ctx, facts)
            headers = {"Retry-After": PENDING_RETRY_SECONDS, "ETag": version_etag(answer.version)}
            ctx.reply = Reply(answer, 202, headers=headers, tokens_for=tokens_for)
        elif (refusal := refunded_instead(ctx, facts)) is not None:
            ctx.reply = problem_reply(ctx, await with_alternatives(ctx, refusal))
            ctx.reply.tokens_for = tokens_for
        else:
            ctx.reply = _held(ctx, await show(ctx, facts), status, tokens_for)
    return send(request, ctx)


def _decline_code(intent: Intent) -> str:
    return "superseded" if intent.abandoned_at is not None else intent.error_code or "declined"


def versioned(answer: Any) -> Reply:
    """An answer with its version as its ETag, whatever the minute."""
    return Reply(answer, headers={"ETag": version_etag(answer.version)})


def seen_of(expected_versions: frozenset[int] | None, booking_id: UUID | None = None) -> Seen | None:
    """What `If-Match` says that the caller has seen, of the order or of a booking; None where it says nothing."""
    return None if expected_versions is None else Seen(expected_versions, booking_id)


# confirming ---------------------------------------------------------------------------------------------------------


async def _confirm(request: AnyRequest, order_id: UUID | None, booking_id: UUID | None, show: Show) -> Response[bytes]:
    given = await read_body(request, Confirmation, optional=True)
    seen = seen_of(expected_versions(request), booking_id)
    if _needs_no_provider(given):
        together = ConfirmWish(order_id, booking_id, given, show, seen)
        answer = await join(request, make_context(request, None), "confirm", together, confirm_together)
        if answer is not None:
            return answer
    for _ in range(MOST_SUPERSEDED):
        superseded = intent_id = None
        async with writing(request) as ctx:
            facts = await lock_whole(ctx, order_id, booking_id)
            (wish,) = await confirmation.with_contacts([(ctx, facts, given)])
            superseded = confirmation.payment_to_supersede(ctx, facts, wish, seen)
            if superseded is None:
                intent_id = await confirmation.begin(ctx, facts, wish, seen)
                if intent_id is None:
                    ctx.reply = versioned(await show(ctx, facts))
                else:
                    ctx.begun = facts.order.id
        if superseded is None:
            return (
                send(request, ctx) if intent_id is None else await _pay(request, facts.order.id, intent_id, show, 200)
            )
        await _call_payment_off(request, facts.order.id, superseded)
        seen = None  # It was as expected, and what changed since is this request's own doing.
    raise PaymentInProgress("Others pay for this order at the same time.", retry_after_seconds=2)


async def _call_payment_off(request: AnyRequest, order_id: UUID, intent_id: UUID) -> None:
    """Between two transactions: asks the provider to cancel an open payment that the customer wants another one for.

    It may have succeeded meanwhile, and then it confirms. Where the provider can't cancel it, it is given up all the
    same: what it still brings goes back. Whatever dies here leaves the payment open, or the hold as it was.
    """
    org = request.scope["auth"][0]
    outcome = await charging.call_off(runtime_of(request), org.org_id, intent_id)
    async with writing(request) as ctx:
        facts = await load_order(ctx, order_id, lock=True)
        intent = await payments.record_outcome(ctx.db, ctx.org_id, intent_id, outcome, ctx.now)
        await settlement.settle(ctx, facts, intent)
        if facts.order.status == "pending" and facts.order.intent_id == intent_id:
            await settlement.supersede(ctx, facts)


@endpoint(
    "POST", "/v1/orders/{order_id:uuid}/confirm", tag=TAG, access=OWNER, body=Confirmation, body_optional=True,
    answers={200: Order, 202: Order}, errors=(NotFound, VersionConflict, *CONFIRM_ERRORS), conditional=True,
    answer_descriptions={202: PENDING},
    together=True,
)  # fmt: skip
async def confirm_order(request: AnyRequest, order_id: UUID) -> Response[bytes]:
    """Confirm an order.

    With a payment that needs a second step the answer is 202 with `payment.next_action`. A decline is 402 and keeps
    the hold. Repeating it in the final state is 200.

    While a payment is under way (`pending`), the same method and token, or no payment at all, is a repeat: 202, and
    nobody is charged again. With another method or token the payment starts anew: the open one is called off at its
    provider, and what it brings all the same, however late, is given back in full without anybody asking. Should it
    have succeeded meanwhile, it confirms the order (200) and the new one isn't begun.
    """
    async with offering_alternatives(request):
        return await _confirm(request, order_id, None, THE_ORDER)


@endpoint(
    "POST", "/v1/bookings/{booking_id:uuid}/confirm", tag=TAG, access=OWNER, body=Confirmation, body_optional=True,
    answers={200: Booking, 202: Booking}, errors=(NotFound, UseOrder, VersionConflict, *CONFIRM_ERRORS), conditional=True,
    answer_descriptions={202: PENDING},
    together=True,
)  # fmt: skip
async def confirm_booking(request: AnyRequest, booking_id: UUID) -> Response[bytes]:
    """Confirm the order of a single booking.

    The same as confirming its order, also while a payment is under way: the same method and token is a repeat (202),
    another one takes its place, and what the one before brings all the same is given back. In an order of several it is
    409 `use_order`.
    """
    async with offering_alternatives(request):
        return await _confirm(request, None, booking_id, Show(booking_id=booking_id))


ROUTES = [create_order, create_booking, confirm_order, confirm_booking]
