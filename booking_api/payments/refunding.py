"""What becomes of a refund after it was opened: trying it again, settling it on site, listing it.

A try that failed may have succeeded at the provider after all, and so nothing is given back a second time before the
provider was asked about every earlier try: not over the network, and not in cash.
"""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

from booking_api.core.context import Context
from booking_api.core.db import Connection
from booking_api.core.errors import Conflict, NotFound
from booking_api.core.log import log
from booking_api.core.money import Money
from booking_api.core.paging import read_cursor, write_cursor
from booking_api.core.queue.events import publish
from booking_api.core.runtime import Runtime, acquire
from booking_api.identity import audit
from booking_api.identity.audit_schemas import NewEntry
from booking_api.payments import asking_queries, rules
from booking_api.payments import refund_queries as queries
from booking_api.payments.events import RefundFailed, RefundRetried, RefundSettled
from booking_api.payments.operations import may_record
from booking_api.payments.providers import PROVIDERS, provider_of
from booking_api.payments.refund_schemas import (
    Refund,
    RefundList,
    RefundOutcome,
    RefundRecord,
    RefundRow,
    RefundsQuery,
    RefundTry,
    SettledMethod,
)
from booking_api.payments.schemas import PaymentInProgress

LATEST = datetime(9999, 12, 31, tzinfo=UTC)
LAST_ID = UUID(int=2**128 - 1)
ASK_AGAIN_SECONDS = 5
RETURNED = "returned"
"""Why a refund failed that had succeeded: the customer's bank gave it back, say."""


async def ask_about_earlier(runtime: Runtime, refund: RefundRow, tries: int) -> RefundOutcome:
    """What became of the first `tries` tries: `succeeded` if any did, `failed` once it is sure that none ever will,
    `processing` where that isn't known. No transaction may be open meanwhile."""
    provider = provider_of(refund.provider, runtime.settings)
    if provider is None:
        # Nobody can be asked any more, and nobody can give anything back that way either.
        return RefundOutcome(status="failed", failure_code="provider_missing")
    earlier = [RefundTry(refund=refund, number=number) for number in range(1, tries + 1)]
    found = await asyncio.gather(*(provider.find_refund(runtime, one) for one in earlier))
    for outcome in found:
        if outcome is not None and outcome.status == "succeeded":
            return outcome
    if any(outcome is not None and outcome.status == "processing" for outcome in found):
        return RefundOutcome(status="processing")
    return RefundOutcome(status="failed")


async def look_into(runtime: Runtime, org_id: UUID, refund_id: UUID, now: datetime) -> None:
    """Asks the provider of a failed refund whether it succeeded after all, and notes it if so.

    Outside of any transaction, before it is tried again or settled on site. Raises `NotFound`, and
    `PaymentInProgress` where the provider doesn't say.
    """
    async with acquire(runtime) as db:
        found = await queries.find_refund(db, org_id, refund_id)
        row = await asking_queries.find_refund_row(db, org_id, refund_id)
    if found is None:
        raise NotFound("There is no such refund.")
    if found.status != "failed" or row is None:
        return
    outcome = await ask_about_earlier(runtime, row, row.tries)
    if outcome.status == "processing":
        raise PaymentInProgress(
            "The provider doesn't say for sure that the refund failed.", retry_after_seconds=ASK_AGAIN_SECONDS
        )
    if outcome.status == "succeeded":
        async with acquire(runtime) as db, db.transaction():
            await adopt(db, row, outcome, now)


async def record_refund(db: Connection, refund: RefundRow, outcome: RefundOutcome, now: datetime) -> bool:
    """Notes what became of a try, in the caller's transaction; whether the refund ended with it."""
    org_id, tries = refund.org_id, refund.tries
    if outcome.status == "processing":
        at = now + rules.pause(refund.attempts + 1, rules.LONGEST_REFUND_PAUSE_SECONDS)
        await queries.postpone_refund(db, org_id, refund.id, tries, at, now)
        return False
    failure = (outcome.failure_code or "refused") if outcome.status == "failed" else None
    again_at = None if failure else rules.next_look(now, now)
    ended = await queries.finish_try(
        db, org_id, refund.id, tries, outcome.status, outcome.provider_reference, failure, again_at, now
    )
    if not ended:
        return False
    if failure:
        await tell_of_failure(db, refund, failure, now)
    else:
        await announce(db, org_id, RefundSettled, refund, "succeeded", now)
    return True


