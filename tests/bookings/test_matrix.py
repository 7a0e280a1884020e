"""The whole law through HTTP: what may be done with a booking, in each state, under whatever became of its slot.

`law_table` is written by hand. A new state, condition, fact or verb fails `test_the_table_is_whole` until it has its
row. An action is listed in `available_actions` exactly where it works; missing details don't unlist `confirm`.
"""

from typing import get_args
from uuid import UUID

import httpx
import pytest

from booking_api.bookings import rules
from booking_api.bookings.schemas import Status
from tests.bookings import conditions
from tests.bookings.journey import CONTACT, hold, owner_of
from tests.bookings.law_table import HOLDS, ROLES, SEVERAL, STATES, STEPS, TABLE, VERBS, cell_for, read_rows
from tests.bookings.walk import ADMITTED, APPLY, Json, Walk, outcome_of
from tests.payments.provider import Provider
from tests.world import World

FACTS = {
    # The facts of the law, and where the table shows that they count.
    "BookingStanding.status": STATES, "BookingStanding.condition": TABLE, "BookingStanding.begun": TABLE["begun"],
    "BookingStanding.moved": TABLE["moved"], "BookingStanding.undecided": TABLE["moved"],
    "BookingStanding.admitted": ADMITTED, "BookingStanding.seats_used": TABLE["open"], "OrderStanding.may_overrule": ROLES,
    "BookingStanding.kept": "test_what_was_kept_may_be_kept_again", "BookingStanding.seated": TABLE["begun"],
    "BookingStanding.owing": "test_what_was_paid_is_not_taken_again",
    "OrderStanding.status": STATES, "OrderStanding.bookings": "test_orders_of_several", "OrderStanding.asker": ROLES,
    "OrderStanding.at_limit": "test_a_hold_at_its_limit",
}  # fmt: skip


def test_the_table_is_whole():
    assert (
        set(get_args(rules.Condition)) | {"moved", "begun", "delayed"} == set(TABLE) == set(HOLDS) == {"open", *APPLY}
    )
    assert set(get_args(Status)) == set(STATES.values())
    assert set(get_args(rules.BookingVerb)) | {"settle"} == set(VERBS)
    assert set(get_args(rules.OrderVerb)) <= set(VERBS)
    assert set(get_args(rules.Action)) == set(STEPS)
    standings = (rules.BookingStanding, rules.OrderStanding)
    assert {f"{struct.__name__}.{name}" for struct in standings for name in struct.__struct_fields__} == set(FACTS)
    assert set(get_args(rules.Asker)) == {*ROLES, "key", "system"}
    assert all(shown in globals() for shown in FACTS.values() if isinstance(shown, str))
    for condition in TABLE:
        assert set(read_rows(condition)) == set(STATES), condition


@pytest.mark.parametrize("condition", TABLE)
async def test_each_verb_works_where_it_is_listed(
    api: httpx.AsyncClient, world: World, provider: Provider, condition: str
):
    walk = Walk(api, world, provider, condition)
    wrong: list[str] = []
    cells: list[tuple[str, str, str, str, UUID, Json]] = []
    for state, row in read_rows(condition).items():
        for verb, cell in row.items():
            for role in ROLES if verb not in {"settle", "show_pass"} else ROLES[:1]:
                slot = await walk.open_slot()
                booking = await walk.bring_to(state, slot, paying=verb == "settle")
                cells.append((state, verb, role, cell_for(cell, role), slot, booking))
    for *_, slot, _ in cells:
        if condition in APPLY:
            await APPLY[condition](world, slot)
    for state, verb, role, expected, _, booking in cells:
        headers = walk.headers(booking, role)
        shown = await walk.see(booking, headers)
        assert shown["status"] == STATES[state]
        listed = verb in shown["available_actions"]
        if verb == "settle":
            found, listed = await walk.settle(booking), expected == "ok"
        elif verb == "show_pass":
            found = "done" if listed else "no"
        else:
            found = outcome_of(await walk.ask(booking, verb, headers))
        if expected == "agree" and found == "slot_changed":
            found = outcome_of(await walk.confirm_as_it_is(booking, headers))
        if expected == "reason" and found == "reason":
            found = outcome_of(await walk.ask(booking, verb, headers, {"reason": "Taken ill on board"}))
        as_written = "done" if expected in {"ok", "agree", "reason", "repeat"} else expected
        if found != as_written or listed != (expected in {"ok", "agree", "reason"}):
            wrong.append(f"{condition}/{state}: {role} {verb} is {expected}, found {found}, listed {listed}")
    assert wrong == []


@pytest.mark.parametrize("condition", TABLE)
async def test_a_new_hold_is_asked_the_same(api: httpx.AsyncClient, world: World, provider: Provider, condition: str):
    walk = Walk(api, world, provider, condition)
    slot = await walk.open_slot()
    if condition in APPLY:
        await APPLY[condition](world, slot)
    for headers in (world.app, world.customer(), world.agent, world.manager):
        answer = await api.post("/v1/bookings", json=walk.wish(slot), headers=headers)
        assert outcome_of(answer) == ("done" if HOLDS[condition] == "ok" else HOLDS[condition]), answer.text
        order = await api.post("/v1/orders", json={"bookings": [walk.wish(slot)]}, headers=headers)
        assert outcome_of(order) == outcome_of(answer), order.text


