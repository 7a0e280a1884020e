"""Customers and a worker behind a network that goes and comes: nothing acknowledged is lost or doubled."""

import asyncio
import random
from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest

from booking_api import worker
from booking_api.core.settings import Settings
from tests.faults.books import all_done, wrongs, wrongs_under_load
from tests.faults.phones import Journal, Phone
from tests.faults.proxy import Proxy, running_proxy
from tests.faults.test_kills import SEED, forgotten
from tests.faults.test_steps import let_time_pass
from tests.operations.test_worker import until
from tests.payments.provider import Provider
from tests.processes import PATIENCE_SECONDS
from tests.world import World

PHONES = 6
ROUNDS = 8


@pytest.fixture
async def proxy(database_url: str) -> AsyncIterator[Proxy]:
    async with running_proxy(database_url) as proxy:
        yield proxy


@pytest.fixture
def settings(settings: Settings, proxy: Proxy) -> Settings:
    return msgspec.structs.replace(
        settings, database_url=proxy.url, pool_size=4, pool_wait_seconds=2.0, statement_timeout_seconds=0.5,
        hold_seconds=3, pending_seconds=6, log_level="critical",
    )  # fmt: skip


async def flap(proxy: Proxy, dice: random.Random, journal: Journal, database_url: str) -> None:
    faults = [proxy.cut, proxy.refuse, proxy.be_silent] * 2
    dice.shuffle(faults)
    for fault in faults:
        served = len(journal.keys)
        proxy.at("COMMIT;", dice.choice(["lose", "carry out and cut", "be silent", "carry out and be silent"]), 3)
        await asyncio.sleep(dice.uniform(0.2, 0.6))
        proxy.delay_seconds = dice.choice([0.0, 0.01])
        await fault()
        await asyncio.sleep(dice.uniform(0.05, 0.5))
        await proxy.heal()
        await until(lambda: len(journal.keys) > served + PHONES, PATIENCE_SECONDS)  # noqa: B023 - awaited here
        assert await forgotten(database_url, journal) == []
        assert await wrongs_under_load(database_url) == []


async def test_nothing_acknowledged_is_lost_or_doubled(
    api: httpx.AsyncClient, world: World, proxy: Proxy, provider: Provider, database_url: str
) -> None:
    dice, journal = random.Random(SEED), Journal()
    stop, stop_worker = asyncio.Event(), asyncio.Event()
    provider.configure(provider_timeout_seconds=1.0)
    working = asyncio.create_task(worker.work(provider.runtime.settings, stop_worker))
    async with asyncio.TaskGroup() as group:
        for number in range(PHONES):
            group.create_task(Phone(api, world, journal, f"{SEED}-{number}").run(stop))
        await flap(proxy, dice, journal, database_url)
        stop.set()

    await all_done(database_url, lambda: let_time_pass(database_url), PATIENCE_SECONDS)
    stop_worker.set()
    await asyncio.wait_for(working, PATIENCE_SECONDS)
    assert journal.wrong == []
    assert journal.overloaded > 0
    assert await forgotten(database_url, journal) == []
    assert await wrongs(database_url, await provider.charges(), await provider.refunds()) == []
