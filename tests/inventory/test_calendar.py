"""The kept calendar says what one statement over all slots says, whatever happened, in each process."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import msgspec
import pytest

from booking_api.catalog.rules import PartyNotAllowed
from booking_api.core.context import Caller
from booking_api.core.ids import new_id
from booking_api.core.runtime import Runtime
from booking_api.inventory import calendar_news, calendar_queries, jobs
from booking_api.inventory import operations as inventory
from booking_api.inventory.calendar import calendar
from booking_api.inventory.schemas import Calendar, ClaimRequest, SlotsQuery
from booking_api.lifetime import open_runtime
from tests.inventory.helpers import calendar_at, take
from tests.inventory.life import FIRST, LAST, NOW, Life
from tests.inventory.plain_calendar import plain_calendar
from tests.world import World, add_product, make_flight

PARTIES = (None, "adult:2", "adult:1,infant:1", "adult:4,child:3", "senior:1")
STEPS = 60


async def ask(
    runtime: Runtime, world: World, now: datetime, query: SlotsQuery, caller: Caller | None = None
) -> Calendar | None:
    """As a process answers; None for a party that no product allows."""
    ctx = world.context(cast("Any", None), now=now, caller=caller)
    try:
        return msgspec.json.decode(await calendar(runtime, ctx, query), type=Calendar)
    except PartyNotAllowed:
        return None


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_happens_each_process_answers_as_the_plain_statement(world: World, seed: int):
    life = Life(world, seed)
    assert world.flight.origin is not None
    assert world.flight.destination is not None
    route = world.flight.origin.id, world.flight.destination.id
    async with open_runtime(world.runtime.settings) as other, world.runtime.pool.acquire() as db:
        runtimes, told = (world.runtime, other), 0
        await life.save([life.slot(world.flight, f"S{number}") for number in range(6)])
        for number in range(STEPS):
            happened = await life.step()
            for units in life.chance.sample(PARTIES, 2):
                line = life.chance.choice(life.lines)
                for target, named in (
                    (route, {"origin": "jfk", "destination": "LAX"}),
                    (line.id, {"product_id": line.id}),
                ):
                    for caller in (None, life.me):
                        first = life.chance.choice([FIRST, FIRST, FIRST + timedelta(days=2)])
                        last = life.chance.choice([LAST, LAST, LAST + timedelta(days=2)])
                        query = SlotsQuery(first=first, last=last, units=units, **named)
                        holder = caller.subject_id if caller else None
                        plain = await plain_calendar(world, db, life.now, target, first, last, units, holder)
                        for runtime in runtimes:
                            found = await ask(runtime, world, life.now, query, caller)
                            assert found == plain, (number, happened, named, units, caller)
                        told += plain is not None and any(day.from_price for day in plain.items)
        assert told > STEPS


async def test_a_change_that_was_under_way_is_shown_once_it_is_committed(world: World):
    """Its mark has an older number than others that were told of before it."""
    flex = world.option(world.flight, "flex")
    query = SlotsQuery(product_id=world.flight.id, last=datetime.now(UTC).date() + timedelta(days=12))
    slot, other = world.flight_slots[3], world.flight_slots[5]

    async def vacancies() -> int:
        return sum(day.vacancies for day in (await calendar_at(world, datetime.now(UTC), query)).items)

    def claim(places: int) -> ClaimRequest:
        return ClaimRequest(
            id=new_id(), slot_id=slot, option_id=flex, holder_id=new_id(), places=places, quota_places=places,
            expires_at=None,
        )  # fmt: skip

    assert await vacancies() == 100
    async with world.runtime.pool.acquire() as db:
        transaction = db.transaction()
        await transaction.start()
        await inventory.take(db, world.org.org_id, [claim(3)], NOW)
        assert await vacancies() == 100
        await take(world, other, flex, 2)
        assert await vacancies() == 98
        async with db.transaction():
            savepoint = db.transaction()
            await savepoint.start()
            await inventory.take(db, world.org.org_id, [claim(4)], NOW)
            await savepoint.rollback()
            await inventory.take(db, world.org.org_id, [claim(1)], NOW)
        await take(world, other, flex, 1)
        assert await vacancies() == 97
        await transaction.commit()
    assert await vacancies() == 93


async def test_what_is_computed_while_others_write_is_never_older_than_its_request(world: World):
    """Readers of two processes check each answer against what was committed when they asked."""
    flex, slot = world.option(world.flight, "flex"), world.flight_slots[0]
    query = SlotsQuery(product_id=world.flight.id, last=datetime.now(UTC).date() + timedelta(days=12))
    committed, done = 0, asyncio.Event()

    async def write() -> None:
        nonlocal committed
        for number in range(60):
            target = world.flight_slots[number % 6]
            await take(world, target, flex, 1)
            committed += 1
            await asyncio.sleep(random.random() / 200)
        done.set()

    async def read(runtime: Runtime) -> int:
        answers = 0
        while not done.is_set():
            before = committed
            found = await ask(runtime, world, datetime.now(UTC), query)
            assert found is not None
            assert sum(day.vacancies for day in found.items) <= 100 - before
            answers += 1
        return answers

    async with open_runtime(world.runtime.settings) as other:
        results = await asyncio.gather(write(), *(read(runtime) for runtime in [world.runtime, other] * 4))
        assert sum(answers or 0 for answers in results) > 60
        for runtime in (world.runtime, other):
            found = await ask(runtime, world, datetime.now(UTC), query)
            assert found is not None
            assert sum(day.vacancies for day in found.items) == 40
    assert slot in world.flight_slots


async def test_what_changes_while_it_is_summed_up_is_summed_up_again(world: World, monkeypatch: pytest.MonkeyPatch):
    """A first request has its sums and not yet put them in when a slot is taken and a second request hears of it."""
    query = SlotsQuery(product_id=world.flight.id, last=datetime.now(UTC).date() + timedelta(days=12))
    sum_up, summed, go_on = calendar_queries.sum_up, asyncio.Event(), asyncio.Event()

    async def hesitate(*given: Any) -> Any:
        rows = await sum_up(*given)
        summed.set()
        await go_on.wait()
        return rows

    monkeypatch.setattr(calendar_queries, "sum_up", hesitate)
    first = asyncio.create_task(calendar_at(world, datetime.now(UTC), query))
    await summed.wait()
    await take(world, world.flight_slots[4], world.option(world.flight, "flex"), 3)
    second = asyncio.create_task(calendar_at(world, datetime.now(UTC), query))
    kept = calendar_news.kept_of(world.runtime, world.org.org_id)
    await kept.follow(None, datetime.now(UTC))
    go_on.set()
    assert sum(day.vacancies for day in (await first).items) in (100, 97)
    assert sum(day.vacancies for day in (await second).items) == 97
    assert sum(day.vacancies for day in (await calendar_at(world, datetime.now(UTC), query)).items) == 97


async def test_an_unchanged_calendar_is_the_same_bytes_and_costs_no_sum(world: World, monkeypatch: pytest.MonkeyPatch):
    query = SlotsQuery(product_id=world.flight.id, last=datetime.now(UTC).date() + timedelta(days=12))
    first = await calendar(world.runtime, world.context(cast("Any", None)), query)
    summed: list[object] = []
    sum_up = calendar_queries.sum_up

    async def count(*given: Any) -> Any:
        summed.append(given[3])
        return await sum_up(*given)

    monkeypatch.setattr(calendar_queries, "sum_up", count)
    assert await calendar(world.runtime, world.context(cast("Any", None)), query) is first
    assert summed == []
    await take(world, world.flight_slots[2], world.option(world.flight, "flex"), 1)
    assert await calendar(world.runtime, world.context(cast("Any", None)), query) != first
    assert len(summed) == 1
    days = {
        day for first_day, last_day in zip(*cast("Any", summed[0])[2:4], strict=True) for day in (first_day, last_day)
    }
    assert len(days) == 1, "only the date that changed is summed up"


async def test_old_marks_go_and_a_process_that_missed_some_begins_anew(world: World, monkeypatch: pytest.MonkeyPatch):
    flex = world.option(world.flight, "flex")
    query = SlotsQuery(product_id=world.flight.id, last=datetime.now(UTC).date() + timedelta(days=12))
    before = await calendar_at(world, datetime.now(UTC), query)
    await take(world, world.flight_slots[2], flex, 1)
    monkeypatch.setattr(jobs, "MARKS_KEPT", timedelta(0))
    while await jobs.forget_changes(world.runtime):
        pass
    await jobs.forget_changes(world.runtime)
    async with world.runtime.pool.acquire() as db:
        assert await db.fetchval("select count(*) from slot_change") == 0
    after = await calendar_at(world, datetime.now(UTC), query)
    assert sum(day.vacancies for day in after.items) == sum(day.vacancies for day in before.items) - 1


async def test_marks_and_a_horizon_from_another_server_stand_in_nobodys_way(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    """A dump brings them, with numbers that this server hasn't reached."""
    flex = world.option(world.flight, "flex")
    query = SlotsQuery(product_id=world.flight.id, last=datetime.now(UTC).date() + timedelta(days=12))
    async with world.runtime.pool.acquire() as db:
        await db.execute("insert into slot_change_horizon values ($1, $2)", world.org.org_id, 10**15)
        await db.execute(
            "insert into slot_change (org_id, changed_xid, subject_id, changed_at) values ($1, $2, $1, $3)",
            world.org.org_id, 10**15, NOW - timedelta(days=1_000),
        )  # fmt: skip
        before = await calendar_at(world, datetime.now(UTC), query)
        sheets = calendar_news.kept_of(world.runtime, world.org.org_id).sheets
        await take(world, world.flight_slots[2], flex, 1)
        await jobs.forget_changes(world.runtime)
        await jobs.forget_changes(world.runtime)
        after = await calendar_at(world, datetime.now(UTC), query)
        assert sum(day.vacancies for day in after.items) == sum(day.vacancies for day in before.items) - 1
        assert calendar_news.kept_of(world.runtime, world.org.org_id).sheets is sheets
        monkeypatch.setattr(jobs, "MARKS_KEPT", timedelta(0))
        await jobs.forget_changes(world.runtime)
        assert await jobs.forget_changes(world.runtime) > 0
        assert await db.fetchval("select array_agg(changed_xid) from slot_change") == [10**15]


