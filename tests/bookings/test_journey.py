"""The main flow over HTTP: hold, details, confirm, pass, cancel."""

import asyncio
from uuid import uuid4

from booking_api.bookings import jobs
from booking_api.bookings.operations import drafting
from booking_api.core.ids import new_reference
from tests.bookings.journey import CONTACT, confirm, end_hold, hold, owner_of, party, taken, visit
from tests.world import World, build_world


async def test_a_guest_holds_and_confirms(api, world: World):
    held = await hold(api, world.app, visit(world, "adult", "adult", "child"))
    assert held["status"] == "on_hold"
    assert held["price"]["total"] == {"amount": 1990 * 2 + 990, "currency": "EUR"}
    assert held["missing"] == [{"pointer": "/contact", "code": "contact_required"}]
    assert "confirm" in held["available_actions"]
    assert len(held["reference"]) == 8
    assert await taken(world, world.tower_slots[0]) == (3, 3, 0)
    confirmed = await confirm(api, owner_of(held), held)
    assert confirmed["status"] == "confirmed"
    assert confirmed["payment"]["status"] == "due_on_site"
    assert all(item["pass"]["code"].count(".") == 2 and not item["pass"]["paid"] for item in confirmed["items"])
    assert confirmed["missing"] == []
    again = await api.post(f"/v1/bookings/{held['id']}/confirm", headers=owner_of(held), json={})
    assert again.status_code == 200
    assert again.json()["version"] == confirmed["version"]
    got = await api.get(f"/v1/bookings/{held['id']}", headers=owner_of(held))
    assert got.json()["items"] == confirmed["items"]
    assert got.headers["etag"] == f'"{confirmed["version"]}"'
    cached = await api.get(
        f"/v1/bookings/{held['id']}", headers={**owner_of(held), "If-None-Match": got.headers["etag"]}
    )
    assert cached.status_code == 304


async def test_an_express_booking_needs_one_request(api, world: World):
    customer = world.customer()
    wish = visit(world, "adult", confirm=True, contact=CONTACT, payment={"method": "on_site"})
    first = await api.post("/v1/bookings", json=wish, headers=customer)
    assert (first.status_code, first.json()["status"]) == (201, "confirmed")
    assert "access_token" not in first.json()
    # The customer is known by now, so the contact needn't come again.
    del wish["contact"]
    second = await api.post("/v1/bookings", json=wish, headers=customer)
    assert second.status_code == 201, second.text
    assert second.json()["contact"] == CONTACT


async def test_an_express_booking_that_lacks_something_holds_nothing(api, world: World):
    answer = await api.post("/v1/bookings", json=visit(world, "adult", confirm=True), headers=world.app)
    assert answer.status_code == 409
    assert answer.json()["code"] == "details_missing"
    assert [one["code"] for one in answer.json()["missing"]] == ["contact_required", "payment_required"]
    assert await taken(world, world.tower_slots[0]) == (0, 0, 0)


async def test_a_reference_that_is_taken_gives_way_to_another(api, world: World, monkeypatch):
    """Whether holds share a transaction or not: who drew it draws again, and the batch's others aren't harmed."""
    first = (await hold(api, world.app, visit(world, "adult")))["reference"]
    drawn = iter([first, "FREE0001", first, "FREE0002"])
    monkeypatch.setattr(drafting, "new_reference", lambda length: next(drawn))
    assert (await hold(api, world.app, visit(world, "adult")))["reference"] == "FREE0001"
    several = {"bookings": [visit(world, "adult", slot=slot) for slot in world.tower_slots[:1]]}
    answer = await api.post("/v1/orders", json=several, headers=world.app)
    assert [one["reference"] for one in answer.json()["bookings"]] == ["FREE0002"]
    left = iter(["FREE0003", "FREE0004", first])
    monkeypatch.setattr(drafting, "new_reference", lambda length: next(left, None) or new_reference(length))
    held = await asyncio.gather(*(hold(api, world.app, visit(world, "adult")) for _ in range(3)))
    assert len({one["reference"] for one in held} - {first}) == 3
    assert await taken(world, world.tower_slots[0]) == (6, 6, 0)


