"""A guest's bookings on another phone are joined to one's own once the address is proven, and that can be undone."""

import asyncio
import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from booking_api.bookings import jobs
from booking_api.bookings.checks import CHECKS
from booking_api.core.checks import Examined
from booking_api.core.clock import utc_now
from booking_api.core.ids import new_id
from booking_api.identity import codes, news_jobs, reach
from tests.bookings.journey import CONTACT, hold, party, taken, visit
from tests.bookings.test_reach import book, events_of, family, opened  # noqa: F401 - a fixture
from tests.world import Headers, World, bearer

Json = dict[str, Any]


async def code_of(api: httpx.AsyncClient, world: World, booking: Json) -> str:
    """The code that a recovery sends to the address of a booking."""
    asked = {"reference": booking["reference"], "email": booking["contact"]["email"]}
    assert (await api.post("/v1/tokens/recover", json=asked, headers=world.app)).status_code == 202
    for event in await events_of(world, "recovery.requested"):
        await jobs.send_recovery_code(world.runtime, event)
    async with world.runtime.pool.acquire() as db:
        body = await db.fetchval("select body from mailbox order by created_at desc, id desc limit 1")
    return re.search(r"[0-9A-Z]{5}-[0-9A-Z]{5}", body)[0]  # type: ignore[index]


async def claim(api: httpx.AsyncClient, headers: Headers, code: str, status: int = 200, **more: str) -> Json:
    answer = await api.post("/v1/me/claim", json={"code": code}, headers={**headers, **more})
    assert answer.status_code == status, answer.text
    return answer.json()


async def synced(api: httpx.AsyncClient, headers: Headers, since: str = "") -> tuple[dict[str, bool], str]:
    """What changed since, by id whether it is there; and where that was."""
    found: dict[str, bool] = {}
    while True:
        page = (await api.get("/v1/sync", params={"since": since} if since else {}, headers=headers)).json()
        for one in page["items"]:
            found[one["id"]] = "deleted" not in one
        since = page["next_since"]
        if not page["has_more"]:
            return found, since


async def seen(api: httpx.AsyncClient, headers: Headers) -> set[str]:
    """What a session has, by its list and by sync from the start, which tells of what is gone besides."""
    listed = {one["id"] for one in (await api.get("/v1/me/bookings", headers=headers)).json()["items"]}
    assert listed == {id_ for id_, is_there in (await synced(api, headers))[0].items() if is_there}
    return listed


async def all_is_well(world: World) -> None:
    async with world.runtime.pool.acquire() as db:
        examined = Examined(world.runtime.settings, world.runtime.vault, db, utc_now())
        wrong = [finding async for finding in _findings(examined)]
    assert wrong == []


async def _findings(examined: Examined):
    for check in CHECKS:
        async for finding in check.look(examined):
            yield finding


async def scan(api: httpx.AsyncClient, world: World, code: str) -> str:
    answer = await api.post("/v1/scans", json={"code": code, "nonce": str(new_id())}, headers=world.agent)
    return answer.json()["verdict"]


class Phones:
    """The same person on two phones, each a guest of its own."""

    first: Json
    second: Json
    old: Headers
    new: Headers


@pytest.fixture
async def phones(api: httpx.AsyncClient, world: World) -> Phones:
    found = Phones()
    found.first = await book(api, world.app, visit(world, "adult", "child"), CONTACT)
    found.second = await book(api, world.app, visit(world, "adult", slot=world.tower_slots[1]), CONTACT)
    found.old, found.new = (bearer(one["access_token"]) for one in (found.first, found.second))
    return found


async def test_they_are_joined_and_the_other_phone_hears_of_it(api: httpx.AsyncClient, world: World, phones: Phones):
    first, second = phones.first, phones.second
    _, since_old = await synced(api, phones.old)
    _, since_new = await synced(api, phones.new)
    before = await taken(world, world.tower_slots[0])
    joined = await claim(api, phones.new, await code_of(api, world, first))
    assert joined["left"] == 0
    assert [(one["order_id"], one["yours"], one["available_actions"]) for one in joined["items"]] == [
        (first["order_id"], True, ["undo"])
    ]
    assert await seen(api, phones.new) == {first["id"], second["id"]}
    assert (await api.get("/v1/me/bookings", headers=phones.old)).json()["items"] == []
    assert (await api.get(f"/v1/bookings/{first['id']}", headers=phones.old)).status_code == 404
    assert (await synced(api, phones.old, since_old))[0][first["id"]] is False
    assert (await synced(api, phones.new, since_new))[0][first["id"]] is True
    now = (await api.get(f"/v1/bookings/{first['id']}", headers=phones.new)).json()
    codes_now = [item["pass"]["code"] for item in now["items"]]
    assert {await scan(api, world, item["pass"]["code"]) for item in first["items"]} == {"revoked"}
    assert {await scan(api, world, code) for code in codes_now} == {"unpaid"}
    assert await taken(world, world.tower_slots[0]) == before
    await all_is_well(world)
    for event in await events_of(world, "bookings.claimed"):
        await news_jobs.tell_of_claim(world.runtime, event)
    async with world.runtime.pool.acquire() as db:
        told = await db.fetch("select recipient, subject from mailbox order by created_at desc, id desc limit 1")
    assert [tuple(row) for row in told] == [("ada@example.org", "Your bookings at Ostwind are on another device")]
    entries = (await api.get("/v1/audit?action=order.claimed", headers=world.owner)).json()["items"]
    assert [(one["actor"]["kind"], one["object"]["id"]) for one in entries] == [("customer", first["order_id"])]


