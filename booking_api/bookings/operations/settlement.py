"""What becomes of an order when the state of its payment is known, whichever caller brings it and however often."""

import msgspec

from booking_api.bookings import rules
from booking_api.bookings.events import BookingChanged, BookingRejected
from booking_api.bookings.operations.admitted import needed
from booking_api.bookings.operations.cancellation import refund_whole
from booking_api.bookings.operations.complete import Confirmed, complete, keep_places
from booking_api.bookings.operations.facts import Facts
from booking_api.bookings.operations.standing import effect_of, ends_at, order_standing
from booking_api.bookings.operations.write import (
    announce,
    mark_confirmed,
    move,
    save,
    save_agreed,
)
from booking_api.bookings.rules import Action
from booking_api.bookings.schemas import BookingRow, StatusReasonCode
from booking_api.bookings.slot_rules import is_moved
from booking_api.core.context import Context
from booking_api.core.log import log
from booking_api.inventory import operations as inventory
from booking_api.inventory.schemas import ClaimRequest
from booking_api.payments import operations as payments
from booking_api.payments.schemas import Intent


async def settle(ctx: Context, facts: Facts, intent: Intent) -> None:
    """Brings the locked order to where its payment says. Safe to repeat, and in any order of updates.

    A payment that succeeded after the places were given back takes them again if there is room, and is refunded if
    not, as is one for a slot that was cancelled or is over: never paid without a ticket. A slot that moved meanwhile
    is confirmed for its new time, and may be cancelled free of charge.
    """
    order = facts.order
    facts.intent = intent if order.intent_id in (None, intent.id) else facts.intent
    is_current = order.intent_id == intent.id and intent.abandoned_at is None
    paid_on_site = order.status == "confirmed" and not any(one.price.due_now.amount for one in facts.bookings)
    match intent.status:
        case "succeeded" if is_current and order.status in {"pending", "on_hold"}:
            # On hold: declined first, then charged after all. The hold is still there, so the money is good.
            if (reason := _reason_against(ctx, facts)) is not None:
                await inventory.give_back(ctx.db, ctx.org_id, [booking.id for booking in facts.bookings])
                await _refuse_payment(ctx, facts, intent, reason)
            elif await keep_places(ctx, [facts]):
                await _confirm_paid(ctx, facts, "settle")
            else:
                move(facts, "abandon" if order.status == "pending" else "expire")
                await _retake_or_refund(ctx, facts, intent)
        case "succeeded" if is_current and order.status in {"expired", "rejected"} and not _was_refused(facts):
            await _retake_or_refund(ctx, facts, intent)
        case "succeeded" if not is_current or (order.status == "cancelled" and not facts.was_confirmed) or paid_on_site:
            # Another payment took its place, after a decline also the one on site, or the order was cancelled before.
            before = len(facts.refunds)
            await refund_whole(ctx, facts, intent, "cancelled" if order.status == "cancelled" else "superseded")
            if len(facts.refunds) > before:
                await save(ctx, facts)
                await announce(ctx, BookingChanged, facts.bookings)
        case "failed" | "cancelled" if is_current and order.status == "pending":
            await _decline(ctx, facts)
        case "failed" | "cancelled" if order.intent_id == intent.id and order.status in rules.FINAL:
            # Nothing comes any more, which readers of the order are to see.
            await save(ctx, facts)
            await announce(ctx, BookingChanged, facts.bookings)
        case _:
            pass


def _reason_against(ctx: Context, facts: Facts) -> StatusReasonCode | None:
    """Why money that has arrived buys nothing any more."""
    verdict = rules.judge_payment(order_standing(ctx, facts))
    return None if verdict.is_allowed else rules.ENDED_REASONS[verdict.because[0]]


async def _confirm_paid(ctx: Context, facts: Facts, action: Action) -> None:
    mark_confirmed(facts, action, ctx.now)
    moved = [booking for booking in facts.bookings if is_moved(booking, facts.slot(booking))]
    for booking in moved:
        booking.moved_while_paying = True
        effect = effect_of(ctx, facts, booking)
        booking.slot_change, booking.decide_by = effect.kind, effect.decide_by
        booking.offered_starts_at = facts.slot(booking).starts_at
    for booking in facts.bookings:
        booking.status_reason = None
    facts.order.status_reason = None
    await save(ctx, facts)
    await save_agreed(ctx, moved)
    await complete([Confirmed(ctx, facts)])


def _was_refused(facts: Facts) -> bool:
    """Whether the payment went back already, so that it buys nothing any more, even if there is room by now."""
    return any(booking.refund_amount is not None for booking in facts.bookings)


async def supersede(ctx: Context, facts: Facts) -> None:
    """The open payment of the locked order is given up for another one: what it still brings goes back."""
    await payments.abandon(ctx, [facts.order.id])
    if facts.intent is not None:
        facts.intent = msgspec.structs.replace(facts.intent, abandoned_at=ctx.now)
    await _keep_hold(ctx, facts, "supersede")


async def _decline(ctx: Context, facts: Facts) -> None:
    """Keeps the hold, so that the customer can try another means of payment."""
    await _keep_hold(ctx, facts, "decline")


async def _keep_hold(ctx: Context, facts: Facts, action: Action) -> None:
    """The hold goes on for a while, but not beyond the end of its slots."""
    order = facts.order
    order.expires_at = min(max(order.expires_at or ctx.now, ctx.now + rules.RETRY_AFTER_DECLINE), ends_at(facts))
    order.pending_until = None
    move(facts, action)
    if not await inventory.extend(ctx.db, ctx.org_id, [booking.id for booking in facts.bookings], order.expires_at):
        log.error("claim.lost", order_id=str(order.id))
    await save(ctx, facts)
    await announce(ctx, BookingChanged, facts.bookings)


async def _retake_or_refund(ctx: Context, facts: Facts, intent: Intent) -> None:
    if (reason := _reason_against(ctx, facts)) is not None:
        await _refuse_payment(ctx, facts, intent, reason)
        return
    claims = [_claim(facts, booking) for booking in facts.bookings]
    outcomes = await inventory.take(ctx.db, ctx.org_id, claims, ctx.now)
    if all(outcome.ok for outcome in outcomes):
        await _confirm_paid(ctx, facts, "retake")
        return
    facts.crowded_out = frozenset(outcome.claim_id for outcome in outcomes if not outcome.ok)
    await inventory.give_back(ctx.db, ctx.org_id, [outcome.claim_id for outcome in outcomes if outcome.ok])
    await _refuse_payment(ctx, facts, intent, "no_room")


async def _refuse_payment(ctx: Context, facts: Facts, intent: Intent, reason: StatusReasonCode) -> None:
    """Gives the whole payment back and says why. The order holds no places any more."""
    move(facts, "refuse")
    await refund_whole(ctx, facts, intent, reason)
    order = facts.order
    order.expires_at, order.pending_until, order.status_reason = None, None, reason
    for booking in facts.bookings:
        booking.refund_amount, booking.status_reason = booking.price.due_now.amount, reason
    await save(ctx, facts)
    await announce(ctx, BookingRejected, facts.bookings, reason=reason)


def _claim(facts: Facts, booking: BookingRow) -> ClaimRequest:
    places, of_quota = needed(facts, booking, facts.items[booking.id])
    return ClaimRequest(
        id=booking.id, slot_id=booking.slot_id, option_id=booking.option_id, holder_id=booking.customer_id, places=places,
        quota_places=of_quota, expires_at=None,
    )  # fmt: skip
