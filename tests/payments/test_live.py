"""Live is live: no organisation that sells for real is ever paid with the test provider's money."""

import msgspec
import pytest

from booking_api.identity import operations as identity
from booking_api.identity.schemas import NewOrganisation
from booking_api.payments import charging, operations
from booking_api.run import starting
from tests.bookings.journey import CONTACT, hold, owner_of, visit
from tests.payments.money import later, look, pay, work
from tests.payments.provider import Provider
from tests.payments.test_paying import open_one, reconcile
from tests.world import World, add_product


async def go_live(world: World) -> None:
    """The organisation begins to sell for real, whatever keys it had before."""
    await world.runtime.pool.execute("update organisation set live = true where org_id = $1", world.org.org_id)
    world.org = msgspec.structs.replace(world.org, live=True)


@pytest.mark.parametrize("express", [True, False])
async def test_the_test_method_does_not_exist(api, world: World, provider: Provider, express):
    await go_live(world)
    if express:
        wish = visit(world, "adult", confirm=True, contact=CONTACT, payment={"method": "test", "token": "tok_ok"})
        refused = await api.post("/v1/bookings", json=wish, headers=world.app)
    else:
        held = await hold(api, world.app, visit(world, "adult"))
        assert [way["method"] for way in held["payment"]["methods"]] == ["on_site"]
        refused = await pay(api, held, "tok_ok")
        assert (await look(api, held))["status"] == "on_hold"
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/payment/method")
    assert await provider.charges() == []


async def test_a_new_live_organisation_offers_no_test_method(api, world: World, provider: Provider):
    new = NewOrganisation(name="Live", time_zone="Europe/Berlin", currency="EUR", locale="en", live=True)
    async with world.runtime.pool.acquire() as db:
        keys = await identity.add_organisation(db, new, later())
    assert keys.publishable_key.startswith("pk_live_")
    assert operations.payment_methods(world.runtime.settings, live=True) == ["on_site"]
    assert operations.payment_methods(world.runtime.settings, live=False) == ["test", "on_site"]


async def test_what_was_begun_before_comes_to_nothing(api, world: World, provider: Provider):
    """The organisation goes live while payments are under way: what the test provider says of them isn't heard."""
    held = await hold(api, world.app, visit(world, "adult"))
    shown = (await pay(api, held, "tok_redirect")).json()
    await go_live(world)
    await provider.decide(shown["payment"]["next_action"]["url"])
    assert [answer.json() for answer in await provider.deliver(api)] == [{"recorded": False}]
    assert (await look(api, held))["status"] == "pending"
    await work(world)
    after = await look(api, held)
    assert (after["status"], after["payment"]["status"]) == ("on_hold", "failed")
    assert (await pay(api, held, "tok_ok")).status_code == 422
    on_site = {"payment": {"method": "on_site"}}
    done = await api.post(f"/v1/bookings/{held['id']}/confirm", headers=owner_of(held), json=on_site)
    assert (done.status_code, done.json()["payment"]["status"]) == (200, "due_on_site")


async def test_a_call_that_was_about_to_be_made_is_not(provider: Provider, world: World):
    intent = await open_one(world)
    await go_live(world)
    outcome = await charging.call_provider(world.runtime, world.org.org_id, intent.id)
    assert outcome.status == "cancelled"
    assert await reconcile(world.runtime) == 1
    assert await provider.charges() == []


async def test_serve_says_so(world: World, provider: Provider, monkeypatch):
    """`serve` and `worker` look at the database before they start."""
    said: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(starting.log, "warning", lambda what, **about: said.append((what, about["organisations"])))
    await starting.check_database(world.runtime.settings)
    assert said == []
    await go_live(world)
    await starting.check_database(msgspec.structs.replace(world.runtime.settings, test_provider_url=""))
    assert said == []
    await starting.check_database(world.runtime.settings)
    assert said == [("test_provider.not_for_live", [world.org.name])]


# what may be paid with --------------------------------------------------------------------------------------------


async def test_the_ways_to_pay_are_those_that_apply(api, world: World, provider: Provider):
    held = await hold(api, world.app, visit(world, "adult"))
    assert held["payment"]["methods"] == [
        {"method": "test", "title": "Test card", "needs": ["token"]},
        {"method": "on_site", "title": "Pay on site", "needs": []},
    ]
    german = await api.get(f"/v1/orders/{held['order_id']}", headers={**owner_of(held), "Accept-Language": "de-AT"})
    assert [way["title"] for way in german.json()["payment"]["methods"]] == ["Testkarte", "Vor Ort bezahlen"]
    done = await pay(api, held, "tok_ok")
    assert "methods" not in done.json()["payment"]


async def test_on_site_is_offered_where_every_product_says_so(api, world: World, provider: Provider):
    async with world.runtime.pool.acquire() as db:
        await add_product(db, world.org.org_id, msgspec.structs.replace(world.tower, on_site_payment=False), version=2)
    held = await hold(api, world.app, visit(world, "adult"))
    assert [way["method"] for way in held["payment"]["methods"]] == ["test"]
    on_site = {"contact": CONTACT, "payment": {"method": "on_site"}}
    refused = await api.post(f"/v1/bookings/{held['id']}/confirm", headers=owner_of(held), json=on_site)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/payment/method")
    provider.configure(test_provider_url="")
    assert "methods" not in (await look(api, held))["payment"]


async def test_nothing_is_offered_where_nothing_is_due(api, world: World, provider: Provider):
    wish = {
        "slot_id": str(world.consultant_slots[0]), "option_id": str(world.option(world.consultant, "video")),
        "items": [{"unit": "adult"}], "answers": {"topic": "Health"},
    }  # fmt: skip
    held = await hold(api, world.app, wish)
    assert held["payment"] == {"status": "none_due", "amount": {"amount": 0, "currency": "EUR"}}
