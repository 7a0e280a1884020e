"""Following what happens, for whoever develops a receiver: nothing is noted, and nothing waits for it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from booking_api.core.clock import utc_now
from booking_api.core.context import Context
from booking_api.core.db import event_queries
from booking_api.core.db.partitions import first_id
from booking_api.core.outbound.client import Outbound
from booking_api.core.outbound.failures import CallFailed
from booking_api.webhooks import rules
from booking_api.webhooks.operations.messages import messages_of

POLL_SECONDS = 0.25
LATE = timedelta(seconds=60)
"""How late after its id was made an event may appear: so long a transaction may last."""
PAGE = 500


async def follow(ctx: Context, types: Sequence[str], payload: str) -> AsyncIterator[tuple[UUID, bytes]]:
    """The messages of events of these types from the context's moment on, in the order in which they appear."""
    began, seen = ctx.now, dict[UUID, datetime]()
    while True:
        now = utc_now()
        seen = {event_id: at for event_id, at in seen.items() if at > now - 2 * LATE}
        after = first_id(max(began, now - LATE))
        while True:
            found = await event_queries.list_events(
                ctx.db, ctx.org_id, types, after, first_id(now + LATE), PAGE, relayed_only=False
            )
            fresh = [event.id for event in found if event.id not in seen and event.created_at >= began]
            bodies = await messages_of(ctx, fresh, payload) if fresh else {}
            for event_id in fresh:
                seen[event_id] = now
                yield event_id, bodies[event_id]
            if len(found) < PAGE:
                break
            after = found[-1].id
        await asyncio.sleep(POLL_SECONDS)


async def forward(outbound: Outbound, url: str, secret: bytes, event_id: UUID, body: bytes) -> str:
    """Sends a message once, and says what came of it."""
    headers = {"content-type": "application/json", **rules.headers_of([secret], str(event_id), body, utc_now())}
    try:
        answer = await outbound.call("POST", url, headers=headers, content=body, seconds=15, most_bytes=0, trusted=True)
    except CallFailed as failure:
        return failure.reason
    return str(answer.status)
