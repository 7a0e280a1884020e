"""The rules asked again at each step: what became of the slot between the hold, the payment and its news."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from booking_api.bookings import jobs
from booking_api.bookings.operations import confirmation, settlement
from booking_api.bookings.operations.expire import end_holds_on
from booking_api.bookings.operations.facts import load_order
from booking_api.bookings.operations.refusing import refunded_instead, with_alternatives
from booking_api.bookings.schemas import Confirmation, Contact
from booking_api.core.clock import utc_now
from booking_api.core.db import event_queries
from booking_api.core.money import Money
from booking_api.payments import charging
from booking_api.payments import jobs as payment_jobs
from booking_api.payments import operations as payments
from booking_api.payments.schemas import NewPayment, Outcome
from tests.bookings import conditions
from tests.bookings.journey import CONTACT, confirm, end_hold, hold, owner_of, party, taken, visit
from tests.bookings.test_paying import pay, relay
from tests.payments.provider import Provider
from tests.world import World, add_product, add_slot

ON_SITE = {"contact": CONTACT, "payment": {"method": "on_site"}}
ALL = 20_460
"""One adult on Flex: 199.00 and a fee of 5.60."""


async def see(api, thing, kind="bookings", headers=None):
    answer = await api.get(f"/v1/{kind}/{thing['id']}", headers=headers or owner_of(thing))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def follow(world: World, slot_id: UUID) -> None:
    event = event_queries.StoredEvent(world.org.org_id, world.org.org_id, "slot.changed", slot_id, {}, utc_now())
    await jobs.follow_slot(world.runtime, event)


def later():
    return utc_now() + timedelta(minutes=5)


# slots that end ---------------------------------------------------------------------------------------------------


async def test_nobody_is_charged_for_a_slot_that_was_cancelled(api, world: World, provider: Provider):
    held = await hold(api, world.app, party(world, "adult"))
    await conditions.set_status(world, world.flight_slots[0], "cancelled")
    refused = await pay(api, held, "tok_ok")
    body = refused.json()
    assert (refused.status_code, body["code"], body["because"]) == (409, "sales_closed", "cancelled")
    assert (body["slot_id"], body["booking_id"]) == (str(world.flight_slots[0]), held["id"])
    assert body["alternatives"][0]["slot_id"] == str(world.flight_slots[1])
    assert await provider.charges() == []
    # A hold that nobody can use is given back like any other.
    given_back = await api.post(f"/v1/bookings/{held['id']}/cancel", headers=owner_of(held))
    assert given_back.json()["status"] == "cancelled"
    assert await taken(world, world.flight_slots[0]) == (0, 0, 0)


@pytest.mark.parametrize("express", [False, True])
async def test_a_slot_cancelled_while_the_card_is_charged(api, world: World, provider: Provider, monkeypatch, express):
    ask = charging.ask_provider

    async def charge_and_cancel(runtime, charge):
        outcome = await ask(runtime, charge)
        await conditions.set_status(world, world.flight_slots[0], "cancelled")
        return outcome

    monkeypatch.setattr(charging, "ask_provider", charge_and_cancel)
    key = {"Idempotency-Key": str(uuid4())}
    card: dict[str, Any] = {"contact": CONTACT, "payment": {"method": "test", "token": "tok_ok"}}
    if express:
        url, body, headers = "/v1/bookings", party(world, "adult", confirm=True, **card), {**world.app, **key}
    else:
        held = await hold(api, world.app, party(world, "adult"))
        url, body, headers = f"/v1/bookings/{held['id']}/confirm", card, {**owner_of(held), **key}
    told = await api.post(url, json=body, headers=headers)
    refusal = told.json()
    assert (told.status_code, refusal["code"], refusal["because"]) == (409, "sales_closed", "cancelled"), told.text
    assert refusal["alternatives"]
    owner = owner_of(refusal) if express else owner_of(held)
    order = await see(api, {"id": refusal["order_id"]}, "orders", owner)
    assert (order["status"], order["status_reason"]["code"]) == ("rejected", "slot_cancelled")
    assert order["bookings"][0]["status_reason"] == order["status_reason"]
    assert await payment_jobs.execute_refunds(world.runtime, later()) == 1
    assert [refund["amount"] for refund in await provider.refunds()] == [ALL]
    assert await taken(world, world.flight_slots[0]) == (0, 0, 0)
    again = await api.post(url, json=body, headers=headers)
    assert (again.status_code, again.json()["code"]) == (409, "sales_closed")
    assert again.headers["idempotency-replayed"] == "true"
    await relay(world)
    assert len(await provider.charges()) == 1
    assert len(await provider.refunds()) == 1


async def test_the_reason_is_told_in_the_readers_language(api, world: World, provider: Provider):
    held = await hold(api, world.app, visit(world, "adult"))
    pending = await pay(api, held, "tok_redirect")
    await conditions.begin_in(world, world.tower_slots[0], -90)
    await provider.decide(pending.json()["payment"]["next_action"]["url"])
    await provider.deliver(api)
    await relay(world)
    german = await api.get(f"/v1/bookings/{held['id']}", headers={**owner_of(held), "Accept-Language": "de"})
    english = await see(api, held)
    assert english["status_reason"]["code"] == german.json()["status_reason"]["code"] == "gate_closed"
    assert "Einlass" in german.json()["status_reason"]["text"]
    assert "admission" in english["status_reason"]["text"]


async def test_no_hold_outlives_its_slot(api, world: World):
    """A departure's gate closes ten minutes before it leaves; the option's sales go on until it does."""
    await conditions.begin_in(world, world.flight_slots[0], 15)
    held = await hold(api, world.app, party(world, "adult"))
    ends = datetime.fromisoformat(held["slot"]["admit_until"])
    assert datetime.fromisoformat(held["expires_at"]) == ends
    assert "extend" not in held["available_actions"]
    async with world.runtime.pool.acquire() as db:
        assert await db.fetchval("select expires_at from claim where id = $1", UUID(held["id"])) == ends
    extended = await api.post(f"/v1/bookings/{held['id']}/extend", headers=owner_of(held))
    assert datetime.fromisoformat(extended.json()["expires_at"]) == ends
    await conditions.begin_in(world, world.flight_slots[1], 9)
    late = await api.post("/v1/bookings", json=party(world, "adult", slot=world.flight_slots[1]), headers=world.app)
    assert (late.status_code, late.json()["because"]) == (409, "gate_closed")


async def test_each_option_ends_with_its_own_gate(api, world: World):
    """Two options of one entry: one admits until the end, the other only for the first quarter of an hour."""
    tower = world.tower
    early = msgspec.structs.replace(
        tower.options[0], id=uuid4(), code="early",
        conditions=msgspec.structs.replace(tower.options[0].conditions, booking_closes_minutes=-60),
        admission=msgspec.structs.replace(
            tower.options[0].admission, closes_after_minutes=15, closes_relative_to="start"
        ),
    )  # fmt: skip
    whole = msgspec.structs.replace(
        tower.options[0],
        conditions=msgspec.structs.replace(tower.options[0].conditions, booking_closes_minutes=-60),
    )
    prices = [*tower.prices, *(msgspec.structs.replace(price, option="early") for price in tower.prices)]
    async with world.runtime.pool.acquire() as db:
        product = msgspec.structs.replace(tower, options=[whole, early], prices=prices)
        await add_product(db, world.org.org_id, product, version=2)
        slot = await add_slot(db, world.org.org_id, product, utc_now() + timedelta(hours=1))
    await conditions.begin_in(world, slot, -20)
    await conditions.run(world, "update slot set booking_closes_at = ends_at where id = $1", slot)
    wish = {**visit(world, "adult", slot=slot), "option_id": str(early.id)}
    closed = await api.post("/v1/bookings", json=wish, headers=world.app)
    assert (closed.status_code, closed.json()["because"]) == (409, "gate_closed")
    held = await hold(api, world.app, visit(world, "adult", slot=slot))
    assert (await confirm(api, owner_of(held), held))["status"] == "confirmed"


async def test_a_decline_gives_no_more_time_than_the_slot_has(api, world: World, provider: Provider):
    await conditions.begin_in(world, world.flight_slots[0], 12)
    held = await hold(api, world.app, party(world, "adult"))
    assert (await pay(api, held, "tok_decline")).status_code == 402
    shown = await see(api, held)
    assert shown["expires_at"] == held["expires_at"]
    assert datetime.fromisoformat(shown["expires_at"]) == datetime.fromisoformat(shown["slot"]["admit_until"])


async def test_a_slot_that_is_brought_forward_shortens_its_holds(api, world: World):
    held = await hold(api, world.app, party(world, "adult"))
    await conditions.begin_in(world, world.flight_slots[0], 13)
    await follow(world, world.flight_slots[0])
    shown = await see(api, held)
    assert datetime.fromisoformat(shown["expires_at"]) == datetime.fromisoformat(shown["slot"]["admit_until"])
    assert shown["version"] == held["version"] + 1


async def test_an_expired_hold_on_a_departed_slot_has_departed(api, world: World):
    """Nothing is gained by holding again, as `hold_expired` would advise."""
    held = await hold(api, world.app, party(world, "adult"))
    await end_hold(world, held["order_id"])
    await conditions.begin_in(world, world.flight_slots[0], -1)
    for verb in ("extend", "confirm"):
        refused = await api.post(f"/v1/bookings/{held['id']}/{verb}", headers=owner_of(held))
        assert (refused.json()["code"], refused.json()["because"]) == ("sales_closed", "departed")


# slots that move --------------------------------------------------------------------------------------------------


async def agreed(world: World, booking_id: str) -> tuple[Any, ...]:
    async with world.runtime.pool.acquire() as db:
        return tuple(
            await db.fetchrow(
                "select agreed_starts_at, agreed_ends_at, agreed_origin_id, agreed_destination_id, moved_while_paying "
                "from booking where id = $1", UUID(booking_id),
            )
        )  # fmt: skip


async def test_a_moved_slot_asks_for_the_new_time(api, world: World):
    held = await hold(api, world.app, party(world, "adult"))
    before = await agreed(world, held["id"])
    assert before[0] == datetime.fromisoformat(held["slot"]["starts_at"])
    await conditions.move(world, world.flight_slots[0])
    shown = await see(api, held)
    assert {"pointer": "/expected_starts_at", "code": "agreement_required"} in shown["missing"]
    assert "confirm" in shown["available_actions"]
    url, owner = f"/v1/bookings/{held['id']}/confirm", owner_of(held)
    for named in ({}, {"expected_starts_at": held["slot"]["starts_at"]}):
        refused = await api.post(url, headers=owner, json={**ON_SITE, **named})
        assert (refused.status_code, refused.json()["code"]) == (409, "slot_changed")
        (changed,) = refused.json()["slots"]
        assert changed == {"booking_id": held["id"], "slot": shown["slot"]}
    assert await agreed(world, held["id"]) == before
    # The same moment, written with another offset.
    moment = datetime.fromisoformat(changed["slot"]["starts_at"])
    named = {"expected_starts_at": (moment.astimezone(tz=utc_now().tzinfo)).isoformat()}
    done = await api.post(url, headers=owner, json={**ON_SITE, **named})
    assert (done.status_code, done.json()["status"]) == (200, "confirmed"), done.text
    assert (await agreed(world, held["id"]))[0] == moment


@pytest.mark.parametrize("what", ["destination_id", "origin_id", "ends_at"])
async def test_another_place_or_end_is_a_move_too(api, world: World, what: str):
    held = await hold(api, world.app, party(world, "adult"))
    value = "ends_at + interval '5 hours'" if what == "ends_at" else "(select id from place where code = 'TOWER')"
    await conditions.run(world, f"update slot set {what} = {value} where id = $1", world.flight_slots[0])
    refused = await api.post(f"/v1/bookings/{held['id']}/confirm", headers=owner_of(held), json=ON_SITE)
    assert refused.json()["code"] == "slot_changed"
    named = {"expected_starts_at": held["slot"]["starts_at"]}
    done = await api.post(f"/v1/bookings/{held['id']}/confirm", headers=owner_of(held), json={**ON_SITE, **named})
    assert done.status_code == 200, done.text


async def test_a_time_that_was_never_right_is_not_agreed_to(api, world: World):
    """The slot hasn't moved; the app is mistaken, and its customer would come at the wrong time."""
    held = await hold(api, world.app, visit(world, "adult"))
    wrong = (datetime.fromisoformat(held["slot"]["starts_at"]) - timedelta(minutes=1)).isoformat()
    refused = await api.post(
        f"/v1/bookings/{held['id']}/confirm", headers=owner_of(held), json={**ON_SITE, "expected_starts_at": wrong}
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "slot_changed")
    bad = {**ON_SITE, "expected_starts_at": wrong[:19]}
    naive = await api.post(f"/v1/bookings/{held['id']}/confirm", headers=owner_of(held), json=bad)
    assert (naive.status_code, naive.json()["errors"][0]["pointer"]) == (400, "/expected_starts_at")


