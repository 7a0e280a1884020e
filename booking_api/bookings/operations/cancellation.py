"""Cancelling a hold or a confirmed booking, and letting holds end."""

from collections.abc import Sequence
from uuid import UUID, uuid5

import msgspec

from booking_api.bookings import amounts, queries, rules
from booking_api.bookings.events import BookingCancelled, BookingExpired, BookingRejected, RefundDueOnSite
from booking_api.bookings.operations.admitted import kept_of, lock_admissions
from booking_api.bookings.operations.facts import Facts, load
from booking_api.bookings.operations.refusing import (
    Seen,
    require_booking,
    require_order,
    require_reason,
    require_version,
)
from booking_api.bookings.operations.standing import free_until
from booking_api.bookings.operations.write import announce, move, save, save_all, save_items
from booking_api.bookings.refusals import PriceChanged
from booking_api.bookings.schemas import BookingRow, Cancellation, StatusReasonCode
from booking_api.core.context import Context
from booking_api.core.money import Money
from booking_api.identity import audit
from booking_api.inventory import operations as inventory
from booking_api.passes import operations as passes
from booking_api.payments import operations as payments
from booking_api.payments.schemas import ON_SITE, Intent

FOR_OTHERS = frozenset({"staff", "key"})
"""Whose cancellations are noted although no money goes back: they act for somebody else."""


async def cancel(
    ctx: Context, facts: Facts, wish: Cancellation, only: BookingRow | None = None, seen: Seen | None = None
) -> None:
    """Cancels the locked order, or one confirmed booking of it. Repeating it in the final state changes nothing.

    Raises `NotCancellable`, `UseOrder`, `VersionConflict`, and `PriceChanged` when the refund isn't the one the app
    showed.
    """
    order = facts.order
    await lock_admissions(ctx, facts)
    is_left = require_order(ctx, facts, "cancel") if only is None else require_booking(ctx, facts, only, "cancel")
    if not is_left:
        return
    chosen = [booking for booking in ([only] if only else facts.bookings) if booking.status != "cancelled"]
    require_reason(ctx, facts, chosen, wish.reason)
    refunds = {booking.id: _refund_of(ctx, facts, booking) for booking in chosen}
    total = Money(sum(refunds.values()), chosen[0].price.total.currency)
    if wish.expected_refund is not None and wish.expected_refund != total:
        raise PriceChanged(
            "The refund is not the one you expected.", refund=total,
            price=amounts.sum_prices([booking.price for booking in chosen]),
        )  # fmt: skip
    require_version(facts, seen)
    was_confirmed, was_pending = order.status == "confirmed", order.status == "pending"
    for booking in chosen:
        # What was erased stays so: nothing that somebody types is kept with it any more.
        booking.cancel_reason = wish.reason if booking.erased_at is None else None
        if was_confirmed and refunds[booking.id] > 0:
            booking.refund_amount = refunds[booking.id]
            await _give_money_back(ctx, facts, booking, refunds[booking.id])
    remaining = [booking for booking in facts.live if booking not in chosen]
    if remaining:
        for booking in chosen:
            booking.status = "cancelled"
    else:
        move(facts, "cancel")
        for booking in chosen:
            booking.status = "cancelled"
    if was_pending:
        await _call_payment_off(ctx, facts)
    for booking in chosen:
        if any(item.id in facts.admitted for item in facts.items[booking.id]):
            await audit.note(ctx, "booking.overridden", "booking", booking.id, "already_used")
    notes = [
        audit.noted(ctx, "booking.cancelled", "booking", booking.id, "refunded" if booking.refund_amount else None)
        for booking in chosen
        if booking.refund_amount or ctx.caller.kind in FOR_OTHERS
    ]
    await audit.write(ctx.db, ctx.org_id, notes)
    await _release(ctx, facts, chosen)
    await announce(ctx, BookingCancelled, chosen)


def _refund_of(ctx: Context, facts: Facts, booking: BookingRow) -> int:
    slot = facts.slot(booking)
    paid = facts.paid(booking)
    terms = amounts.cancellation_terms(
        booking.status, facts.option(booking), slot.starts_at, slot.status, paid, ctx.now,
        free_until=free_until(ctx, facts, booking),
    )  # fmt: skip
    return terms.refund.amount


async def _give_money_back(ctx: Context, facts: Facts, booking: BookingRow, amount: int) -> None:
    """Through the provider what came through it; what was paid on site is for staff to give back."""
    currency, order_id = booking.price.total.currency, facts.order.id
    by_card = min(amount, booking.price.due_now.amount) if facts.paid_by_intent else 0
    if by_card and facts.intent is not None:
        opened = await payments.open_refund(
            ctx, facts.intent.id, order_id, booking.id, Money(by_card, currency), "cancelled", refund_id=booking.id
        )
        facts.refunds = [*facts.refunds, *([opened] if opened else [])]
    if amount > by_card:
        by_hand = Money(amount - by_card, currency)
        opened = await payments.open_on_site_refund(
            ctx, order_id, booking.id, by_hand, "cancelled", refund_id=uuid5(booking.id, ON_SITE)
        )
        facts.refunds = [*facts.refunds, *([opened] if opened else [])]
        await announce(ctx, RefundDueOnSite, [booking], amount=by_hand.amount, currency=currency)


