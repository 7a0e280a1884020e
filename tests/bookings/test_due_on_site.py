"""What is to be paid on site: only for what takes place and stands, taken by staff alone, and listed where it works."""

from typing import Any

import httpx
import pytest

from booking_api.bookings import jobs
from tests.bookings.conditions import run
from tests.bookings.journey import CONTACT, confirm, hold, owner_of, visit
from tests.bookings.test_law import follow
from tests.inventory.helpers import patch_slot
from tests.world import Headers, World

Json = dict[str, Any]
ADULT, CHILD = 1990, 990


def euros(amount: int) -> Json:
    return {"amount": amount, "currency": "EUR"}


async def take(api: httpx.AsyncClient, headers: Headers, booking: Json, amount: int) -> httpx.Response:
    body = {"method": "terminal", "amount": euros(amount)}
    return await api.post(f"/v1/bookings/{booking['id']}/payments", json=body, headers=headers)


async def see(api: httpx.AsyncClient, headers: Headers, path: str) -> Json:
    return (await api.get(f"/v1/{path}", headers=headers)).json()


async def order_of_two(api: httpx.AsyncClient, world: World) -> tuple[Json, Headers]:
    wish = {"bookings": [visit(world, "adult"), visit(world, "child", slot=world.tower_slots[4])]}
    made = (await api.post("/v1/orders", json=wish, headers=world.app)).json()
    body = {"contact": CONTACT, "payment": {"method": "on_site"}}
    done = await api.post(f"/v1/orders/{made['id']}/confirm", json=body, headers=owner_of(made))
    assert done.status_code == 200, done.text
    return done.json(), owner_of(made)


async def test_nobody_pays_at_the_counter_for_what_was_called_off(api, world: World):
    held = await hold(api, world.app, visit(world, "adult", "child"))
    done = await confirm(api, owner_of(held), held)
    assert (await take(api, world.agent, done, CHILD)).status_code == 200
    await patch_slot(api, world.manager, world.tower_slots[0], status="cancelled")
    for headers in (world.agent, world.manager, world.key):
        assert "settle_on_site" not in (await see(api, headers, f"bookings/{done['id']}"))["available_actions"]
        refused = await take(api, headers, done, ADULT)
        assert (refused.status_code, refused.json()["code"]) == (409, "conflict"), refused.text
        assert refused.json()["detail"] == "The slot was cancelled; nothing is to be paid for it."
    shown = await see(api, owner_of(held), f"bookings/{done['id']}")
    assert shown["payment"] == {"status": "succeeded", "amount": euros(CHILD)}
    assert shown["cancellation"]["refund"] == euros(CHILD)
    assert (await see(api, owner_of(held), f"orders/{done['order_id']}"))["payment"]["status"] == "succeeded"
    # It takes place after all.
    await patch_slot(api, world.manager, world.tower_slots[0], status="open")
    shown = await see(api, owner_of(held), f"bookings/{done['id']}")
    assert shown["payment"] == {"status": "due_on_site", "amount": euros(ADULT)}
    assert (await take(api, world.agent, done, ADULT)).status_code == 200


async def test_what_was_not_paid_is_not_due_once_it_was_called_off(api, world: World):
    held = await hold(api, world.app, visit(world, "adult"))
    done = await confirm(api, owner_of(held), held)
    await patch_slot(api, world.manager, world.tower_slots[0], status="cancelled")
    await follow(world, world.tower_slots[0])
    shown = await see(api, owner_of(held), f"bookings/{done['id']}")
    assert shown["payment"]["status"] == "none_due"
    await run(world, "update booking set decide_by = now() where decide_by is not null")
    assert await jobs.decide_for_silent(world.runtime) == 1
    shown = await see(api, owner_of(held), f"bookings/{done['id']}")
    assert (shown["status"], shown["payment"]["status"]) == ("cancelled", "none_due")


