"""What a worker does with money, a step at a time, for tests."""

from datetime import datetime, timedelta
from typing import Any

import httpx

from booking_api.bookings import jobs
from booking_api.capabilities import all_subscribers
from booking_api.core.clock import utc_now
from booking_api.core.db import event_queries
from booking_api.payments.jobs import execute_refunds, reconcile_payments
from tests.bookings.journey import CONTACT, owner_of
from tests.world import World


def later(**delta: float) -> datetime:
    return utc_now() + timedelta(**(delta or {"minutes": 5}))


async def relay(world: World) -> list[str]:
    """Hands all news on to whoever hears of them, as the worker would; the kinds of news."""
    told: list[str] = []
    while True:
        async with world.runtime.pool.acquire() as db:
            events = await event_queries.claim_unrelayed_events(db, utc_now(), 200)
        if not events:
            return told
        for event in events:
            told.append(event.type)
            for hears in all_subscribers().get(event.type, ()):
                await hears(world.runtime, event)


async def work(world: World) -> None:
    """All that is due before any payment is given up, until nothing changes any more."""
    soon = timedelta(minutes=20)
    for _ in range(10):
        done = await reconcile_payments(world.runtime, utc_now() + soon)
        done += await execute_refunds(world.runtime, utc_now() + soon)
        done += len(await relay(world)) + await jobs.sweep_undecided_payments(world.runtime)
        if not done:
            return
    raise AssertionError("there is always something to do")


async def pay(api: httpx.AsyncClient, booking: dict[str, Any], token: str, **more: Any) -> httpx.Response:
    """Confirms a booking with a token of the test provider; `headers` go beside its owner's."""
    headers = {**owner_of(booking), **more.pop("headers", {})}
    wish = {"contact": CONTACT, "payment": {"method": "test", "token": token, **more}}
    return await api.post(f"/v1/bookings/{booking['id']}/confirm", headers=headers, json=wish)


async def look(api: httpx.AsyncClient, booking: dict[str, Any]) -> dict[str, Any]:
    answer = await api.get(f"/v1/bookings/{booking['id']}", headers=owner_of(booking))
    assert answer.status_code == 200, answer.text
    return answer.json()
