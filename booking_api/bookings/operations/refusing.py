"""From the law's decision to the refusal that says so, with what else could be booked."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, assert_never
from uuid import UUID

from booking_api.availability.alternatives import Wanted, find_alternatives, share_alternatives
from booking_api.availability.rules import slot_answer
from booking_api.bookings.operations.facts import Facts
from booking_api.bookings.operations.standing import order_standing, standing_of
from booking_api.bookings.refusals import (
    AlreadyUsed,
    HoldExpired,
    NotCancellable,
    NotChangeable,
    SalesClosed,
    SlotChanged,
    SoldOut,
    UseOrder,
)
from booking_api.bookings.rules import (
    BookingVerb,
    Decision,
    OrderStanding,
    OrderVerb,
    judge_booking,
    judge_order,
    judge_payment,
    needs_reason,
)
from booking_api.bookings.schemas import BookingRow, ChangedSlot
from booking_api.core.context import Context
from booking_api.core.errors import Conflict, DomainError, FieldError, Forbidden, VersionConflict, unprocessable
from booking_api.core.runtime import Runtime

SALES_CLOSED = {
    "cancelled": "The slot was cancelled.",
    "departed": "It has departed.",
    "gate_closed": "The gate has closed.",
    "closed": "The slot was closed to new bookings.",
    "withdrawn": "The product is not on sale any more.",
    "sales_over": "The sales of this option have ended.",
}
NOTHING_TO_DO = {
    "slot_cancelled": "The slot doesn't take place; there is nothing to keep.",
    "nothing_to_decide": "There is nothing to decide about the slot.",
    "called_off": "The slot was cancelled; nothing is to be paid for it.",
    "nothing_due": "Nothing is due on site.",
}
ALREADY_USED = "Its person was admitted. Only a manager can change that, with a reason."
NOT_CANCELLABLE = {
    "already_used": "Somebody was admitted with it.",
    "cancelled": "The slot was cancelled.",
    "departed": "It has departed.",
    "gate_closed": "The gate has closed.",
    "begun": "It has begun.",
    "payment_in_progress": "A payment is under way.",
    "expired": "The hold has ended; there is nothing to cancel.",
    "rejected": "The order was rejected; there is nothing to cancel.",
}


def sales_closed(why: str, wanted: Wanted, pointer: str = "", booking_id: UUID | None = None) -> SalesClosed:
    """The refusal about a slot on which nothing is sold. Its alternatives are added once nothing is locked any more."""
    detail = SALES_CLOSED[why]
    errors = [FieldError(pointer, detail)] if pointer else None
    refusal = SalesClosed(detail, errors=errors, because=why, slot_id=str(wanted.slot.id))
    if pointer:
        refusal.members["pointer"] = pointer
    if booking_id is not None:
        refusal.members["booking_id"] = str(booking_id)
    refusal.wanted = wanted
    return refusal


async def with_alternatives(
    ctx: Context, refusal: SalesClosed | SoldOut, shared: Runtime | None = None
) -> SalesClosed | SoldOut:
    """The refusal with what has room now. Asked for once nothing is locked any more.

    With the runtime, for a context without a connection, those who are refused the same at once share a look.
    """
    if isinstance(wanted := refusal.wanted, Wanted) and "alternatives" not in refusal.members:
        found = share_alternatives(shared, ctx, wanted) if shared else find_alternatives(ctx, wanted)
        refusal.members["alternatives"] = await found
    return refusal


def require_order(ctx: Context, facts: Facts, verb: OrderVerb) -> bool:
    """Whether there is anything left to do. Raises the refusal of the law."""
    order = order_standing(ctx, facts)
    return _require(facts, order, judge_order(verb, order))


def require_booking(ctx: Context, facts: Facts, booking: BookingRow, verb: BookingVerb) -> bool:
    """Whether there is anything left to do. Raises the refusal of the law."""
    order = order_standing(ctx, facts)
    return _require(facts, order, judge_booking(verb, order, order.bookings[facts.bookings.index(booking)]))


def _require(facts: Facts, order: OrderStanding, decision: Decision) -> bool:
    if decision.outcome == "refused":
        raise refusal_of(facts, order, decision)
    return decision.is_allowed


def refusal_of(facts: Facts, order: OrderStanding, decision: Decision) -> DomainError:
    """The refusal that a decision names, about the booking that stands in the way."""
    because = decision.because
    match decision.code:
        case "sales_closed":
            return sales_closed_of(facts, decision)
        case "slot_changed":
            pairs = zip(facts.bookings, order.bookings, strict=True)
            return slot_changed(facts, [booking for booking, standing in pairs if standing.moved])
        case "hold_expired":
            return HoldExpired()
        case "not_cancellable":
            return NotCancellable(NOT_CANCELLABLE[because[0]], because=list(because))
        case "already_used":
            return already_used([])
        case "not_changeable":
            return NotChangeable(because=list(because))
        case "use_order":
            return UseOrder(order_id=str(facts.order.id))
        case "forbidden":
            return Forbidden()
        case "conflict":
            of_state = f"This isn't possible with an order that is {because[0]}."
            return Conflict(NOTHING_TO_DO.get(because[0], of_state))
        case None:
            raise AssertionError("only refusals are asked for")
        case never:
            assert_never(never)


def already_used(at: Sequence[tuple[int, UUID]]) -> AlreadyUsed:
    """The refusal about items of a request, each with its place there, whose people were admitted."""
    errors = [FieldError(f"/items/{place}", ALREADY_USED) for place, _ in at]
    return AlreadyUsed(ALREADY_USED, errors=errors or None, item_ids=[str(item_id) for _, item_id in at])


def require_reason(ctx: Context, facts: Facts, bookings: Sequence[BookingRow], reason: str | None) -> None:
    """Raises `Unprocessable` where these bookings can only be cancelled by somebody who says why, and nobody does."""
    standings = [standing_of(ctx, facts, booking) for booking in bookings]
    if any(needs_reason(one) for one in standings) and ctx.caller.kind != "system" and not (reason or "").strip():
        raise unprocessable("/reason", "Somebody was admitted already. Say why it is cancelled all the same.")


def sales_closed_of(facts: Facts, decision: Decision) -> SalesClosed:
    assert decision.position is not None
    booking = facts.bookings[decision.position]
    pointer = f"/bookings/{booking.position}" if facts.of_several else ""
    return sales_closed(decision.because[0], wanted_of(facts, booking), pointer, booking.id)


def wanted_of(facts: Facts, booking: BookingRow) -> Wanted:
    counts = Counter(item.unit_id for item in facts.items[booking.id])
    return Wanted(facts.slot(booking), booking.option_id, counts)


def slot_changed(facts: Facts, changed: list[BookingRow]) -> SlotChanged:
    """The refusal that shows the slots of these bookings as they are now."""
    return SlotChanged(
        slots=[
            ChangedSlot(b.id, slot_answer(facts.slot(b), facts.definition(b), facts.times(b))) for b in changed
        ]
    )  # fmt: skip


def refunded_instead(ctx: Context, facts: Facts) -> SalesClosed | SoldOut | None:
    """What the confirming caller is told when the money came too late and goes back; None where it didn't."""
    if facts.order.status != "rejected" or not any(booking.refund_amount for booking in facts.bookings):
        return None
    decision = judge_payment(order_standing(ctx, facts))
    if decision.is_allowed:
        refusal: SalesClosed | SoldOut = _crowded_out(facts)
    else:
        refusal = sales_closed_of(facts, decision)
    refusal.members["order_id"] = str(facts.order.id)
    return refusal


def _crowded_out(facts: Facts) -> SoldOut:
    """About the booking that found no room; about the first, where that isn't known any more."""
    detail = "There was no room any more; the payment is given back."
    booking = next((one for one in facts.bookings if one.id in facts.crowded_out), facts.bookings[0])
    refusal = SoldOut(detail)
    if booking.id in facts.crowded_out:
        refusal.members["slot_id"] = str(booking.slot_id)
        if facts.of_several:
            pointer = f"/bookings/{booking.position}"
            refusal.members["pointer"] = pointer
            refusal.errors = [FieldError(pointer, detail)]
    refusal.wanted = wanted_of(facts, booking)
    return refusal


class Seen(NamedTuple):
    """The versions that a caller goes by, of an order or of one booking: `If-Match`."""

    versions: frozenset[int]
    booking_id: UUID | None = None


def require_version(facts: Facts, seen: Seen | None) -> None:
    """Raises `VersionConflict` where something changed since. Asked last: a request that would be refused anyway, or
    whose final state is reached, is answered before (RFC 9110 §13.1.1, §13.2.1)."""
    if seen is None:
        return
    version = facts.order.version if seen.booking_id is None else facts.booking(seen.booking_id).version
    if version not in seen.versions:
        raise VersionConflict
