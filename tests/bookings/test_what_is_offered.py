"""What an app shows beside the actions says the same as they do: ways to pay, what is missing, and what may be chosen."""

from datetime import timedelta
from typing import Any

import pytest

from tests.bookings import conditions
from tests.bookings.conditions import move
from tests.bookings.journey import CONTACT, hold, owner_of, party, visit
from tests.bookings.test_law import ON_SITE, follow, see
from tests.bookings.test_paying import pay, relay
from tests.payments.provider import Provider
from tests.world import World

Json = dict[str, Any]
ENDED = {
    "cancelled": lambda world, slot: conditions.set_status(world, slot, "cancelled"),
    "departed": lambda world, slot: conditions.begin_in(world, slot, -1),
    "gate_closed": lambda world, slot: conditions.begin_in(world, slot, 5),
}


@pytest.mark.parametrize("state", ["on_hold", "pending", "declined"])
@pytest.mark.parametrize("why", ENDED)
async def test_no_way_to_pay_is_shown_for_what_nobody_can_have(
    api, world: World, provider: Provider, why: str, state: str
):
    held = await hold(api, world.app, party(world, "adult"))
    if state != "on_hold":
        pending = await pay(api, held, "tok_redirect" if state == "pending" else "tok_decline")
        assert pending.status_code == (202 if state == "pending" else 402)
    shown = await see(api, held)
    assert [one["method"] for one in shown["payment"]["methods"]] == ["test", "on_site"]
    await ENDED[why](world, world.flight_slots[0])
    for thing, kind in ((held, "bookings"), ({"id": held["order_id"]}, "orders")):
        shown = await see(api, thing, kind, owner_of(held))
        assert "confirm" not in shown["available_actions"]
        assert "methods" not in shown["payment"], (kind, shown["payment"])


async def test_one_ended_slot_takes_the_ways_to_pay_from_the_whole_order(api, world: World, provider: Provider):
    wish = {"bookings": [visit(world, "adult"), visit(world, "adult", slot=world.tower_slots[4])]}
    order = (await api.post("/v1/orders", json=wish, headers=world.app)).json()
    assert order["payment"]["methods"]
    assert all(booking["payment"]["methods"] for booking in order["bookings"])
    await conditions.set_status(world, world.tower_slots[4], "cancelled")
    order = await see(api, order, "orders", owner_of(order))
    assert "methods" not in order["payment"]
    assert not any("methods" in booking["payment"] for booking in order["bookings"])


@pytest.mark.parametrize("condition", ["closed", "sales_over", "withdrawn", "moved"])
async def test_a_promise_can_be_paid(api, world: World, provider: Provider, condition: str):
    held, slot = await hold(api, world.app, visit(world, "adult")), world.tower_slots[0]
    match condition:
        case "closed":
            await conditions.set_status(world, slot, "closed")
        case "sales_over":
            await conditions.end_sales(world, slot)
        case "withdrawn":
            await conditions.withdraw(world, slot)
        case _:
            await move(world, slot)
    shown = await see(api, held)
    assert "confirm" in shown["available_actions"]
    assert [one["method"] for one in shown["payment"]["methods"]] == ["test", "on_site"]


async def test_another_payment_for_what_moved_is_told_what_it_needs(api, world: World, provider: Provider):
    """A payment is under way while the slot moves: it needs no word, but one that takes its place does."""
    held = await hold(api, world.app, visit(world, "adult"))
    pending = (await pay(api, held, "tok_redirect")).json()
    assert pending["missing"] == []
    await move(world, world.tower_slots[0], timedelta(hours=3))
    await follow(world, world.tower_slots[0])
    shown = await see(api, held)
    assert "confirm" in shown["available_actions"]
    assert shown["missing"] == [{"pointer": "/expected_starts_at", "code": "agreement_required"}]
    url, owner = f"/v1/bookings/{held['id']}/confirm", owner_of(held)
    refused = await api.post(url, json=ON_SITE, headers=owner)
    assert (refused.status_code, refused.json()["code"]) == (409, "slot_changed")
    assert (await see(api, held))["status"] == "pending", "nothing was given up for it"
    agreed = {**ON_SITE, "expected_starts_at": shown["slot"]["starts_at"]}
    done = await api.post(url, json=agreed, headers=owner)
    assert (done.status_code, done.json()["status"], done.json()["missing"]) == (200, "confirmed", [])
    assert "slot_change" not in done.json()
    # What the first one brings all the same goes back; nobody is asked about the time once more.
    await provider.decide(pending["payment"]["next_action"]["url"])
    await relay(world)
    assert "slot_change" not in await see(api, held)
    assert CONTACT["name"] == done.json()["contact"]["name"]
