"""The verbs of payments, each in the caller's transaction: open an intent, record what came of it, give money back."""

import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from booking_api.core.context import Context
from booking_api.core.db import Connection
from booking_api.core.errors import Conflict, NotFound, unprocessable
from booking_api.core.ids import new_id
from booking_api.core.log import log
from booking_api.core.money import Money
from booking_api.core.queue.events import publish
from booking_api.core.secrets import Vault
from booking_api.core.settings import Settings
from booking_api.payments import asking_queries, queries, refund_queries, rules
from booking_api.payments.events import PaymentSettled
from booking_api.payments.providers import PROVIDERS, offered_methods
from booking_api.payments.queries import LatestIntent
from booking_api.payments.refund_schemas import RefundFact
from booking_api.payments.schemas import (
    ON_SITE,
    Intent,
    NewPayment,
    Outcome,
    PaymentMethod,
)

SCRIPT_SCHEMES = {"javascript", "data", "vbscript", "file", "about", "blob"}


TOKENS = "payment tokens"


def payment_methods(settings: Settings, *, live: bool, on_site: bool = True) -> list[str]:
    """The methods that an organisation offers, `on_site` last; a `live` one never takes a test provider's money."""
    return [*offered_methods(settings, live=live), *([ON_SITE] if on_site else [])]


def offered(ctx: Context, *, on_site: bool) -> list[PaymentMethod]:
    """How something may be paid here and now, in order, for an app to show. `on_site` where the product says so."""
    methods = payment_methods(ctx.settings, live=ctx.org.live, on_site=on_site)
    return rules.describe_methods(methods, ctx.language)


def check_payment(ctx: Context, method: str, token: str | None, return_url: str | None) -> None:
    """Raises `Unprocessable` for a method that isn't offered or has no provider, for a missing token and for a
    `return_url` that isn't a link."""
    if method not in offered_methods(ctx.settings, live=ctx.org.live):
        raise unprocessable("/payment/method", f"The method {method!r} is not offered for paying now.")
    if not token:
        raise unprocessable("/payment/token", "This method needs the token that the provider's form returned.")
    if return_url is not None:
        _check_return_url(return_url)


def _digest(key: bytes, order_id: UUID, method: str, token: str) -> bytes:
    return hmac.digest(key, order_id.bytes + f"{method}\0{token}".encode(), "sha256")


def is_same_payment(vault: Vault, intent: Intent, payment: NewPayment) -> bool:
    """Whether a payment is the one that an intent was opened with: the same method and token.

    The token itself is erased once the intent is settled. Intents from before there were digests count as the same.
    """
    if payment.method != intent.provider:
        return False
    if intent.token_digest is None:
        return True
    return any(
        hmac.compare_digest(_digest(key, intent.order_id, payment.method, payment.token or ""), intent.token_digest)
        for key in vault.keys_for(TOKENS)
    )


async def open_intent(
    ctx: Context, order_id: UUID, amount: Money, method: str, token: str | None, return_url: str | None
) -> Intent:
    """Notes that an order is about to be paid. Runs in the caller's transaction; call the provider after its commit.

    Should the process die before it called, the reconciler calls. Raises what `check_payment` does.
    """
    check_payment(ctx, method, token, return_url)
    intent = Intent(
        id=new_id(),
        order_id=order_id,
        amount=amount.amount,
        currency=amount.currency,
        provider=method,
        status="created",
        provider_reference=None,
        next_action=None,
        error_code=None,
        attempts=0,
        next_check_at=ctx.now + timedelta(seconds=rules.FIRST_CHECK_SECONDS),
        give_up_at=ctx.now + timedelta(seconds=ctx.settings.pending_seconds),
        created_at=ctx.now,
        updated_at=ctx.now,
        token_digest=_digest(ctx.vault.keys_for(TOKENS)[0], order_id, method, token or ""),
    )
    await queries.insert_intent(ctx.db, ctx.org_id, intent, token, return_url)
    return intent