async def test_an_order_agrees_slot_by_slot(api, world: World):
    wishes = [party(world, "adult", slot=slot) for slot in world.flight_slots[:3]]
    made = await api.post("/v1/orders", json={"bookings": wishes}, headers=world.app)
    order, owner = made.json(), owner_of(made.json())
    for slot in world.flight_slots[1:3]:
        await conditions.move(world, slot, timedelta(minutes=-20))
    url = f"/v1/orders/{order['id']}/confirm"
    first = await api.post(url, headers=owner, json=ON_SITE)
    changed = first.json()["slots"]
    assert [one["booking_id"] for one in changed] == [booking["id"] for booking in order["bookings"][1:]]
    slots = [{"slot_id": one["slot"]["id"], "starts_at": one["slot"]["starts_at"]} for one in changed]
    second = await api.post(url, headers=owner, json={**ON_SITE, "expected_slots": slots[:1]})
    assert [one["booking_id"] for one in second.json()["slots"]] == [order["bookings"][2]["id"]]
    strange = [*slots, {"slot_id": str(uuid4()), "starts_at": slots[0]["starts_at"]}]
    refused = await api.post(url, headers=owner, json={**ON_SITE, "expected_slots": strange})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/expected_slots/2/slot_id")
    lone = await api.post(url, headers=owner, json={**ON_SITE, "expected_starts_at": slots[0]["starts_at"]})
    assert (lone.status_code, lone.json()["errors"][0]["pointer"]) == (422, "/expected_starts_at")
    done = await api.post(url, headers=owner, json={**ON_SITE, "expected_slots": slots})
    assert (done.status_code, done.json()["status"]) == (200, "confirmed"), done.text
    for booking, slot in zip(order["bookings"][1:], slots, strict=True):
        assert (await agreed(world, booking["id"]))[0] == datetime.fromisoformat(slot["starts_at"])