async def test_the_same_key_twice_is_one_booking(api, world: World):
    headers = {**world.app, "Idempotency-Key": str(uuid4())}
    wish = visit(world, "adult")
    first, second = await asyncio.gather(*(api.post("/v1/bookings", json=wish, headers=headers) for _ in range(2)))
    statuses = sorted([first.status_code, second.status_code])
    assert statuses in ([201, 201], [201, 409])
    replay = await api.post("/v1/bookings", json=wish, headers=headers)
    assert replay.status_code == 201
    assert replay.headers["idempotency-replayed"] == "true"
    assert replay.json()["access_token"]
    assert await taken(world, world.tower_slots[0]) == (1, 1, 0)
    other = await api.post("/v1/bookings", json=visit(world, "child"), headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")


async def test_the_clients_id_serves_as_key(api, world: World):
    wish = visit(world, "adult", id=str(uuid4()))
    answers = await asyncio.gather(*(api.post("/v1/bookings", json=wish, headers=world.app) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
    assert all(answer.json()["access_token"] for answer in answers)
    assert await taken(world, world.tower_slots[0]) == (1, 1, 0)
    stranger = await api.post("/v1/bookings", json=wish, headers=world.customer())
    assert (stranger.status_code, stranger.json()["code"]) == (409, "id_taken")
    changed = await api.post("/v1/bookings", json={**wish, "items": [{"unit": "child"}]}, headers=world.app)
    assert (changed.status_code, changed.json()["code"]) == (409, "id_taken")
    integrator = await api.post("/v1/bookings", json=wish, headers=world.key)
    assert integrator.status_code == 200


async def test_an_order_is_held_all_or_none(api, world: World):
    customer = world.customer()
    order = {"bookings": [party(world, "adult"), party(world, *["adult"] * 9, slot=world.flight_slots[1])]}
    full = {"bookings": [party(world, "adult"), party(world, *["adult"] * 2, slot=world.flight_slots[1])]}
    held = await api.post("/v1/orders", json=order, headers=customer)
    assert held.status_code == 201, held.text
    refused = await api.post("/v1/orders", json=full, headers=world.customer())
    assert (refused.status_code, refused.json()["code"]) == (409, "sold_out")
    assert refused.json()["alternatives"]
    assert (await taken(world, world.flight_slots[0]))[0] == 1
    booking = held.json()["bookings"][0]
    for verb in ("confirm", "extend", "cancel"):
        answer = await api.post(f"/v1/bookings/{booking['id']}/{verb}", headers=customer)
        assert (answer.status_code, answer.json()["code"]) == (409, "use_order")
        assert answer.json()["order_id"] == held.json()["id"]
    done = await api.post(
        f"/v1/orders/{held.json()['id']}/confirm", headers=customer,
        json={"contact": CONTACT, "payment": {"method": "on_site"}, "expected_total": held.json()["price"]["total"]},
    )  # fmt: skip
    assert done.status_code == 200, done.text
    one = await api.post(f"/v1/bookings/{booking['id']}/cancel", headers=customer)
    assert one.status_code == 200, one.text
    assert one.json()["status"] == "cancelled"
    rest = await api.get(f"/v1/orders/{held.json()['id']}", headers=customer)
    assert rest.json()["status"] == "confirmed"
    assert [b["status"] for b in rest.json()["bookings"]] == ["cancelled", "confirmed"]
    assert await taken(world, world.flight_slots[0]) == (0, 0, 0)
    assert await taken(world, world.flight_slots[1]) == (9, 9, 9)


async def test_quota_is_honoured_together_with_the_slot(api, world: World):
    await hold(api, world.app, party(world, *["adult"] * 4, option="light"))
    refused = await api.post("/v1/bookings", json=party(world, "adult", option="light"), headers=world.app)
    assert refused.json()["code"] == "sold_out"
    await hold(api, world.app, party(world, *["adult"] * 6))
    refused = await api.post("/v1/bookings", json=party(world, "adult"), headers=world.app)
    assert refused.json()["code"] == "sold_out"


async def test_ended_holds_make_room_at_once_for_a_buyer(api, world: World):
    held = await hold(api, world.app, party(world, *["adult"] * 9))
    await hold(api, world.app, party(world, "adult"))
    await end_hold(world, held["order_id"])
    shown = await api.get(f"/v1/bookings/{held['id']}", headers=owner_of(held))
    assert shown.json()["status"] == "expired"
    await hold(api, world.app, party(world, *["adult"] * 9))
    late = await api.post(
        f"/v1/bookings/{held['id']}/confirm", headers=owner_of(held),
        json={"contact": CONTACT, "payment": {"method": "on_site"}},
    )  # fmt: skip
    assert (late.status_code, late.json()["code"]) == (409, "hold_expired")
    assert await taken(world, world.flight_slots[0]) == (10, 10, 0)


async def test_the_sweep_ends_holds(api, world: World):
    held = await hold(api, world.app, party(world, "adult", "child"))
    await end_hold(world, held["order_id"])
    assert await jobs.sweep_ended_holds(world.runtime) == 1
    assert await jobs.sweep_ended_holds(world.runtime) == 0
    assert await taken(world, world.flight_slots[0]) == (0, 0, 0)
    listed = await api.get("/v1/me/bookings?status=expired", headers=owner_of(held))
    assert [booking["id"] for booking in listed.json()["items"]] == [held["id"]]


async def test_seats_are_chosen_or_assigned_together(api, world: World):
    wish = party(world, "adult", "adult")
    wish["items"][0]["seat"] = "1A"
    first = await hold(api, world.app, wish)
    clash = await api.post("/v1/bookings", json=wish, headers=world.app)
    assert (clash.status_code, clash.json()["code"], clash.json()["seats"]) == (409, "seat_taken", ["1A"])
    assert [error["pointer"] for error in clash.json()["errors"]] == ["/items/0/seat"]
    unknown = party(world, "adult")
    unknown["items"][0]["seat"] = "99Z"
    refused = await api.post("/v1/bookings", json=unknown, headers=world.app)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/items/0/seat")
    done = await confirm(api, owner_of(first), first)
    assert [item["seat"] for item in done["items"]] == ["1A", "1B"]
    family = await hold(api, world.app, party(world, "adult", "adult", "infant"))
    seated = await confirm(api, owner_of(family), family)
    seats = [item.get("seat") for item in seated["items"]]
    assert seats[2] is None
    assert seats[0][0] == seats[1][0]
    assert seated["items"][2]["companion_item_id"] == seated["items"][0]["id"]
    # Two of a party swap their seats in one request.
    swap = [{"id": done["items"][0]["id"], "seat": "1B"}, {"id": done["items"][1]["id"], "seat": "1A"}]
    swapped = await api.patch(f"/v1/bookings/{done['id']}", json={"items": swap}, headers=owner_of(first))
    assert swapped.status_code == 200, swapped.text
    assert [item["seat"] for item in swapped.json()["items"]] == ["1B", "1A"]
    # A seat isn't in the pass, so that what they saved stays the newest.
    assert [item["pass"] for item in swapped.json()["items"]] == [item["pass"] for item in done["items"]]


async def test_details_are_saved_piecemeal(api, world: World):
    wish = party(world, "adult")
    del wish["items"][0]["name"]
    held = await hold(api, world.app, wish)
    assert {"pointer": "/items/0/name", "code": "name_required"} in held["missing"]
    item = held["items"][0]["id"]
    url, owner = f"/v1/bookings/{held['id']}", owner_of(held)
    one = await api.patch(
        url, json={"items": [{"id": item, "name": "Grace Hopper"}]}, headers={**owner, "If-Match": '"1"'}
    )
    assert one.status_code == 200, one.text
    assert one.json()["items"][0]["name"] == "Grace Hopper"
    stale = await api.patch(url, json={"contact": CONTACT}, headers={**owner, "If-Match": '"1"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "version_conflict")
    two = await api.patch(url, json={"contact": CONTACT}, headers=owner)
    assert two.json()["missing"] == []
    cleared = await api.patch(url, json={"items": [{"id": item, "name": None}]}, headers=owner)
    assert "name" not in cleared.json()["items"][0]
    for wrong in (
        {"answers": {"colour": "red"}},
        {"items": [{"id": str(uuid4()), "name": "x"}]},
        {"items": [{"id": item, "seat": "99Z"}]},
    ):
        assert (await api.patch(url, json=wrong, headers=owner)).status_code == 422, wrong


async def test_a_question_of_the_product_must_be_answered(api, world: World):
    wish = {
        "slot_id": str(world.consultant_slots[0]), "option_id": str(world.option(world.consultant, "video")),
        "items": [{"unit": "adult"}],
    }  # fmt: skip
    held = await hold(api, world.app, wish)
    missing = await api.post(f"/v1/bookings/{held['id']}/confirm", json={"contact": CONTACT}, headers=owner_of(held))
    assert missing.json()["missing"] == [{"pointer": "/answers/topic", "code": "answer_required"}]
    await api.patch(f"/v1/bookings/{held['id']}", json={"answers": {"topic": "A visa"}}, headers=owner_of(held))
    free = await api.post(f"/v1/bookings/{held['id']}/confirm", json={"contact": CONTACT}, headers=owner_of(held))
    assert free.status_code == 200, free.text
    assert free.json()["payment"]["status"] == "none_due"


async def test_extend_is_bounded(api, world: World):
    held = await hold(api, world.app, visit(world, "adult"))
    extended = await api.post(f"/v1/bookings/{held['id']}/extend", headers=owner_of(held))
    assert extended.status_code == 200
    assert extended.json()["expires_at"] >= held["expires_at"]


async def test_cancel_gives_everything_back_once(api, world: World):
    held = await hold(api, world.app, party(world, "adult", "adult"))
    await confirm(api, owner_of(held), held)
    wrong = await api.post(
        f"/v1/bookings/{held['id']}/cancel", headers=owner_of(held),
        json={"expected_refund": {"amount": 1, "currency": "USD"}},
    )  # fmt: skip
    assert wrong.json()["code"] == "price_changed"
    answers = await asyncio.gather(
        *(api.post(f"/v1/bookings/{held['id']}/cancel", headers=owner_of(held)) for _ in range(4))
    )
    assert {answer.status_code for answer in answers} == {200}
    assert await taken(world, world.flight_slots[0]) == (0, 0, 0)
    assert "pass" not in answers[0].json()["items"][0]


async def test_refusals_are_precise(api, world: World):
    async def refuse(wish, status, code):
        answer = await api.post("/v1/bookings", json=wish, headers=world.app)
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
        return answer.json()

    await refuse(party(world, "infant"), 422, "party_not_allowed")
    await refuse(party(world, "robot"), 422, "invalid")
    await refuse(party(world, "adult", slot=uuid4()), 422, "invalid")
    await refuse({**party(world, "adult"), "items": []}, 400, "invalid")
    await refuse({**party(world, "adult"), "surprise": 1}, 400, "invalid")
    await refuse({**party(world, "adult"), "expected_total": {"amount": 1, "currency": "USD"}}, 409, "price_changed")
    wrong = await refuse({**party(world, "adult"), "slot_id": "nonsense"}, 400, "invalid")
    assert wrong["errors"][0]["pointer"] == "/slot_id"
    other = await build_world(world.runtime, "Other")
    await refuse(party(world, "adult", slot=other.flight_slots[0]), 422, "invalid")


async def test_what_is_not_yours_does_not_exist(api, world: World):
    held = await hold(api, world.app, visit(world, "adult"))
    other = await build_world(world.runtime, "Other")
    for headers in (world.customer(), other.customer(), other.manager, other.key):
        for method, path in (
            ("GET", ""),
            ("PATCH", ""),
            ("POST", "/confirm"),
            ("POST", "/cancel"),
            ("POST", "/extend"),
        ):
            answer = await api.request(method, f"/v1/bookings/{held['id']}{path}", headers=headers, json={})
            assert answer.status_code == 404, (method, path)
    assert (await api.get(f"/v1/bookings/{held['id']}", headers=world.agent)).status_code == 200


async def test_two_clients_and_one_last_seat(api, world: World):
    await hold(api, world.app, party(world, *["adult"] * 9))
    answers = await asyncio.gather(
        *(api.post("/v1/bookings", json=party(world, "adult"), headers=world.app) for _ in range(6))
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409, 409]
    assert all(answer.json()["alternatives"] for answer in answers if answer.status_code == 409)
    assert (await taken(world, world.flight_slots[0]))[0] == 10


async def test_staff_settle_on_site(api, world: World):
    held = await hold(api, world.app, visit(world, "adult"))
    await confirm(api, owner_of(held), held)
    url = f"/v1/bookings/{held['id']}/payments"
    too_much = await api.post(
        url, json={"method": "cash", "amount": {"amount": 9999, "currency": "EUR"}}, headers=world.agent
    )
    assert too_much.status_code == 422
    paid = await api.post(
        url, json={"method": "cash", "amount": {"amount": 1990, "currency": "EUR"}}, headers=world.agent
    )
    assert paid.status_code == 200, paid.text
    assert paid.json()["payment"]["status"] == "succeeded"
    assert paid.json()["items"][0]["pass"]["paid"]
    assert (
        await api.post(url, json={"method": "cash", "amount": {"amount": 1, "currency": "EUR"}}, headers=owner_of(held))
    ).status_code == 403
