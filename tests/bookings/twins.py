"""The same wishes in two organisations alike: in one they come all at once, in the other one after the other."""

import asyncio
import dataclasses
import re
from typing import Any
from uuid import UUID

import httpx
import pytest

from booking_api.bookings import routes
from booking_api.core.queue import together
from booking_api.core.queue.batching import Batcher
from tests.world import Headers, World

Json = Any
PASSING = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-.*|\d{4}-\d\d-\d\dT.*|Bearer .*")
"""Ids and moments, which are never the same twice."""
OWN = {"reference", "access_token", "refresh_token", "request_id", "svg_url", "png_url", "alternatives", "order_id"}


@dataclasses.dataclass
class Request:
    path: str
    body: Json
    headers: Headers


def scrub(value: Json) -> Json:
    """What two organisations alike have in common of an answer."""
    match value:
        case dict():
            # Which seat somebody gets depends on who else is seated at that moment.
            cleaned = {key: scrub(member) for key, member in value.items() if key not in OWN | {"seat"}}
            return cleaned if "valid_from" not in cleaned else {**cleaned, "code": "a pass"}
        case list():
            return [scrub(member) for member in value]
        case str() if PASSING.fullmatch(value):
            return "…"
        case _:
            return value


def outcome(answer: httpx.Response) -> Json:
    return answer.status_code, scrub(answer.json())


async def post(api: httpx.AsyncClient, request: Request) -> httpx.Response:
    return await api.post(request.path, json=request.body, headers=request.headers)


async def one_by_one(
    api: httpx.AsyncClient, requests: list[Request], monkeypatch: pytest.MonkeyPatch
) -> list[httpx.Response]:
    """Each on the plain path, the next when the one before is answered."""

    async def alone(*_: Any) -> None:
        return None

    with monkeypatch.context() as patched:
        patched.setattr(routes, "join", alone)
        return [await post(api, request) for request in requests]


async def at_once(
    api: httpx.AsyncClient, requests: list[Request], monkeypatch: pytest.MonkeyPatch, *, may_fail: bool = False
) -> tuple[list[httpx.Response], list[int]]:
    """All have arrived, in this order, before the first is carried out; also the sizes of the batches.

    With `may_fail` a batch's transaction may fail as a whole.
    """
    gate, arrived, sizes, failed = asyncio.Event(), 0, [], []
    run, submit = together.run_together, Batcher.submit

    async def gated(runtime: Any, org_id: UUID, turns: Any, work: Any) -> Any:
        await gate.wait()
        sizes.append(len(turns))
        try:
            return await run(runtime, org_id, turns, work)
        except Exception as error:
            failed.append(error)
            raise

    async def counted(self: Any, item: Any) -> Any:
        nonlocal arrived
        arrived += isinstance(item, together.Turn)
        return await submit(self, item)

    with monkeypatch.context() as patched:
        patched.setattr(together, "run_together", gated)
        patched.setattr(Batcher, "submit", counted)
        tasks: list[asyncio.Task[httpx.Response]] = []
        for request in requests:
            before = arrived
            tasks.append(asyncio.create_task(post(api, request)))
            while arrived == before and not tasks[-1].done():  # noqa: ASYNC110 - it may be answered without arriving
                await asyncio.sleep(0.0005)
        gate.set()
        answers = await asyncio.gather(*tasks)
        assert may_fail or not failed, failed
        # A twin under way is told to come again, and does.
        again = [answer.headers.get("retry-after") is not None for answer in answers]
        return [
            await post(api, request) if late else answer
            for request, answer, late in zip(requests, answers, again, strict=True)
        ], sizes


async def tables(world: World) -> dict[str, list[Json]]:
    """What stands in the tables of an organisation, without ids and moments."""
    statements = {
        "orders": "select status, expires_at is null as kept, pending_until is null as decided, intent_id, channel from booking_order where org_id = $1",
        "bookings": """
            select status, version, contact, answers, price, total, channel, confirmed_at is not null as confirmed,
              created_at <= updated_at as ordered
            from booking where org_id = $1
        """,
        "items": "select position, name, seat, answers, status, amount from item where org_id = $1",
        "claims": "select places, quota_places, expires_at is null as kept from claim where org_id = $1",
        "slots": "select code, taken from slot where org_id = $1",
        "passes": "select i.position, p.revoked_at from pass p join item i on i.org_id = p.org_id and i.id = p.item_id where p.org_id = $1",
        "events": "select type, data ? 'customer_id' as names_customer from event where org_id = $1",
        "customers": "select name, email, phone, locale from customer where org_id = $1",
        "keys": "select status, length(body) > 0 as has_body, customer_id is not null as has_tokens from idempotency_key where org_id = $1",
        "asks": "select number, step, kind, channel from feedback_asked where org_id = $1",
    }
    async with world.runtime.pool.acquire() as db:
        found = {name: await db.fetch(sql, world.org.org_id) for name, sql in statements.items()}
    return {
        name: sorted((scrub([re.sub(r"-[0-9a-f-]{36}$", "", v) if isinstance(v, str) else v for v in row.values()]) for row in rows), key=repr)
        for name, rows in found.items()
    }  # fmt: skip