async def test_what_moved_while_it_was_paid_is_cancelled_free_of_charge(api, world: World, provider: Provider):
    """The option gives nothing back, and the slot moved by less than anybody would notice."""
    held = await hold(api, world.app, party(world, "adult", option="light"))
    pending = await pay(api, held, "tok_redirect")
    await conditions.move(world, world.flight_slots[0], timedelta(minutes=2))
    await provider.decide(pending.json()["payment"]["next_action"]["url"])
    await provider.deliver(api)
    await relay(world)
    shown = await see(api, held)
    assert (shown["status"], shown["cancellation"]["fee"]["amount"]) == ("confirmed", 0)
    everything = shown["price"]["total"]
    assert shown["cancellation"]["refund"] == everything
    assert (await agreed(world, held["id"]))[0] == datetime.fromisoformat(held["slot"]["starts_at"])
    cancelled = await api.post(
        f"/v1/bookings/{held['id']}/cancel", headers=owner_of(held), json={"expected_refund": everything}
    )
    assert cancelled.status_code == 200, cancelled.text
    await payment_jobs.execute_refunds(world.runtime, later())
    assert [refund["amount"] for refund in await provider.refunds()] == [everything["amount"]]


async def test_a_decline_after_agreeing_keeps_what_was_agreed(api, world: World, provider: Provider):
    held = await hold(api, world.app, party(world, "adult", option="light"))
    await conditions.move(world, world.flight_slots[0])
    starts_at = (await see(api, held))["slot"]["starts_at"]
    url, owner = f"/v1/bookings/{held['id']}/confirm", owner_of(held)
    card = {"contact": CONTACT, "payment": {"method": "test", "token": "tok_decline"}}
    declined = await api.post(url, headers=owner, json={**card, "expected_starts_at": starts_at})
    assert declined.status_code == 402
    card["payment"] = {"method": "test", "token": "tok_ok"}
    done = await api.post(url, headers=owner, json=card)
    assert done.status_code == 200, done.text
    assert done.json()["cancellation"]["refund"]["amount"] == 0
    assert (await agreed(world, held["id"]))[0] == datetime.fromisoformat(starts_at)


