"""Seats of a slot, seat layouts, and what else has room."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import msgspec

from booking_api.availability.alternatives import Wanted, find_alternatives
from booking_api.availability.schemas import Alternative
from booking_api.catalog.operations import load_products
from booking_api.catalog.schemas import PriceRule
from booking_api.core.ids import new_id
from booking_api.inventory import operations as inventory
from booking_api.inventory.queries import find_slots
from booking_api.inventory.schemas import SeatWish
from tests.inventory.helpers import change_slot, take
from tests.world import World, add_product, add_slot, make_flight

NOW = datetime(2027, 5, 1, 12, tzinfo=UTC)


async def sit(world: World, slot: UUID, claim: UUID, *seats: str) -> None:
    async with world.runtime.pool.acquire() as db, db.transaction():
        await inventory.take_seats(db, world.org.org_id, slot, claim, [SeatWish(new_id(), seat) for seat in seats])


# seats ------------------------------------------------------------------------------------------------------------


async def test_seats_of_a_slot(api: httpx.AsyncClient, world: World):
    slot, flex, me = world.flight_slots[0], world.option(world.flight, "flex"), new_id()
    path, mine = f"/v1/slots/{slot}/seats", world.customer(me)
    empty = {"layout_id": str(world.layout_id), "taken": [], "held_by_you": []}
    assert (await api.get(path, headers=mine)).json() == empty
    await sit(world, slot, await take(world, slot, flex, 2, holder=me), "2A", "1B")
    await sit(world, slot, await take(world, slot, flex, 1, seconds=None), "3A")
    await sit(world, slot, await take(world, slot, flex, 1, holder=me, seconds=-1), "5B")
    assert (await api.get(path, headers=mine)).json() == {
        "layout_id": str(world.layout_id), "taken": ["1B", "2A", "3A", "5B"], "held_by_you": ["1B", "2A"],
    }  # fmt: skip
    for headers in (world.customer(), world.app, world.key):
        answer = (await api.get(path, headers=headers)).json()
        assert (answer["taken"], answer["held_by_you"]) == (["1B", "2A", "3A", "5B"], [])
    assert (await api.get(f"/v1/slots/{world.flight_slots[1]}/seats", headers=mine)).json() == empty


async def test_a_slot_without_seats(api: httpx.AsyncClient, world: World):
    answer = await api.get(f"/v1/slots/{world.tower_slots[0]}/seats", headers=world.app)
    assert (answer.status_code, answer.json()["detail"]) == (404, "This slot has no seats to choose.")


async def test_a_layout_is_immutable(api: httpx.AsyncClient, world: World):
    path = f"/v1/seat-layouts/{world.layout_id}"
    answer = await api.get(path, headers=world.app)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.json()["seats"] == 10
    assert answer.json()["decks"][0]["columns"] == ["A", "B"]
    assert answer.json()["decks"][0]["rows"][1] == {
        "number": 2, "seats": [{"code": "2A", "features": []}, {"code": "2B", "features": []}],
    }  # fmt: skip
    again = await api.get(path, headers={**world.app, "If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


# alternatives -----------------------------------------------------------------------------------------------------


async def alternatives(world: World, slot_id: UUID, option_id: UUID, limit: int = 3, **party: int) -> list[Alternative]:
    async with world.runtime.pool.acquire() as db:
        ctx = world.context(db, now=NOW)
        slot = (await find_slots(db, world.org.org_id, [slot_id]))[0]
        definition = (await load_products(ctx, [slot.product_id]))[slot.product_id]
        units = {unit.code: unit.id for unit in definition.units}
        return await find_alternatives(
            ctx, Wanted(slot, option_id, {units[code]: n for code, n in party.items()}), limit
        )


async def put(world: World, *hours: float, capacity: int = 10) -> list[UUID]:
    async with world.runtime.pool.acquire() as db:
        return [
            await add_slot(db, world.org.org_id, world.flight, NOW + timedelta(hours=hour), capacity=capacity)
            for hour in hours
        ]


async def test_the_nearest_with_room_come_first(world: World):
    slots = await put(world, 2, 10, 20, 24, 27, 60)
    light, flex = world.option(world.flight, "light"), world.option(world.flight, "flex")
    await take(world, slots[3], flex, 10, now=NOW)
    found = await alternatives(world, slots[3], flex, adult=2)
    assert [a.slot_id for a in found] == [slots[4], slots[2], slots[1]]
    assert {a.option_id for a in found} == {flex}
    assert {a.vacancies for a in found} == {10}
    assert {a.total.amount for a in found} == {2 * 20460}
    assert found[0].starts_at.isoformat() == "2027-05-02T11:00:00-04:00"
    assert [a.slot_id for a in await alternatives(world, slots[3], light, 1, adult=1)] == [slots[4]]
    await take(world, slots[4], flex, 9, now=NOW)
    await change_slot(world, slots[2], status="closed")
    await change_slot(world, slots[1], booking_closes_at=NOW)
    assert [a.slot_id for a in await alternatives(world, slots[3], flex, adult=2)] == [slots[0], slots[5]]


async def test_another_option_of_the_same_slot_is_nearest(world: World):
    slots = await put(world, 2, 24)
    light, flex = world.option(world.flight, "light"), world.option(world.flight, "flex")
    await take(world, slots[1], light, 4, now=NOW)
    found = await alternatives(world, slots[1], light, adult=1)
    assert [(a.slot_id, a.option_id, a.vacancies) for a in found] == [(slots[1], flex, 6), (slots[0], light, 4)]
    # Five don't fit the Light fare anywhere, so the other slot offers Flex too.
    found = await alternatives(world, slots[1], light, adult=5)
    assert [(a.slot_id, a.option_id) for a in found] == [(slots[1], flex), (slots[0], flex)]


async def test_another_product_of_the_route_counts_by_unit_and_option_codes(world: World):
    (slot,) = await put(world, 24)
    assert world.flight.origin is not None
    assert world.flight.destination is not None
    other = make_flight(world.flight.origin, world.flight.destination)
    other = msgspec.structs.replace(
        other, code="OS102", prices=[PriceRule(option="flex", unit="adult", amount=1), *other.prices[:3]]
    )
    async with world.runtime.pool.acquire() as db:
        await add_product(db, world.org.org_id, other)
        near = await add_slot(db, world.org.org_id, other, NOW + timedelta(hours=25))
    flex = world.option(world.flight, "flex")
    await take(world, slot, flex, 10, now=NOW)
    found = await alternatives(world, slot, flex, adult=1)
    assert [(a.slot_id, a.product_id, a.option_id) for a in found] == [(near, other.id, world.option(other, "flex"))]
    # A child isn't sold under that product's Flex, but is under its Light.
    found = await alternatives(world, slot, flex, adult=1, child=1)
    assert [(a.slot_id, a.option_id) for a in found] == [(near, world.option(other, "light"))]


async def test_no_alternative(world: World):
    (slot,) = await put(world, 24, capacity=1)
    flex = world.option(world.flight, "flex")
    await take(world, slot, flex, 1, now=NOW)
    assert await alternatives(world, slot, flex, adult=1) == []
    async with world.runtime.pool.acquire() as db:
        row = (await find_slots(db, world.org.org_id, [slot]))[0]
        assert await find_alternatives(world.context(db, now=NOW), Wanted(row, flex, {new_id(): 1})) == []


async def test_alternatives_of_a_product_without_a_route(world: World):
    async with world.runtime.pool.acquire() as db:
        slots = [
            await add_slot(db, world.org.org_id, world.consultant, NOW + timedelta(hours=hour), capacity=1)
            for hour in (1, 2, 3)
        ]
    video = world.option(world.consultant, "video")
    await take(world, slots[1], video, 1, now=NOW)
    found = await alternatives(world, slots[1], video, adult=1)
    assert sorted(a.slot_id for a in found) == [slots[0], slots[2]]
    assert {a.total.amount for a in found} == {0}