@pytest.mark.parametrize("what", ["cancelled by its customer", "called off"])
async def test_an_order_is_due_what_still_stands(api, world: World, what: str):
    order, owner = await order_of_two(api, world)
    first, second = order["bookings"]
    assert order["payment"] == {"status": "due_on_site", "amount": euros(ADULT + CHILD)}
    if what == "called off":
        await patch_slot(api, world.manager, world.tower_slots[0], status="cancelled")
    else:
        assert (await api.post(f"/v1/bookings/{first['id']}/cancel", headers=owner)).status_code == 200
    now = await see(api, owner, f"orders/{order['id']}")
    assert now["payment"] == {"status": "due_on_site", "amount": euros(CHILD)}
    assert (await take(api, world.agent, second, CHILD)).status_code == 200
    now = await see(api, owner, f"orders/{order['id']}")
    assert now["payment"] == {"status": "succeeded", "amount": euros(CHILD)}


async def test_one_that_was_paid_and_given_back_leaves_the_other_due(api, world: World):
    order, owner = await order_of_two(api, world)
    first, _ = order["bookings"]
    assert (await take(api, world.agent, first, ADULT)).status_code == 200
    assert (await api.post(f"/v1/bookings/{first['id']}/cancel", headers=owner)).status_code == 200
    now = await see(api, owner, f"orders/{order['id']}")
    assert (now["payment"]["status"], now["payment"]["amount"]) == ("due_on_site", euros(CHILD))
    assert [part["amount"] for part in now["payment"]["refunds"]] == [euros(ADULT)]


async def test_staff_alone_are_told_that_they_may_take_money(api, world: World):
    held = await hold(api, world.app, visit(world, "adult"))
    done = await confirm(api, owner_of(held), held)
    listed = {
        name: "settle_on_site" in (await see(api, headers, f"bookings/{done['id']}"))["available_actions"]
        for name, headers in {"customer": owner_of(held), "agent": world.agent, "manager": world.manager}.items()
    }
    assert listed == {"customer": False, "agent": True, "manager": True}
    assert (await take(api, owner_of(held), done, ADULT)).status_code == 403
    for amount in (0, -1, ADULT + 1):
        assert (await take(api, world.agent, done, amount)).status_code in {400, 422}
    assert (await take(api, world.agent, done, ADULT)).status_code == 200
    again = await take(api, world.agent, done, ADULT)
    assert (again.status_code, again.json()["detail"]) == (409, "Nothing is due on site.")


# what else an order of several is told --------------------------------------------------------------------------------


async def test_an_order_of_several_is_told_where_to_agree(api, world: World):
    wish = {"bookings": [visit(world, "adult"), visit(world, "adult", slot=world.tower_slots[4])]}
    order = (await api.post("/v1/orders", json=wish, headers=world.app)).json()
    owner, slot = owner_of(order), world.tower_slots[4]
    before = order["bookings"][1]["slot"]["starts_at"]
    await patch_slot(api, world.manager, slot, starts_at=before.replace("T14:00", "T14:30"))
    shown = await see(api, owner, f"orders/{order['id']}")
    (missing,) = [one for one in shown["bookings"][1]["missing"] if one["code"] == "agreement_required"]
    assert missing["pointer"] == "/expected_slots"
    now = shown["bookings"][1]["slot"]["starts_at"]
    assert now != before
    url, body = f"/v1/orders/{order['id']}/confirm", {"contact": CONTACT, "payment": {"method": "on_site"}}

    async def agree(*times: str) -> httpx.Response:
        expected = [{"slot_id": str(slot), "starts_at": at} for at in times]
        return await api.post(url, json={**body, "expected_slots": expected}, headers=owner)

    # Whoever names two times agrees to neither of them.
    for times in ((now, before), (before, now), (before,)):
        refused = await agree(*times)
        assert (refused.status_code, refused.json()["code"]) == (409, "slot_changed"), times
        assert [one["booking_id"] for one in refused.json()["slots"]] == [order["bookings"][1]["id"]]
    assert (await agree(now, now)).status_code == 200