async def test_a_card_that_was_declined_first_and_charged_after_all_buys_nothing_twice(
    api, world: World, provider: Provider
):
    """The customer has chosen to pay on site meanwhile."""
    held = await hold(api, world.app, visit(world, "adult"))
    assert (await pay(api, held, "tok_decline")).status_code == 402
    await confirm(api, owner_of(held), held)
    async with world.runtime.pool.acquire() as db, db.transaction():
        order_id = UUID(held["order_id"])
        intent = (await payments.latest_intents(db, world.org.org_id, [order_id]))[order_id]
        outcome = Outcome(status="succeeded", provider_reference="ch_late")
        await payments.record_outcome(db, world.org.org_id, intent.id, outcome, utc_now())
    await relay(world)
    async with world.runtime.pool.acquire() as db:
        assert await db.fetchval("select sum(amount) from refund where order_id = $1", order_id) == 1990
    shown = await see(api, held)
    assert (shown["status"], shown["payment"]["status"]) == ("confirmed", "due_on_site")


# versions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["bookings", "orders"])
@pytest.mark.parametrize("verb", ["confirm", "extend", "cancel"])
async def test_if_match_on_verbs(api, world: World, kind: str, verb: str):
    held = await hold(api, world.app, visit(world, "adult"))
    owner = owner_of(held)
    await conditions.run(
        world, "update booking_order set expires_at = expires_at - interval '1 minute' where id = $1",
        UUID(held["order_id"]),
    )  # fmt: skip
    url = f"/v1/{kind}/{held['id'] if kind == 'bookings' else held['order_id']}"
    seen = (await api.get(url, headers=owner)).headers["etag"]
    edited = await api.patch(f"/v1/bookings/{held['id']}", headers=owner, json={"contact": CONTACT})
    assert edited.status_code == 200
    body = {"payment": {"method": "on_site"}} if verb == "confirm" else None
    stale = await api.post(f"{url}/{verb}", headers={**owner, "If-Match": seen}, json=body)
    assert (stale.status_code, stale.json()["code"]) == (412, "version_conflict")
    now = (await api.get(url, headers=owner)).headers["etag"]
    assert now != seen
    done = await api.post(f"{url}/{verb}", headers={**owner, "If-Match": now}, json=body)
    assert done.status_code == 200, done.text
    assert done.headers["etag"] == f'"{done.json()["version"]}"' != now
    if verb != "extend":
        # The answer was lost: the repeat, which still knows the old version, learns that all is done.
        again = await api.post(f"{url}/{verb}", headers={**owner, "If-Match": now}, json=body)
        assert (again.status_code, again.json()["version"]) == (200, done.json()["version"])


