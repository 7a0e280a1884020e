"""Confirming: at once where nothing is to be paid now, else in two transactions with the provider's call between.

`begin` runs in the first and commits an intent before anybody is asked for money; `settlement.settle` runs in the second,
and again from the webhook's and the reconciler's events, whichever come first. So whatever dies in between is finished.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from booking_api.bookings import amounts
from booking_api.bookings.details import missing_details
from booking_api.bookings.events import BookingPending
from booking_api.bookings.hold_queries import sum_unpaid_of_contact
from booking_api.bookings.operations.bounding import contact_digest, require_proof, require_room_of_contact
from booking_api.bookings.operations.complete import Confirmed, complete, keep_places
from booking_api.bookings.operations.facts import Facts
from booking_api.bookings.operations.refusing import Seen, require_order, require_version
from booking_api.bookings.operations.write import (
    announce,
    mark_confirmed,
    move,
    save,
    save_agreed,
    save_all,
)
from booking_api.bookings.refusals import DetailsMissing, HoldExpired, PriceChanged
from booking_api.bookings.schemas import BookingRow, Confirmation, Contact, Missing
from booking_api.bookings.slot_rules import is_moved
from booking_api.core.context import Context
from booking_api.core.errors import unprocessable
from booking_api.core.money import Money
from booking_api.identity import operations as identity
from booking_api.inventory import operations as inventory
from booking_api.inventory.schemas import SlotRow
from booking_api.payments import operations as payments
from booking_api.payments.schemas import ON_SITE

NextStep = Literal["nothing", "ask again", "pay", "confirm"]
"""What is left to do: nothing any more; to ask what became of the payment; to open one; to confirm at once."""


async def begin(ctx: Context, facts: Facts, wish: Confirmation, seen: Seen | None = None) -> UUID | None:
    """Confirms the locked order, or opens an intent and returns its id for the provider to be called.

    Repeating it in the final state changes nothing. Raises `HoldExpired`, `SalesClosed`, `SlotChanged`,
    `DetailsMissing`, `PriceChanged`, `VersionConflict`, `Conflict` and `Unprocessable`.
    """
    step = check(ctx, facts, wish, seen)
    if step == "confirm" and facts.contact_digest is not None:
        found = await sum_unpaid_of_contact(ctx.db, ctx.org_id, [facts.contact_digest], facts.order.id, ctx.now)
        require_room_of_contact(ctx, facts, found[0].places)
    if step == "confirm":
        await require_proof(ctx, facts)
    match step:
        case "nothing":
            return None
        case "ask again":
            return facts.order.intent_id
        case "pay":
            return await _open_intent(ctx, facts, wish)
        case "confirm":
            await confirm_now([Confirmed(ctx, facts)])
            return None


def check(ctx: Context, facts: Facts, wish: Confirmation, seen: Seen | None = None) -> NextStep:
    """What confirming an order takes, as far as the order itself tells. Raises what `begin` does.

    Nothing is read or written; the bookings get what the wish says of contact, payment and the times agreed to.
    """
    order = facts.order
    if order.status == "confirmed":
        return "nothing"
    if order.status == "pending" or (ctx.resumes is not None and facts.paid_by_intent):
        # A repeat whose first answer was lost: what became of the payment meanwhile is the answer.
        return "ask again"
    if ctx.resumes is not None and order.intent_id is not None and order.status == "on_hold":
        # It was declined before the first try could say so; the card isn't tried once more.
        return "ask again"
    _agree(facts, wish)
    require_order(ctx, facts, "confirm")
    price = amounts.sum_prices([booking.price for booking in facts.bookings])
    if wish.expected_total is not None and wish.expected_total != price.total:
        raise PriceChanged(price=price)
    for booking in facts.bookings:
        facts.set_contact(booking, wish.contact or booking.contact)
    facts.contact_digest = contact_digest(ctx, facts.bookings[0].contact)
    _require_details(facts, wish, price.total)
    require_version(facts, seen)
    if price.total.amount > 0 and wish.payment is not None:
        if wish.payment.method != ON_SITE:
            return "pay"
        _choose_on_site(facts)
    return "confirm"


def payment_to_supersede(ctx: Context, facts: Facts, wish: Confirmation, seen: Seen | None = None) -> UUID | None:
    """The open intent that this wish wants another payment instead of; None where it is a repeat, or none is open.

    The wish is looked at as if the order were on hold, so that nothing is given up for what can't be had. Raises
    `SalesClosed`, `SlotChanged`, `DetailsMissing`, `PriceChanged`, `VersionConflict` and `Unprocessable`.
    """
    order, intent, payment = facts.order, facts.intent, wish.payment
    if order.status != "pending" or intent is None or payment is None or ctx.resumes is not None:
        return None
    if intent.status == "succeeded" or payments.is_same_payment(ctx.vault, intent, payment):
        return None
    _agree(facts, wish)
    require_order(ctx, facts, "confirm")
    price = amounts.sum_prices([booking.price for booking in facts.bookings])
    if wish.expected_total is not None and wish.expected_total != price.total:
        raise PriceChanged(price=price)
    for booking in facts.bookings:
        facts.set_contact(booking, wish.contact or booking.contact)
    _require_details(facts, wish, price.total)
    if payment.method == ON_SITE:
        _check_on_site(facts)
    else:
        payments.check_payment(ctx, payment.method, payment.token, payment.return_url)
    require_version(facts, seen)
    return intent.id


def _agree(facts: Facts, wish: Confirmation) -> None:
    """Notes the times that the caller agrees to, and with which of the slots those don't fit."""
    named: dict[UUID, set[datetime]] = {}
    for slot in wish.expected_slots or []:
        named.setdefault(slot.slot_id, set()).add(slot.starts_at)
    if wish.expected_starts_at is not None:
        if facts.of_several:
            raise unprocessable("/expected_starts_at", "An order of several bookings needs `expected_slots`.")
        named.setdefault(facts.bookings[0].slot_id, set()).add(wish.expected_starts_at)
    for position, slot in enumerate(wish.expected_slots or []):
        if slot.slot_id not in facts.slots:
            raise unprocessable(f"/expected_slots/{position}/slot_id", "No booking of the order is on this slot.")
    for booking in facts.bookings:
        slot, expected = facts.slot(booking), named.get(booking.slot_id, set())
        if expected - {slot.starts_at}:
            facts.disputed.add(booking.id)
        elif expected and is_moved(booking, slot):
            agree_to_slot(booking, slot)
            facts.agreed.append(booking)


