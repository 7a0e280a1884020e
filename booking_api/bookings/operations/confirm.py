"""Confirming: at once where nothing is to be paid now, else in two transactions with the provider's call between.

`begin` runs in the first and commits an intent before anybody is asked for money; `settle` runs in the second, and
again from the webhook's and the reconciler's news, whichever comes first. So whatever dies in between is finished.
"""

from datetime import timedelta
from uuid import UUID

from booking_api.bookings import rules
from booking_api.bookings.operations.facts import Facts
from booking_api.bookings.operations.write import announce, move, save, save_items
from booking_api.bookings.refusals import DetailsMissing, HoldExpired, PriceChanged
from booking_api.bookings.schemas import BookingRow, Confirmation, Missing
from booking_api.catalog.rules import admission_window, places
from booking_api.core.context import Context
from booking_api.core.errors import Conflict, unprocessable
from booking_api.core.log import log
from booking_api.core.money import Money
from booking_api.identity import operations as identity
from booking_api.inventory import operations as inventory
from booking_api.inventory.schemas import ClaimRequest
from booking_api.passes import operations as passes
from booking_api.passes.schemas import PassRequest
from booking_api.payments import operations as payments
from booking_api.payments.schemas import ON_SITE, Intent


async def begin(ctx: Context, facts: Facts, wish: Confirmation) -> UUID | None:
    """Confirms the locked order, or opens an intent and returns its id for the provider to be called.

    Repeating it in the final state changes nothing. Raises `HoldExpired`, `DetailsMissing`, `PriceChanged`,
    `Conflict` and `Unprocessable`.
    """
    order = facts.order
    if order.status == "confirmed":
        return None
    is_paid = facts.intent is not None and facts.intent.status == "succeeded"
    if order.status == "pending" or (ctx.resumes is not None and is_paid):
        # A repeat whose first answer was lost: what became of the payment meanwhile is the answer.
        return order.intent_id
    if order.status == "expired" or rules.has_ended(order, ctx.now):
        raise HoldExpired
    if order.status != "on_hold":
        raise Conflict(f"An order that is {order.status} can't be confirmed.")
    if ctx.resumes is not None and order.intent_id is not None:
        # It was declined before the first try could say so; the card isn't tried once more.
        return order.intent_id
    price = rules.sum_prices([booking.price for booking in facts.bookings])
    if wish.expected_total is not None and wish.expected_total != price.total:
        raise PriceChanged(price=price)
    for booking in facts.bookings:
        booking.contact = wish.contact or booking.contact
    _require_details(facts, wish, price.total)
    if price.total.amount > 0 and wish.payment is not None:
        if wish.payment.method != ON_SITE:
            return await _open_intent(ctx, facts, wish, price.due_now)
        _choose_on_site(facts)
    if not await _keep(ctx, facts):
        raise HoldExpired
    move(facts, "confirm")
    await complete(ctx, facts)
    return None


async def _keep(ctx: Context, facts: Facts) -> bool:
    """Keeps the places for good. False when they were given back meanwhile."""
    return await inventory.keep(ctx.db, ctx.org_id, [booking.id for booking in facts.bookings])


def _require_details(facts: Facts, wish: Confirmation, total: Money) -> None:
    missing: list[Missing] = []
    for position, booking in enumerate(facts.bookings):
        at = f"/bookings/{position}" if facts.of_several else ""
        found = rules.missing_details(booking, facts.items[booking.id], facts.definition(booking))
        missing += [Missing(at + one.pointer, one.code) for one in found]
    if total.amount > 0 and wish.payment is None:
        missing.append(Missing("/payment", "payment_required"))
    if missing:
        raise DetailsMissing(missing=missing)


def _choose_on_site(facts: Facts) -> None:
    if not all(facts.definition(booking).on_site_payment for booking in facts.bookings):
        raise unprocessable("/payment/method", "This can't be paid on site.")
    for booking in facts.bookings:
        booking.price = rules.pay_on_site(booking.price)


async def _open_intent(ctx: Context, facts: Facts, wish: Confirmation, amount: Money) -> UUID:
    """Commits to the payment before it is asked for: capacity is kept until `pending_until`."""
    assert wish.payment is not None
    order, payment = facts.order, wish.payment
    intent = await payments.open_intent(ctx, order.id, amount, payment.method, payment.token, payment.return_url)
    facts.intent, order.intent_id = intent, intent.id
    order.pending_until = ctx.now + timedelta(seconds=ctx.settings.pending_seconds)
    move(facts, "pay")
    if not await inventory.extend(ctx.db, ctx.org_id, [b.id for b in facts.bookings], order.pending_until):
        raise HoldExpired
    await save(ctx, facts)
    return intent.id


async def settle(ctx: Context, facts: Facts, intent: Intent) -> None:
    """Brings the locked order to where its payment says. Safe to repeat, and in any order of news.

    A payment that succeeded after the places were given back takes them again if there is room, and is refunded if
    not: never paid without a ticket.
    """
    order = facts.order
    facts.intent = intent if order.intent_id in (None, intent.id) else facts.intent
    is_current = order.intent_id == intent.id
    match intent.status:
        case "succeeded" if is_current and order.status in {"pending", "on_hold"}:
            # On hold: declined first, then charged after all. The hold is still there, so the money is good.
            if await _keep(ctx, facts):
                move(facts, "settle")
                await complete(ctx, facts)
            else:
                move(facts, "abandon" if order.status == "pending" else "expire")
                await _retake_or_refund(ctx, facts, intent)
        case "succeeded" if is_current and order.status in {"expired", "rejected"} and not _was_refused(facts):
            await _retake_or_refund(ctx, facts, intent)
        case "succeeded" if not is_current or (order.status == "cancelled" and not _was_confirmed(facts)):
            await _refund_all(ctx, facts, intent, "superseded")
        case "failed" | "cancelled" if is_current and order.status == "pending":
            await _decline(ctx, facts)
        case _:
            pass