async def test_young_marks_stay(world: World):
    await jobs.forget_changes(world.runtime)
    await jobs.forget_changes(world.runtime)
    async with world.runtime.pool.acquire() as db:
        assert await db.fetchval("select count(*) from slot_change") > 0


async def test_another_server_a_standby_and_a_flood_of_marks_begin_anew(world: World, monkeypatch: pytest.MonkeyPatch):
    query = SlotsQuery(product_id=world.flight.id, last=datetime.now(UTC).date() + timedelta(days=12))

    async def summed_up_anew() -> bool:
        kept = calendar_news.kept_of(world.runtime, world.org.org_id)
        before = kept.sheets
        await calendar_at(world, datetime.now(UTC), query)
        return kept.sheets is not before

    assert await summed_up_anew()
    assert not await summed_up_anew()
    kept = calendar_news.kept_of(world.runtime, world.org.org_id)
    assert kept.position is not None
    kept.position = msgspec.structs.replace(kept.position, server_started_at=NOW)
    assert await summed_up_anew()
    assert not await summed_up_anew()
    list_changes = calendar_queries.list_changes

    async def list_blindly(*given: Any) -> Any:
        return msgspec.structs.replace(await list_changes(*given), blind=True)

    with monkeypatch.context() as standby:
        standby.setattr(calendar_queries, "list_changes", list_blindly)
        assert await summed_up_anew()
        assert await summed_up_anew()
    assert await summed_up_anew()
    assert not await summed_up_anew()
    monkeypatch.setattr(calendar_news, "MOST_MARKS", 3)
    for slot in world.flight_slots[:4]:
        await take(world, slot, world.option(world.flight, "flex"), 1)
    assert await summed_up_anew()
    assert not await summed_up_anew()


