"""One place for "me": contact and language, orders, bookings to come and past."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from booking_api.core.clock import utc_now
from booking_api.identity import news_jobs
from tests.bookings.journey import CONTACT, confirm, end_hold, hold, owner_of, party, visit
from tests.bookings.test_reach import BEN, book, events_of, family, recover  # noqa: F401 - a fixture
from tests.world import Headers, World, bearer

Json = dict[str, Any]


async def me(api: httpx.AsyncClient, headers: Headers, **change: Any) -> Json:
    answer = await (api.patch("/v1/me", json=change, headers=headers) if change else api.get("/v1/me", headers=headers))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def letters(world: World) -> list[tuple[str, str]]:
    for event in await events_of(world, "contact.replaced"):
        assert "example.org" not in str(event.data)
        await news_jobs.tell_of_replacement(world.runtime, event)
    async with world.runtime.pool.acquire() as db:
        return [
            (row[0], row[1]) for row in await db.fetch("select recipient, subject from mailbox order by created_at, id")
        ]


async def listed(api: httpx.AsyncClient, headers: Headers, query: str, limit: int = 1) -> list[str]:
    """Every item of a list, page by page."""
    found: list[str] = []
    cursor = ""
    while True:
        answer = await api.get(f"/v1/me/{query}{'&' if '?' in query else '?'}limit={limit}{cursor}", headers=headers)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += [one["id"] for one in page["items"]]
        if "next_cursor" not in page:
            return found
        assert len(page["items"]) == limit
        cursor = f"&cursor={page['next_cursor']}"


async def test_a_contact_is_said_piece_by_piece_and_used_for_the_next_order(api: httpx.AsyncClient, world: World):
    ada = world.customer()
    start = await me(api, ada)
    assert {name: start[name] for name in start if name != "id"} == {
        "language": "en", "email_proven": False, "sees": "everything", "available_actions": ["edit"],
    }  # fmt: skip
    assert (await me(api, ada, contact={"name": " Ada  Lovelace ", "phone": "030 1234567"}))["contact"] == {
        "name": "Ada Lovelace", "phone": "+49301234567",
    }  # fmt: skip
    assert (await me(api, ada, contact={"email": "Ada@Example.ORG"}, language="de-AT"))["contact"][
        "name"
    ] == "Ada Lovelace"
    assert (await me(api, ada, contact={"phone": None}))["contact"] == {
        "name": "Ada Lovelace",
        "email": "Ada@example.org",
    }
    assert (await me(api, ada))["language"] == "de"
    held = await hold(api, ada, visit(world, "adult"))
    answer = await api.post(f"/v1/bookings/{held['id']}/confirm", json={"payment": {"method": "on_site"}}, headers=ada)
    assert answer.json()["contact"] == {"name": "Ada Lovelace", "email": "Ada@example.org"}
    assert "contact" not in await me(api, ada, contact=None)


async def test_who_can_be_reached_by_phone_alone_needs_no_mail(api: httpx.AsyncClient, world: World):
    ada = world.customer()
    contact = {"name": "Ada", "phone": "+49 301 234567"}
    held = await hold(api, ada, visit(world, "adult", contact=contact))
    assert held["missing"] == []
    assert [method["method"] for method in held["payment"]["methods"]]
    (item,) = (await api.get("/v1/me/bookings", headers=ada)).json()["items"]
    assert item["payment"]["methods"] == held["payment"]["methods"]
    (item,) = (await api.get("/v1/sync", headers=ada)).json()["items"]
    assert item["data"]["payment"]["methods"] == held["payment"]["methods"]
    answer = await api.post(f"/v1/bookings/{held['id']}/confirm", json={"payment": {"method": "on_site"}}, headers=ada)
    assert answer.status_code == 200, answer.text
    only_name = await hold(api, ada, visit(world, "adult", contact={"name": "Ada"}))
    assert [one["code"] for one in only_name["missing"]] == ["address_required"]


async def test_an_address_that_was_replaced_is_told(api: httpx.AsyncClient, world: World):
    ada = world.customer()
    await me(api, ada, contact={"name": "Ada", "email": "old@example.org", "phone": "+49301234567"})
    await me(api, ada, contact={"email": "OLD@example.org"})
    await me(api, ada, contact={"name": "Ada L"}, language="fr")
    assert await letters(world) == []
    await me(api, ada, contact={"email": "new@example.org"})
    assert await letters(world) == [("OLD@example.org", "Your contact details at Ostwind were changed")]
    await me(api, ada, contact={"phone": None})
    assert [to for to, _ in await letters(world)] == ["OLD@example.org", "+49301234567"]


async def test_so_is_that_of_a_confirmed_booking_and_not_that_of_a_hold(api: httpx.AsyncClient, world: World):
    held = await hold(api, world.app, visit(world, "adult", contact={"name": "Ada", "email": "typo@example.org"}))
    ada = owner_of(held)
    path = f"/v1/bookings/{held['id']}"
    assert (await api.patch(path, json={"contact": CONTACT}, headers=ada)).status_code == 200
    await confirm(api, ada, held)
    for _ in range(2):
        headers = {**ada, "Accept-Language": "de"}
        assert (await api.patch(path, json={"contact": BEN}, headers=headers)).status_code == 200
    assert await letters(world) == [("ada@example.org", "Ihre Kontaktdaten bei Ostwind wurden geändert")]


async def test_what_can_not_be_said(api: httpx.AsyncClient, world: World):
    ada = world.customer()
    for body, pointer in (
        ({"contact": {"email": "nowhere"}}, "/contact/email"),
        ({"contact": {"phone": "12"}}, "/contact/phone"),
        ({"contact": {"name": "x" * 300}}, "/contact/name"),
        ({"contact": "Ada"}, "/contact"),
        ({"language": "the language of bees"}, "/language"),
        ({"language": None}, "/language"),
        ({"id": "1"}, "/id"),
    ):
        answer = await api.patch("/v1/me", json=body, headers=ada)
        assert answer.status_code in (400, 422), (body, answer.text)
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer], (body, answer.text)
    assert "contact" not in await me(api, ada)


async def test_a_restricted_session_sees_the_contact_of_its_address_alone(api: httpx.AsyncClient, family):  # noqa: F811
    assert (await me(api, family.ada))["contact"]["email"] == "ada@example.org"
    await me(api, family.ada, contact={"name": "Ada", "email": "ada@example.org", "phone": None})
    found = await me(api, family.ben)
    assert (found["sees"], found["available_actions"], "contact" in found) == ("address", [], False)
    answer = await api.patch("/v1/me", json={"contact": {"email": "ben@example.org"}}, headers=family.ben)
    assert answer.status_code == 403
    assert (await me(api, family.ada))["contact"]["email"] == "ada@example.org"


async def test_orders_as_far_as_the_session_sees_them(api: httpx.AsyncClient, family):  # noqa: F811
    mine = await listed(api, family.ada, "orders")
    assert mine == [family.pair["id"], family.bens["order_id"], family.own["order_id"]]
    assert await listed(api, family.ben, "orders") == [family.pair["id"], family.bens["order_id"]]
    (pair, _) = (await api.get("/v1/me/orders", headers=family.ben)).json()["items"]
    assert [one["id"] for one in pair["bookings"]] == [family.pair["bookings"][1]["id"]]
    assert pair["available_actions"] == []
    assert "ada@example.org" not in str(pair)
    assert await listed(api, family.world.customer(), "orders") == []
    assert (await api.get("/v1/me/orders?cursor=x", headers=family.ada)).status_code == 400


@pytest.mark.parametrize("limit", [1, 2, 200])
async def test_upcoming_and_past(api: httpx.AsyncClient, world: World, limit: int):
    ada = world.customer()
    later, sooner, gone, over, lapsed = [
        (await hold(api, ada, visit(world, "adult", slot=slot)))
        for slot in (*world.tower_slots[4:1:-1], *world.tower_slots[5:7])
    ]
    for booking in (later, sooner, gone, over):
        await confirm(api, ada, booking)
    assert (await api.post(f"/v1/bookings/{gone['id']}/cancel", headers=ada)).status_code == 200
    await end_hold(world, lapsed["order_id"])
    flight = await hold(api, ada, party(world, "adult", slot=world.flight_slots[4]))
    async with world.runtime.pool.acquire() as db:
        await db.execute(
            "update booking set visit_ends_at = $2 where id = $1", UUID(over["id"]), utc_now() - timedelta(hours=1)
        )
        await db.execute("update booking set status = 'expired' where id = $1", UUID(lapsed["id"]))
        await db.execute("update booking_order set status = 'expired' where id = $1", UUID(lapsed["order_id"]))
    upcoming = await listed(api, ada, "bookings?when=upcoming", limit)
    assert upcoming == [sooner["id"], later["id"], flight["id"]]
    past = await listed(api, ada, "bookings?when=past", limit)
    assert past == [lapsed["id"], gone["id"], over["id"]]
    assert sorted(upcoming + past) == sorted(await listed(api, ada, "bookings", limit))
    assert await listed(api, ada, "bookings?when=upcoming&status=on_hold", limit) == [flight["id"]]
    assert await listed(api, ada, "bookings?when=past&status=on_hold", limit) == []
    for query in ("when=soon", "when=past&cursor=x"):
        assert (await api.get(f"/v1/me/bookings?{query}", headers=ada)).status_code == 400


async def test_a_restricted_session_sees_its_own_of_those_to_come(api: httpx.AsyncClient, family):  # noqa: F811
    assert await listed(api, family.ben, "bookings?when=upcoming") == [
        family.bens["id"], family.pair["bookings"][1]["id"],
    ]  # fmt: skip
    assert await listed(api, family.ben, "bookings?when=past") == []


async def test_a_language_that_nobody_chose_is_the_organisations(api: httpx.AsyncClient, world: World):
    found = await recover(
        api, world, (await book(api, world.app, visit(world, "adult"), CONTACT))["reference"], email=CONTACT["email"]
    )
    assert found is not None
    assert (await me(api, bearer(found["access_token"])))["contact"]["email"] == CONTACT["email"]


async def test_an_order_of_several_asks_for_its_contact_once_and_says_whose_names_are_missing(
    api: httpx.AsyncClient, world: World
):
    """Pointers are into what was sent: the contact is the order's, a name is that of one of its bookings."""
    ada, nameless = world.customer(), party(world, "adult", slot=world.flight_slots[1])
    del nameless["items"][0]["name"]
    order = (await api.post("/v1/orders", json={"bookings": [party(world, "adult"), nameless]}, headers=ada)).json()
    path, payment = f"/v1/orders/{order['id']}/confirm", {"payment": {"method": "on_site"}}
    answer = await api.post(path, json=payment, headers=ada)
    assert [(one["pointer"], one["code"]) for one in answer.json()["missing"]] == [
        ("/contact", "contact_required"), ("/bookings/1/items/0/name", "name_required"),
    ]  # fmt: skip
    answer = await api.post(path, json={**payment, "contact": {"name": "Ada"}}, headers=ada)
    assert [one["pointer"] for one in answer.json()["missing"]] == ["/contact/email", "/bookings/1/items/0/name"]
    single = await hold(api, ada, nameless)
    answer = await api.post(f"/v1/bookings/{single['id']}/confirm", json=payment, headers=ada)
    assert [one["pointer"] for one in answer.json()["missing"]] == ["/contact", "/items/0/name"]