def agree_to_slot(booking: BookingRow, slot: SlotRow) -> None:
    """The customer agrees to the slot as it is now."""
    booking.agreed_starts_at, booking.agreed_ends_at = slot.starts_at, slot.ends_at
    booking.agreed_origin_id, booking.agreed_destination_id = slot.origin_id, slot.destination_id
    booking.moved_while_paying = False


def knows_its_customer(ctx: Context) -> bool:
    """Whether the caller is a customer whose last contact may be used. A session that sees only what a proven address
    or a code opened is told no other, and teaches none."""
    return ctx.caller.is_customer and ctx.caller.restriction is None


async def known_contacts(ctx: Context, customer_ids: Collection[UUID]) -> dict[UUID, Contact]:
    """The last contacts of returning customers, of those who gave a whole one."""
    found = await identity.customer_contacts(ctx.db, ctx.org_id, customer_ids)
    return {
        customer_id: contact
        for customer_id, known in found.items()
        if (contact := whole_contact(known.name, known.email, known.phone)) is not None
    }


def whole_contact(name: str | None, email: str | None, phone: str | None) -> Contact | None:
    """What is known of a customer, if it will do as a contact."""
    return Contact(name=name, email=email, phone=phone) if name and (email or phone) else None


async def with_contacts(
    wishes: Sequence[tuple[Context, Facts, Confirmation]], known: Mapping[UUID, Contact] | None = None
) -> list[Confirmation]:
    """The wishes, each with a contact if there is one: given now, given before, or a returning customer's last one.

    `known` are these last ones by customer, where they were read already.
    """
    given = [wish.contact or facts.bookings[0].contact for _, facts, wish in wishes]
    asking = {
        facts.order.customer_id
        for (ctx, facts, _), contact in zip(wishes, given, strict=True)
        if contact is None and knows_its_customer(ctx)
    }
    if known is None:
        known = await known_contacts(wishes[0][0], asking) if asking else {}
    remembered = {customer_id: contact for customer_id, contact in known.items() if customer_id in asking}
    return [
        Confirmation(
            contact=contact or remembered.get(facts.order.customer_id), payment=wish.payment,
            expected_total=wish.expected_total, expected_starts_at=wish.expected_starts_at,
            expected_slots=wish.expected_slots,
        )
        for (_, facts, wish), contact in zip(wishes, given, strict=True)
    ]  # fmt: skip


