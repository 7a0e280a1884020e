"""The payment method `test`: an HTTP client of `booking_api.payments.test_provider`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, TypeVar
from uuid import UUID

import msgspec

from booking_api.core.log import log
from booking_api.core.money import Money
from booking_api.core.outbound.failures import CallFailed
from booking_api.core.runtime import Runtime
from booking_api.core.settings import Settings
from booking_api.payments.refund_schemas import RefundOutcome, RefundTry, RefundUpdate
from booking_api.payments.schemas import UNANSWERED, IntentCharge, IntentUpdate, Outcome, OutcomeStatus, Redirect
from booking_api.payments.webhooks import check_signature, webhook_secrets

T = TypeVar("T")
CONNECT_SECONDS = 2.0
LONGEST_ANSWER = 1_000_000


class ChargeDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A charge as the provider describes it, in answers and webhooks. It may say more than we read."""

    id: str
    key: str
    status: OutcomeStatus
    amount: int
    currency: str
    metadata: dict[str, str]
    next_action: Redirect | None = None
    error: str | None = None


class RefundDocument(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    key: str
    status: Literal["processing", "succeeded", "failed"]
    error: str | None = None


class RefundOfWebhook(msgspec.Struct, frozen=True):
    metadata: dict[str, str]


class WebhookDocument(msgspec.Struct, frozen=True):
    type: str
    charge: ChargeDocument | None = None
    refund: RefundOfWebhook | None = None


class HttpTestProvider:
    """Plays a card provider on a server of its own."""

    is_test = True

    def is_offered(self, settings: Settings) -> bool:
        return bool(settings.test_provider_url)

    async def charge(self, runtime: Runtime, charge: IntentCharge) -> Outcome:
        body = {
            "key": str(charge.id),
            "amount": charge.amount,
            "currency": charge.currency,
            "token": charge.token or "",
            "return_url": charge.return_url,
            "metadata": {"org_id": str(charge.org_id), "intent_id": str(charge.id), "order_id": str(charge.order_id)},
        }
        status, answer = await _call(runtime, "POST", "/charges", body)
        return _outcome(_read(answer, ChargeDocument) if status == 200 else None)

    async def find(self, runtime: Runtime, charge: IntentCharge) -> Outcome | None:
        status, answer = await _call(runtime, "GET", f"/charges/{charge.id}")
        return None if status == 404 else _outcome(_read(answer, ChargeDocument) if status == 200 else None)

    async def cancel(self, runtime: Runtime, charge: IntentCharge) -> Outcome:
        status, answer = await _call(runtime, "POST", f"/charges/{charge.id}/cancel")
        return _outcome(_read(answer, ChargeDocument) if status == 200 else None)

    async def refund(self, runtime: Runtime, attempt: RefundTry) -> RefundOutcome:
        refund = attempt.refund
        body = {
            "key": str(attempt.key), "charge_key": str(refund.intent_id), "amount": refund.amount,
            "metadata": {"org_id": str(refund.org_id), "refund_id": str(refund.id), "order_id": str(refund.order_id)},
        }  # fmt: skip
        status, answer = await _call(runtime, "POST", "/refunds", body)
        return _refund_outcome(_read(answer, RefundDocument) if status in {200, 422} else None)

    async def find_refund(self, runtime: Runtime, attempt: RefundTry) -> RefundOutcome | None:
        status, answer = await _call(runtime, "GET", f"/refunds/{attempt.key}")
        return None if status == 404 else _refund_outcome(_read(answer, RefundDocument) if status == 200 else None)

    def read_webhook(
        self, runtime: Runtime, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> IntentUpdate | RefundUpdate | None:
        check_signature(webhook_secrets(runtime.settings, runtime.vault), headers, body, now)
        document = _read(body, WebhookDocument)
        if document is None:
            return None
        try:
            match document.type, document.charge, document.refund:
                case "charge.updated", ChargeDocument() as charge, _:
                    org_id, intent_id = UUID(charge.metadata["org_id"]), UUID(charge.metadata["intent_id"])
                    return IntentUpdate(org_id=org_id, intent_id=intent_id, outcome=_outcome(charge))
                case "refund.updated", _, RefundOfWebhook(metadata=metadata):
                    return RefundUpdate(org_id=UUID(metadata["org_id"]), refund_id=UUID(metadata["refund_id"]))
                case _:
                    return None
        except (KeyError, ValueError):
            return None


def _outcome(document: ChargeDocument | None) -> Outcome:
    if document is None:
        return UNANSWERED
    return Outcome(
        status=document.status,
        provider_reference=document.id,
        next_action=document.next_action,
        error_code=document.error,
        charged=Money(document.amount, document.currency),
    )


def _refund_outcome(document: RefundDocument | None) -> RefundOutcome:
    if document is None:
        return RefundOutcome(status="processing")
    return RefundOutcome(status=document.status, provider_reference=document.id, failure_code=document.error)


def _read(answer: bytes, into: type[T]) -> T | None:
    """The provider's document; None, and a line in the log, for one that can't be understood."""
    try:
        return msgspec.json.decode(answer, type=into)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        log.warning("provider.misunderstood", provider="test")
        return None


async def _call(runtime: Runtime, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
    """The status and body of the provider's answer; status 0 when none came in time."""
    seconds = runtime.settings.provider_timeout_seconds
    try:
        answer = await runtime.outbound.call(
            method, runtime.settings.test_provider_url.rstrip("/") + path,
            headers={"content-type": "application/json"}, content=b"" if body is None else msgspec.json.encode(body),
            seconds=seconds, connect_seconds=min(seconds, CONNECT_SECONDS), most_bytes=LONGEST_ANSWER, trusted=True,
        )  # fmt: skip
    except CallFailed as failure:
        log.warning("provider.unreachable", provider="test", error=failure.reason)
        return 0, b""
    if answer.status >= 500:
        log.warning("provider.failed", provider="test", status=answer.status)
    return answer.status, answer.body
