"""A search by price has the slots that a ranking of all of them has, in its order, from wherever a page begins."""

import random
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
import msgspec
import pytest

from booking_api.availability import rules, search, search_queries
from booking_api.availability.schemas import AvailabilityQuery
from booking_api.catalog.schemas import OptionDefinition, PriceRule, ProductDefinition
from booking_api.core.ids import new_id
from tests.availability.helpers import all_pages
from tests.availability.plain_ranking import plain_ranking
from tests.world import World, add_product, make_flight

NOW = datetime(2027, 5, 1, 12, tzinfo=UTC)
FIRST, LAST = date(2027, 4, 30), date(2027, 5, 6)
ZONES = ("America/New_York", "Pacific/Kiritimati", "Pacific/Niue", "UTC")
"""Local dates before, after and at UTC's."""
PARTIES = (None, "adult:2", "adult:1,infant:1", "adult:4,child:3", "child:2")
ROUTE = {"origin": "JFK", "destination": "LAX"}
BEGINNING = (-1, search.LONG_AGO, UUID(int=0))


def random_line(world: World, chance: random.Random, number: int) -> ProductDefinition:
    """Few distinct prices, so that lines, options and periods often cost the same."""
    assert world.flight.origin is not None
    assert world.flight.destination is not None
    line = make_flight(world.flight.origin, world.flight.destination)
    options: list[OptionDefinition] = []
    for option in [*line.options, msgspec.structs.replace(line.options[0], id=new_id(), code="saver", quota=2)]:
        closes = msgspec.structs.replace(option.conditions, booking_closes_minutes=chance.choice([0, 0, 60, 600, 3000]))
        gates = random.Random(len(options) + 3 * number)
        gate = option.admission
        if gates.random() < 0.5:
            gate = msgspec.structs.replace(
                gate, closes_after_minutes=gates.choice([-90, -700, 0, 200]), opens_before_minutes=gates.choice([60, 900]),
                closes_relative_to=gates.choice(["start", "end"]),
            )  # fmt: skip
        options.append(msgspec.structs.replace(option, conditions=closes, admission=gate))
    prices = [
        PriceRule(
            option=chance.choice(options).code, unit=chance.choice(["adult", "adult", "child"]),
            amount=chance.choice([0, 4900, 9900, 19900, 30000]),
            valid_from=chance.choice([None, FIRST + timedelta(days=chance.randrange(7))]),
            valid_until=chance.choice([None, None, LAST]),
        )
        for _ in range(chance.randrange(2, 7))
    ]  # fmt: skip
    chance.shuffle(options)
    currency = chance.choice(["USD", "EUR", "JPY"])
    return msgspec.structs.replace(
        line, code=f"OS{number}", options=options, prices=[*prices, *line.prices], currency=currency
    )


async def add_random_slots(
    db: asyncpg.Connection, world: World, chance: random.Random, line: ProductDefinition, count: int
) -> None:
    assert line.origin is not None
    assert line.destination is not None
    org_id = world.org.org_id
    for _ in range(count):
        # Several start together, and many near midnight.
        hours = 24 * chance.randrange(-2, 9) + chance.choice([0, 0, 3, 9.5, 10, 11, 13, 14, 23.5])
        starts_at, slot_id = NOW.replace(hour=0) + timedelta(hours=hours), new_id()
        capacity, zone = chance.choice([1, 4, 10]), chance.choice(ZONES)
        closes_at = starts_at - timedelta(minutes=chance.choice([0, 0, 0, 600, 3000]))
        await db.execute(
            """
            insert into slot (org_id, id, code, product_id, kind, origin_id, destination_id, local_date, starts_at,
                              ends_at, time_zone, end_time_zone, capacity, taken, status, booking_closes_at, updated_at)
            values ($1, $2, $2::uuid::text, $3, 'departure', $4, $5, $6, $7, $7, $8, 'UTC', $9, $10, $11, $12, $7)
            """,
            org_id, slot_id, line.id, line.origin.id, chance.choice([line.destination.id] * 7 + [line.origin.id]),
            starts_at.astimezone(ZoneInfo(zone)).date(), starts_at, zone, capacity,
            chance.choice([0, 0, capacity // 2, capacity]), chance.choice(["open"] * 6 + ["closed", "cancelled"]),
            closes_at,
        )  # fmt: skip
        if chance.random() < 0.3:
            late = starts_at + timedelta(minutes=chance.choice([0, 1, 200, 1440]))
            await db.execute(
                """
                update slot set estimated_starts_at = $2, estimated_ends_at = $3, delay_updated_at = $2 where id = $1
                """,
                slot_id, late, chance.choice([None, late, late + timedelta(hours=5)]),
            )  # fmt: skip
        for option in line.options:
            if chance.random() < 0.6:
                await db.execute(
                    "insert into quota (org_id, slot_id, option_id, capacity, taken) values ($1, $2, $3, 4, $4)",
                    org_id, slot_id, option.id, chance.choice([0, 2, 4, 4]),
                )  # fmt: skip


@pytest.mark.parametrize("seed", range(8))
async def test_pages_by_price_are_those_of_a_ranking_of_all_slots(world: World, seed: int):
    chance = random.Random(seed)
    org_id, lines = world.org.org_id, [random_line(world, chance, number) for number in range(4)]
    seen = {"booked": 0, "never": 0, "totals": 0}
    async with world.runtime.pool.acquire() as db:
        await db.execute("delete from quota")
        await db.execute("delete from slot")
        for line in lines:
            await add_product(db, org_id, line)
            await add_random_slots(db, world, chance, line, 25)
        if seed % 3 == 0:
            await db.execute("update product set on_sale = false where id = $1", lines[0].id)
        assert lines[0].origin is not None
        assert lines[0].destination is not None
        both = lines[0].origin.id, lines[0].destination.id
        for units in PARTIES:
            wanted = rules.parse_units(units)
            for route, products in ((both, lines), ((None, None), lines[:1]), ((None, None), lines[1:2])):
                for first, last in ((FIRST, LAST), (date(2027, 5, 3), date(2027, 5, 3))):
                    whole = await plain_ranking(db, org_id, route, products, wanted, first, last, NOW)
                    offers = search.ranked_offers(products, wanted, first, last)
                    between = [(price + chance.choice([-1, 0, 1]), at, new_id()) for price, at, _ in whole]
                    cursors = [BEGINNING, *chance.sample([*whole, *between], min(6, len(whole)))]
                    for after in cursors:
                        limit = chance.choice([1, 2, 5, 33, 201])
                        found = await search_queries.rank_by_price(db, org_id, route, offers, after, NOW, limit)
                        expected = [row for row in whole if row > after][:limit]
                        assert [(row.price, row.starts_at, row.id) for row in found] == expected, (units, after, limit)
                    prices = {price for price, _, _ in whole}
                    seen["never"] += search.NEVER in prices
                    seen["booked"] += bool(prices - {search.NEVER})
                    seen["totals"] = max(seen["totals"], len(prices))
        whole = await plain_ranking(db, org_id, both, lines, rules.parse_units("adult:2"), FIRST, LAST, NOW)
    assert min(seen["never"], seen["booked"], seen["totals"]) > 3
    query = AvailabilityQuery(first=FIRST, last=LAST, units="adult:2", sort="price", limit=7, **ROUTE)  # pyright: ignore[reportArgumentType]
    assert [item.slot_id for item in await all_pages(world, NOW, query)] == [slot_id for _, _, slot_id in whole]