@pytest.mark.parametrize("condition", SEVERAL)
async def test_orders_of_several(api: httpx.AsyncClient, world: World, provider: Provider, condition: str):
    walk = Walk(api, world, provider, condition)
    slots = [await walk.open_slot(), await walk.open_slot()]
    made = await api.post("/v1/orders", json={"bookings": [walk.wish(slot) for slot in slots]}, headers=world.app)
    order, owner = made.json(), owner_of(made.json())
    if condition in APPLY:
        await APPLY[condition](world, slots[1])
    url = f"/v1/orders/{order['id']}"
    shown = (await api.get(url, headers=owner)).json()
    extend, confirm = SEVERAL[condition]
    works = [verb for verb, found in (("extend", extend), ("confirm", confirm)) if found in {"done", "slot_changed"}]
    assert shown["available_actions"] == [*works, "cancel"]
    for booking in shown["bookings"]:
        assert not {"extend", "confirm", "cancel"} & set(booking["available_actions"])
        for verb in ("extend", "confirm", "cancel"):
            assert outcome_of(await walk.post(booking, verb, owner)) == "use_order"
    answers = {
        "extend": await api.post(f"{url}/extend", headers=owner),
        "confirm": await api.post(
            f"{url}/confirm", headers=owner, json={"contact": CONTACT, "payment": {"method": "on_site"}}
        ),
    }  # fmt: skip
    assert {verb: outcome_of(answer) for verb, answer in answers.items()} == {"extend": extend, "confirm": confirm}
    # Both slots are of the product that is withdrawn; else it is the second booking that stands in the way.
    at = 0 if condition == "withdrawn" else 1
    for body in (answer.json() for answer in answers.values()):
        if body.get("code") == "sales_closed":
            assert [error["pointer"] for error in body["errors"]] == [body["pointer"]] == [f"/bookings/{at}"]
            assert (body["booking_id"], body["slot_id"]) == (order["bookings"][at]["id"], str(slots[at]))
    if confirm == "slot_changed":
        assert [one["booking_id"] for one in answers["confirm"].json()["slots"]] == [order["bookings"][1]["id"]]
    if confirm == "done":
        # By its schedule a delayed slot has begun, and so the order as a whole isn't cancelled any more.
        assert answers["confirm"].json()["available_actions"] == ([] if condition == "delayed" else ["cancel"])


async def test_a_hold_at_its_limit(api: httpx.AsyncClient, world: World, provider: Provider):
    walk = Walk(api, world, provider, "open")
    held = await hold(api, world.app, walk.wish(await walk.open_slot()))
    assert "extend" in (await walk.see(held, owner_of(held)))["available_actions"]
    await conditions.run(
        world, "update booking_order set hold_limit_at = expires_at where id = $1", UUID(held["order_id"])
    )
    shown = await walk.see(held, owner_of(held))
    assert "extend" not in shown["available_actions"]
    again = await walk.post(held, "extend", owner_of(held))
    assert (again.status_code, again.json()["version"]) == (200, shown["version"])


async def test_what_was_paid_is_not_taken_again(api: httpx.AsyncClient, world: World, provider: Provider):
    walk = Walk(api, world, provider, "open")
    for paying in (False, True):
        booking = await walk.bring_to("confirmed", await walk.open_slot(), paying=paying)
        if not paying:
            assert "settle_on_site" in (await walk.see(booking, world.agent))["available_actions"]
            assert outcome_of(await walk.ask(booking, "settle_on_site", world.agent)) == "done"
        assert "settle_on_site" not in (await walk.see(booking, world.agent))["available_actions"]
        assert outcome_of(await walk.ask(booking, "settle_on_site", world.agent)) == "conflict"


async def test_what_was_kept_may_be_kept_again(api: httpx.AsyncClient, world: World, provider: Provider):
    walk = Walk(api, world, provider, "moved")
    slot = await walk.open_slot()
    booking = await walk.bring_to("confirmed", slot, paying=False)
    await APPLY["moved"](world, slot)
    kept = await walk.ask(booking, "keep", owner_of(booking))
    assert "keep" not in kept.json()["available_actions"]
    again = await walk.ask(booking, "keep", owner_of(booking))
    assert (again.status_code, again.json()["version"]) == (200, kept.json()["version"])


async def test_missing_details_do_not_unlist_confirm(api: httpx.AsyncClient, world: World, provider: Provider):
    walk = Walk(api, world, provider, "open")
    wish = walk.wish(await walk.open_slot())
    del wish["items"][0]["name"]
    held = await hold(api, world.app, wish)
    assert {one["code"] for one in held["missing"]} == {"contact_required", "name_required"}
    assert "confirm" in held["available_actions"]
    assert outcome_of(await walk.ask(held, "confirm", owner_of(held))) == "details_missing"
