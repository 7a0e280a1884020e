"""A trial receiver, and the steps from an event to it."""

import asyncio
import contextlib
import dataclasses
import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries
from standardwebhooks import Webhook

from booking_api import worker
from booking_api.capabilities import all_relayed, all_subscribers
from booking_api.core.clock import utc_now
from booking_api.core.runtime import Runtime
from booking_api.webhooks import turn_queries
from booking_api.webhooks.operations.delivering import serve
from tests.core.outbound.receiver import OK, Answer, receiver
from tests.world import Headers

Json = dict[str, Any]


@dataclasses.dataclass
class Heard:
    """A receiver that verifies with the official library."""

    url: str
    ids: list[str] = dataclasses.field(default_factory=list)
    bodies: list[Json] = dataclasses.field(default_factory=list)
    raw: list[tuple[dict[str, str], bytes]] = dataclasses.field(default_factory=list)

    @property
    def types(self) -> list[str]:
        return [body["type"] for body in self.bodies]

    def verify(self, secret: str, place: int = -1) -> Json:
        """Raises `WebhookVerificationError`."""
        headers, body = self.raw[place]
        return Webhook(secret).verify(body, headers)


@contextlib.asynccontextmanager
async def hearing(answer: Callable[[int], bytes] | bytes | Answer = OK) -> AsyncIterator[Heard]:
    """A receiver; bytes answer each message, a function of one number the message of that number."""
    found = Heard("")

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, body = server.heads[-1], server.bodies[-1]
        headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
        found.raw.append((headers, body))
        found.ids.append(headers["webhook-id"])
        found.bodies.append(json.loads(body))
        if isinstance(answer, bytes):
            writer.write(answer)
        elif asyncio.iscoroutinefunction(answer):
            await answer(reader, writer)
        else:
            writer.write(answer(len(found.raw)))  # type: ignore[arg-type,call-arg]
        await writer.drain()

    async with receiver(respond) as server:
        found.url = server.url
        yield found


def status(code: int, *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {code} Said", *headers, "content-length: 0", "", ""]).encode()


async def subscribe(api: httpx.AsyncClient, headers: Headers, url: str, **more: Any) -> Json:
    answer = await api.post("/v1/webhooks", json={"url": url, **more}, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def relay(runtime: Runtime) -> None:
    """What the worker's relay does, until nothing is left."""
    db = await worker.open_relay(runtime.settings)
    try:
        while await worker.relay(db, Queries(AsyncpgDriver(db)), all_subscribers(), all_relayed()):
            pass
    finally:
        await worker.close(db)


async def tell(runtime: Runtime, rounds: int = 50) -> None:
    """What the worker's deliverer does, until nothing is due."""
    for _ in range(rounds):
        async with runtime.pool.acquire() as db:
            due = await turn_queries.list_due_endpoints(db, utc_now(), [], 100)
        if not due or not sum([await serve(runtime, one) for one in due]):
            return


async def relay_and_tell(runtime: Runtime) -> None:
    await relay(runtime)
    await tell(runtime)


async def later(runtime: Runtime, by: timedelta) -> None:
    """Lets time pass for endpoints and deliveries."""
    async with runtime.pool.acquire() as db:
        await db.execute(
            "update webhook_delivery set due_at = due_at - $1::interval, first_failed_at = first_failed_at - $1::interval, "
            "tried_at = tried_at - $1::interval",
            by,
        )
        await db.execute(
            "update webhook_endpoint set failing_since = failing_since - $1::interval, retry_at = retry_at - $1::interval, "
            "succeeded_at = succeeded_at - $1::interval, previous_until = previous_until - $1::interval",
            by,
        )


async def deliveries(api: httpx.AsyncClient, headers: Headers, hook: Json | UUID, **query: str) -> list[Json]:
    """Oldest first."""
    hook_id = hook if isinstance(hook, UUID) else hook["id"]
    answer = await api.get(f"/v1/webhooks/{hook_id}/deliveries", headers=headers, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"][::-1]
