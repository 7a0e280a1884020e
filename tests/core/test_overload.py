"""More load than the pool can take: an answer or a 503 that says when to come again, and everything is well after it."""

import asyncio
import itertools
from collections import Counter
from typing import Any

import httpx
import msgspec
import pytest

from booking_api.core.runtime import acquire
from booking_api.core.settings import Settings
from tests.bookings.journey import taken, visit
from tests.world import World


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Credentials are remembered: those who ask for the same one at once would wait as one."""
    return msgspec.structs.replace(
        settings, pool_size=2, pool_queue=10, pool_wait_seconds=60.0, credential_cache_seconds=60.0
    )


async def until_waiting(world: World, count: int) -> None:
    async with asyncio.timeout(30):
        while world.runtime.waiting < count:  # noqa: ASYNC110 - nobody announces it
            await asyncio.sleep(0.001)


async def test_whoever_finds_the_queue_full_is_told_at_once(api: httpx.AsyncClient, world: World):
    """While no connection is free, so that nobody can have waited for one."""
    assert (await api.get("/v1/products", headers=world.key)).status_code == 200
    async with acquire(world.runtime), acquire(world.runtime):
        waiting = [asyncio.create_task(api.get("/v1/products", headers=world.key)) for _ in range(10)]
        await until_waiting(world, 10)
        for _ in range(5):
            refused = await api.get("/v1/products", headers=world.key)
            assert refused.status_code == 503
            assert refused.json()["code"] == "overloaded"
            assert refused.headers["retry-after"] == "1"
        assert not any(task.done() for task in waiting)
    assert {answer.status_code for answer in await asyncio.gather(*waiting)} == {200}
    assert world.runtime.waiting == 0
    assert (await api.get("/v1/products", headers=world.key)).status_code == 200


async def test_who_gives_up_waiting_leaves_the_queue(api: httpx.AsyncClient, world: World):
    assert (await api.get("/v1/products", headers=world.key)).status_code == 200
    async with acquire(world.runtime), acquire(world.runtime):
        waiting = [asyncio.create_task(api.get("/v1/products", headers=world.key)) for _ in range(10)]
        await until_waiting(world, 10)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert world.runtime.waiting == 0
    assert (await api.get("/v1/products", headers=world.key)).status_code == 200


async def test_under_far_too_much_load_each_answer_is_right_or_says_to_come_again(api: httpx.AsyncClient, world: World):
    slot = world.tower_slots[0]
    wish = visit(world, "adult", slot=slot)

    def ask(number: int) -> Any:
        if number % 3 == 0:
            return api.post("/v1/bookings", json=wish, headers=world.app)
        if number % 3 == 1:
            return api.get("/v1/products", headers=world.key)
        return api.get(f"/v1/slots/{slot}", headers=world.app)

    answers = await asyncio.gather(*(ask(number) for number in range(600)))
    seen = Counter((kind, answer.status_code) for kind, answer in zip(itertools.cycle("hps"), answers, strict=False))
    assert {status for _, status in seen} <= {200, 201, 409, 503}
    assert sum(count for (_, status), count in seen.items() if status == 503) > 0
    assert sum(count for (_, status), count in seen.items() if status < 300) > 0
    for answer in answers:
        if answer.status_code == 503:
            assert int(answer.headers["retry-after"]) >= 1
        if answer.status_code == 409:
            assert answer.json()["code"] != "conflict", answer.text
    held = seen["h", 201]
    assert await taken(world, slot) == (held, held, 0)
    # Nothing is left of it: the very next requests are served.
    assert world.runtime.waiting == 0
    assert {(await ask(number)).status_code for number in (1, 2)} == {200}
