"""After many rows came in, the planner knows of them."""

import asyncpg
import pytest

from booking_api.core.db import table_queries
from booking_api.importing import statistics
from booking_api.importing.operations import import_catalogue
from booking_api.importing.schemas import Counts, Summary
from booking_api.run.demo.flights import import_flights
from booking_api.run.demo.offer import load_demo
from tests.demo.excerpts import CHECKED_IN
from tests.importing.support import NOW, rows
from tests.world import World

NEVER = -1


async def known_slots(world: World) -> int:
    """How many slots the planner believes in; `NEVER` when nobody counted."""
    (row,) = await rows(
        world, "select reltuples::int as n from pg_class where relname = 'slot' and $1::uuid is not null"
    )
    return row["n"]


async def slots(world: World) -> int:
    (row,) = await rows(world, "select count(*)::int as n from slot where org_id = $1")
    return row["n"]


async def test_the_demo_leaves_statistics(world: World):
    assert await known_slots(world) == NEVER
    await load_demo(world.runtime.pool, world.org, NOW)
    assert await known_slots(world) == await slots(world) > statistics.MANY
    assert (await rows(world, "select count(*) as n from pg_stats where tablename = 'slot' and $1::uuid is not null"))[
        0
    ]["n"]


async def test_an_import_of_many_flights_leaves_statistics_and_a_small_one_is_quick(world: World, monkeypatch):
    summary = await import_flights(world.runtime.pool, world.org, CHECKED_IN, now=NOW)
    assert 0 < summary.touched < statistics.MANY
    assert await known_slots(world) == NEVER
    monkeypatch.setattr(statistics, "MANY", 0)
    await import_flights(world.runtime.pool, world.org, CHECKED_IN, now=NOW)
    assert await known_slots(world) == await slots(world)


async def test_an_import_of_a_catalogue_leaves_statistics(world: World, monkeypatch, tmp_path):
    monkeypatch.setattr(statistics, "MANY", 0)
    (tmp_path / "catalogue.json").write_text('{"places": [], "products": []}')
    await import_catalogue(world.runtime.pool, world.org, tmp_path / "catalogue.json", now=NOW)
    assert await known_slots(world) == await slots(world)


@pytest.mark.parametrize("error", [asyncpg.QueryCanceledError("too long"), TimeoutError()])
async def test_an_import_stays_when_counting_fails(world: World, monkeypatch, error):
    async def fail(db):
        raise error

    monkeypatch.setattr(table_queries, "analyse", fail)
    assert not await statistics.analyse_after(world.runtime.pool, Summary(slots=Counts(created=statistics.MANY)))
    await load_demo(world.runtime.pool, world.org, NOW)
    assert await slots(world) > statistics.MANY