def _was_refused(facts: Facts) -> bool:
    """Whether the payment went back already, so that it buys nothing any more, even if there is room by now."""
    return any(booking.refund_amount is not None for booking in facts.bookings)


def _was_confirmed(facts: Facts) -> bool:
    """Whether the order stood once: then its cancellation has decided what goes back, and what is kept as a fee."""
    return any(booking.confirmed_at is not None for booking in facts.bookings)


async def _decline(ctx: Context, facts: Facts) -> None:
    """Keeps the hold, so that the customer can try another means of payment."""
    order = facts.order
    order.expires_at = max(order.expires_at or ctx.now, ctx.now + rules.RETRY_AFTER_DECLINE)
    order.pending_until = None
    move(facts, "decline")
    if not await inventory.extend(ctx.db, ctx.org_id, [booking.id for booking in facts.bookings], order.expires_at):
        log.error("claim.lost", order_id=str(order.id))
    await save(ctx, facts)


async def _retake_or_refund(ctx: Context, facts: Facts, intent: Intent) -> None:
    claims = [_claim(facts, booking) for booking in facts.bookings]
    outcomes = await inventory.take(ctx.db, ctx.org_id, claims, ctx.now)
    departed = any(facts.slot(booking).starts_at <= ctx.now for booking in facts.bookings)
    if all(outcome.ok for outcome in outcomes) and not departed:
        move(facts, "retake")
        await complete(ctx, facts)
        return
    await inventory.give_back(ctx.db, ctx.org_id, [outcome.claim_id for outcome in outcomes if outcome.ok])
    await _refund_all(ctx, facts, intent, "no_room")
    move(facts, "refuse")
    for booking in facts.bookings:
        booking.refund_amount = booking.price.due_now.amount
    await save(ctx, facts)
    await announce(ctx, "booking.rejected", facts.bookings, reason="no_room")


def _claim(facts: Facts, booking: BookingRow) -> ClaimRequest:
    counts: dict[UUID, int] = {}
    for item in facts.items[booking.id]:
        counts[item.unit_id] = counts.get(item.unit_id, 0) + 1
    needed = places(facts.definition(booking), counts)
    return ClaimRequest(
        id=booking.id, slot_id=booking.slot_id, option_id=booking.option_id, holder_id=booking.customer_id, places=needed,
        quota_places=needed if facts.option(booking).quota is not None else 0, expires_at=None,
    )  # fmt: skip


async def _refund_all(ctx: Context, facts: Facts, intent: Intent, reason: str) -> None:
    """Gives the whole payment back, once: what was refunded already is left out."""
    await payments.open_refund(ctx, intent.id, facts.order.id, None, Money(intent.amount, intent.currency), reason)


async def complete(ctx: Context, facts: Facts) -> None:
    """What makes a booking confirmed, once its places are kept: seats, passes, the customer remembered, the news."""
    order = facts.order
    order.expires_at = order.pending_until = None
    for booking in facts.bookings:
        booking.confirmed_at = ctx.now
        await _assign_seats(ctx, facts, booking)
    await issue_passes(ctx, facts, facts.bookings)
    await save(ctx, facts)
    contact = facts.bookings[0].contact
    if contact is not None:
        await identity.remember_customer(
            ctx.db, ctx.org_id, order.customer_id, contact.name, contact.email, contact.phone, ctx.language, ctx.now
        )
    await announce(ctx, "booking.confirmed", facts.bookings)


async def _assign_seats(ctx: Context, facts: Facts, booking: BookingRow) -> None:
    """Seats whoever needs a seat and chose none, together where possible."""
    slot = facts.slot(booking)
    if slot.seat_layout_id is None:
        return
    takes_seat = {unit.id for unit in facts.definition(booking).units if unit.takes_seat}
    waiting = [item for item in facts.items[booking.id] if item.seat is None and item.unit_id in takes_seat]
    if not waiting:
        return
    rows = await inventory.layout_rows(ctx.db, ctx.caches, ctx.org_id, slot.seat_layout_id)
    seated = await inventory.assign_seats(ctx.db, ctx.org_id, slot.id, booking.id, rows, [item.id for item in waiting])
    for item in waiting:
        item.seat = seated.get(item.id)
    await save_items(ctx, [item for item in waiting if item.seat is not None])


async def issue_passes(ctx: Context, facts: Facts, bookings: list[BookingRow]) -> None:
    """Issues a pass for each active item of confirmed bookings; earlier ones of the same items are revoked."""
    wanted: list[PassRequest] = []
    for booking in bookings:
        slot = facts.slot(booking)
        admit_from, admit_until = admission_window(facts.option(booking).admission, slot.starts_at, slot.ends_at)
        wanted += [
            PassRequest(item.id, slot.id, booking.customer_id, admit_from, admit_until)
            for item in facts.items[booking.id]
            if item.status == "active"
        ]
    for row in await passes.issue(ctx, wanted):
        facts.passes[row.item_id] = row