def _check_return_url(return_url: str) -> None:
    try:
        parts = urlsplit(return_url)
    except ValueError:
        parts = urlsplit("")
    if (
        not parts.scheme
        or not (parts.netloc or parts.path)
        or parts.scheme.lower() in SCRIPT_SCHEMES
        or not (return_url.isascii() and return_url.isprintable() and " " not in return_url)
    ):
        raise unprocessable("/payment/return_url", "This is neither an https URL nor a link into an app.")


async def may_record(db: Connection, org_id: UUID, intent_id: UUID, provider: str) -> bool:
    """Whether an update of a provider is about an intent that it may charge: a test provider none of a live organisation."""
    charge = await asking_queries.find_charge(db, org_id, intent_id)
    if charge is None:
        return False
    if charge.live and PROVIDERS[provider].is_test:
        log.error("payment.test_for_live", org_id=str(org_id), intent_id=str(intent_id))
        return False
    return True


async def record_outcome(
    db: Connection, org_id: UUID, intent_id: UUID, outcome: Outcome, now: datetime, *, provider: str | None = None
) -> Intent:
    """Brings an intent forward by what its provider said, in the caller's transaction; locks its row.

    Late and repeated updates change nothing. Publishes `payment.settled` when the intent succeeded, failed or was
    cancelled, once again (`late`) when money moved after it had been given up. Raises `NotFound`, also where
    `provider` says who spoke and the intent is another's.
    """
    intent = await queries.lock_intent(db, org_id, intent_id)
    if intent is None or (provider is not None and provider != intent.provider):
        raise NotFound("There is no such payment.")
    believed = rules.believe(intent, outcome)
    if believed is not outcome:
        log.error("payment.amount_mismatch", intent_id=str(intent_id), provider=intent.provider)
    status = rules.next_status(intent.status, believed)
    if intent.is_settled and status == intent.status:
        return intent
    attempts = intent.attempts + 1
    heard = believed.answered and status == believed.status
    changed = msgspec.structs.replace(
        intent,
        status=status,
        provider_reference=believed.provider_reference or intent.provider_reference,
        next_action=(believed.next_action if heard else intent.next_action) if status == "requires_action" else None,
        error_code=believed.error_code if heard or not believed.answered else intent.error_code,
        attempts=attempts,
        next_check_at=rules.next_check(status, attempts, intent.give_up_at, now),
        updated_at=now,
    )
    await queries.update_intent(db, org_id, changed, changed.next_action, settled=changed.is_settled)
    if changed.is_settled:
        fact = PaymentSettled(order_id=intent.order_id, intent_id=intent_id, status=status, late=intent.is_settled)
        await publish(db, [fact.event(org_id, intent_id, now)])
    return changed


async def give_up(ctx: Context, order_ids: Sequence[UUID]) -> None:
    """Asks for the unsettled intents of these orders to be cancelled at their provider, as soon as the job runs.

    Until it confirms, they may still succeed: `payment.settled` says how each ended.
    """
    await queries.hurry_intents(ctx.db, ctx.org_id, order_ids, ctx.now)


async def abandon(ctx: Context, order_ids: Sequence[UUID]) -> None:
    """As `give_up`, for good: whatever becomes of the intents of these orders, they buy nothing any more.

    One that succeeds all the same is refunded by whoever hears of it: `payment.settled` says so.
    """
    await queries.abandon_intents(ctx.db, ctx.org_id, order_ids, ctx.now)


async def latest_intents(db: Connection, org_id: UUID, order_ids: Sequence[UUID]) -> dict[UUID, LatestIntent]:
    """The newest intent of each order, with what goes back of the order; orders without one are absent."""
    return {intent.order_id: intent for intent in await queries.latest_intents(db, org_id, order_ids)}