async def adopt(db: Connection, refund: RefundRow, outcome: RefundOutcome, now: datetime) -> bool:
    """Notes that a try which was taken for failed has succeeded. False when that was known, or it was settled on site."""
    again_at = rules.next_look(now, now)
    if not await queries.adopt_success(db, refund.org_id, refund.id, outcome.provider_reference, again_at, now):
        return False
    log.warning("refund.succeeded_late", refund_id=str(refund.id))
    await announce(db, refund.org_id, RefundSettled, refund, "succeeded", now)
    return True


async def note_update(db: Connection, org_id: UUID, refund_id: UUID, provider: str, now: datetime) -> bool:
    """Notes that a provider has an update of a refund, in the caller's transaction. False where it isn't one of its own.

    What it says is asked by the job: messages come late, twice and in any order, an answer is of this moment.
    """
    refund = await asking_queries.find_refund_row(db, org_id, refund_id)
    if refund is None or refund.provider != provider or not await may_record(db, org_id, refund.intent_id, provider):
        return False
    return await queries.hurry_refund(db, org_id, refund_id, now) > 0


async def look_again(runtime: Runtime, refund: RefundRow, now: datetime) -> bool:
    """Asks what became of a refund that had ended; whether it is another one than was believed.

    A bank may return what succeeded days ago, and what was taken for failed may have come after all. Nothing is tried
    again here. No transaction may be open meanwhile.
    """
    provider, found = provider_of(refund.provider, runtime.settings), []
    if provider is not None:
        tries = [RefundTry(refund=refund, number=number) for number in range(1, refund.tries + 1)]
        found = await asyncio.gather(*(provider.find_refund(runtime, one) for one in tries))
    word = rules.last_word(found, refund.provider_reference)
    async with acquire(runtime) as db, db.transaction():
        if word == "succeeded" and refund.status == "failed":
            succeeded = next(one for one in found if one is not None and one.status == "succeeded")
            return await adopt(db, refund, succeeded, now)
        if word == "failed" and refund.status == "succeeded":
            return await _fail_after_all(db, refund, now)
        again_at = rules.next_look(refund.updated_at, now) if refund.status == "succeeded" else None
        if word is None and any(one is not None for one in found):
            again_at = now + rules.SAID_NOTHING
        await queries.look_again_at(db, refund.org_id, refund.id, refund.status, again_at)
        return False


async def _fail_after_all(db: Connection, refund: RefundRow, now: datetime) -> bool:
    """The money that was given back isn't with the customer: staff have it on their list again."""
    if not await queries.fail_after_all(db, refund.org_id, refund.id, refund.tries, RETURNED, now):
        return False
    await tell_of_failure(db, refund, RETURNED, now)
    return True


async def tell_of_failure(db: Connection, refund: RefundRow, failure: str, now: datetime) -> None:
    """Tells staff and bookings that a refund failed. Nothing repeats it by itself."""
    log.error("refund.failed", refund_id=str(refund.id), intent_id=str(refund.intent_id), provider=refund.provider)
    note = NewEntry(
        action="refund.failed",
        actor_kind="system",
        actor_id=None,
        credential_id=None,
        object_type="refund",
        object_id=refund.id,
        reason_code=failure,
        request_id="",
        created_at=now,
    )
    await audit.write(db, refund.org_id, [note])
    await announce(db, refund.org_id, RefundFailed, refund, "failed", now)


async def retry(ctx: Context, refund_id: UUID) -> Refund:
    """Tries a failed refund once more, as soon as the job runs. Repeating it while it is under way changes nothing.

    `look_into` has been called. Raises `NotFound`, and `Conflict` for one that can't be tried.
    """
    refund = await _lock(ctx, refund_id)
    match refund.status:
        case "created" | "succeeded":
            return refund_answer(refund)
        case "failed" if provider_of(refund.provider or "", ctx.settings) is not None:
            await queries.begin_try(ctx.db, ctx.org_id, refund_id, ctx.now)
            await audit.note(ctx, "refund.retried", "refund", refund_id)
            await announce(ctx.db, ctx.org_id, RefundRetried, refund, "created", ctx.now)
            return refund_answer(await _lock(ctx, refund_id))
        case "failed":
            raise Conflict("The provider that took the money is not offered any more. Settle the refund on site.")
        case other:
            raise Conflict(f"A refund that is {rules.SHOWN_REFUND[other]} can't be tried again.")


