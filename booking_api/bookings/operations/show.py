"""Orders and bookings as their readers see them."""

import dataclasses
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from booking_api.availability.rules import local, slot_answer
from booking_api.bookings import amounts, rules
from booking_api.bookings.details import missing_details, without_sensitive
from booking_api.bookings.operations.facts import Facts
from booking_api.bookings.operations.standing import due_on_site, effect_of, free_until, order_standing
from booking_api.bookings.rules import OrderStanding
from booking_api.bookings.schemas import (
    AgreedTimes,
    Booking,
    BookingItem,
    BookingRow,
    ChangeOfSlot,
    Order,
    Status,
    StatusReason,
    StatusReasonCode,
)
from booking_api.catalog.answers import option_brief, product_brief
from booking_api.core.context import Context
from booking_api.core.money import Money
from booking_api.core.texts import pick
from booking_api.feedback import operations as feedback
from booking_api.feedback.operations import Occasion
from booking_api.feedback.schemas import FeedbackPrompt
from booking_api.inventory.slot_rules import expected_times
from booking_api.passes import operations as passes
from booking_api.payments import operations as payments
from booking_api.payments.rules import payment_answer
from booking_api.payments.schemas import Intent, PaymentMethod


def status_reason(ctx: Context, code: StatusReasonCode | None) -> StatusReason | None:
    return None if code is None else StatusReason(code, pick(rules.STATUS_REASONS[code], ctx.languages))


OUTSIDE = {"app", "customer"}
"""Who doesn't see what integrators call things and note of them."""
CHOICES = {"keep": "keep", "refund": "cancel"}
"""What customers may choose about a slot that was cancelled or moved, and the action by which they do."""


def _slot_change(ctx: Context, facts: Facts, booking: BookingRow, actions: tuple[str, ...]) -> ChangeOfSlot | None:
    """What happened to the slot of a confirmed booking, and what may be chosen now."""
    effect, slot = effect_of(ctx, facts, booking), facts.slot(booking)
    if effect.kind is None or effect.decide_by is None:
        return None

    def times(starts_at: datetime, ends_at: datetime, origin_id: UUID, destination_id: UUID | None) -> AgreedTimes:
        return AgreedTimes(
            starts_at=local(starts_at, slot.time_zone), time_zone=slot.time_zone,
            ends_at=local(ends_at, slot.end_time_zone), end_time_zone=slot.end_time_zone,
            origin_id=origin_id, destination_id=destination_id,
        )  # fmt: skip

    now = times(slot.starts_at, slot.ends_at, slot.origin_id, slot.destination_id)
    agreed = now
    if booking.agreed_starts_at is not None and booking.agreed_ends_at is not None:
        agreed = times(
            booking.agreed_starts_at, booking.agreed_ends_at, booking.agreed_origin_id or slot.origin_id,
            booking.agreed_destination_id,
        )  # fmt: skip
    return ChangeOfSlot(
        kind=effect.kind, from_=agreed, to=now if effect.kind == "moved" else None,
        decide_by=effect.decide_by,
        choices=[choice for choice, action in CHOICES.items() if action in actions],
    )  # fmt: skip


def show_booking(
    ctx: Context, facts: Facts, booking: BookingRow, prompt: FeedbackPrompt | None = None,
    standing: OrderStanding | None = None, *, sensitive: bool = False,
) -> Booking:  # fmt: skip
    """A booking as its reader sees it at this moment. `standing`, the order's, spares finding it out again.

    `sensitive` shows the answers to sensitive questions: where somebody asks for this booking or its order by itself.
    """
    standing = standing or order_standing(ctx, facts)
    own = standing.bookings[facts.bookings.index(booking)]
    actions = rules.booking_actions(standing, own)
    order, definition, option, slot = facts.order, facts.definition(booking), facts.option(booking), facts.slot(booking)
    status = rules.shown_status(order, booking.status, ctx.now)
    paid = facts.paid(booking)
    terms = amounts.cancellation_terms(
        status, option, slot.starts_at, slot.status, paid, ctx.now, free_until=free_until(ctx, facts, booking)
    )
    settled = facts.settled.get(booking.id, 0)
    currency = booking.price.total.currency
    return Booking(
        id=booking.id,
        reference=booking.reference,
        order_id=booking.order_id,
        status=status,
        status_reason=status_reason(ctx, booking.status_reason),
        version=booking.version,
        updated_at=booking.updated_at,
        expires_at=order.expires_at if status == "on_hold" else None,
        pending_until=order.pending_until if status == "pending" else None,
        slot=slot_answer(slot, definition, facts.times(booking)),
        product=product_brief(definition, ctx.languages),
        option=option_brief(option, currency, ctx.languages),
        contact=booking.contact,
        answers=booking.answers if sensitive else without_sensitive(definition, booking.answers),
        items=_show_items(ctx, facts, booking, sensitive=sensitive),
        price=booking.price,
        payment=payment_answer(
            due_now=booking.price.due_now,
            due_on_site=Money(settled + due_on_site(facts, booking), currency),
            intent=_shown_intent(facts),
            refunds=facts.refunds_of(booking),
            promised=booking.refund_amount or 0,
            settled=settled,
            cancelled=status in rules.FINAL,
            methods=methods_for(ctx, facts, standing),
        ),
        cancellation=terms,
        missing=missing_details(
            booking, facts.items[booking.id], definition, is_moved=own.moved, of_several=facts.of_several
        )
        if status in rules.PAYABLE
        else [],
        slot_change=_slot_change(ctx, facts, booking, actions) if own.undecided else None,
        available_actions=list(actions),
        feedback_prompt=prompt,
        external_reference=booking.external_reference if ctx.caller.kind not in OUTSIDE else None,
        metadata=booking.metadata if ctx.caller.kind not in OUTSIDE else None,
    )


