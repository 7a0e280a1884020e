"""Telling an endpoint: what is due is taken in one transaction, sent outside of any, and noted in another.

A process may die at each line. Before the sending, what was taken is due again after a while; between the sending and
the noting it is sent once more, under the same `webhook-id`.
"""

import asyncio
import random
from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

import msgspec

from booking_api.core.clock import utc_now
from booking_api.core.context import Context
from booking_api.core.db import event_queries
from booking_api.core.db.partitions import first_id
from booking_api.core.log import log
from booking_api.core.outbound.failures import CallFailed
from booking_api.core.queue.events import publish
from booking_api.core.runtime import Runtime, acquire
from booking_api.core.secrets import Vault
from booking_api.identity import audit
from booking_api.identity.system import system_context
from booking_api.webhooks import queries, rules, turn_queries
from booking_api.webhooks.delivery_schemas import DeliveryRow
from booking_api.webhooks.events import WebhookPaused
from booking_api.webhooks.operations.messages import messages_of
from booking_api.webhooks.rules import Treatment, Tried
from booking_api.webhooks.schemas import EndpointRow
from booking_api.webhooks.turn_queries import DueEndpoint

NOTING = timedelta(seconds=15)
"""How long noting what came of a try may take, beside the try itself."""
RELAYED_WITHIN = timedelta(days=1)
"""How far back an event is looked for that no relay has reached."""


async def serve(runtime: Runtime, due: DueEndpoint) -> int:
    """Sends what an endpoint is to have now, a few deliveries at once; how many were tried."""
    now = utc_now()
    async with acquire(runtime) as db:
        async with db.transaction():
            # Nobody knows how many deliveries wait: a thousand came a moment ago, or none.
            await event_queries.plan_by_keys(db)
            ctx = await system_context(runtime, db, due.org_id)
            endpoint = await queries.find_endpoint(db, due.org_id, due.id)
            if ctx is None or endpoint is None or endpoint.status != "active":
                return 0
            again_at = now + timedelta(seconds=runtime.settings.webhook_timeout_seconds) + NOTING
            taken = await turn_queries.claim_deliveries(
                db, due.org_id, due.id, now, again_at, first_id(now - RELAYED_WITHIN),
                rules.PROBE if rules.is_struggling(endpoint.failures) else rules.AT_ONCE,
            )  # fmt: skip
            if not taken:
                await turn_queries.park_followers(db, due.org_id, due.id, now)
                return 0
        bodies = await messages_of(ctx, [row.event_id for row in taken], endpoint.payload)
    done = await asyncio.gather(
        *(_deliver(runtime, due.org_id, endpoint, row, bodies) for row in taken), return_exceptions=True
    )
    for error in done:
        if error is not None:
            raise error
    return len(taken)


async def _deliver(
    runtime: Runtime, org_id: UUID, endpoint: EndpointRow, row: DeliveryRow, bodies: Mapping[UUID, bytes]
) -> None:
    body = bodies.get(row.event_id)
    outcome = Tried(None, "expired") if body is None else await _send(runtime, endpoint, row.event_id, body)
    async with acquire(runtime) as db, db.transaction():
        ctx = await system_context(runtime, db, org_id)
        if ctx is not None:
            await _note(ctx, endpoint.id, row, outcome)


async def _send(runtime: Runtime, endpoint: EndpointRow, event_id: UUID, body: bytes) -> Tried:
    headers = rules.headers_of(_secrets(runtime.vault, endpoint), str(event_id), body, utc_now())
    try:
        answer = await runtime.outbound.call(
            "POST", endpoint.url, headers={"content-type": "application/json", "user-agent": "booking-api", **headers},
            content=body, seconds=runtime.settings.webhook_timeout_seconds, most_bytes=0,
        )  # fmt: skip
    except CallFailed as failure:
        return Tried(None, failure.reason)
    retry_after = rules.read_retry_after(answer.headers.get("retry-after"))
    return Tried(answer.status, None if 200 <= answer.status < 300 else "answered", retry_after)


def _secrets(vault: Vault, endpoint: EndpointRow) -> list[bytes]:
    """The secrets that sign at this moment, the current one first."""
    both = endpoint.previous_until is not None and endpoint.previous_until > utc_now()
    sealed = [endpoint.secret_sealed, *([endpoint.previous_sealed] if both and endpoint.previous_sealed else [])]
    return [vault.decrypt(one) for one in sealed]