async def settle(ctx: Context, refund_id: UUID, method: SettledMethod) -> Refund:
    """Notes that staff gave the money back themselves. Repeating it changes nothing.

    `look_into` has been called. Raises `NotFound`, `PaymentInProgress` while the provider is at it, and `Conflict`
    where the money is back already.
    """
    refund = await _lock(ctx, refund_id)
    match refund.status:
        case "settled" if refund.settled_method == method:
            return refund_answer(refund)
        case "failed" | "due_on_site":
            by = ctx.caller.subject_id or ctx.caller.credential_id
            await queries.settle_refund(ctx.db, ctx.org_id, refund_id, method, by, ctx.now)
            await audit.note(ctx, "refund.settled", "refund", refund_id, method)
            await announce(ctx.db, ctx.org_id, RefundSettled, refund, "settled", ctx.now)
            return refund_answer(await _lock(ctx, refund_id))
        case "created":
            raise PaymentInProgress("The provider is giving the money back.", retry_after_seconds=ASK_AGAIN_SECONDS)
        case other:
            raise Conflict(f"The refund is {rules.SHOWN_REFUND[other]}: the money is back already.")


async def _lock(ctx: Context, refund_id: UUID) -> RefundRecord:
    await queries.lock_refund(ctx.db, ctx.org_id, refund_id)
    refund = await queries.find_refund(ctx.db, ctx.org_id, refund_id)
    if refund is None:
        raise NotFound("There is no such refund.")
    return refund


async def get(ctx: Context, refund_id: UUID) -> Refund:
    """One refund. Raises `NotFound`."""
    refund = await queries.find_refund(ctx.db, ctx.org_id, refund_id)
    if refund is None:
        raise NotFound("There is no such refund.")
    return refund_answer(refund)


async def list_page(ctx: Context, query: RefundsQuery) -> RefundList:
    """A page of refunds, the newest first. Raises `Invalid` for a cursor of another list."""
    before, before_id = read_cursor(query.cursor, tuple[datetime, UUID]) if query.cursor else (LATEST, LAST_ID)
    if query.status is None:
        rows = await queries.list_refunds(ctx.db, ctx.org_id, before, before_id, query.limit + 1)
    else:
        status = rules.STORED_REFUND[query.status]
        rows = await queries.list_refunds_of_status(ctx.db, ctx.org_id, status, before, before_id, query.limit + 1)
    page = rows[: query.limit]
    following = write_cursor(page[-1].created_at, page[-1].id) if len(rows) > query.limit else None
    return RefundList(items=[refund_answer(row) for row in page], next_cursor=following)


def refund_answer(refund: RefundRecord) -> Refund:
    actions = []
    if refund.status == "failed":
        actions = ["retry", "settle"] if refund.provider in PROVIDERS else ["settle"]
    elif refund.status == "due_on_site":
        actions = ["settle"]
    return Refund(
        id=refund.id, order_id=refund.order_id, booking_id=refund.booking_id, status=rules.SHOWN_REFUND[refund.status],
        amount=Money(refund.amount, refund.currency), reason=refund.reason, method=refund.provider or "on_site",
        tries=refund.tries, error_code=refund.failure_code, settled_by=refund.settled_method,
        created_at=refund.created_at, updated_at=refund.updated_at, available_actions=actions,
    )  # fmt: skip


async def announce(
    db: Connection,
    org_id: UUID,
    of: type[RefundSettled | RefundFailed | RefundRetried],
    refund: RefundRow | RefundRecord,
    status: str,
    now: datetime,
) -> None:
    """Publishes what became of a refund, so that its bookings are told."""
    fact = of(
        order_id=refund.order_id, booking_id=refund.booking_id, intent_id=refund.intent_id, refund_id=refund.id,
        status=status,
    )  # fmt: skip
    await publish(db, [fact.event(org_id, refund.id, now)])