async def confirm_now(orders: Sequence[Confirmed]) -> None:
    """Confirms locked orders that passed the check and of which nothing is to be paid now.

    Raises `HoldExpired` when the places of one were given back, and then the transaction is to be rolled back: its
    status says otherwise, so that this is no order that anybody meets in the ordinary run of things.
    """
    if not orders:
        return
    ctx = orders[0].ctx
    if not await keep_places(ctx, [one.facts for one in orders]):
        raise HoldExpired
    for one in orders:
        mark_confirmed(one.facts, "confirm", ctx.now)
    await save_all(ctx, [one.facts for one in orders])
    await save_agreed(ctx, [booking for one in orders for booking in one.facts.agreed])
    await complete(orders)


def _require_details(facts: Facts, wish: Confirmation, total: Money) -> None:
    missing: list[Missing] = []
    for position, booking in enumerate(facts.bookings):
        at = f"/bookings/{position}" if facts.of_several else ""
        found = missing_details(booking, facts.items[booking.id], facts.definition(booking))
        for one in found:
            # A contact is asked for once: confirming takes it for all of the order's bookings.
            of_order = one.pointer.startswith("/contact")
            pointed = Missing(one.pointer if of_order else at + one.pointer, one.code)
            if pointed not in missing:
                missing.append(pointed)
    if total.amount > 0 and wish.payment is None:
        missing.append(Missing("/payment", "payment_required"))
    if missing:
        raise DetailsMissing(missing=missing)


def _choose_on_site(facts: Facts) -> None:
    _check_on_site(facts)
    for booking in facts.bookings:
        booking.price = amounts.pay_on_site(booking.price)


def _check_on_site(facts: Facts) -> None:
    if not all(facts.definition(booking).on_site_payment for booking in facts.bookings):
        raise unprocessable("/payment/method", "This can't be paid on site.")


async def _open_intent(ctx: Context, facts: Facts, wish: Confirmation) -> UUID:
    """Commits to the payment before it is asked for: capacity is kept until `pending_until`."""
    assert wish.payment is not None
    order, payment = facts.order, wish.payment
    amount = amounts.sum_prices([booking.price for booking in facts.bookings]).due_now
    intent = await payments.open_intent(ctx, order.id, amount, payment.method, payment.token, payment.return_url)
    facts.intent, order.intent_id = intent, intent.id
    order.pending_until = ctx.now + timedelta(seconds=ctx.settings.pending_seconds)
    move(facts, "pay")
    if not await inventory.extend(ctx.db, ctx.org_id, [b.id for b in facts.bookings], order.pending_until):
        raise HoldExpired
    await save(ctx, facts)
    await save_agreed(ctx, facts.agreed)
    await announce(ctx, BookingPending, facts.bookings)
    return intent.id
