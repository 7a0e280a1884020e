"""Many places to be paid on site need a contact whose mail address was proven."""

import re
from typing import Any

import httpx
import msgspec
import pytest

from booking_api.bookings import holding_rules as rules
from booking_api.core.clock import utc_now
from booking_api.core.db import event_queries
from booking_api.core.settings import Settings
from booking_api.identity import letter_jobs, notifier
from tests.bookings.journey import hold, taken, visit
from tests.world import Headers, World, bearer

MOST = 3
CONTACT = {"name": "Zoe", "email": "zoe@bücher.example"}
SAME = {"name": "Z", "email": "ZOE@xn--bcher-kva.example"}
ON_SITE = {"method": "on_site"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, unproven_places_on_site=MOST, smtp_url="smtp://127.0.0.1:1")


@pytest.fixture(autouse=True)
def _into_the_mailbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifier, "notifier_for", lambda *_: notifier.DEFAULT)


async def letters(world: World) -> list[tuple[str, str]]:
    """Runs the subscriber; to whom codes went, and which."""
    async with world.runtime.pool.acquire() as db:
        for event in await event_queries.claim_unrelayed_events(db, utc_now(), 200):
            if event.type == "contact_code.requested":
                await letter_jobs.send_contact_code(world.runtime, event)
        rows = await db.fetch("select recipient, body from mailbox order by created_at")
    return [(row["recipient"], re.findall(r"\b[0-9A-Z]{5}-[0-9A-Z]{5}\b", row["body"])[0]) for row in rows]


async def prove(api: httpx.AsyncClient, world: World, me: Headers, body: Any = None) -> Headers:
    """Asks for a code and redeems it; the session that it opened."""
    answer = await api.post("/v1/me/contact-code", json=body or {}, headers=me)
    assert answer.status_code == 202, answer.text
    code = (await letters(world))[-1][1]
    answer = await api.post("/v1/tokens", json={"grant": "code", "code": code}, headers=world.app)
    assert answer.status_code == 200, answer.text
    return bearer(answer.json()["access_token"])


async def confirm(api: httpx.AsyncClient, me: Headers, booking: Any, contact: Any = CONTACT, **more: Any) -> Any:
    body = {"contact": contact, "payment": ON_SITE, **more}
    return await api.post(f"/v1/bookings/{booking['id']}/confirm", json=body, headers=me)


def adults(number: int) -> list[str]:
    return ["adult"] * number


def is_unproven(answer: httpx.Response, held: int = 0) -> bool:
    problem = answer.json()
    said = (answer.status_code, problem["code"], problem.get("limit"), problem.get("held"))
    return said == (409, "contact_unproven", MOST, held)


async def test_a_few_places_need_no_proof_and_one_more_does(api, world: World):
    me = world.customer()
    assert (await confirm(api, me, await hold(api, me, visit(world, *adults(MOST))))).status_code == 200
    other = world.customer()
    booking = await hold(api, other, visit(world, *adults(MOST + 1)))
    assert is_unproven(await confirm(api, other, booking, {"name": "Al", "email": "al@example.org"}))
    assert await taken(world, world.tower_slots[0]) == (2 * MOST + 1, 2 * MOST + 1, 0)  # The hold is kept.


async def test_what_the_contact_keeps_elsewhere_counts(api, world: World):
    me = world.customer()
    assert (await confirm(api, me, await hold(api, me, visit(world, *adults(2))))).status_code == 200
    other = world.customer()
    assert is_unproven(await confirm(api, other, await hold(api, other, visit(world, *adults(2))), SAME), 2)
    third = world.customer()
    assert (await confirm(api, third, await hold(api, third, visit(world, "adult")), SAME)).status_code == 200


async def test_a_proven_contact_confirms_with_its_own_tokens(api, world: World):
    me = world.customer()
    booking = await hold(api, me, visit(world, *adults(8)))
    assert is_unproven(await confirm(api, me, booking))
    proven = await prove(api, world, me, {"email": SAME["email"]})
    assert (await confirm(api, me, booking)).status_code == 200
    # The session that the code opened sees the bookings with that address, and speaks for it too.
    seen = (await api.get("/v1/me/bookings", headers=proven)).json()["items"]
    assert [one["id"] for one in seen] == [booking["id"]]
    assert (await confirm(api, proven, await hold(api, proven, visit(world, *adults(4))))).status_code == 200