@pytest.mark.parametrize("by_old", [False, True])
async def test_both_can_undo_it(api: httpx.AsyncClient, world: World, phones: Phones, by_old: bool):
    first = phones.first
    await claim(api, phones.new, await code_of(api, world, first))
    _, since_old = await synced(api, phones.old)
    _, since_new = await synced(api, phones.new)
    listed = (await api.get("/v1/me/claims", headers=phones.old)).json()["items"]
    assert [(one["order_id"], one["yours"]) for one in listed] == [(first["order_id"], False)]
    assert (await api.get("/v1/me/claims", headers=phones.new)).json()["items"][0]["yours"]
    path = f"/v1/me/claims/{first['order_id']}"
    assert (await api.delete(path, headers=world.customer())).status_code == 404
    answer = await api.delete(path, headers=phones.old if by_old else phones.new)
    assert answer.status_code == 204, answer.text
    assert (await api.delete(path, headers=phones.old)).status_code == 204, "again changes nothing"
    assert await seen(api, phones.old) == {first["id"]}
    assert (await synced(api, phones.old, since_old))[0][first["id"]] is True
    assert (await synced(api, phones.new, since_new))[0][first["id"]] is False
    assert (await api.get("/v1/me/claims", headers=phones.old)).json()["items"] == []
    await all_is_well(world)
    await claim(api, phones.new, await code_of(api, world, first))
    assert (await synced(api, phones.new, since_new))[0][first["id"]] is True


async def test_what_has_another_contact_stays(api: httpx.AsyncClient, family):  # noqa: F811
    """Ben proves his address: the order with one of Ada's bookings isn't his, nor is her own."""
    ben = family.world.customer()
    joined = await claim(api, ben, await code_of(api, family.world, family.bens))
    assert [one["order_id"] for one in joined["items"]] == [family.bens["order_id"]]
    assert joined["left"] == 2
    assert await seen(api, ben) == {family.bens["id"]}
    assert family.own["id"] in await seen(api, family.ada)
    assert await seen(api, family.ben) == {family.pair["bookings"][1]["id"]}


async def test_a_restricted_session_joins_and_undoes_nothing(api: httpx.AsyncClient, family):  # noqa: F811
    code = await code_of(api, family.world, family.own)
    await claim(api, family.ben, code, 403)
    assert (await api.get("/v1/me/claims", headers=family.ben)).status_code == 403
    path = f"/v1/me/claims/{family.own['order_id']}"
    assert (await api.delete(path, headers=family.ben)).status_code == 404
    await claim(api, family.world.customer(), code)


async def test_codes_that_prove_nothing(api: httpx.AsyncClient, world: World, phones: Phones):
    answer = await claim(api, phones.new, "AAAAA-AAAAA", 422)
    assert [error["pointer"] for error in answer["errors"]] == ["/code"]
    handed = await api.post(f"/v1/bookings/{phones.first['id']}/resume-code", headers=world.agent)
    await claim(api, phones.new, handed.json()["code"], 422)
    assert await seen(api, await opened(api, world, handed.json()["code"])) == {phones.first["id"]}, "it isn't used up"
    code = await code_of(api, world, phones.first)
    key = {"Idempotency-Key": "claim-" + new_id().hex}
    joined = await claim(api, phones.new, code, **key)
    assert await claim(api, phones.new, code, **key) == joined
    await claim(api, phones.new, code, 422)
    assert (await claim(api, phones.new, await code_of(api, world, phones.first)))["items"] == []


async def test_a_held_order_goes_too_and_one_that_is_being_paid_stays(api: httpx.AsyncClient, world: World):
    held = await hold(api, world.app, party(world, "adult", contact=CONTACT))
    old, new = bearer(held["access_token"]), world.customer()
    paying = await hold(api, old, visit(world, "adult", contact=CONTACT))
    await api.post(f"/v1/bookings/{paying['id']}/extend", headers=old)
    async with world.runtime.pool.acquire() as db:
        for table, name in (("booking", "order_id"), ("booking_order", "id")):
            await db.execute(f"update {table} set status = 'pending' where {name} = $1", UUID(paying["order_id"]))
    joined = await claim(api, new, await code_of(api, world, held))
    assert ([one["order_id"] for one in joined["items"]], joined["left"]) == ([held["order_id"]], 1)
    answer = await api.post(f"/v1/bookings/{held['id']}/confirm", json={"payment": {"method": "on_site"}}, headers=new)
    assert answer.status_code == 200, answer.text


async def test_of_two_at_once_one_gets_them(api: httpx.AsyncClient, world: World, phones: Phones):
    vault, org = world.runtime.vault, world.org
    digest = reach.digests(vault, org, "email", CONTACT["email"])[0]
    async with world.runtime.pool.acquire() as db:
        owner = await db.fetchval("select customer_id from booking where id = $1", UUID(phones.first["id"]))
        made = [
            await codes.make_code(db, org.org_id, "recover", owner, None, utc_now(), 600, address_digest=digest)
            for _ in range(4)
        ]
    claimers = [world.customer() for _ in made]
    joined = await asyncio.gather(*(claim(api, who, code) for who, code in zip(claimers, made, strict=True)))
    assert sum(len(one["items"]) for one in joined) == 1
    assert sum([len(await seen(api, who)) for who in claimers]) == 1
    await all_is_well(world)


async def test_it_can_be_undone_for_thirty_days(api: httpx.AsyncClient, world: World, phones: Phones):
    await claim(api, phones.new, await code_of(api, world, phones.first))
    async with world.runtime.pool.acquire() as db:
        await db.execute(
            "update booking_order set claimed_at = $1 where claimed_at is not null", utc_now() - timedelta(days=30)
        )
    (one,) = (await api.get("/v1/me/claims", headers=phones.new)).json()["items"]
    assert one["available_actions"] == []
    answer = await api.delete(f"/v1/me/claims/{phones.first['order_id']}", headers=phones.old)
    assert answer.status_code == 404