def _show_items(ctx: Context, facts: Facts, booking: BookingRow, *, sensitive: bool) -> list[BookingItem]:
    definition, currency = facts.definition(booking), booking.price.total.currency
    is_paid = booking.price.due_on_site.amount <= facts.settled.get(booking.id, 0)
    shown: list[BookingItem] = []
    for item in facts.items[booking.id]:
        unit, is_active = definition.unit(item.unit_id), item.status == "active"
        shown.append(
            BookingItem(
                id=item.id,
                unit_id=item.unit_id,
                unit="" if unit is None else unit.code,
                title="" if unit is None else pick(unit.title, ctx.languages),
                name=item.name,
                seat=item.seat if is_active else None,
                answers=item.answers if sensitive else without_sensitive(definition, item.answers),
                status=item.status,
                price=Money(item.amount, currency),
                companion_item_id=item.companion_item_id,
                admitted_at=facts.admitted.get(item.id) if is_active else None,
                pass_=passes.pass_answer(ctx, facts.passes[item.id], is_paid) if item.id in facts.passes else None,
            )
        )
    return shown


def methods_for(ctx: Context, facts: Facts, standing: OrderStanding) -> list[PaymentMethod] | None:
    """How an order may be paid here and now; None where nothing is to be paid, or can be."""
    if "confirm" not in rules.order_actions(standing) or not any(
        booking.price.total.amount for booking in facts.bookings
    ):
        return None
    return payments.offered(ctx, on_site=all(facts.definition(booking).on_site_payment for booking in facts.bookings))


def _shown_intent(facts: Facts) -> Intent | None:
    """The order's payment. What is left to do for it, and what the provider calls it, isn't for who sees only a part."""
    if facts.intent is None or not facts.hidden:
        return facts.intent
    return msgspec.structs.replace(facts.intent, next_action=None)


def show_order(ctx: Context, facts: Facts, prompt: FeedbackPrompt | None = None, *, sensitive: bool = True) -> Order:
    """An order as its reader sees it. A due prompt rides in its first booking. `sensitive` as in `show_booking`: lists
    don't show these answers."""
    order = facts.order
    status: Status = rules.shown_status(order, order.status, ctx.now)
    shown = facts.shown
    price = amounts.sum_prices([booking.price for booking in shown])
    standing = order_standing(ctx, facts)
    settled = sum(facts.settled.get(booking.id, 0) for booking in shown)
    return Order(
        id=order.id,
        status=status,
        status_reason=status_reason(ctx, order.status_reason),
        version=order.version,
        expires_at=order.expires_at if status == "on_hold" else None,
        pending_until=order.pending_until if status == "pending" else None,
        price=price,
        payment=payment_answer(
            due_now=price.due_now,
            due_on_site=Money(
                settled + sum(due_on_site(facts, booking) for booking in shown), price.due_on_site.currency
            ),
            intent=_shown_intent(facts),
            refunds=[refund for booking in shown for refund in facts.refunds_of(booking)]
            if facts.hidden
            else facts.refunds,
            promised=sum(booking.refund_amount or 0 for booking in shown),
            settled=settled,
            cancelled=status in rules.FINAL,
            methods=methods_for(ctx, facts, standing),
        ),
        bookings=[
            show_booking(ctx, facts, booking, prompt if index == 0 else None, standing, sensitive=sensitive)
            for index, booking in enumerate(shown)
        ],
        available_actions=[] if facts.hidden else list(rules.order_actions(standing)),
        external_reference=order.external_reference if ctx.caller.kind not in OUTSIDE else None,
        metadata=order.metadata if ctx.caller.kind not in OUTSIDE else None,
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Show:
    """How an operation on an order answers: with the order, or with one booking of it, by default its first."""

    whole: bool = False
    booking_id: UUID | None = None

    def booking(self, facts: Facts) -> BookingRow:
        """The booking that a question is about."""
        return facts.shown[0] if self.booking_id is None else facts.booking(self.booking_id)

    def answer(self, ctx: Context, facts: Facts, prompt: FeedbackPrompt | None) -> Order | Booking:
        if self.whole:
            return show_order(ctx, facts, prompt)
        return show_booking(ctx, facts, self.booking(facts), prompt, sensitive=True)

    async def __call__(self, ctx: Context, facts: Facts) -> Any:
        """The answer, with the question that is due in it."""
        (answer,) = await present([(ctx, facts, self)])
        return answer


THE_ORDER = Show(whole=True)


async def present(shown: Sequence[tuple[Context, Facts, Show]]) -> list[Order | Booking]:
    """The answers about these orders, each with the question that is due in it: customers alone are asked."""
    occasions = {
        place: occasion
        for place, (ctx, facts, show) in enumerate(shown)
        if ctx.caller.is_customer and (occasion := _occasion(ctx, facts, show.booking(facts)))
    }
    for ctx, facts, _ in shown:
        ctx.about_id = facts.order.customer_id
    asked = dict(zip(occasions, await feedback.due_prompts(list(occasions.values())), strict=True)) if occasions else {}
    return [show.answer(ctx, facts, asked.get(place)) for place, (ctx, facts, show) in enumerate(shown)]


def _occasion(ctx: Context, facts: Facts, booking: BookingRow) -> Occasion | None:
    status = rules.shown_status(facts.order, booking.status, ctx.now)
    items = facts.items[booking.id]
    missing = bool(missing_details(booking, items, facts.definition(booking)))
    visit_over = expected_times(facts.slot(booking))[1] <= ctx.now
    step = rules.feedback_step(status, details_missing=missing, visit_over=visit_over)
    if step is None:
        return None
    return Occasion(ctx, step, facts.order.customer_id, booking.id, booking.product_id, ctx.caller.channel)
