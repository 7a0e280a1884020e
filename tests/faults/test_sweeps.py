"""A sweep that failed for a reason of the moment: the next one does what it left, and its order isn't forgotten."""

import asyncpg
import httpx
import msgspec
import pytest

from booking_api.bookings import jobs
from booking_api.core.runtime import Runtime
from booking_api.run.lifetime import open_runtime
from tests.bookings.journey import end_hold, taken
from tests.faults.wishes import Shop
from tests.operations.test_worker import until
from tests.world import World


async def let_write(runtime: Runtime, database_url: str, *, writable: bool) -> None:
    """Whether new sessions may write, as they may not once a server became a replica; those that were there end."""
    db = await asyncpg.connect(database_url, server_settings={"default_transaction_read_only": "off"})
    name = await db.fetchval("select quote_ident(current_database())")
    await db.execute(f"alter database {name} set default_transaction_read_only = {'off' if writable else 'on'}")
    await db.close()
    await runtime.pool.expire_connections()


async def test_by_a_server_that_was_demoted(
    api: httpx.AsyncClient, world: World, runtime: Runtime, database_url: str
) -> None:
    booking, _ = await Shop(api, world).held()
    await end_hold(world, booking["order_id"])
    await let_write(runtime, database_url, writable=False)
    with pytest.raises((asyncpg.ReadOnlySQLTransactionError, asyncpg.InterfaceError)):
        await jobs.sweep_ended_holds(runtime)
    await let_write(runtime, database_url, writable=True)
    assert await jobs.sweep_ended_holds(runtime) == 1
    assert await taken(world, world.tower_slots[0]) == (0, 0, 0)


async def test_by_a_statement_that_took_too_long(
    api: httpx.AsyncClient, world: World, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried again soon, as after a lock that wasn't to be had: a slow moment says nothing about the order."""
    booking, _ = await Shop(api, world).held()
    await end_hold(world, booking["order_id"])
    monkeypatch.setattr(jobs, "BUSY_SECONDS", 0.1)
    async with open_runtime(msgspec.structs.replace(runtime.settings, statement_timeout_seconds=0.2)) as hasty:
        async with runtime.pool.acquire() as other, other.transaction():
            await other.execute("select from slot where id = $1 for update", world.tower_slots[0])
            assert await jobs.sweep_ended_holds(hasty) == 0
        await until(lambda: jobs.sweep_ended_holds(hasty))
    assert await taken(world, world.tower_slots[0]) == (0, 0, 0)