async def test_if_match_with_a_card_and_after_other_refusals(api, world: World, provider: Provider):
    held = await hold(api, world.app, party(world, "adult"))
    stale = {**owner_of(held), "If-Match": '"7"'}
    card = {"contact": CONTACT, "payment": {"method": "test", "token": "tok_ok"}}
    url = f"/v1/bookings/{held['id']}/confirm"
    assert (await api.post(url, headers=stale, json=card)).status_code == 412
    assert await provider.charges() == []
    # What would be refused without the condition is refused as if there were none (RFC 9110 §13.2.1).
    missing = await api.post(url, headers=stale, json={"payment": {"method": "on_site"}})
    assert missing.json()["code"] == "details_missing"
    await end_hold(world, held["order_id"])
    assert (await api.post(url, headers=stale, json=card)).json()["code"] == "hold_expired"
    assert (await api.post(url, headers={**stale, "If-Match": "seven"}, json=card)).status_code == 400


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ('"1"', 200), ("*", 200), (" * ", 200), ('W/"1"', 200), ('"7", "1"', 200), ('"7","8",\tW/"1"', 200), ('"1" , "x,y"', 200),
        ('"7"', 412), ('"7", "8"', 412), ('"one"', 412), ('""', 412), ('"01"', 412), ('"1.0"', 412), (f'"{"1" * 400}"', 412),
        ("1", 400), ("", 400), (",", 400), ('"1",', 400), ('"1" "2"', 400), ('"1', 400), ('w/"1"', 400), ('*, "1"', 400),
    ],
)  # fmt: skip
async def test_every_form_of_if_match(api, world: World, given: str, status: int):
    """RFC 9110 §13.1.1: any one of a list will do, and an ETag that isn't ours fits nothing."""
    held = await hold(api, world.app, visit(world, "adult"))
    assert held["version"] == 1
    url, headers = f"/v1/bookings/{held['id']}", {**owner_of(held), "If-Match": given}
    change = await api.patch(url, headers=headers, json={"contact": CONTACT})
    assert change.status_code == status, change.text
    order = await api.post(f"/v1/orders/{held['order_id']}/cancel", headers=headers)
    if status == 200 and "*" not in given:
        assert order.json()["code"] == "version_conflict"
    else:
        assert order.status_code == status, order.text
    slot_url, version = f"/v1/slots/{world.tower_slots[0]}", {"If-Match": given}
    slot = await api.patch(slot_url, headers={**world.manager, **version}, json={"gate": "South"})
    assert slot.status_code == status, slot.text


