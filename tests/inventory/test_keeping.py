"""Giving a claim back in part: what people are sitting on stays taken, the rest goes back once."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import pytest

from booking_api.core.ids import new_id
from booking_api.inventory import operations as inventory
from booking_api.inventory.schemas import ClaimRequest, Kept, SeatWish
from tests.world import World

NOW = datetime(2026, 11, 1, tzinfo=UTC)


async def books(world: World) -> list[tuple[int, int, int, list[str]]]:
    """For each of the first two flights: taken, the sum of its claims, the quota's taken, the seats given out."""
    async with world.runtime.pool.acquire() as db:
        rows = await db.fetch(
            """
            select s.taken, coalesce((select sum(places) from claim c where c.slot_id = s.id), 0)::int as claimed,
              q.taken as of_quota, array(select seat from seat_claim k where k.slot_id = s.id order by seat) as seats
            from slot s join quota q on q.org_id = s.org_id and q.slot_id = s.id
            where s.org_id = $1 and s.id = any($2::uuid[]) order by array_position($2::uuid[], s.id)
            """,
            world.org.org_id, world.flight_slots[:2],
        )  # fmt: skip
    return [tuple(row) for row in rows]


async def claim(
    world: World, places: int, slot: int = 0, expires_at: datetime | None = None, letter: str = "A"
) -> tuple[UUID, list[UUID]]:
    claim_id, items = new_id(), [new_id() for _ in range(places)]
    slot_id = world.flight_slots[slot]
    request = ClaimRequest(
        id=claim_id, slot_id=slot_id, option_id=world.option(world.flight, "light"), holder_id=new_id(), places=places,
        quota_places=places, expires_at=expires_at,
    )  # fmt: skip
    wishes = [SeatWish(item, f"{number}{letter}") for number, item in enumerate(items, start=1)]
    async with world.runtime.pool.acquire() as db, db.transaction():
        assert (await inventory.take(db, world.org.org_id, [request], NOW))[0].ok
        await inventory.take_seats(db, world.org.org_id, slot_id, claim_id, wishes)
    return claim_id, items


async def give_back(world: World, ids: list[UUID], kept: dict[UUID, Kept]) -> int:
    async with world.runtime.pool.acquire() as db, db.transaction():
        return await inventory.give_back(db, world.org.org_id, ids, kept)


async def test_the_rest_goes_back_and_what_is_kept_is_kept_for_good(world: World):
    claim_id, items = await claim(world, 3, expires_at=NOW)
    await give_back(world, [claim_id], {claim_id: Kept(1, 1, items[1:2])})
    assert (await books(world))[0] == (1, 1, 1, ["2A"])
    async with world.runtime.pool.acquire() as db:
        assert await db.fetchval("select expires_at from claim where id = $1", claim_id) is None
    # Again, as after a lost answer: nothing is given back twice.
    await give_back(world, [claim_id], {claim_id: Kept(1, 1, items[1:2])})
    assert (await books(world))[0] == (1, 1, 1, ["2A"])
    # The last one never was inside after all.
    assert await give_back(world, [claim_id], {}) == 1
    assert (await books(world))[0] == (0, 0, 0, [])
    assert await give_back(world, [claim_id], {claim_id: Kept(1, 1, items)}) == 0
    assert (await books(world))[0] == (0, 0, 0, [])


@pytest.mark.parametrize("places", [0, 3, 7])
async def test_nothing_grows_and_nothing_is_a_claim_of_no_places_too(world: World, places):
    claim_id, items = await claim(world, 3)
    await give_back(world, [claim_id], {claim_id: Kept(places, places, items if places else [])})
    left = min(places, 3)
    assert (await books(world))[0] == (left, left, left, ["1A", "2A", "3A"] if places else [])


async def test_whole_and_partly_in_one_go_on_several_slots(world: World):
    (first, items), (second, _), (third, others) = (
        await claim(world, 2),
        await claim(world, 2, 1),
        await claim(world, 1, 1, letter="B"),
    )
    await give_back(world, [third, second, first], {first: Kept(1, 0, items[:1]), third: Kept(1, 1, others)})
    assert await books(world) == [(1, 1, 0, ["1A"]), (1, 1, 1, ["1B"])]


async def test_many_at_once_give_each_place_back_once(world: World):
    claims = [await claim(world, 2, slot) for slot in (0, 1)]
    ids = [claim_id for claim_id, _ in claims]
    kept = {claim_id: Kept(1, 1, items[:1]) for claim_id, items in claims}
    await asyncio.gather(*(give_back(world, order, kept) for order in [ids, ids[::-1]] * 4))
    assert await books(world) == [(1, 1, 1, ["1A"])] * 2
