"""The shared calendar says what one plain statement says, whatever happened, in each process."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import msgspec
import pytest

from booking_api.availability import calendar_queries
from booking_api.availability.calendar import calendar
from booking_api.availability.schemas import AvailabilityCalendar, SlotsQuery
from booking_api.catalog.rules import PartyNotAllowed
from booking_api.core.context import Caller
from booking_api.core.ids import new_id
from booking_api.core.runtime import Runtime
from booking_api.inventory import operations as inventory
from booking_api.inventory.schemas import ClaimRequest
from booking_api.run.lifetime import open_runtime
from tests.availability.helpers import calendar_at
from tests.availability.life import FIRST, LAST, NOW, Life
from tests.availability.plain_calendar import plain_calendar
from tests.inventory.helpers import change_slot, take
from tests.world import World, add_product, make_flight

PARTIES = (None, "adult:2", "adult:1,infant:1", "adult:4,child:3", "senior:1")
STEPS = 60


async def ask(
    runtime: Runtime, world: World, now: datetime, query: SlotsQuery, caller: Caller | None = None
) -> AvailabilityCalendar | None:
    """As a process answers; None for a party that no product allows."""
    ctx = world.context(cast("Any", None), now=now, caller=caller)
    try:
        return msgspec.json.decode(await calendar(runtime, ctx, query), type=AvailabilityCalendar)
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
    """Transactions commit in another order than they began, and none is missed."""
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


class Statements:
    """The sums that were asked of the database. While `paused`, they have their rows and don't return."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.holders: list[set[UUID]] = []
        """Whom each of them was made for."""
        self.summed, self.go_on, self.fails = asyncio.Event(), asyncio.Event(), False
        self._sum_up = calendar_queries.sum_up
        self.go_on.set()
        monkeypatch.setattr(calendar_queries, "sum_up", self)

    async def __call__(self, *given: Any) -> Any:
        self.holders.append(set(given[4]))
        rows = await self._sum_up(*given)
        self.summed.set()
        await self.go_on.wait()
        if self.fails:
            raise ConnectionResetError
        return rows


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Statements:
    return Statements(monkeypatch)


def total(found: AvailabilityCalendar) -> int:
    return sum(day.vacancies for day in found.items)


async def test_who_asks_while_it_is_summed_up_is_not_given_that_sum(world: World, statements: Statements):
    """A first request has its sums and not yet its answer when a slot is taken and a second one asks."""
    query = SlotsQuery(product_id=world.flight.id, last=datetime.now(UTC).date() + timedelta(days=12))
    statements.go_on.clear()
    first = asyncio.create_task(calendar_at(world, datetime.now(UTC), query))
    await statements.summed.wait()
    await take(world, world.flight_slots[4], world.option(world.flight, "flex"), 3)
    second = asyncio.create_task(calendar_at(world, datetime.now(UTC), query))
    await asyncio.sleep(0)
    statements.go_on.set()
    assert total(await first) == 100
    assert total(await second) == 97
    assert total(await calendar_at(world, datetime.now(UTC), query)) == 97


async def test_a_slot_that_was_edited_by_hand_is_shown_at_once(world: World):
    query = SlotsQuery(product_id=world.flight.id, last=datetime.now(UTC).date() + timedelta(days=12))
    assert total(await calendar_at(world, datetime.now(UTC), query)) == 100
    await change_slot(world, world.flight_slots[1], capacity=3)
    assert total(await calendar_at(world, datetime.now(UTC), query)) == 93


async def test_those_who_ask_the_same_at_once_share_a_statement_and_see_their_own_holds(
    world: World, statements: Statements
):
    """Customers, some of whom hold the last places of a slot: it is limited for these and sold out for all others."""
    flex, slot = world.option(world.flight, "flex"), world.flight_slots[2]
    callers = [Caller(kind="customer", credential_id=new_id(), subject_id=new_id()) for _ in range(12)]
    for caller in callers[:3]:
        await take(world, slot, flex, 3, holder=caller.subject_id)
    await take(world, slot, flex, 1, holder=callers[3].subject_id, seconds=-1)
    await take(world, world.flight_slots[3], flex, 4, holder=callers[4].subject_id)
    start = datetime.now(UTC).date()
    query = SlotsQuery(product_id=world.flight.id, first=start, last=start + timedelta(days=12), units="adult:7")
    await change_slot(world, slot, local_date=start + timedelta(days=12))
    statements.go_on.clear()
    now = datetime.now(UTC)
    leading = asyncio.create_task(calendar_at(world, now, query))
    await statements.summed.wait()
    asked = [asyncio.create_task(calendar_at(world, now, query, caller)) for caller in [None, *callers]]
    await asyncio.sleep(0)
    statements.go_on.set()
    found = [(await one).items[-1].status for one in asked]
    assert found == ["sold_out"] + ["limited"] * 3 + ["sold_out"] * 9
    assert statements.holders == [set(), {caller.subject_id for caller in callers}]
    assert (await leading).items[-1].status == "sold_out"


async def test_each_question_has_a_statement_of_its_own(world: World, statements: Statements):
    """Another party, other dates, another product: nothing of it is answered by another one's sum."""
    now = datetime.now(UTC)
    start = now.date()
    queries = [
        SlotsQuery(product_id=world.flight.id, first=start, last=start + timedelta(days=12)),
        SlotsQuery(product_id=world.flight.id, first=start, last=start + timedelta(days=12), units="adult:2"),
        SlotsQuery(product_id=world.flight.id, first=start, last=start + timedelta(days=11)),
        SlotsQuery(product_id=world.tower.id, first=start, last=start + timedelta(days=12)),
        SlotsQuery(origin="JFK", destination="LAX", first=start, last=start + timedelta(days=12)),
    ]
    alone = [await calendar_at(world, now, query) for query in queries]
    together = await asyncio.gather(*(calendar_at(world, now, query) for query in queries * 3))
    assert together == alone * 3
    assert len(statements.holders) <= 3 * len(queries)


async def test_a_statement_that_fails_or_a_caller_who_leaves_harms_nobody_who_comes_later(
    world: World, statements: Statements
):
    query = SlotsQuery(product_id=world.flight.id, last=datetime.now(UTC).date() + timedelta(days=12))
    statements.go_on.clear()
    statements.fails = True
    first = asyncio.create_task(calendar_at(world, datetime.now(UTC), query))
    await statements.summed.wait()
    leaves = asyncio.create_task(calendar_at(world, datetime.now(UTC), query))
    stays = asyncio.create_task(calendar_at(world, datetime.now(UTC), query))
    await asyncio.sleep(0)
    leaves.cancel()
    statements.go_on.set()
    with pytest.raises(ConnectionResetError):
        await first
    with pytest.raises(ConnectionResetError):
        await stays
    statements.fails = False
    assert total(await calendar_at(world, datetime.now(UTC), query)) == 100
    with pytest.raises(asyncio.CancelledError):
        await leaves


async def test_an_unknown_line_appears_on_a_route(world: World):
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
