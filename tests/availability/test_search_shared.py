"""Searches that come at once share a statement: each gets what it would have got alone, byte by byte."""

import asyncio
import random
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import msgspec
import pytest

from booking_api.availability import queries
from booking_api.availability.schemas import AvailabilityPage, AvailabilityQuery
from booking_api.availability.search import search
from booking_api.catalog.rules import PartyNotAllowed
from booking_api.core.context import Caller
from booking_api.core.errors import DomainError, Invalid, Unprocessable
from booking_api.core.ids import new_id
from booking_api.core.paging import write_cursor
from booking_api.core.runtime import Runtime
from booking_api.run.lifetime import open_runtime
from tests.availability.helpers import search_at
from tests.availability.life import FIRST, LAST, Life
from tests.availability.plain_search import plain_pages
from tests.inventory.helpers import take
from tests.world import World, build_world

PARTIES = (None, "adult:2", "adult:1,infant:1", "adult:4,child:3", "senior:1")
LANGUAGES = (("en",), ("de", "en"))
STEPS = 40


async def ask(
    world: World, life: Life, query: AvailabilityQuery, caller: Caller | None, languages: tuple[str, ...]
) -> list[bytes] | None:
    """Every page as it is sent; None for a party that no product allows."""
    pages: list[bytes] = []
    while True:
        ctx = world.context(cast("Any", None), now=life.now, caller=caller)
        ctx.languages = languages
        try:
            pages.append(await search(world.runtime, ctx, query))
        except PartyNotAllowed:
            return None
        cursor = msgspec.json.decode(pages[-1], type=AvailabilityPage).next_cursor
        if cursor is None:
            return pages
        query = msgspec.structs.replace(query, cursor=cursor)


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_happens_a_search_answers_as_the_plain_statement_does(world: World, seed: int):
    life = Life(world, seed)
    assert world.flight.origin is not None
    assert world.flight.destination is not None
    route = world.flight.origin.id, world.flight.destination.id
    told: list[bytes] = []
    async with world.runtime.pool.acquire() as db:
        await life.save([life.slot(world.flight, f"S{number}", gate='North "1"') for number in range(6)])
        for number in range(STEPS):
            happened = await life.step()
            await life.hold()
            expected: list[list[bytes] | None] = []
            asked: list[Any] = []
            for units in life.chance.sample(PARTIES, 2):
                line = life.chance.choice(life.lines)
                targets: list[tuple[UUID | tuple[UUID, UUID], dict[str, Any]]] = [
                    (route, {"origin": "jfk", "destination": "LAX"}), (line.id, {"product_id": line.id}),
                ]  # fmt: skip
                for target, named in targets:
                    for caller in (None, life.me):
                        limit, languages = life.chance.choice([1, 3, 200]), life.chance.choice(LANGUAGES)
                        last = life.chance.choice([LAST, LAST + timedelta(days=2)])
                        query = AvailabilityQuery(first=FIRST, last=last, units=units, limit=limit, **named)
                        holder = caller.subject_id if caller else None
                        try:
                            plain = await plain_pages(
                                world, db, life.now, target, FIRST, last, units, limit, holder, languages
                            )
                        except PartyNotAllowed:
                            plain = None
                        expected.append(plain)
                        asked.append(ask(world, life, query, cast("Any", caller), languages))
            found = await asyncio.gather(*asked)
            assert found == expected, (number, happened)
            told += [page for pages in found if pages for page in pages]
    everything = b"".join(told)
    for part in (b'"delay":', b'"held_by_you":', b'"sold_out"', b'"next_cursor":', b'"total":'):
        assert part in everything, (part, len(told))