async def _note(ctx: Context, endpoint_id: UUID, row: DeliveryRow, outcome: Tried) -> None:
    endpoint = await queries.lock_endpoint(ctx.db, ctx.org_id, endpoint_id)
    if endpoint is None:
        return
    if outcome.is_good:
        await _note_delivered(ctx, endpoint, row, outcome)
    elif outcome.failure == "expired":
        # Nothing of the endpoint's doing, and nothing that could be sent later.
        await _give_up(ctx, endpoint, row, outcome)
    else:
        await _note_failed(ctx, endpoint, row, outcome)


async def _note_delivered(ctx: Context, endpoint: EndpointRow, row: DeliveryRow, outcome: Tried) -> None:
    now, org_id = ctx.now, ctx.org_id
    assert outcome.status is not None
    await turn_queries.note_delivered(ctx.db, org_id, endpoint.id, row.event_id, now, outcome.status)
    was_failing = endpoint.failures > 0 or endpoint.failing_since is not None
    if was_failing or endpoint.succeeded_at is None or now - endpoint.succeeded_at > timedelta(minutes=1):
        good = msgspec.structs.replace(endpoint, failures=0, failing_since=None, retry_at=None, succeeded_at=now)
        await queries.update_endpoint(ctx.db, org_id, good)
    if was_failing:
        recently = now - timedelta(seconds=ctx.settings.webhook_timeout_seconds) - NOTING
        await turn_queries.release_all(ctx.db, org_id, endpoint.id, now, recently)
    await turn_queries.release_followers(ctx.db, org_id, endpoint.id, row.order_key, now)


async def _give_up(ctx: Context, endpoint: EndpointRow, row: DeliveryRow, outcome: Tried) -> None:
    await turn_queries.note_failed(
        ctx.db, ctx.org_id, endpoint.id, row.event_id, ctx.now, None, outcome.status, outcome.failure or "answered"
    )
    await turn_queries.release_followers(ctx.db, ctx.org_id, endpoint.id, row.order_key, ctx.now)


async def _note_failed(ctx: Context, endpoint: EndpointRow, row: DeliveryRow, outcome: Tried) -> None:
    tried = msgspec.structs.replace(
        endpoint, failures=endpoint.failures + 1, failing_since=endpoint.failing_since or ctx.now
    )
    verdict = rules.judge(tried, row, outcome, ctx.now, random.random())  # noqa: S311 - no secret
    log.info(
        "webhook.not_taken", org_id=ctx.org_id.hex, webhook_id=endpoint.id.hex, status=outcome.status,
        failure=outcome.failure, tries=row.tries, failures=tried.failures,
    )  # fmt: skip
    if verdict.due_at is None:
        log.warning("webhook.given_up", org_id=ctx.org_id.hex, webhook_id=endpoint.id.hex, event_id=row.event_id.hex)
        await _give_up(ctx, endpoint, row, outcome)
    else:
        await turn_queries.note_failed(
            ctx.db, ctx.org_id, endpoint.id, row.event_id, ctx.now, verdict.due_at, outcome.status,
            outcome.failure or "answered",
        )  # fmt: skip
    await _treat(ctx, tried, verdict)


async def _treat(ctx: Context, endpoint: EndpointRow, verdict: Treatment) -> None:
    """Notes how the endpoint is treated from now on, and tells of it where it is paused."""
    changed = msgspec.structs.replace(endpoint, retry_at=verdict.probe_at)
    if verdict.pause is not None and endpoint.status == "active":
        changed = msgspec.structs.replace(changed, status="paused", paused_because=verdict.pause, updated_at=ctx.now)
        fact = WebhookPaused(because=verdict.pause)
        await publish(ctx.db, [fact.event(ctx.org_id, endpoint.id, ctx.now)])
        await audit.note(ctx, "webhook.paused", "webhook", endpoint.id, verdict.pause)
        log.warning("webhook.paused", org_id=ctx.org_id.hex, webhook_id=endpoint.id.hex, because=verdict.pause)
    await queries.update_endpoint(ctx.db, ctx.org_id, changed)
