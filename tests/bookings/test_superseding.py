"""A payment under way has a way out: it is cancelled with its order, or another one takes its place; and whatever it
brings all the same, before, during or after, goes back."""

import asyncio
from uuid import uuid4

import pytest

from booking_api.payments.jobs import execute_refunds
from tests.bookings.journey import CONTACT, hold, owner_of, party, taken, visit
from tests.faults.books import wrongs
from tests.payments.money import later, look, pay, relay, work
from tests.payments.provider import Provider
from tests.world import World

UNDER_WAY = ["tok_redirect", "tok_late", "tok_stuck"]


async def pending(api, world: World, token: str = "tok_redirect", units: tuple[str, ...] = ("adult",)):
    held = await hold(api, world.app, visit(world, *units))
    answer = await pay(api, held, token)
    assert answer.status_code == 202, answer.text
    return held, answer.json()


async def cancel(api, held, path: str = "bookings", key: str = "id"):
    return await api.post(f"/v1/{path}/{held[key]}/cancel", headers=owner_of(held))


async def charged(provider: Provider) -> int:
    """What is charged and not given back."""
    return sum(c["amount"] - c["refunded"] for c in await provider.charges() if c["status"] == "succeeded")


async def sound(world: World, provider: Provider) -> None:
    url = world.runtime.settings.database_url
    assert await wrongs(url, await provider.charges(), await provider.refunds()) == []


# cancelling -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", UNDER_WAY)
@pytest.mark.parametrize(("path", "key"), [("bookings", "id"), ("orders", "order_id")])
async def test_cancelling_gives_the_places_back_at_once(api, world: World, provider: Provider, token, path, key):
    provider.running.bank.books.late_seconds = 3600
    held, shown = await pending(api, world, token)
    assert {"cancel", "confirm"} <= set(shown["available_actions"])
    answer = await cancel(api, held, path, key)
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled"), answer.text
    assert "pending_until" not in answer.json()
    assert await taken(world, world.tower_slots[0]) == (0, 0, 0)
    again = await cancel(api, held, path, key)
    assert (again.status_code, again.json()["status"]) == (200, "cancelled")
    before = await look(api, held)
    assert before["payment"]["status"] == "processing"
    await work(world)
    after = await look(api, held)
    if token == "tok_stuck":
        assert after["payment"]["status"] == "processing"
    else:
        assert (after["payment"]["status"], after["payment"]["error"]["code"]) == ("failed", "cancelled")
        assert after["version"] > before["version"]
    assert await charged(provider) == 0
    await sound(world, provider)


@pytest.mark.parametrize("heard", ["before", "after", "never"])
async def test_what_is_paid_for_a_cancelled_order_goes_back(api, world: World, provider: Provider, heard):
    """The customer approves and cancels in the same moment, whichever is noticed first."""
    held, shown = await pending(api, world)
    await provider.decide(shown["payment"]["next_action"]["url"])
    if heard == "before":
        await provider.deliver(api)
    answer = await cancel(api, held)
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled"), answer.text
    if heard == "before":
        assert answer.json()["payment"]["status"] == "refund_pending"
    if heard == "after":
        await provider.deliver(api, times=2)
    await work(world)
    await relay(world)
    done = await look(api, held)
    assert (done["status"], done["payment"]["status"]) == ("cancelled", "refunded")
    assert done["payment"]["refunded"] == held["price"]["total"]
    assert [(part["reason"], part["status"]) for part in done["payment"]["refunds"]] == [("cancelled", "succeeded")]
    assert await charged(provider) == 0
    assert len(await provider.refunds()) == 1
    await sound(world, provider)


async def test_a_charge_that_begins_after_the_cancellation_never_happens(api, world: World, provider: Provider):
    """The intent is committed and its provider not called yet when the order is cancelled."""
    held = await hold(api, world.app, visit(world, "adult"))
    provider.go_down()
    assert (await pay(api, held, "tok_ok")).status_code == 202
    provider.come_up()
    assert (await cancel(api, held)).json()["status"] == "cancelled"
    await work(world)
    assert [charge["status"] for charge in await provider.charges()] == ["cancelled"]
    assert (await look(api, held))["payment"]["status"] == "failed"
    await sound(world, provider)