async def test_an_orders_version_rises_with_any_of_its_bookings(api, world: World):
    wishes = [visit(world, "adult", slot=slot) for slot in world.tower_slots[:2]]
    made = await api.post("/v1/orders", json={"bookings": wishes}, headers=world.app)
    order, owner = made.json(), owner_of(made.json())
    assert made.headers["etag"] == f'"{order["version"]}"'
    url, second = f"/v1/orders/{order['id']}", order["bookings"][1]
    versions = [order["version"]]

    async def version() -> int:
        answer = await api.get(url, headers=owner)
        assert answer.headers["etag"] == f'"{answer.json()["version"]}"'
        return answer.json()["version"]

    await api.patch(f"/v1/bookings/{second['id']}", headers=owner, json={"answers": {"language": "de"}})
    versions.append(await version())
    confirmed = await api.post(f"{url}/confirm", headers=owner, json=ON_SITE)
    versions.append(confirmed.json()["version"])
    due = second["price"]["due_now"] | {"amount": confirmed.json()["bookings"][1]["price"]["due_on_site"]["amount"]}
    paid = await api.post(
        f"/v1/bookings/{second['id']}/payments", headers=world.agent, json={"method": "cash", "amount": due}
    )
    assert paid.status_code == 200, paid.text
    versions.append(await version())
    await conditions.move(world, world.tower_slots[1])
    await follow(world, world.tower_slots[1])
    versions.append(await version())
    await api.post(f"/v1/bookings/{second['id']}/cancel", headers=owner)
    versions.append(await version())
    await conditions.run(world, "update booking set visit_ends_at = '2020-01-01' where id = $1", UUID(second["id"]))
    world.runtime.settings = msgspec.structs.replace(world.runtime.settings, retention_days=30)
    await jobs.apply_retention(world.runtime)
    versions.append(await version())
    assert versions == sorted(set(versions)), versions
    fresh = await api.get(url, headers={**owner, "If-None-Match": f'"{versions[-1]}"'})
    assert fresh.status_code == 304


