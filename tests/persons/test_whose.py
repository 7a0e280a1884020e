"""Whose something is: an address finds what is that person's, however it is written, and nothing of anybody else."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from booking_api.bookings.operations.standing import asker_of
from booking_api.core.context import Caller
from booking_api.core.ids import new_id
from booking_api.persons import rules
from booking_api.persons.schemas import Address
from tests.bookings.journey import CONTACT, hold, owner_of, visit
from tests.processes import run
from tests.world import bearer

BEN = {"name": "Ben Nevis", "email": "Ben.Nevis@Bücher.example", "phone": "030 901820"}
EVA = {"name": "Eva Müller", "email": "eva@example.org"}


async def book(api, headers, world, contact, slot):
    held = await hold(api, headers, visit(world, "adult", slot=world.tower_slots[slot]))
    owner = owner_of(held) if "access_token" in held else headers
    body = {"contact": contact, "payment": {"method": "on_site"}}
    done = await api.post(f"/v1/bookings/{held['id']}/confirm", json=body, headers=owner)
    assert done.status_code == 200, done.text
    return {**done.json(), "access_token": held.get("access_token"), "refresh_token": held.get("refresh_token")}


@pytest.fixture
async def office(api, world):
    """Somebody who books for three: herself first, then Ben, then Eva."""
    own = await book(api, world.app, world, CONTACT, 0)
    headers = bearer(own["access_token"])
    return headers, own, await book(api, headers, world, BEN, 1), await book(api, headers, world, EVA, 2)


async def visits_are_over(world):
    async with world.runtime.pool.acquire() as db:
        await db.execute("update booking set visit_ends_at = $1", datetime.now(UTC) - timedelta(days=1))


WRITTEN = [
    {"email": "ben.nevis@BÜCHER.example"},
    {"email": " Ben.Nevis@xn--bcher-kva.example\n"},
    {"email": "mailto:ben.nevis@bücher。example"},
    {"phone": "+49 30 901820"},
    {"phone": "030/901-820"},
    {"phone": "0049 (30) 901820"},
    {"phone": "\u202a+49 30 901820\u202c"},
]


@pytest.mark.parametrize("person", WRITTEN)
async def test_an_export_has_the_bookings_of_an_address_and_not_those_of_others(api, world, office, person):
    _, own, bens, evas = office
    answer = await api.post("/v1/persons/export", json=person, headers=world.owner)
    assert answer.status_code == 200, answer.text
    assert [one["id"] for one in answer.json()["bookings"]] == [bens["id"]]
    for other in (own, evas):
        assert other["id"] not in answer.text
        assert other["reference"] not in answer.text
    for word in ("Ada", "ada@example.org", "Eva"):
        assert word not in answer.text
    assert answer.json()["sessions"] == [], "they are the office's"


@pytest.mark.parametrize("person", WRITTEN[::3])
async def test_erasing_an_address_leaves_what_others_booked(api, world, office, person):
    headers, own, bens, evas = office
    await visits_are_over(world)
    before = {one["id"]: (await api.get(f"/v1/bookings/{one['id']}", headers=headers)).json() for one in (own, evas)}
    erased = await api.post("/v1/persons/erase", json=person, headers=world.owner)
    assert (erased.status_code, erased.json()["bookings"]) == (200, 1), erased.text
    for id_, booking in before.items():
        after = await api.get(f"/v1/bookings/{id_}", headers=headers)
        assert after.json() == booking, "the office's session goes on, and its other bookings stay"
    assert "contact" not in (await api.get(f"/v1/bookings/{bens['id']}", headers=headers)).json()
    again = await api.post("/v1/persons/erase", json=person, headers=world.owner)
    assert again.status_code == 404


async def test_what_was_kept_before_addresses_were_parsed_is_found_too(api, world, office):
    _, _, bens, evas = office
    async with world.runtime.pool.acquire() as db:
        for booking, contact in (
            (bens, {"name": "B", "email": "BEN.Nevis@BÜCHER.example", "phone": "030 / 90 18 20"}),
            (evas, {"name": "E", "email": "eva@example.org\n", "phone": "+49-170-5550123"}),
        ):
            await db.execute("update booking set contact = $1 where id = $2", contact, booking["id"])
    for person, booking in (
        (WRITTEN[1], bens), (WRITTEN[3], bens), ({"email": "EVA@example.org"}, evas), ({"phone": "0170 5550123"}, evas),
    ):  # fmt: skip
        found = await api.post("/v1/persons/export", json=person, headers=world.owner)
        assert [one["id"] for one in found.json()["bookings"]] == [booking["id"]], person


async def test_an_address_that_contains_another_is_another(api, world, office):
    for person in ({"email": "nevis@bücher.example"}, {"email": "ben.nevis@bücher.example.org"}, {"phone": "901820"}):
        answer = await api.post("/v1/persons/export", json=person, headers=world.owner)
        assert answer.status_code == 404, answer.text


async def test_a_customer_is_all_that_they_booked(api, world, office):
    headers, own, bens, evas = office
    async with world.runtime.pool.acquire() as db:
        customer = str(await db.fetchval("select customer_id from booking where id = $1", own["id"]))
    found = await api.post("/v1/persons/export", json={"customer_id": customer}, headers=world.owner)
    assert {one["id"] for one in found.json()["bookings"]} == {own["id"], bens["id"], evas["id"]}
    await visits_are_over(world)
    erased = await api.post("/v1/persons/erase", json={"customer_id": customer}, headers=world.owner)
    assert erased.json()["bookings"] == 3
    assert (await api.get("/v1/me/bookings", headers=headers)).status_code == 401


async def test_an_erasure_raises_the_version_of_the_order_and_of_the_booking(api, world, office):
    _, own, bens, _ = office
    await visits_are_over(world)
    path, whole = f"/v1/orders/{bens['order_id']}", f"/v1/orders/{own['order_id']}"
    before, other = [(await api.get(one, headers=world.agent)).headers["etag"] for one in (path, whole)]
    await api.post("/v1/persons/erase", json=WRITTEN[0], headers=world.owner)
    stale = await api.get(path, headers={**world.agent, "If-None-Match": before})
    assert stale.status_code == 200
    assert stale.headers["etag"] != before
    assert (await api.get(whole, headers={**world.agent, "If-None-Match": other})).status_code == 304


async def test_tokens_that_nobody_has_used_yet_end_with_the_person(api, world):
    wish = {**visit(world, "adult"), "contact": CONTACT, "confirm": True, "payment": {"method": "on_site"}}
    made = (await api.post("/v1/bookings", json=wish, headers=world.app)).json()
    await visits_are_over(world)
    erased = await api.post("/v1/persons/erase", json={"email": CONTACT["email"]}, headers=world.owner)
    assert erased.status_code == 200, erased.text
    assert (await api.get("/v1/me/bookings", headers=bearer(made["access_token"]))).status_code == 401
    body = {"grant": "refresh", "refresh_token": made["refresh_token"]}
    assert (await api.post("/v1/tokens", json=body, headers=world.app)).status_code == 401


async def test_a_reason_that_somebody_types_later_is_not_kept_with_what_was_erased(api, world, office):
    _, own, _, _ = office
    await visits_are_over(world)
    await api.post("/v1/persons/erase", json={"email": CONTACT["email"]}, headers=world.owner)
    for body in ({"reason": "Ada Lovelace called"}, {}):
        answer = await api.post(f"/v1/bookings/{own['id']}/cancel", json=body, headers=world.manager)
        assert answer.status_code in {200, 409}, answer.text
    edit = {"contact": CONTACT}
    answer = await api.patch(f"/v1/bookings/{own['id']}", json=edit, headers=world.manager)
    async with world.runtime.pool.acquire() as db:
        row = await db.fetchrow("select contact, cancel_reason, status from booking where id = $1", own["id"])
    assert row["cancel_reason"] is None
    assert row["contact"] is None, (answer.status_code, answer.text)


def test_whoever_has_two_addresses_is_not_wholly_one_of_them():
    one, two, three = new_id(), new_id(), new_id()
    known = [
        Address(one, "ada@example.org"), Address(one, "ADA@Example.ORG"), Address(two, "ada@example.org"),
        Address(two, "ben@example.org"), Address(three, "ben@example.org"),
    ]  # fmt: skip
    assert rules.wholly_theirs("email", "ada@example.org", None, known) == {one}
    numbers = [Address(one, "+4930901820"), Address(one, "030 901820"), Address(two, "+4930901821")]
    assert rules.wholly_theirs("phone", "+4930901820", "DE", numbers) == {one}
    assert rules.wholly_theirs("phone", "+4930901820", None, numbers) == set()


async def test_the_same_by_command_which_the_audit_names(api, world, office, database_url):
    _, _, bens, _ = office

    async def call(*arguments):
        return await asyncio.to_thread(run, *arguments, DATABASE_URL=database_url)

    for who in ("030 901820", "ben.nevis@BÜCHER.example", "Ben.Nevis@xn--bcher-kva.example "):
        found = await call("person", "export", who)
        assert found.returncode == 0, found.stderr
        assert [one["id"] for one in json.loads(found.stdout)["bookings"]] == [bens["id"]]
    for who, word in (("ben@@bücher.example", "one @"), ("ben@example", "whole domain"), ("", ""), ("nobody", "")):
        wrong = await call("person", "erase", who)
        assert wrong.returncode == 1
        assert word in wrong.stderr
        assert "Traceback" not in wrong.stderr
    await visits_are_over(world)
    erased = await call("person", "erase", "+49 30 901820")
    assert erased.returncode == 0, erased.stderr
    for action, count in (("person.exported", 3), ("person.erased", 1)):
        entries = (await api.get("/v1/audit", params={"action": action}, headers=world.owner)).json()["items"]
        assert [one["actor"] for one in entries] == [{"kind": "command"}] * count


async def test_who_acts_at_the_command_line_is_held_to_the_law_as_the_system_is(world):
    async with world.runtime.pool.acquire() as db:
        ctx = world.context(db, caller=Caller(kind="command", credential_id=new_id()))
        assert asker_of(ctx) == "system"