async def test_a_proof_is_of_one_address_and_one_customer(api, world: World):
    me = world.customer()
    await prove(api, world, me, {"email": CONTACT["email"]})
    booking = await hold(api, me, visit(world, *adults(8)))
    assert is_unproven(await confirm(api, me, booking, {"name": "Al", "email": "al@example.org"}))
    other = world.customer()
    assert is_unproven(await confirm(api, other, await hold(api, other, visit(world, *adults(8)))))


async def test_a_code_that_was_only_sent_proves_nothing(api, world: World):
    me = world.customer()
    booking = await hold(api, me, visit(world, *adults(8)))
    assert (await api.post("/v1/me/contact-code", json={"email": CONTACT["email"]}, headers=me)).status_code == 202
    assert [to for to, _ in await letters(world)] == ["zoe@xn--bcher-kva.example"]
    assert is_unproven(await confirm(api, me, booking))


async def test_an_express_booking_and_an_order_of_several_are_asked_too(api, world: World):
    me = world.customer()
    express = visit(world, *adults(4), confirm=True, contact=CONTACT, payment=ON_SITE)
    parts = [visit(world, *adults(2), slot=slot) for slot in world.tower_slots[:2]]
    order = {"bookings": parts, "confirm": True, "contact": CONTACT, "payment": ON_SITE}
    for path, body in (("/v1/bookings", express), ("/v1/orders", order)):
        assert is_unproven(await api.post(path, json=body, headers=me))
    assert await taken(world, world.tower_slots[0]) == (0, 0, 0)
    assert is_unproven(await api.post("/v1/bookings", json=express, headers=world.app))
    await prove(api, world, me, {"email": CONTACT["email"]})
    for path, body in (("/v1/bookings", express), ("/v1/orders", order)):
        assert (await api.post(path, json=body, headers=me)).status_code == 201


@pytest.mark.parametrize("who", ["agent", "key"])
async def test_staff_and_keys_need_no_proof(api, world: World, who: str):
    headers = getattr(world, who)
    assert (await confirm(api, headers, await hold(api, headers, visit(world, *adults(8))))).status_code == 200


async def test_a_number_alone_can_not_be_proven_and_is_not_asked_to_be(api, world: World):
    me = world.customer()
    contact = {"name": "Bo", "phone": "+49301234567"}
    assert (await confirm(api, me, await hold(api, me, visit(world, *adults(8))), contact)).status_code == 200


async def test_without_a_way_to_send_mail_the_rule_is_off(api, world: World):
    world.runtime.settings = msgspec.structs.replace(world.runtime.settings, smtp_url="")
    me = world.customer()
    assert (await confirm(api, me, await hold(api, me, visit(world, *adults(8))))).status_code == 200


async def test_the_code_goes_to_the_contact_where_no_address_is_named(api, world: World):
    me = world.customer()
    answer = await api.post("/v1/me/contact-code", headers=me)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/email")
    booking = await hold(api, me, visit(world, *adults(8), contact=CONTACT))
    await prove(api, world, me)
    assert (await confirm(api, me, booking)).status_code == 200


async def test_codes_can_not_be_asked_for_without_end(api, world: World):
    me = world.customer()
    answers = [await api.post("/v1/me/contact-code", json={"email": "a@example.org"}, headers=me) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
    assert len(await letters(world)) == 3


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, True), ({"places": 3}, False), ({"most": 0}, False), ({"bounded": False}, False), ({"delivers": False}, False),
        ({"on_site": False}, False), ({"places": 99}, True),
    ],
)  # fmt: skip
def test_when_a_proof_is_needed(change: dict[str, Any], expected: bool):
    facts: dict[str, Any] = {"bounded": True, "delivers": True, "on_site": True, "places": 4, "most": 3}
    assert rules.needs_proof(**{**facts, **change}) is expected