# orders that find no room -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ended", [False, True])
async def test_an_order_says_which_booking_is_sold_out(api, world: World, ended: bool):
    """Also once ended holds were given back to make room, and there still is too little."""
    slots = world.flight_slots
    other = await hold(api, world.app, party(world, *["adult"] * 6, slot=slots[2]))
    some = await hold(api, world.app, party(world, *["adult"] * 3, slot=slots[2]))
    if ended:
        await end_hold(world, some["order_id"])
    wishes = [party(world, "adult", slot=slots[0]), party(world, *["adult"] * 5, slot=slots[2])]
    refused = await api.post("/v1/orders", json={"bookings": wishes}, headers=world.customer())
    body = refused.json()
    assert (refused.status_code, body["code"], body["pointer"]) == (409, "sold_out", "/bookings/1")
    assert [error["pointer"] for error in body["errors"]] == ["/bookings/1"]
    assert body["slot_id"] == str(slots[2])
    assert {one["slot_id"] for one in body["alternatives"]} <= {str(slot) for slot in slots} - {str(slots[2])}
    assert str(slots[1]) in {one["slot_id"] for one in body["alternatives"]}
    shown = await see(api, some)
    assert shown["status"] == ("expired" if ended else "on_hold")
    assert (await see(api, other))["status"] == "on_hold"
    assert (await taken(world, slots[0]))[0] == 0


async def test_an_order_says_which_seats_are_taken_and_which_there_are_none_of(api, world: World):
    slots, me = world.flight_slots, world.customer()

    def seated(slot, *seats: str | None):
        wish = party(world, *["adult"] * len(seats), slot=slot)
        for item, seat in zip(wish["items"], seats, strict=True):
            item.update({"seat": seat} if seat else {})
        return wish

    await hold(api, me, seated(slots[2], "1A", "3B"))
    for wishes, status, pointers in (
        ([seated(slots[1], "1A"), seated(slots[2], None, "1A", "2A", "3B")], 409, ["/bookings/1/items/1/seat", "/bookings/1/items/3/seat"]),
        ([seated(slots[1], "1A"), seated(slots[2], "2A", "9Z")], 422, ["/bookings/1/items/1/seat"]),
        ([seated(slots[1], "1A", None, "1A"), seated(slots[2], "2A")], 422, ["/bookings/0/items/2/seat"]),
    ):  # fmt: skip
        refused = await api.post("/v1/orders", json={"bookings": wishes}, headers=me)
        assert (refused.status_code, [error["pointer"] for error in refused.json()["errors"]]) == (status, pointers)
        assert (await taken(world, slots[1])) == (0, 0, 0)