async def test_one_of_several_that_are_being_paid_is_cancelled_with_its_order(api, world: World, provider: Provider):
    wish = {"bookings": [visit(world, "adult"), visit(world, "child", slot=world.tower_slots[1])]}
    order = (await api.post("/v1/orders", json=wish, headers=world.app)).json()
    owner, booking = owner_of(order), order["bookings"][0]["id"]
    pay_it = {"contact": CONTACT, "payment": {"method": "test", "token": "tok_redirect"}}
    shown = await api.post(f"/v1/orders/{order['id']}/confirm", json=pay_it, headers=owner)
    assert shown.status_code == 202
    refused = await api.post(f"/v1/bookings/{booking}/cancel", headers=owner)
    assert (refused.status_code, refused.json()["code"]) == (409, "use_order")
    await provider.decide(shown.json()["payment"]["next_action"]["url"])
    done = await api.post(f"/v1/orders/{order['id']}/cancel", headers=owner)
    assert (done.status_code, done.json()["status"]) == (200, "cancelled")
    await work(world)
    done = (await api.get(f"/v1/orders/{order['id']}", headers=owner)).json()
    assert (done["payment"]["status"], done["payment"]["amount"]["amount"]) == ("refunded", 2980)
    assert [b["payment"]["amount"]["amount"] for b in done["bookings"]] == [1990, 990]
    assert {b["payment"]["status"] for b in done["bookings"]} == {"refunded"}
    assert await charged(provider) == 0
    await sound(world, provider)


async def test_whoever_syncs_learns_what_came_after_the_end(api, world: World, provider: Provider):
    customer = world.customer()
    held = await hold(api, customer, visit(world, "adult"))
    held = {**held, "access_token": customer["Authorization"].removeprefix("Bearer ")}
    shown = (await pay(api, held, "tok_redirect")).json()
    await cancel(api, held)

    async def sync(since: str | None):
        answer = (await api.get("/v1/sync", params={"since": since} if since else {}, headers=customer)).json()
        return {item["id"]: item["data"] for item in answer["items"]}, answer["next_since"]

    seen, since = await sync(None)
    assert seen[held["id"]]["payment"]["status"] == "processing"
    answer = await api.get(f"/v1/bookings/{held['id']}", headers=customer)
    assert int(answer.headers["retry-after"]) > 0
    etag, versions, statuses = answer.headers["etag"], [seen[held["id"]]["version"]], []
    await provider.decide(shown["payment"]["next_action"]["url"])
    await provider.deliver(api)
    for _ in range(4):
        await relay(world)
        seen, since = await sync(since)
        # A thing may come twice, where a transaction elsewhere holds the horizon back.
        if held["id"] in seen and seen[held["id"]]["version"] > versions[-1]:
            statuses.append(seen[held["id"]]["payment"]["status"])
            versions.append(seen[held["id"]]["version"])
            changed = await api.get(f"/v1/bookings/{held['id']}", headers={**customer, "If-None-Match": etag})
            assert changed.status_code == 200
            etag = changed.headers["etag"]
        await execute_refunds(world.runtime, later())
    assert list(dict.fromkeys(statuses)) == ["refund_pending", "refunded"]
    assert versions == sorted(set(versions) | {versions[-1]})
    same = await api.get(f"/v1/bookings/{held['id']}", headers={**customer, "If-None-Match": etag})
    assert same.status_code == 304


# paying in another way --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [{}, {"return_url": "app://elsewhere"}])
async def test_the_same_payment_is_a_repeat(api, world: World, provider: Provider, more):
    held, shown = await pending(api, world)
    again = await pay(api, held, "tok_redirect", **more)
    assert (again.status_code, again.json()["payment"]) == (202, shown["payment"])
    bare = await api.post(f"/v1/bookings/{held['id']}/confirm", headers=owner_of(held))
    assert (bare.status_code, bare.json()["payment"]) == (202, shown["payment"])
    assert len(await provider.charges()) == 1


