"""The decisions of payments: which status follows which, when to ask again, what an app is told."""

from datetime import datetime, timedelta

from booking_api.core.money import Money
from booking_api.payments.schemas import Intent, IntentStatus, Outcome, PaymentAnswer, PaymentFailure

TRANSITIONS: dict[IntentStatus, frozenset[IntentStatus]] = {
    "created": frozenset({"processing", "requires_action", "succeeded", "failed", "cancelled"}),
    "processing": frozenset({"requires_action", "succeeded", "failed", "cancelled"}),
    "requires_action": frozenset({"processing", "succeeded", "failed", "cancelled"}),
    # Money that moved after all counts, whatever was believed before: it must be refunded or used.
    "failed": frozenset({"succeeded"}),
    "cancelled": frozenset({"succeeded"}),
    # What goes back is a refund of its own; the payment stays a fact.
    "succeeded": frozenset(),
}
"""Status → the statuses that may follow. Everything else that a provider says is late news and changes nothing."""

SETTLED: frozenset[IntentStatus] = frozenset({"succeeded", "failed", "cancelled"})

FIRST_CHECK_SECONDS = 15
"""After opening: longer than the request that opened the intent may wait for its provider."""
FIRST_PAUSE_SECONDS = 2
LONGEST_PAUSE_SECONDS = 60
LONGEST_REFUND_PAUSE_SECONDS = 3600


def believe(intent: Intent, outcome: Outcome) -> Outcome:
    """The outcome, unless it claims success for another amount: then nobody knows, and a person has to look."""
    if outcome.status != "succeeded" or outcome.charged in (None, Money(intent.amount, intent.currency)):
        return outcome
    return Outcome(
        status="processing", provider_reference=outcome.provider_reference, error_code="amount_mismatch", answered=False
    )


def next_status(current: IntentStatus, outcome: Outcome) -> IntentStatus:
    """The status after an outcome; the current one where the table doesn't lead there."""
    if not outcome.answered and current != "created":
        # Silence tells nothing that isn't known better already.
        return current
    return outcome.status if outcome.status in TRANSITIONS[current] else current


def pause(attempts: int, longest_seconds: int = LONGEST_PAUSE_SECONDS) -> timedelta:
    """How long to wait after so many attempts: 2, 4, 8 … seconds, at most `longest_seconds`."""
    return timedelta(seconds=min(longest_seconds, FIRST_PAUSE_SECONDS * 2 ** min(max(attempts - 1, 0), 20)))


def next_check(status: IntentStatus, attempts: int, give_up_at: datetime, now: datetime) -> datetime | None:
    """When to ask the provider again; None once there is nothing left to ask."""
    if status in SETTLED:
        return None
    at = now + pause(attempts)
    return min(at, give_up_at) if now < give_up_at else at


def payment_answer(
    *, due_now: Money, due_on_site: Money | None = None, intent: Intent | None = None, refunded: int = 0,
    settled: int = 0, cancelled: bool = False,
) -> PaymentAnswer:  # fmt: skip
    """What an order or a booking says about its payment.

    `due_now` and `due_on_site` are this thing's own shares of the price, `refunded` and `settled` (on site) what of
    them went back or was paid, all in minor units. `cancelled` says that what was paid for is cancelled: then a
    refund of a part, the rest being the fee, is `refunded` as well.
    """
    if refunded > 0 and (cancelled or refunded >= due_now.amount):
        return PaymentAnswer(status="refunded", amount=Money(refunded, due_now.currency))
    if due_now.amount > 0:
        if intent is None:
            return PaymentAnswer(status="none_due" if cancelled else "requires_action", amount=due_now)
        match intent.status:
            case "created" | "processing":
                return PaymentAnswer(status="processing", amount=due_now)
            case "requires_action":
                return PaymentAnswer(status="requires_action", amount=due_now, next_action=intent.next_action)
            case "failed" | "cancelled":
                error = PaymentFailure(intent.error_code or "cancelled")
                return PaymentAnswer(status="failed", amount=due_now, error=error)
            case "succeeded":
                pass
    if due_on_site is not None and due_on_site.amount > settled and not cancelled:
        return PaymentAnswer(status="due_on_site", amount=Money(due_on_site.amount - settled, due_on_site.currency))
    paid = (due_now.amount if intent is not None else 0) + settled
    return PaymentAnswer(status="succeeded" if paid > 0 else "none_due", amount=Money(paid, due_now.currency))
