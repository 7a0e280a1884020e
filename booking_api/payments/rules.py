"""The decisions of payments: which status follows which, when to ask again, what an app is told."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from booking_api.core.cache import remembered
from booking_api.core.money import Money
from booking_api.payments.refund_schemas import RefundFact, RefundOutcome, RefundPart, RefundStatus
from booking_api.payments.schemas import (
    ON_SITE,
    Intent,
    IntentStatus,
    Outcome,
    PaymentAnswer,
    PaymentFailure,
    PaymentMethod,
)

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
"""Status → the statuses that may follow. Everything else that a provider says comes late and changes nothing."""

SETTLED: frozenset[IntentStatus] = frozenset({"succeeded", "failed", "cancelled"})

SHOWN_REFUND: dict[RefundStatus, str] = {
    "created": "pending",
    "succeeded": "succeeded",
    "failed": "failed",
    "due_on_site": "due_on_site",
    "settled": "settled",
}
"""A refund's status → the word of answers."""
STORED_REFUND = {shown: stored for stored, shown in SHOWN_REFUND.items()}
BACK: frozenset[RefundStatus] = frozenset({"succeeded", "settled"})
"""The money is with the customer again."""

TITLES = {
    "test": {"en": "Test card", "de": "Testkarte"},
    ON_SITE: {"en": "Pay on site", "de": "Vor Ort bezahlen"},
}
NEEDS: dict[str, list[str]] = {ON_SITE: []}
"""What a method needs beside its name; a provider's needs the token that its form returns."""

FIRST_CHECK_SECONDS = 15
"""After opening: longer than the request that opened the intent may wait for its provider."""
FIRST_PAUSE_SECONDS = 2
LONGEST_PAUSE_SECONDS = 60
LONGEST_REFUND_PAUSE_SECONDS = 3600


REFUND_LOOKS = tuple(timedelta(days=days) for days in (1, 3, 7, 14, 30))
"""How long after a refund succeeded its provider is asked whether the money came back to it: a bank may return it."""
SAID_NOTHING = timedelta(minutes=10)
"""When to ask again about a refund that had ended, where the provider didn't say."""


def next_look(ended_at: datetime, now: datetime) -> datetime | None:
    """When to ask next whether a refund that succeeded did so for good; None once no bank returns it any more."""
    return next((ended_at + look for look in REFUND_LOOKS if ended_at + look > now), None)


def last_word(found: Sequence[RefundOutcome | None], reference: str | None) -> Literal["succeeded", "failed"] | None:
    """What became of a refund that had ended, by what its provider says of each of its tries; None where that isn't sure.

    It has failed only where that is said of the try that was believed to have succeeded, whose `reference` is known,
    or of every try: one that failed early says nothing about the one after it, and what was forgotten says nothing.
    """
    if any(one is not None and one.status == "succeeded" for one in found):
        return "succeeded"
    if not found or any(one is not None and one.status == "processing" for one in found):
        return None
    if reference is None:
        return None if None in found else "failed"
    return "failed" if any(one is not None and one.provider_reference == reference for one in found) else None


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


def describe_methods(methods: Sequence[str], language: str) -> list[PaymentMethod]:
    """The methods as an app shows them, in their order."""
    return [_describe_method(method, language) for method in methods]


@remembered
def _describe_method(method: str, language: str) -> PaymentMethod:
    return PaymentMethod(
        method=method, title=TITLES.get(method, {}).get(language, method), needs=NEEDS.get(method, ["token"])
    )


def payment_answer(
    *, due_now: Money, due_on_site: Money | None = None, intent: Intent | None = None,
    refunds: Sequence[RefundFact] = (), promised: int = 0, settled: int = 0, cancelled: bool = False,
    methods: list[PaymentMethod] | None = None,
) -> PaymentAnswer:  # fmt: skip
    """What an order or a booking says about its payment.

    `due_now` and `due_on_site` are this thing's own shares of the price, `refunds` its shares of what goes back,
    `settled` what was paid on site, in minor units. `cancelled` says that what was paid for is cancelled: then a refund
    of a part, the rest being the fee, is all that goes back. `promised` is what was to go back of bookings from before
    each part had a refund of its own.
    """
    answer = _of_refunds(due_now, intent, refunds, settled, cancelled=cancelled)
    if answer is None and cancelled and promised:
        answer = PaymentAnswer(status="refunded", amount=Money(promised, due_now.currency))
    if due_on_site is not None and due_on_site.amount > settled and not cancelled:
        answer = None
    answer = answer or _of_payment(due_now, due_on_site, intent, settled, cancelled=cancelled)
    return msgspec.structs.replace(answer, refunds=[_part(refund) for refund in refunds], methods=methods or [])


def _part(refund: RefundFact) -> RefundPart:
    return RefundPart(
        id=refund.id, amount=Money(refund.amount, refund.currency), status=SHOWN_REFUND[refund.status],
        reason=refund.reason,
    )  # fmt: skip


def _of_refunds(
    due_now: Money, intent: Intent | None, refunds: Sequence[RefundFact], settled: int, *, cancelled: bool
) -> PaymentAnswer | None:
    """What is said where money goes back. Of something that stands, a payment that was abandoned is no part."""
    counted = [
        refund
        for refund in refunds
        if cancelled
        or refund.intent_id is None
        or (intent is not None and intent.abandoned_at is None and refund.intent_id == intent.id)
    ]
    if not counted:
        return None
    currency = due_now.currency
    whole = sum(refund.amount for refund in counted)
    back = sum(refund.amount for refund in counted if refund.status in BACK)
    shown = Money(back, currency) if back else None
    if any(refund.status == "failed" for refund in counted):
        return PaymentAnswer(status="refund_failed", amount=Money(whole, currency), refunded=shown)
    if back < whole:
        return PaymentAnswer(status="refund_pending", amount=Money(whole, currency), refunded=shown)
    paid = settled + (due_now.amount if intent is not None and intent.is_good else 0)
    if cancelled or back >= paid:
        return PaymentAnswer(status="refunded", amount=Money(whole, currency), refunded=shown)
    return PaymentAnswer(status="partly_refunded", amount=Money(paid, currency), refunded=shown)


def _of_payment(
    due_now: Money, due_on_site: Money | None, intent: Intent | None, settled: int, *, cancelled: bool
) -> PaymentAnswer:
    if intent is not None and intent.abandoned_at is not None and not cancelled:
        # The customer chose another payment, of which nothing is known yet.
        intent = None
    if due_now.amount > 0:
        if intent is None:
            return PaymentAnswer(status="none_due" if cancelled else "requires_action", amount=due_now)
        match intent.status:
            case "created" | "processing":
                return PaymentAnswer(status="processing", amount=due_now)
            case "requires_action" if cancelled:
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
