"""Local times and dates: the days on which clocks change, arrivals in other zones, what today is."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest

from booking_api.availability.schemas import Availability, AvailabilityQuery, SlotsQuery
from booking_api.catalog.schemas import ProductDefinition
from booking_api.core.errors import Invalid
from booking_api.core.ids import new_id
from tests.availability.helpers import all_pages, calendar_at, search_at
from tests.world import World, add_place, add_product, add_slot, make_flight, make_tower

NEW_YORK = ZoneInfo("America/New_York")


async def put(world: World, definition: ProductDefinition, *starts: datetime, minutes: int = 60) -> list[UUID]:
    async with world.runtime.pool.acquire() as db:
        return [await add_slot(db, world.org.org_id, definition, start, minutes=minutes) for start in starts]


def wire(item: Availability) -> tuple[str, str]:
    """Start and end as they are sent."""
    sent = msgspec.to_builtins(item)
    return sent["starts_at"], sent["ends_at"]


async def on(world: World, definition: ProductDefinition, first: date, last: date | None = None) -> list[Availability]:
    query = AvailabilityQuery(product_id=definition.id, first=first, last=last or first)
    return (await search_at(world, datetime(2026, 10, 1, tzinfo=UTC), query)).items


async def test_clocks_go_forward_in_new_york(world: World):
    day = date(2027, 3, 14)
    starts = [datetime(2027, 3, 14, hour, 30, tzinfo=NEW_YORK).astimezone(UTC) for hour in (0, 1, 3, 23)]
    # 02:30 doesn't exist: read as Python does, it is 03:30 in daylight time and so the third again.
    assert datetime(2027, 3, 14, 2, 30, tzinfo=NEW_YORK).astimezone(UTC) == starts[2]
    slots = await put(world, world.flight, *starts, minutes=120)
    items = await on(world, world.flight, day)
    assert [item.slot_id for item in items] == slots
    assert [wire(item) for item in items] == [
        ("2027-03-14T00:30:00-05:00", "2027-03-13T23:30:00-08:00"),
        ("2027-03-14T01:30:00-05:00", "2027-03-14T00:30:00-08:00"),
        ("2027-03-14T03:30:00-04:00", "2027-03-14T01:30:00-08:00"),
        ("2027-03-14T23:30:00-04:00", "2027-03-14T22:30:00-07:00"),
    ]
    assert items[2].starts_at.astimezone(UTC) - items[1].starts_at.astimezone(UTC) == timedelta(hours=1)


async def test_clocks_go_back_in_new_york(world: World):
    day = date(2026, 11, 1)
    first = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    slots = await put(world, world.flight, first, first + timedelta(hours=1), first + timedelta(hours=2))
    items = await on(world, world.flight, day)
    assert [item.slot_id for item in items] == slots
    assert [wire(item)[0] for item in items] == [
        "2026-11-01T01:30:00-04:00", "2026-11-01T01:30:00-05:00", "2026-11-01T02:30:00-05:00",
    ]  # fmt: skip
    assert [item.admit_from.isoformat() for item in items[:2]] == [
        "2026-11-01T00:30:00-04:00",
        "2026-11-01T01:30:00-04:00",
    ]


async def test_a_day_of_25_hours_is_one_date(world: World):
    midnight = datetime(2026, 11, 1, tzinfo=NEW_YORK).astimezone(UTC)
    hours = [midnight + timedelta(hours=hour) for hour in range(-1, 26)]
    slots = await put(world, world.flight, *hours)
    query = AvailabilityQuery(product_id=world.flight.id, first=date(2026, 11, 1), last=date(2026, 11, 1), limit=4)
    items = await all_pages(world, datetime(2026, 10, 1, tzinfo=UTC), query)
    assert [item.slot_id for item in items] == slots[1:26]
    found = await calendar_at(
        world,
        datetime(2026, 10, 1, tzinfo=UTC),
        SlotsQuery(product_id=world.flight.id, first=date(2026, 10, 31), last=date(2026, 11, 2)),
    )
    assert [day.vacancies for day in found.items] == [10, 250, 10]


@pytest.mark.parametrize(
    ("day", "offsets"),
    [(date(2027, 3, 28), ("+01:00", "+02:00")), (date(2026, 10, 25), ("+02:00", "+01:00"))],
)
async def test_clocks_change_in_berlin(world: World, day: date, offsets: tuple[str, str]):
    zone = ZoneInfo("Europe/Berlin")
    slots = await put(
        world,
        world.tower,
        *(datetime(day.year, day.month, day.day, hour, tzinfo=zone).astimezone(UTC) for hour in (1, 10)),
    )
    items = await on(world, world.tower, day)
    assert [item.slot_id for item in items] == slots
    assert [wire(item)[0] for item in items] == [f"{day}T01:00:00{offsets[0]}", f"{day}T10:00:00{offsets[1]}"]


async def test_to_honolulu(world: World):
    async with world.runtime.pool.acquire() as db:
        honolulu = await add_place(db, world.org.org_id, "HNL", "Honolulu Intl", "Pacific/Honolulu")
        assert world.flight.origin is not None
        flight = msgspec.structs.replace(make_flight(world.flight.origin, honolulu), code="HA51")
        await add_product(db, world.org.org_id, flight)
        starts = [
            datetime(year, month, day, 10, tzinfo=NEW_YORK).astimezone(UTC)
            for year, month, day in ((2027, 3, 13), (2027, 3, 14))
        ]
        slots = [await add_slot(db, world.org.org_id, flight, start, minutes=659) for start in starts]
    query = AvailabilityQuery(origin="jfk", destination="hnl", first=date(2027, 3, 13), last=date(2027, 3, 14))
    page = await search_at(world, datetime(2027, 3, 1, tzinfo=UTC), query)
    assert [item.slot_id for item in page.items] == slots
    # Honolulu has no summer time: the same flight arrives an hour earlier by the clock there.
    assert [wire(item) for item in page.items] == [
        ("2027-03-13T10:00:00-05:00", "2027-03-13T15:59:00-10:00"),
        ("2027-03-14T10:00:00-04:00", "2027-03-14T14:59:00-10:00"),
    ]
    assert {item.end_time_zone for item in page.items} == {"Pacific/Honolulu"}


async def test_a_place_without_an_offset(world: World):
    async with world.runtime.pool.acquire() as db:
        place = await add_place(db, world.org.org_id, "KEF", "Keflavík", "Atlantic/Reykjavik")
        tour = msgspec.structs.replace(make_tower(place), id=new_id(), code="geysir")
        await add_product(db, world.org.org_id, tour)
        await add_slot(db, world.org.org_id, tour, datetime(2027, 3, 14, 9, tzinfo=UTC))
    assert [wire(item) for item in await on(world, tour, date(2027, 3, 14))] == [
        ("2027-03-14T09:00:00Z", "2027-03-14T10:00:00Z")
    ]


async def test_today_is_that_of_the_origin(world: World):
    now = datetime(2027, 5, 2, 3, tzinfo=UTC)
    evening, morning = await put(world, world.flight, now + timedelta(minutes=30), now + timedelta(hours=9))
    page = await search_at(world, now, AvailabilityQuery(product_id=world.flight.id))
    # In New York it is still 1 May, 23:00.
    assert [item.slot_id for item in page.items] == [evening]
    page = await search_at(world, now, AvailabilityQuery(product_id=world.flight.id, last=date(2027, 5, 2)))
    assert [item.slot_id for item in page.items] == [evening, morning]
    with pytest.raises(Invalid):
        await search_at(
            world, now + timedelta(hours=1), AvailabilityQuery(product_id=world.flight.id, first=date(2027, 5, 1))
        )


async def test_a_range_has_31_dates_and_a_calendar_62(world: World):
    now = datetime(2027, 5, 1, 12, tzinfo=UTC)
    first = date(2027, 5, 1)

    def query(days: int) -> AvailabilityQuery:
        return AvailabilityQuery(product_id=world.flight.id, first=first, last=first + timedelta(days=days - 1))

    await search_at(world, now, query(31))
    with pytest.raises(Invalid):
        await search_at(world, now, query(32))
    assert len((await calendar_at(world, now, query(62))).items) == 62
    with pytest.raises(Invalid):
        await calendar_at(world, now, query(63))