class Statements:
    """What searches asked of the database. While `go_on` isn't set, they have their rows and don't return."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.searches: list[int] = []
        """How many searches each of them was for."""
        self.found, self.go_on = asyncio.Event(), asyncio.Event()
        self._search_slots = queries.search_slots
        self.go_on.set()
        monkeypatch.setattr(queries, "search_slots", self)

    async def __call__(self, *given: Any) -> Any:
        self.searches.append(len(given[2]))
        rows = await self._search_slots(*given)
        self.found.set()
        await self.go_on.wait()
        return rows


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Statements:
    return Statements(monkeypatch)


def days(**more: Any) -> AvailabilityQuery:
    today = datetime.now(UTC).date()
    return AvailabilityQuery(first=today, last=today + timedelta(days=12), **more)


def total(page: AvailabilityPage) -> int:
    return sum(item.vacancies for item in page.items)


async def test_who_asks_while_others_are_looked_up_is_not_given_what_they_found(world: World, statements: Statements):
    """A first search has its rows and not yet its answer when places are taken and the same is asked again."""
    query, flex = days(product_id=world.flight.id), world.option(world.flight, "flex")
    statements.go_on.clear()
    first = asyncio.create_task(search_at(world, datetime.now(UTC), query))
    await statements.found.wait()
    await take(world, world.flight_slots[4], flex, 3)
    others = [asyncio.create_task(search_at(world, datetime.now(UTC), query)) for _ in range(5)]
    await asyncio.sleep(0)
    statements.go_on.set()
    assert total(await first) == 100
    assert [total(await other) for other in others] == [97] * 5
    assert statements.searches == [1, 1], "those who ask the very same are one search"


async def test_what_is_searched_while_others_write_is_never_older_than_its_request(world: World):
    flex, committed, done = world.option(world.flight, "flex"), 0, asyncio.Event()
    asked = [
        days(product_id=world.flight.id), days(product_id=world.flight.id, limit=100), days(origin="JFK", destination="LAX")
    ]  # fmt: skip

    async def write() -> None:
        nonlocal committed
        for number in range(60):
            await take(world, world.flight_slots[number % 6], flex, 1)
            committed += 1
            await asyncio.sleep(random.random() / 200)
        done.set()

    async def read(runtime: Runtime, query: AvailabilityQuery) -> int:
        answers = 0
        while not done.is_set():
            before = committed
            ctx = world.context(cast("Any", None), now=datetime.now(UTC))
            page = msgspec.json.decode(await search(runtime, ctx, query), type=AvailabilityPage)
            assert total(page) <= 100 - before
            answers += 1
        return answers

    async with open_runtime(world.runtime.settings) as other:
        readers = [read(runtime, query) for runtime in (world.runtime, other) for query in asked * 2]
        results = await asyncio.gather(write(), *readers)
        assert sum(answers or 0 for answers in results) > 60
    assert total(await search_at(world, datetime.now(UTC), asked[0])) == 40


async def test_a_search_that_is_refused_refuses_no_other(world: World, statements: Statements):
    good = [days(product_id=world.flight.id), days(origin="JFK", destination="LAX"), days(product_id=world.tower.id)]
    refused: list[tuple[AvailabilityQuery, str, type[DomainError]]] = [
        (days(), "/query/product_id", Invalid),
        (days(origin="XXX"), "/query/origin", Unprocessable),
        (days(product_id=world.flight.id, origin="JFK"), "/query/origin", Invalid),
        (days(product_id=new_id()), "/query/product_id", Unprocessable),
        (days(origin="JFK", destination="XXX"), "/query/destination", Unprocessable),
        (days(product_id=world.tower.id, cursor="WzFd"), "/query/cursor", Invalid),
        (days(product_id=world.tower.id, units="adult:1,adult:2"), "/query/units", Invalid),
        (days(product_id=world.tower.id, units="dog:1"), "/query/units", PartyNotAllowed),
        (days(origin="JFK", destination="LAX", units="dog:1"), "/query/units", PartyNotAllowed),
        (AvailabilityQuery(first=date(2020, 1, 1), product_id=world.tower.id), "/query/from", Invalid),
    ]
    alone = [await search_at(world, datetime.now(UTC), query) for query in good]
    statements.go_on.clear()
    first = asyncio.create_task(search_at(world, datetime.now(UTC), good[0]))
    await statements.found.wait()
    asked = [query for query, _, _ in refused]
    asked[3:3], asked[7:7] = good[:2], good[2:]
    tasks = [asyncio.create_task(search_at(world, datetime.now(UTC), query)) for query in asked]
    await asyncio.sleep(0)
    statements.searches.clear()
    statements.go_on.set()
    await first
    found = dict(zip(asked, await asyncio.gather(*tasks, return_exceptions=True), strict=True))
    assert [found[query] for query in good] == alone
    for query, pointer, kind in refused:
        error = found[query]
        assert isinstance(error, kind), (query, error)
        assert [each.pointer for each in error.errors] == [pointer]
    assert statements.searches == [4], "the good ones, and a party that depends on what is found"


async def test_a_search_that_breaks_the_statement_breaks_no_other(world: World, statements: Statements):
    """A cursor whose moment is beyond the driver's calendar once it is in UTC."""
    good, bad = days(product_id=world.flight.id), days(product_id=world.flight.id, cursor=write_cursor(
        date(2026, 1, 1), "9999-12-31T23:59:59-12:00", new_id()
    ))  # fmt: skip
    alone = await search_at(world, datetime.now(UTC), good)
    statements.go_on.clear()
    first = asyncio.create_task(search_at(world, datetime.now(UTC), good))
    await statements.found.wait()
    tasks = [asyncio.create_task(search_at(world, datetime.now(UTC), query)) for query in (good, bad, good)]
    await asyncio.sleep(0)
    statements.go_on.set()
    await first
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [found[0], found[2]] == [alone, alone]
    assert isinstance(found[1], Exception)


async def test_organisations_never_share_a_search(world: World, statements: Statements):
    other = await build_world(world.runtime, name="Other")
    query = days(origin="JFK", destination="LAX")
    pages = await asyncio.gather(*(search_at(one, datetime.now(UTC), query) for one in (world, other) * 3))
    for page, one in zip(pages, (world, other) * 3, strict=True):
        assert [item.slot_id for item in page.items] == one.flight_slots
    assert len(statements.searches) >= 2
    assert set(statements.searches) == {1}
