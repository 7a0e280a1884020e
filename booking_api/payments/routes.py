"""What payment providers call."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Response

from booking_api.core.clock import utc_now
from booking_api.core.errors import NotFound
from booking_api.core.runtime import Runtime, acquire
from booking_api.core.web.http import Access, endpoint
from booking_api.core.web.replies import JSON, encode, runtime_of
from booking_api.identity import audit
from booking_api.payments import refunding
from booking_api.payments.operations import may_record, record_outcome
from booking_api.payments.providers import PROVIDERS
from booking_api.payments.refund_schemas import RefundUpdate
from booking_api.payments.schemas import WebhookReceipt
from booking_api.payments.webhooks import WebhookForged


@endpoint(
    "POST",
    "/v1/payments/webhooks/{provider:str}",
    tag="Payments",
    access=Access(anonymous=True),
    body=dict[str, Any],
    answers={202: WebhookReceipt},
    answer_descriptions={202: "Understood; repeating it changes nothing."},
    errors=(WebhookForged, NotFound),
)
async def receive_payment_webhook(request: Request[Any, Any, Any], provider: str) -> Response[bytes]:
    """Take a payment provider's webhook.

    For payment providers, not for apps. The body is the provider's own and must be signed as Standard Webhooks 1.0
    has it, with the headers `webhook-id`, `webhook-timestamp` and `webhook-signature`. News about an unknown charge
    or refund are accepted and ignored; repeated and late news change nothing.
    """
    known = PROVIDERS.get(provider)
    runtime = runtime_of(request)
    if known is None or not known.is_offered(runtime.settings):
        raise NotFound("There is no such payment provider.")
    now = utc_now()
    body = await request.body()
    try:
        update = known.read_webhook(runtime, request.headers, body, now)
    except WebhookForged:
        _count_forgery(runtime, body, request.scope.get("request_id", ""))
        raise
    recorded = False
    if update is not None:
        try:
            async with acquire(runtime) as db, db.transaction():
                if isinstance(update, RefundUpdate):
                    recorded = await refunding.note_update(db, update.org_id, update.refund_id, provider, now)
                elif recorded := await may_record(db, update.org_id, update.intent_id, provider):
                    await record_outcome(db, update.org_id, update.intent_id, update.outcome, now, provider=provider)
        except NotFound:
            recorded = False
    headers = {"Cache-Control": "no-store"}
    return Response(encode(WebhookReceipt(recorded)), status_code=202, media_type=JSON, headers=headers)


class _Claimed(msgspec.Struct):
    org_id: UUID


class _ClaimedCharge(msgspec.Struct):
    metadata: _Claimed


class _ClaimedUpdate(msgspec.Struct):
    charge: _ClaimedCharge | None = None
    refund: _ClaimedCharge | None = None


def _count_forgery(runtime: Runtime, body: bytes, request_id: str) -> None:
    """Counts a forged webhook for the owners of the organisation that it names; the log has the others."""
    try:
        claimed = msgspec.json.decode(body, type=_ClaimedUpdate)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return
    if (about := claimed.charge or claimed.refund) is not None:
        audit.count_failure(runtime, about.metadata.org_id, "webhook.forged", "bad_signature", request_id)


ROUTES = [receive_payment_webhook]