async def _call_payment_off(ctx: Context, facts: Facts) -> None:
    """The open payment buys nothing any more. Its provider is asked to cancel it after the commit, by the reconciler;
    what was or will be paid all the same goes back."""
    await payments.abandon(ctx, [facts.order.id])
    if facts.intent is not None:
        facts.intent = msgspec.structs.replace(facts.intent, abandoned_at=ctx.now)
        if facts.intent.status == "succeeded":
            # It was heard of, but nobody had drawn the conclusion yet.
            await refund_whole(ctx, facts, facts.intent, "cancelled")


async def _release(ctx: Context, facts: Facts, bookings: Sequence[BookingRow]) -> None:
    """Gives places and seats back, revokes passes, writes the rows.

    Who was admitted keeps their place and seat: the places of people who are inside aren't sold again.
    """
    items = [item for booking in bookings for item in facts.items[booking.id]]
    for item in items:
        item.status = "cancelled"
        if item.id in facts.admitted:
            item.after_admission = "kept"
        else:
            item.seat = None
        facts.passes.pop(item.id, None)
    await inventory.give_back(ctx.db, ctx.org_id, [booking.id for booking in bookings], kept_of(facts, bookings))
    await save_items(ctx, items)
    await passes.revoke(ctx.db, ctx.org_id, [item.id for item in items], ctx.now)
    facts.order.pending_until = None
    if facts.was_confirmed and facts.order.status == "cancelled":
        # Of an order that never stood it stays: by that it is found to be buried; see `jobs.bury_abandoned_orders`.
        facts.order.expires_at = None
    await save(ctx, facts, bookings)


async def refund_whole(ctx: Context, facts: Facts, intent: Intent, reason: str) -> None:
    """Gives a whole payment of the locked order back, once: what goes back already is left out."""
    opened = await payments.open_refund(
        ctx, intent.id, facts.order.id, None, Money(intent.amount, intent.currency), reason
    )
    if opened is not None:
        await audit.note(ctx, "order.refunded", "order", facts.order.id, reason)
        facts.refunds = [*facts.refunds, opened]
    if not facts.was_confirmed and facts.order.status in rules.FINAL:
        # Money came for an order that never stood: it isn't one of those that may be forgotten.
        facts.order.expires_at = None


async def expire(ctx: Context, order_ids: Sequence[UUID]) -> int:
    """Ends locked holds of one organisation whose time is over; the number of orders."""
    orders = await queries.list_orders(ctx.db, ctx.org_id, order_ids)
    await expire_loaded(ctx, await load(ctx, orders))
    return len(orders)


async def expire_loaded(ctx: Context, orders: Sequence[Facts]) -> None:
    """Ends those of these locked holds whose time is over.

    The places go back last and all at once: a slot is locked for no longer than that takes, and slots are locked in
    the order of their ids, whatever the order of the holds.
    """
    await end_holds(ctx, [facts for facts in orders if rules.has_ended(facts.order, ctx.now)])


async def end_holds(ctx: Context, ended: Sequence[Facts], reason: StatusReasonCode | None = None) -> None:
    """Ends these locked holds, which are over or not wanted any more for a reason."""
    if not ended:
        return
    bookings = [booking for facts in ended for booking in facts.bookings]
    seated = [item for facts in ended for items in facts.items.values() for item in items if item.seat is not None]
    for facts in ended:
        move(facts, "expire")
        facts.order.status_reason = reason
    for booking in bookings:
        booking.status_reason = reason
    for item in seated:
        item.seat = None
    await save_items(ctx, seated)
    await save_all(ctx, ended)
    await announce(ctx, BookingExpired, bookings, reason=reason)
    await inventory.give_back(ctx.db, ctx.org_id, [booking.id for booking in bookings])


async def abandon(ctx: Context, facts: Facts) -> None:
    """Ends a locked order whose payment had no outcome in time. Should it succeed later, `settle` takes over."""
    if facts.order.status != "pending" or facts.order.pending_until is None or facts.order.pending_until > ctx.now:
        return
    move(facts, "abandon")
    facts.order.pending_until, facts.order.status_reason = None, "payment_undecided"
    for booking in facts.bookings:
        booking.status_reason = "payment_undecided"
    await inventory.give_back(ctx.db, ctx.org_id, [booking.id for booking in facts.bookings])
    await payments.give_up(ctx, [facts.order.id])
    await save(ctx, facts)
    await announce(ctx, BookingRejected, facts.bookings, reason="payment_undecided")
