"""Cursors, and the calendar against the items it sums up."""

import random
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import httpx
import msgspec
import pytest

from booking_api.availability import rules, search
from booking_api.availability.schemas import Availability, AvailabilityQuery, SlotsQuery
from booking_api.catalog.schemas import PriceRule
from booking_api.core.context import Caller
from booking_api.core.ids import new_id
from tests.availability.helpers import all_pages, calendar_at, search_at, search_page
from tests.inventory.helpers import change_slot, take
from tests.world import World, add_product, add_slot, make_flight

NOW = datetime(2027, 5, 1, 12, tzinfo=UTC)
FIRST, LAST = date(2027, 5, 1), date(2027, 5, 9)


@pytest.mark.parametrize("sort", ["start", "price"])
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 200])
async def test_pages_have_every_slot_once_also_those_that_start_together(world: World, sort: str, limit: int):
    slots: list[UUID] = []
    async with world.runtime.pool.acquire() as db:
        for day in range(3):
            for _ in range(5):
                slots.append(await add_slot(db, world.org.org_id, world.flight, NOW + timedelta(days=day, hours=2)))
        slots.append(await add_slot(db, world.org.org_id, world.flight, NOW + timedelta(days=1, hours=1)))
    for route in ({"product_id": world.flight.id}, {"origin": "JFK", "destination": "LAX"}):
        query = AvailabilityQuery(first=FIRST, last=LAST, sort=sort, limit=limit, **route)  # pyright: ignore[reportArgumentType]
        items = await all_pages(world, NOW, query)
        assert sorted(item.slot_id for item in items) == sorted(slots)
        assert [(item.starts_at, item.slot_id) for item in items] == sorted(
            (item.starts_at, item.slot_id) for item in items
        )


async def test_nothing_is_lost_when_places_go_between_pages(world: World):
    async with world.runtime.pool.acquire() as db:
        slots = [
            await add_slot(db, world.org.org_id, world.flight, NOW + timedelta(hours=hour)) for hour in range(1, 8)
        ]
    query = AvailabilityQuery(product_id=world.flight.id, first=FIRST, last=LAST, limit=3)
    page = await search_at(world, NOW, query)
    await take(world, slots[0], world.option(world.flight, "flex"), 10, now=NOW)
    rest = await search_at(
        world, NOW, AvailabilityQuery(product_id=world.flight.id, first=FIRST, last=LAST, cursor=page.next_cursor)
    )
    assert [item.slot_id for item in (*page.items, *rest.items)] == slots


async def test_an_empty_range(world: World):
    page = await search_at(world, NOW, AvailabilityQuery(product_id=world.flight.id, first=FIRST, last=LAST))
    assert (page.items, page.products, page.next_cursor) == ([], {}, None)


def expected_day(items: list[Availability]) -> tuple[str, int, int | None]:
    """The calendar's day from the items of a search on that day."""
    best = max((rules.STATUSES.index(item.status) for item in items), default=1)
    on_offer = [item for item in items if any(option.status in {None, "sold_out"} for option in item.options)]
    totals = [
        option.total.amount
        for item in items for option in item.options
        if option.status is None and option.total is not None
    ]  # fmt: skip
    return rules.STATUSES[best], sum(item.vacancies for item in on_offer), min(totals, default=None)


@pytest.mark.parametrize("seed", range(6))
async def test_the_calendar_agrees_with_the_search(world: World, seed: int):
    """Random slots of two products of one route, with all that can be the matter with them."""
    chance = random.Random(seed)
    assert world.flight.origin is not None
    assert world.flight.destination is not None
    summer = [
        PriceRule(option="flex", unit="adult", amount=9_000, valid_from=date(2027, 5, 3), valid_until=date(2027, 5, 4)),
        PriceRule(option="light", unit="adult", amount=5_000, valid_from=date(2027, 5, 6)),
        PriceRule(option="light", unit="adult", amount=70_000, valid_until=date(2027, 5, 2)),
    ]
    other = make_flight(world.flight.origin, world.flight.destination)
    other = msgspec.structs.replace(other, code="OS102", prices=[*other.prices, *summer])
    me = Caller(kind="customer", credential_id=new_id(), subject_id=new_id())
    async with world.runtime.pool.acquire() as db:
        await add_product(db, world.org.org_id, other)
        slots = [
            (product, await add_slot(
                db, world.org.org_id, product,
                NOW + timedelta(days=chance.randrange(9), minutes=chance.choice([20, 30, 90, 180])), capacity=chance.choice([1, 4, 10]),
            ))
            for product in (world.flight, other) for _ in range(9)
        ]  # fmt: skip
        capacity = dict(await db.fetch("select id, capacity from slot where org_id = $1", world.org.org_id))
    for product, slot in slots:
        if places := chance.choice(
            [0, 0, capacity[slot] // 2, max(0, capacity[slot] - 1), capacity[slot], capacity[slot]]
        ):
            holder = chance.choice([None, me.subject_id])
            code = "light" if places <= 4 and chance.random() < 0.5 else "flex"
            await take(world, slot, world.option(product, code), places, holder=holder, now=NOW)
        if (status := chance.choice(["open"] * 6 + ["closed", "cancelled"])) != "open":
            await change_slot(world, slot, status=status)
    if seed == 5:
        async with world.runtime.pool.acquire() as db:
            await db.execute("update product set on_sale = false where id = $1", other.id)
    for units in (None, "adult:2", "adult:1,infant:1", "adult:4,child:3"):
        for route in ({"origin": "JFK", "destination": "LAX"}, {"product_id": other.id}):
            by_day: dict[date, list[Availability]] = defaultdict(list)
            async with world.runtime.pool.acquire() as db:
                ctx = world.context(db, now=NOW, caller=me)
                query = AvailabilityQuery(first=FIRST, last=LAST, units=units, limit=200, **route)  # pyright: ignore[reportArgumentType]
                page = await search_page(world, ctx, query)
                for item in page.items:
                    by_day[item.starts_at.date()].append(item)
                found = await calendar_at(
                    world, NOW, SlotsQuery(first=FIRST, last=LAST, units=units, **route), ctx.caller
                )  # pyright: ignore[reportArgumentType]
                ranked = await search_page(world, ctx, msgspec.structs.replace(query, sort="price"))
            assert [day.date for day in found.items] == rules.days_between(FIRST, LAST)
            for day in found.items:
                price = None if day.from_price is None else day.from_price.amount
                assert (day.status, day.vacancies, price) == expected_day(by_day[day.date]), (units, route, day.date)
            price_of = lambda item: expected_day([item])[2]  # noqa: E731
            keys = [
                (search.NEVER if (price := price_of(item)) is None else price, item.starts_at, item.slot_id)
                for item in ranked.items
            ]
            assert keys == sorted(keys)
            assert {item.slot_id for item in ranked.items} == {item.slot_id for item in page.items}


async def test_a_calendar_over_http(api: httpx.AsyncClient, world: World):
    start = datetime.now(UTC).date()
    params = {"product_id": str(world.tower.id), "from": str(start), "to": str(start + timedelta(days=4))}
    answer = await api.get("/v1/availability/calendar", params=params, headers=world.app)
    assert answer.status_code == 200
    items = answer.json()["items"]
    assert [item["date"] for item in items] == [str(start + timedelta(days=days)) for days in range(5)]
    assert [item for item in items if item["status"] == "available"] == [
        {"date": next(i["date"] for i in items if i["vacancies"]), "status": "available", "vacancies": 160,
         "from_price": {"amount": 1990, "currency": "EUR"}},
    ]  # fmt: skip
    assert {item["status"] for item in items} == {"closed", "available"}
