"""Buyers who find a slot full at the same time share what is looked up for them, and none is told what was before."""

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest

from booking_api.availability import queries as slot_queries
from booking_api.bookings import queries
from tests.bookings.journey import end_hold, hold, party, taken, visit
from tests.inventory.helpers import change_slot, take
from tests.world import World

BUYERS = 20


class Looks:
    """A statement that those who were refused share. While `go_on` isn't set, it has its rows and doesn't return."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> None:
        self.count = 0
        self.found, self.go_on = asyncio.Event(), asyncio.Event()
        self._statement = getattr(module, name)
        self.go_on.set()
        monkeypatch.setattr(module, name, self)

    async def __call__(self, *given: Any) -> Any:
        self.count += 1
        rows = await self._statement(*given)
        self.found.set()
        await self.go_on.wait()
        return rows


async def buy(api: httpx.AsyncClient, world: World, wish: dict[str, Any]) -> dict[str, Any]:
    return (await api.post("/v1/bookings", json=wish, headers=world.app)).json()


async def fill(world: World, position: int = 0) -> None:
    await take(world, world.flight_slots[position], world.option(world.flight, "flex"), 10)


async def test_those_who_are_refused_at_once_share_what_is_looked_up(
    api: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
):
    await fill(world)
    alone = {units: await buy(api, world, party(world, *units)) for units in (("adult",), ("adult", "child"))}
    ends = Looks(monkeypatch, queries, "lock_ended_holds_on")
    looks = Looks(monkeypatch, slot_queries, "find_slots_with_room")
    wishes = [("adult",), ("adult", "child")] * (BUYERS // 2)
    answers = await asyncio.gather(*(buy(api, world, party(world, *units)) for units in wishes))
    for units, answer in zip(wishes, answers, strict=True):
        assert answer["code"] == "sold_out"
        assert answer["detail"] == alone[units]["detail"]
        assert answer["alternatives"] == alone[units]["alternatives"] != []
    assert ends.count < BUYERS // 2
    assert looks.count < BUYERS // 2


async def test_who_is_refused_while_others_are_looked_up_for_isnt_given_their_alternatives(
    api: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
):
    """The next flight fills up after what the first buyer is offered was read, and before they are told."""
    await fill(world)
    looks = Looks(monkeypatch, slot_queries, "find_slots_with_room")
    looks.go_on.clear()
    first = asyncio.create_task(buy(api, world, party(world, "adult")))
    await looks.found.wait()
    await fill(world, 1)
    others = [asyncio.create_task(buy(api, world, party(world, "adult"))) for _ in range(4)]
    await asyncio.sleep(0.05)
    looks.go_on.set()
    slots = [str(slot) for slot in world.flight_slots]
    assert [one["slot_id"] for one in (await first)["alternatives"]] == slots[1:4]
    for other in others:
        assert [one["slot_id"] for one in (await other)["alternatives"]] == slots[2:5]


@pytest.mark.parametrize("over", [1, 3])
async def test_whose_holds_are_over_makes_room_for_all_who_come_at_once(
    api: httpx.AsyncClient, world: World, over: int
):
    """The tower has 20 places; some of those who hold them have waited too long."""
    held = [await hold(api, world.app, visit(world, "adult", "adult", "adult", "adult")) for _ in range(5)]
    for booking in held[:over]:
        await end_hold(world, booking["order_id"])
    wishes = [visit(world, "adult", "adult") for _ in range(BUYERS)]
    answers = await asyncio.gather(*(buy(api, world, wish) for wish in wishes))
    assert Counter(answer.get("code", "held") for answer in answers) == {
        "held": 2 * over,
        "sold_out": BUYERS - 2 * over,
    }
    assert (await taken(world, world.tower_slots[0]))[:2] == (20, 20)


async def test_a_hold_that_is_over_only_after_a_look_began_is_found_by_the_next(
    api: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
):
    held = [await hold(api, world.app, visit(world, "adult", "adult", "adult", "adult")) for _ in range(5)]
    ends = Looks(monkeypatch, queries, "lock_ended_holds_on")
    ends.go_on.clear()
    first = asyncio.create_task(buy(api, world, visit(world, "adult")))
    await ends.found.wait()
    await end_hold(world, held[0]["order_id"])
    second = asyncio.create_task(buy(api, world, visit(world, "adult")))
    await asyncio.sleep(0.05)
    ends.go_on.set()
    assert (await first)["code"] == "sold_out"
    assert (await second)["status"] == "on_hold"
    assert ends.count == 2


async def test_what_fails_for_some_is_tried_anew_for_the_next(
    api: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
):
    await fill(world)
    statement, fails = slot_queries.find_slots_with_room, True

    async def failing(*given: Any) -> Any:
        if fails:
            raise ConnectionResetError
        return await statement(*given)

    monkeypatch.setattr(slot_queries, "find_slots_with_room", failing)
    answers = await asyncio.gather(
        *(api.post("/v1/bookings", json=party(world, "adult"), headers=world.app) for _ in range(4))
    )
    assert {answer.status_code for answer in answers} == {503}
    fails = False
    await change_slot(world, world.flight_slots[1], status="closed")
    refused = await buy(api, world, party(world, "adult"))
    assert [one["slot_id"] for one in refused["alternatives"]] == [str(slot) for slot in world.flight_slots[2:5]]
