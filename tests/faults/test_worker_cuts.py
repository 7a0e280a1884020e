"""The worker behind a bad network: whatever happens to its connections, it goes on by itself."""

import asyncio
from uuid import UUID

import msgspec
import pytest

from booking_api import worker
from booking_api.core.db.event_queries import StoredEvent
from booking_api.core.runtime import Runtime, acquire
from booking_api.core.settings import Settings
from tests.faults.proxy import running_proxy
from tests.faults.test_cuts import FAULTS, break_down
from tests.operations.test_worker import publish_some, until, working


@pytest.mark.parametrize("fault", FAULTS)
async def test_it_goes_on_when_the_database_is_back(
    fault: str, settings: Settings, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: set[UUID] = set()
    runs: list[int] = []

    async def subscriber(_: Runtime, event: StoredEvent) -> None:
        heard.add(event.subject_id)

    async def periodic(through_proxy: Runtime) -> int:
        async with acquire(through_proxy) as db:
            runs.append(await db.fetchval("select 1"))
        return 0

    monkeypatch.setattr(worker, "PERIODIC_TIMEOUT_SECONDS", 4)
    monkeypatch.setattr(worker, "HEARTBEAT_SECONDS", 0.5)
    async with running_proxy(settings.database_url) as proxy:
        impatient = msgspec.structs.replace(
            settings, database_url=proxy.url, pool_wait_seconds=1.0, statement_timeout_seconds=0.5, shutdown_seconds=5
        )
        schedules = [("test", 0.1, periodic)]
        async with working(impatient, subscribers={"thing.happened": (subscriber,)}, schedules=schedules):
            before = await publish_some(runtime, 3)
            await until(lambda: heard.issuperset(before))
            await break_down(proxy, fault)
            meanwhile = await publish_some(runtime, 3)
            await asyncio.sleep(1)
            await proxy.heal()
            seen = len(runs)
            after = await publish_some(runtime, 3)
            await until(lambda: heard.issuperset(meanwhile) and heard.issuperset(after), seconds=60)
            await until(lambda: len(runs) > seen, seconds=60)
