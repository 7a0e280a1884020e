"""Tables that have just begun to fill: their statements and foreign keys must not keep the plans of an empty database."""

import asyncio

from booking_api.core.db import Connection, planning
from booking_api.upkeep import jobs
from tests.bookings.journey import hold, visit
from tests.world import World

FILLED = {"booking", "booking_order", "claim", "event_rest", "item"}
TRIES = 300


async def analysed(db: Connection) -> set[str]:
    found = await db.fetch("select relname::text from pg_stat_user_tables where last_analyze is not null")
    return {row["relname"] for row in found}


async def test_a_table_that_begins_to_fill_is_analysed_once(api, world: World, monkeypatch):
    monkeypatch.setattr(planning, "ENOUGH_ROWS", 15)
    async with world.runtime.pool.acquire() as db:
        assert not await analysed(db) & FILLED
        for _ in range(planning.ENOUGH_ROWS):
            await hold(api, world.app, visit(world, "adult"))
        for _ in range(TRIES):  # PostgreSQL tells what was written at most ten seconds later.
            await jobs.plan_anew(world.runtime)
            if await analysed(db) >= FILLED:
                break
            await asyncio.sleep(0.1)
        assert await analysed(db) >= FILLED
        assert not await analysed(db) & {"feedback_answer", "scan", "payment_intent"}
        assert await jobs.plan_anew(world.runtime) == 0