async def open_refund(
    ctx: Context, intent_id: UUID, order_id: UUID, booking_id: UUID | None, amount: Money, reason: str,
    *, refund_id: UUID | None = None,
) -> RefundFact | None:  # fmt: skip
    """Notes that money goes back; the job `execute_refunds` does it. Runs in the caller's transaction.

    Never more goes back than was paid: what exceeds it is left out, so that a repeated refund of everything opens
    nothing. A caller that may be repeated for a part gives `refund_id`, of which there is only ever one. Returns what
    was opened. Raises `NotFound`, `Conflict` where nothing was paid, and `ValueError` for another currency.
    """
    intent = await queries.lock_intent(ctx.db, ctx.org_id, intent_id)
    if intent is None or intent.order_id != order_id:
        raise NotFound("There is no such payment.")
    if intent.status != "succeeded":
        raise Conflict("Nothing was paid that could go back.")
    if amount.currency != intent.currency:
        raise ValueError(f"a payment in {intent.currency} can't be refunded in {amount.currency}")
    if refund_id is not None and await refund_queries.refund_exists(ctx.db, ctx.org_id, refund_id):
        return None
    left = intent.amount - await refund_queries.sum_refunds_of_intent(ctx.db, ctx.org_id, intent_id)
    given = min(amount.amount, left)
    if given < amount.amount:
        log.warning("refund.exceeds_payment", intent_id=str(intent_id), wanted=amount.amount, left=left)
    if given <= 0:
        return None
    fact = RefundFact(
        id=refund_id or new_id(), order_id=order_id, intent_id=intent_id, booking_id=booking_id, amount=given,
        currency=amount.currency, status="created", reason=reason,
    )  # fmt: skip
    return await _insert_refund(ctx, fact)


async def open_on_site_refund(
    ctx: Context, order_id: UUID, booking_id: UUID, amount: Money, reason: str, *, refund_id: UUID
) -> RefundFact | None:
    """Notes that staff have to give back what was paid on site. Returns what was opened, None when it was before."""
    fact = RefundFact(
        id=refund_id, order_id=order_id, intent_id=None, booking_id=booking_id, amount=amount.amount,
        currency=amount.currency, status="due_on_site", reason=reason,
    )  # fmt: skip
    return await _insert_refund(ctx, fact)


async def _insert_refund(ctx: Context, fact: RefundFact) -> RefundFact | None:
    due = ctx.now if fact.status == "created" else None
    opened = await refund_queries.insert_refund(
        ctx.db, ctx.org_id, fact.id, fact.intent_id, fact.order_id, fact.booking_id, Money(fact.amount, fact.currency),
        fact.reason, fact.status, due, ctx.now,
    )  # fmt: skip
    return fact if opened else None


async def refunds_of(db: Connection, org_id: UUID, order_ids: Sequence[UUID]) -> dict[UUID, list[RefundFact]]:
    """What goes back of each order, the oldest first; orders of which nothing does are absent."""
    found: dict[UUID, list[RefundFact]] = {}
    for fact in await refund_queries.list_refund_facts(db, org_id, order_ids):
        found.setdefault(fact.order_id, []).append(fact)
    return found


async def add_settlement(ctx: Context, order_id: UUID, booking_id: UUID, method: str, amount: Money) -> None:
    """Notes what staff took on site (`cash` or `terminal`). The caller has locked the booking and checked what is due."""
    await queries.insert_settlement(
        ctx.db, ctx.org_id, new_id(), order_id, booking_id, method, amount,
        ctx.caller.subject_id or ctx.caller.credential_id, ctx.now,
    )  # fmt: skip


async def settled_amounts(db: Connection, org_id: UUID, booking_ids: Sequence[UUID]) -> dict[UUID, int]:
    """What was paid on site for each booking, in minor units; bookings without a settlement are absent."""
    return {row.id: row.amount for row in await queries.sum_settlements(db, org_id, booking_ids)}


async def find_intent(db: Connection, org_id: UUID, intent_id: UUID) -> Intent | None:
    """An intent as it is now, without locking it."""
    return await queries.find_intent(db, org_id, intent_id)
