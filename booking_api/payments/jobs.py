"""What payments do without a request: finishing what was interrupted, giving money back. Both may be killed anywhere."""

import asyncio
from datetime import datetime, timedelta

import asyncpg

from booking_api.core.clock import utc_now
from booking_api.core.errors import DomainError
from booking_api.core.log import log
from booking_api.core.runtime import Runtime, acquire
from booking_api.payments import asking_queries
from booking_api.payments.charging import ask_provider, cancel_at_provider
from booking_api.payments.operations import record_outcome
from booking_api.payments.providers import provider_of
from booking_api.payments.refund_schemas import RefundOutcome, RefundRow, RefundTry
from booking_api.payments.refunding import adopt, ask_about_earlier, look_again, record_refund
from booking_api.payments.schemas import IntentCharge

BATCH = 20
"""How many are asked about at once, each by a call of its own."""
ROUNDS = 10
CALLS_EACH = 2
FORESEEN = (DomainError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)


def _lease(runtime: Runtime) -> timedelta:
    """How long a thing belongs to the job that took it: its calls, and time to record what came of them."""
    return timedelta(seconds=CALLS_EACH * runtime.settings.provider_timeout_seconds + 10)


async def reconcile_payments(runtime: Runtime, now: datetime | None = None) -> int:
    """Finishes intents that wait for something; the number that changed.

    An intent that was never called is called now, with its own key; one under way is asked about; one past
    `give_up_at` is cancelled at the provider, and ends only once that confirms that nothing is charged. An intent
    taken by a process that died is due again when its lease ends.
    """
    changed = 0
    for _ in range(ROUNDS):
        at = now or utc_now()
        async with acquire(runtime) as db:
            due = await asking_queries.claim_due_intents(db, at, at + _lease(runtime), BATCH)
        changed += sum(await asyncio.gather(*(_reconcile_one(runtime, charge, at) for charge in due)))
        if len(due) < BATCH:
            break
    return changed


async def _reconcile_one(runtime: Runtime, charge: IntentCharge, now: datetime) -> bool:
    try:
        ask = cancel_at_provider if charge.give_up_at <= now else ask_provider
        outcome = await ask(runtime, charge)
        async with acquire(runtime) as db, db.transaction():
            intent = await record_outcome(db, charge.org_id, charge.id, outcome, now)
    except Exception as error:  # noqa: BLE001 - one bad payment must not hold up the others; it is due again
        _tell(error, "payment.not_reconciled", intent_id=str(charge.id))
        return False
    return intent.status != charge.status


async def execute_refunds(runtime: Runtime, now: datetime | None = None) -> int:
    """Gives back what was opened by `open_refund` and what is tried again, once each; the number that ended.

    Before a later try the provider is asked about the earlier ones: one that was taken for failed may have succeeded.
    What had ended is due when the provider sends an update of it, and a few times later: a bank may return the money.
    """
    ended = 0
    for _ in range(ROUNDS):
        at = now or utc_now()
        async with acquire(runtime) as db:
            due = await asking_queries.claim_due_refunds(db, at, at + _lease(runtime), BATCH)
        ended += sum(await asyncio.gather(*(_refund_one(runtime, refund, at) for refund in due)))
        if len(due) < BATCH:
            break
    return ended


async def _refund_one(runtime: Runtime, refund: RefundRow, now: datetime) -> bool:
    try:
        if refund.status != "created":
            return await look_again(runtime, refund, now)
        outcome, is_earlier = await _ask_for_refund(runtime, refund)
        async with acquire(runtime) as db, db.transaction():
            if is_earlier:
                return await adopt(db, refund, outcome, now)
            return await record_refund(db, refund, outcome, now)
    except Exception as error:  # noqa: BLE001 - one bad refund must not hold up the others; it is due again
        _tell(error, "refund.not_executed", refund_id=str(refund.id))
        return False


async def _ask_for_refund(runtime: Runtime, refund: RefundRow) -> tuple[RefundOutcome, bool]:
    """What the provider makes of a refund, and whether that is an earlier try's doing."""
    provider = provider_of(refund.provider, runtime.settings)
    if provider is None:
        log.warning("refund.provider_missing", provider=refund.provider, refund_id=str(refund.id))
        return RefundOutcome(status="processing"), False
    if refund.tries > 1:
        earlier = await ask_about_earlier(runtime, refund, refund.tries - 1)
        if earlier.status != "failed":
            return earlier, earlier.status == "succeeded"
    return await provider.refund(runtime, RefundTry(refund, refund.tries)), False


def _tell(error: Exception, what: str, **ids: str) -> None:
    """Logs a failure; one that nobody foresaw with its traceback."""
    log.warning(what, error=type(error).__name__, exc_info=None if isinstance(error, FORESEEN) else error, **ids)
