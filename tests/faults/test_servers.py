"""Several servers, one of which is of no use."""

import asyncio

import msgspec

from booking_api.core.db.connecting import Servers
from booking_api.core.errors import Overloaded
from booking_api.core.runtime import acquire
from booking_api.core.settings import Settings
from booking_api.run.lifetime import open_runtime
from tests.faults.proxy import running_proxy
from tests.operations.test_worker import until
from tests.processes import PATIENCE_SECONDS


async def test_who_waits_only_briefly_reaches_the_second_server_too(settings: Settings, database_url: str) -> None:
    """The first one takes connections and keeps silent, for longer than anybody here waits for a connection."""
    async with running_proxy(database_url) as silent, running_proxy(database_url) as well:
        await silent.be_silent()
        url = well.url.replace("@", f"@127.0.0.1:{silent.port},")
        async with open_runtime(
            msgspec.structs.replace(settings, database_url=url, pool_wait_seconds=1.0)
        ) as impatient:

            async def reached() -> bool:
                try:
                    async with acquire(impatient) as db:
                        return await db.fetchval("select true")
                except Overloaded:
                    return False

            await until(reached, PATIENCE_SECONDS)


async def test_a_server_that_answers_late_is_not_believed_once_another_took_over(database_url: str) -> None:
    """It was asked before the other one took over: what it knows may be of the past."""
    async with running_proxy(database_url) as old, running_proxy(database_url) as new:
        old.delay_seconds = 0.3
        servers = Servers(new.url.replace("@", f"@127.0.0.1:{old.port},"))
        asked_before = asyncio.create_task(servers.connect())
        await asyncio.sleep(0.2)
        impatient = asyncio.create_task(servers.connect())
        await asyncio.sleep(0.2)
        impatient.cancel()
        await asyncio.wait([impatient])
        successor = await servers.connect()
        late = await asyncio.wait_for(asked_before, PATIENCE_SECONDS)
        assert [connection._addr[1] for connection in (successor, late)] == [new.port, new.port]
        for connection in (successor, late):
            await connection.close()