async def test_pointers_of_an_edit_lead_into_the_request(api, world: World):
    me = world.customer()
    booking = await confirm(api, me, await hold(api, me, party(world, "adult", "adult", "adult")))
    await hold(api, me, {**party(world, "adult"), "items": [{"unit": "adult", "name": "X", "seat": "5B"}]})
    first, second, third = (item["id"] for item in booking["items"])
    for items, status, pointer in (
        ([{"id": third, "name": "C"}, {"id": second, "name": None}], 422, "/items/1/name"),
        ([{"id": third, "name": " \u2800"}], 422, "/items/0/name"),
        ([{"id": second, "name": "B"}, {"id": first, "seat": "5B"}], 409, "/items/1/seat"),
        ([{"id": second, "name": "B"}, {"id": first, "seat": "9Z"}], 422, "/items/1/seat"),
    ):
        refused = await api.patch(f"/v1/bookings/{booking['id']}", json={"items": items}, headers=me)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (status, pointer)


async def test_who_paid_too_late_is_told_which_booking_found_no_room(api, world: World):
    me = world.customer()
    slots = world.tower_slots
    wishes = [visit(world, "adult", slot=slot) for slot in slots[:2]]
    order = (await api.post("/v1/orders", json={"bookings": wishes}, headers=me)).json()
    runtime = world.runtime
    async with runtime.pool.acquire() as db:
        ctx = world.context(db)
        ctx.settings = msgspec.structs.replace(ctx.settings, test_provider_url="http://127.0.0.1:9")
        async with db.transaction():
            facts = await load_order(ctx, UUID(order["id"]), lock=True)
            pay = Confirmation(contact=Contact(**CONTACT), payment=NewPayment(method="test", token="tok_ok"))
            intent_id = await confirmation.begin(ctx, facts, pay)
        assert intent_id is not None
        await end_hold(world, order["id"])
        await db.execute("update booking_order set pending_until = expires_at")
        await end_holds_on(runtime, world.org.org_id, [slots[0], slots[1]])
        await db.execute("delete from claim")
        await db.execute("update slot set taken = 0")
        for number in (9, 9, 2):
            await hold(api, world.customer(), visit(world, *["adult"] * number, slot=slots[1]))
        async with db.transaction():
            facts = await load_order(ctx, UUID(order["id"]), lock=True)
            paid = Outcome(status="succeeded", charged=Money(order["price"]["total"]["amount"], "EUR"))
            intent = await payments.record_outcome(db, ctx.org_id, intent_id, paid, ctx.now)
            await settlement.settle(ctx, facts, intent)
            refusal = refunded_instead(ctx, facts)
            assert refusal is not None
            await with_alternatives(ctx, refusal)
    assert (refusal.code, refusal.members["slot_id"], refusal.members["pointer"]) == (
        "sold_out",
        str(slots[1]),
        "/bookings/1",
    )
    assert str(slots[1]) not in {str(one.slot_id) for one in refusal.members["alternatives"]}
    assert refusal.errors is not None
    assert [error.pointer for error in refusal.errors] == ["/bookings/1"]


async def test_pointers_into_an_order_of_one_lead_into_it(api, world: World):
    unknown = {**visit(world, "adult"), "slot_id": str(uuid4())}
    order = await api.post("/v1/orders", json={"bookings": [unknown]}, headers=world.app)
    assert order.json()["errors"][0]["pointer"] == "/bookings/0/slot_id"
    short = await api.post("/v1/bookings", json=unknown, headers=world.app)
    assert short.json()["errors"][0]["pointer"] == "/slot_id"
    await conditions.set_status(world, world.tower_slots[3], "closed")
    closed = await api.post(
        "/v1/orders", json={"bookings": [visit(world, "adult", slot=world.tower_slots[3])]}, headers=world.app
    )
    assert (closed.json()["because"], closed.json()["pointer"]) == ("closed", "/bookings/0")
    assert closed.json()["alternatives"]