async def test_the_same_key_is_a_repeat_whatever_came_after_it(api, world: World, provider: Provider):
    held = await hold(api, world.app, visit(world, "adult"))
    key = {"Idempotency-Key": str(uuid4())}
    first = await pay(api, held, "tok_redirect", headers=key)
    again = await pay(api, held, "tok_redirect", headers=key)
    assert (again.status_code, again.content) == (202, first.content)
    assert (await pay(api, held, "tok_ok")).json()["status"] == "confirmed"
    assert (await pay(api, held, "tok_redirect", headers=key)).status_code == 202
    assert await charged(provider) == 1990


@pytest.mark.parametrize("old", UNDER_WAY)
@pytest.mark.parametrize("new", ["tok_ok", "tok_redirect", "on_site", "tok_decline"])
async def test_another_payment_takes_its_place(api, world: World, provider: Provider, old, new):
    provider.running.bank.books.late_seconds = 3600
    held, _ = await pending(api, world, old)
    if new == old:
        new = "tok_insufficient"
    if new == "on_site":
        wish = {"payment": {"method": "on_site"}}
        answer = await api.post(f"/v1/bookings/{held['id']}/confirm", headers=owner_of(held), json=wish)
    else:
        answer = await pay(api, held, new)
    expected = {
        "tok_ok": (200, "confirmed"), "tok_redirect": (202, "pending"), "on_site": (200, "confirmed"),
        "tok_decline": (402, "on_hold"), "tok_insufficient": (402, "on_hold"),
    }[new]  # fmt: skip
    assert (answer.status_code, (await look(api, held))["status"]) == expected, answer.text
    assert await taken(world, world.tower_slots[0]) == (1, 1, 0)
    charges = {charge["token"] if "token" in charge else charge["key"]: charge for charge in await provider.charges()}
    assert len(charges) == (1 if new == "on_site" else 2)
    # The old one comes after all, if it can, and the news of it comes twice.
    books = provider.running.bank.books
    first = min(books.charges.values(), key=lambda charge: charge.created_at)
    if old == "tok_stuck":
        books.settle(first, None)
        await provider.deliver(api, times=2)
    else:
        assert first.status == "cancelled"
    await work(world)
    shown = await look(api, held)
    assert shown["status"] == expected[1]
    assert await charged(provider) == (1990 if new == "tok_ok" else 0)
    if old == "tok_stuck":
        assert [(part["reason"], part["status"]) for part in shown["payment"]["refunds"]] == [
            ("superseded", "succeeded")
        ]
    own = {"tok_ok": "succeeded", "tok_redirect": "requires_action", "on_site": "due_on_site"}.get(new, "failed")
    assert shown["payment"]["status"] == own
    await sound(world, provider)


@pytest.mark.parametrize("delivered", ["before", "after"])
async def test_both_succeed_in_either_order_and_one_goes_back(api, world: World, provider: Provider, delivered):
    """The old provider says "processing" for ever, and then that it has charged."""
    held, _ = await pending(api, world, "tok_stuck")
    second = await pay(api, held, "tok_redirect")
    books = provider.running.bank.books
    stuck = next(charge for charge in books.charges.values() if charge.token == "tok_stuck")
    url = second.json()["payment"]["next_action"]["url"]
    if delivered == "before":
        books.settle(stuck, None)
        await provider.deliver(api)
        await relay(world)
        assert (await look(api, held))["status"] == "pending"
        await provider.decide(url)
    else:
        await provider.decide(url)
        await provider.deliver(api)
        await relay(world)
        books.settle(stuck, None)
    await provider.deliver(api, times=3)
    await work(world)
    done = await look(api, held)
    assert (done["status"], done["payment"]["status"]) == ("confirmed", "succeeded")
    assert await charged(provider) == 1990
    assert [refund["charge_key"] for refund in await provider.refunds()] == [stuck.key]
    await sound(world, provider)