async def test_what_is_kept_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(calendar_news, "CELLS", 15)
    monkeypatch.setattr(calendar_news, "SHEETS", 3)
    kept = calendar_news.kept_of(world.runtime, world.org.org_id)
    last = datetime.now(UTC).date() + timedelta(days=12)
    for adults in (1, 2, 3, 4):
        await calendar_at(
            world, datetime.now(UTC), SlotsQuery(product_id=world.flight.id, last=last, units=f"adult:{adults}")
        )
    assert [party for sheets in kept.sheets.values() for party in sheets] == [(("adult", 4),)]


async def test_an_unknown_line_appears_on_a_route_that_is_kept(world: World):
    query = SlotsQuery(origin="JFK", destination="LAX", first=NOW.date(), last=NOW.date())
    assert (await calendar_at(world, NOW, query)).items[0].vacancies == 0
    life = Life(world, 0)
    line = msgspec.structs.replace(
        make_flight(*(cast("Any", place) for place in (world.flight.origin, world.flight.destination))), code="OS7"
    )
    async with world.runtime.pool.acquire() as db:
        await add_product(db, world.org.org_id, line)
    await calendar_at(world, NOW, query)
    start = NOW + timedelta(hours=8)
    await life.save([life.slot(line, "late", starts_at=start, ends_at=start, booking_closes_at=start,
                               local_date=NOW.date(), capacity=7)])  # fmt: skip
    assert (await calendar_at(world, NOW, query)).items[0].vacancies == 7
