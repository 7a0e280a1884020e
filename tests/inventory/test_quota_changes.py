"""Quotas of one slot, changed by HTTP."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from tests.bookings.journey import hold, party
from tests.importing.support import rows, take
from tests.inventory.helpers import patch_slot, slot_row
from tests.world import World


async def quota(world: World, slot: UUID, option: str) -> tuple[int, int] | None:
    found = await rows(
        world, "select capacity, taken from quota where org_id = $1 and slot_id = $2 and option_id = $3",
        slot, world.option(world.flight, option),
    )  # fmt: skip
    return (found[0]["capacity"], found[0]["taken"]) if found else None


async def test_a_quota_is_raised_lifted_and_made(api: Any, world: World):
    slot, light, flex = world.flight_slots[0], *(world.option(world.flight, code) for code in ("light", "flex"))
    await take(world, slot, light, 2)
    await take(world, slot, flex, 3)
    before = await slot_row(world, slot)
    await patch_slot(api, world.manager, slot, quotas={"light": 6})
    assert await quota(world, slot, "light") == (6, 2)
    assert (await slot_row(world, slot))["version"] == before["version"] + 1
    await patch_slot(api, world.manager, slot, quotas={"light": 6, "flex": None})
    assert (await slot_row(world, slot))["version"] == before["version"] + 1, "nothing was another"
    await patch_slot(api, world.key, slot, quotas={"flex": 3, "light": None})
    assert await quota(world, slot, "flex") == (3, 3), "what was sold before counts"
    assert await quota(world, slot, "light") == (10, 2)
    await patch_slot(api, world.manager, slot, capacity=12)
    assert await quota(world, slot, "light") == (12, 2), "what limits nothing follows the slot"
    await patch_slot(api, world.manager, slot, capacity=14, quotas={"light": 12})
    assert await quota(world, slot, "light") == (12, 2)
    events = await rows(world, "select data from event where org_id = $1 and type = 'slot.changed' order by id")
    assert events[-1]["data"]["changed"] == ["capacity", "quotas"]


@pytest.mark.parametrize(
    ("quotas", "status", "pointer"),
    [
        ({"light": 1}, 422, "/quotas/light"),
        ({"no/such": 1}, 422, "/quotas/no~1such"),
        ({"light": -1}, 400, "/quotas"),
        ({"": 1}, 400, "/quotas"),
        ([], 400, "/quotas"),
        (None, 400, "/quotas"),
    ],
)
async def test_what_can_not_be_is_pointed_at(api: Any, world: World, quotas: Any, status: int, pointer: str):
    slot = world.flight_slots[1]
    await take(world, slot, world.option(world.flight, "light"), 2)
    row = await slot_row(world, slot)
    refused = await patch_slot(api, world.manager, slot, status, quotas=quotas)
    assert refused["errors"][0]["pointer"].startswith(pointer)
    assert (await slot_row(world, slot), await quota(world, slot, "light")) == (row, (4, 2))


async def test_agents_may_not(api: Any, world: World):
    await patch_slot(api, world.agent, world.flight_slots[0], 403, quotas={"light": 1})


async def test_buyers_and_a_quota_that_shrinks(api: Any, world: World):
    """Whatever comes first, no more are sold than the quota says."""
    slot = world.flight_slots[2]
    wish = party(world, "adult", slot=slot, option="light")

    async def shrink() -> int:
        answer = await api.patch(f"/v1/slots/{slot}", json={"quotas": {"light": 2}}, headers=world.manager)
        return answer.status_code

    async def buy() -> int:
        return (await api.post("/v1/bookings", json=wish, headers=world.app)).status_code

    status, *bought = await asyncio.gather(shrink(), *[buy() for _ in range(8)])
    limit, taken = await quota(world, slot, "light") or (0, 0)
    assert taken == bought.count(201) <= limit
    assert (status, limit) in {(200, 2), (422, 4)}
    assert await hold(api, world.app, party(world, "adult", slot=slot, option="flex"))