async def test_it_may_have_succeeded_meanwhile(api, world: World, provider: Provider):
    """Nobody here has heard that the old payment came; asked to cancel it, the provider says so."""
    held, shown = await pending(api, world)
    await provider.decide(shown["payment"]["next_action"]["url"])
    answer = await pay(api, held, "tok_ok")
    assert (answer.status_code, answer.json()["status"]) == (200, "confirmed")
    assert len(await provider.charges()) == 1
    await work(world)
    assert await charged(provider) == 1990
    await sound(world, provider)


@pytest.mark.parametrize(
    ("payment", "status", "code"),
    [
        ({"method": "test", "token": ""}, 400, "invalid"),
        ({"method": "test"}, 422, "invalid"),
        ({"method": "gold", "token": "tok_ok"}, 400, "invalid"),
        ({"method": "test", "token": "tok_ok", "return_url": "javascript:alert(1)"}, 422, "invalid"),
    ],
)
async def test_nothing_is_given_up_for_what_cannot_be_had(api, world: World, provider: Provider, payment, status, code):
    held, shown = await pending(api, world)
    wish = {"contact": CONTACT, "payment": payment}
    refused = await api.post(f"/v1/bookings/{held['id']}/confirm", headers=owner_of(held), json=wish)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    wish = {"payment": {"method": "test", "token": "tok_ok"}, "expected_total": {"amount": 1, "currency": "EUR"}}
    refused = await api.post(f"/v1/bookings/{held['id']}/confirm", headers=owner_of(held), json=wish)
    assert (refused.status_code, refused.json()["code"]) == (409, "price_changed")
    assert (await look(api, held))["payment"] == shown["payment"]
    assert [charge["status"] for charge in await provider.charges()] == ["requires_action"]


async def test_a_provider_that_cannot_be_reached_does_not_stand_in_the_way_of_paying_on_site(
    api, world: World, provider: Provider
):
    held, shown = await pending(api, world)
    provider.go_down()
    wish = {"payment": {"method": "on_site"}}
    answer = await api.post(f"/v1/bookings/{held['id']}/confirm", headers=owner_of(held), json=wish)
    assert (answer.status_code, answer.json()["payment"]["status"]) == (200, "due_on_site"), answer.text
    provider.come_up()
    await provider.decide(shown["payment"]["next_action"]["url"])
    await work(world)
    done = await look(api, held)
    assert (done["status"], done["payment"]["status"]) == ("confirmed", "due_on_site")
    assert [part["status"] for part in done["payment"]["refunds"]] == ["succeeded"]
    assert await charged(provider) == 0
    await sound(world, provider)


async def test_two_phones_with_two_cards(api, world: World, provider: Provider):
    held = await hold(api, world.app, visit(world, "adult"))
    tokens = ["tok_ok", "tok_timeout", "tok_redirect", "tok_late", "tok_error", "tok_decline"]
    provider.configure(provider_timeout_seconds=0.5)
    answers = await asyncio.gather(*(pay(api, held, token) for token in tokens))
    assert {answer.status_code for answer in answers} <= {200, 202, 402, 409}, [a.text for a in answers]
    assert all(a.json()["code"] in {"payment_in_progress", "conflict"} for a in answers if a.status_code == 409)
    provider.configure(provider_timeout_seconds=10.0)
    await asyncio.sleep(0.3)
    await provider.deliver(api, at_least=0)
    await work(world)
    shown = await look(api, held)
    assert await charged(provider) == (1990 if shown["status"] == "confirmed" else 0)
    await sound(world, provider)


async def test_the_other_party_of_a_seated_flight_keeps_its_seats(api, world: World, provider: Provider):
    """The places, quota and seats are the same before and after: nobody else gets them in between."""
    slot = world.flight_slots[0]
    held = await hold(api, world.app, party(world, "adult", "adult", option="light"))
    assert (await pay(api, held, "tok_redirect")).status_code == 202
    await hold(api, world.app, party(world, "adult", "adult", option="light"))
    full = await api.post("/v1/bookings", json=party(world, "adult", option="light"), headers=world.app)
    assert full.json()["code"] == "sold_out"
    assert (await pay(api, held, "tok_ok")).json()["status"] == "confirmed"
    assert await taken(world, slot) == (4, 4, 2)
    await work(world)
    assert await charged(provider) == held["price"]["total"]["amount"]
