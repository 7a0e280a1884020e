"""Sessions that see some of a customer's bookings: those of a proven address, or one that staff helped with."""

import asyncio
import re
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from booking_api.bookings import customer_routes, jobs
from booking_api.bookings.operations.facts import load_order_of
from booking_api.bookings.operations.show import show_booking
from booking_api.core.clock import utc_now
from booking_api.core.db import event_queries
from booking_api.identity import authentication, letter_jobs
from tests.bookings.journey import CONTACT, confirm, hold, owner_of, party, visit
from tests.world import Headers, World, bearer, first_uses_written

BEN = {"name": "Ben Nevis", "email": "Ben@Example.org", "phone": "+49 170 5550123"}
Json = dict[str, Any]


async def book(api: httpx.AsyncClient, headers: Headers, wish: Json, contact: Json) -> Json:
    held = await hold(api, headers, wish)
    answer = await api.post(
        f"/v1/bookings/{held['id']}/confirm", headers=owner_of(held) if "access_token" in held else headers,
        json={"contact": contact, "payment": {"method": "on_site"}},
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    return {**answer.json(), **{key: held[key] for key in ("access_token",) if key in held}}


async def events_of(world: World, kind: str):
    async with world.runtime.pool.acquire() as db:
        return [event for event in await event_queries.claim_unrelayed_events(db, utc_now(), 500) if event.type == kind]


async def recover(api: httpx.AsyncClient, world: World, reference: str, **more: Any) -> Json | None:
    """The answer to a recovery's code; None where none was sent."""
    address = {key: more.pop(key) for key in ("email", "phone") if key in more}
    asked = await api.post("/v1/tokens/recover", json={"reference": reference, **address}, headers=world.app)
    assert asked.status_code == 202, asked.text
    for event in await events_of(world, "recovery.requested"):
        await jobs.send_recovery_code(world.runtime, event)
    async with world.runtime.pool.acquire() as db:
        body = await db.fetchval("select body from mailbox order by created_at desc, id desc limit 1")
    if body is None:
        return None
    code = re.search(r"[0-9A-Z]{5}-[0-9A-Z]{5}", body)[0]  # type: ignore[index]
    answer = await api.post("/v1/tokens", json={"grant": "code", "code": code, **more}, headers=world.app)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def seen(api: httpx.AsyncClient, headers: Headers) -> set[str]:
    """What a session sees, by list and by sync, which must agree."""
    listed: set[str] = set()
    cursor = ""
    while True:
        page = (await api.get(f"/v1/me/bookings?limit=1{cursor}", headers=headers)).json()
        listed |= {one["id"] for one in page["items"]}
        if "next_cursor" not in page:
            break
        cursor = f"&cursor={page['next_cursor']}"
    synced: set[str] = set()
    since = ""
    while True:
        page = (await api.get(f"/v1/sync?limit=1{since}", headers=headers)).json()
        synced |= {one["id"] for one in page["items"]}
        if not page["has_more"]:
            break
        since = f"&since={page['next_since']}"
    assert listed == synced
    return listed


class Family:
    """Ada's bookings: one for herself, one with Ben as its contact, and an order of two, one of each."""

    world: World
    ada: Headers
    own: Json
    bens: Json
    pair: Json
    recovered: Json

    @property
    def ben(self) -> Headers:
        return bearer(self.recovered["access_token"])


@pytest.fixture
async def family(api: httpx.AsyncClient, world: World) -> Family:
    found = Family()
    found.world = world
    found.own = await book(api, world.app, visit(world, "adult"), CONTACT)
    found.ada = bearer(found.own["access_token"])
    found.bens = await book(api, found.ada, visit(world, "adult", "child", slot=world.tower_slots[1]), BEN)
    order = {"bookings": [visit(world, "adult", slot=slot) for slot in world.tower_slots[2:4]], "contact": CONTACT}
    held = (await api.post("/v1/orders", json=order, headers=found.ada)).json()
    done = await api.post(
        f"/v1/orders/{held['id']}/confirm", json={"payment": {"method": "on_site"}}, headers=found.ada
    )
    second = done.json()["bookings"][1]["id"]
    changed = await api.patch(f"/v1/bookings/{second}", json={"contact": BEN}, headers=found.ada)
    assert changed.status_code == 200, changed.text
    found.pair = (await api.get(f"/v1/orders/{held['id']}", headers=found.ada)).json()
    answer = await recover(api, world, found.bens["reference"], email="ben@example.ORG")
    assert answer is not None
    found.recovered = answer
    return found


async def test_a_recovery_opens_the_bookings_with_that_address_and_no_others(api, family):
    mine, other = family.pair["bookings"]
    assert await seen(api, family.ben) == {family.bens["id"], other["id"]}
    assert await seen(api, family.ada) == {family.own["id"], family.bens["id"], mine["id"], other["id"]}
    for booking, status in ((family.own, 404), (mine, 404), (family.bens, 200), (other, 200)):
        assert (await api.get(f"/v1/bookings/{booking['id']}", headers=family.ben)).status_code == status
    # Ownership stays where it was.
    async with family.world.runtime.pool.acquire() as db:
        assert await db.fetchval("select count(distinct customer_id) from booking") == 1


async def test_by_phone_as_well_and_however_the_number_is_written(api, world, family):
    again = await recover(api, world, family.bens["reference"], phone="+49-170-555 01 23")
    assert again is not None
    assert await seen(api, bearer(again["access_token"])) == {family.bens["id"], family.pair["bookings"][1]["id"]}


async def test_what_is_not_seen_can_not_be_acted_on(api, family):
    mine = family.pair["bookings"][0]
    for booking in (family.own, mine):
        path = f"/v1/bookings/{booking['id']}"
        calls = [
            ("GET", path, None), ("PATCH", path, {"answers": {"language": "de"}}), ("POST", f"{path}/cancel", {}),
            ("POST", f"{path}/confirm", {}), ("POST", f"{path}/extend", None), ("POST", f"{path}/resume-code", None),
            ("GET", f"{path}/stream", None),
        ]  # fmt: skip
        for method, url, body in calls:
            answer = await api.request(method, url, json=body, headers=family.ben)
            assert answer.status_code == 404, (method, url, answer.text)
    for booking in (family.own, mine):
        for item in booking["items"]:
            for kind in ("svg", "png"):
                url = f"/v1/passes/{item['pass']['id']}/qr.{kind}"
                assert (await api.get(url, headers=family.ben)).status_code == 404
                assert (await api.get(url, headers=family.ada)).status_code == 200
    shown = family.bens["items"][0]["pass"]["id"]
    assert (await api.get(f"/v1/passes/{shown}/qr.svg", headers=family.ben)).status_code == 200


async def test_an_order_is_shown_in_part_and_acted_on_only_as_a_whole(api, family):
    order_id, (mine, other) = family.pair["id"], family.pair["bookings"]
    answer = await api.get(f"/v1/orders/{order_id}", headers=family.ben)
    assert answer.status_code == 200
    part = answer.json()
    assert [booking["id"] for booking in part["bookings"]] == [other["id"]]
    assert part["price"]["total"] == other["price"]["total"]
    assert part["payment"]["amount"] == other["payment"]["amount"]
    assert part["available_actions"] == []
    assert mine["id"] not in answer.text
    assert mine["reference"] not in answer.text
    assert CONTACT["email"] not in answer.text
    for verb in ("confirm", "extend", "cancel"):
        assert (await api.post(f"/v1/orders/{order_id}/{verb}", json={}, headers=family.ben)).status_code == 404
    # The whole order of the other booking is in the session.
    assert (await api.get(f"/v1/orders/{family.bens['order_id']}", headers=family.ben)).json()["available_actions"]
    assert (await api.get(f"/v1/orders/{family.own['order_id']}", headers=family.ben)).status_code == 404
    cancelled = await api.post(f"/v1/bookings/{other['id']}/cancel", json={}, headers=family.ben)
    assert cancelled.status_code == 200, cancelled.text
    assert (await api.get(f"/v1/bookings/{mine['id']}", headers=family.ada)).json()["status"] == "confirmed"


async def test_a_held_order_of_which_a_part_is_seen_can_not_be_confirmed(api, world, family):
    order = {"bookings": [visit(world, "adult", slot=slot) for slot in world.tower_slots[4:6]], "contact": CONTACT}
    held = (await api.post("/v1/orders", json=order, headers=family.ada)).json()
    second = held["bookings"][1]["id"]
    await api.patch(f"/v1/bookings/{second}", json={"contact": BEN}, headers=family.ada)
    assert second in await seen(api, family.ben)
    for verb in ("confirm", "extend", "cancel"):
        body = {"payment": {"method": "on_site"}} if verb == "confirm" else {}
        answer = await api.post(f"/v1/orders/{held['id']}/{verb}", json=body, headers=family.ben)
        assert answer.status_code == 404, answer.text
        assert (await api.post(f"/v1/bookings/{second}/{verb}", json=body, headers=family.ben)).status_code == 409


async def test_feedback_about_what_is_not_seen_is_not_taken(api, world, family):
    wish = {"step": "confirmed", "kind": "csat", "score": 4}
    about = await api.post("/v1/feedback", json={**wish, "booking_id": family.own["id"]}, headers=family.ada)
    refused = await api.post("/v1/feedback", json={**wish, "booking_id": family.own["id"]}, headers=family.ben)
    assert refused.status_code in {404, 422}
    edit = await api.patch(f"/v1/feedback/{about.json()['id']}", json={"score": 1}, headers=family.ben)
    assert edit.status_code == 404
    fine = await api.post("/v1/feedback", json={**wish, "booking_id": family.bens["id"]}, headers=family.ben)
    assert fine.status_code == 201
    due = await api.get(f"/v1/feedback/prompt?step=visit&booking_id={family.own['id']}", headers=family.ben)
    assert due.status_code in {404, 422}


async def test_a_booking_enters_and_leaves_as_its_contact_is_edited(api, family):
    since = (await api.get("/v1/sync", headers=family.ben)).json()["next_since"]
    await api.patch(f"/v1/bookings/{family.own['id']}", json={"contact": {**CONTACT, **BEN}}, headers=family.ada)
    entered = await api.get(f"/v1/sync?since={since}", headers=family.ben)
    if entered.status_code == 200:
        assert family.own["id"] in {one["id"] for one in entered.json()["items"]}
    assert family.own["id"] in await seen(api, family.ben)
    position = (await api.get("/v1/sync", headers=family.ben)).json()["next_since"]
    await api.patch(f"/v1/bookings/{family.own['id']}", json={"contact": CONTACT}, headers=family.ada)
    assert family.own["id"] not in await seen(api, family.ben)
    # No tombstone tells of it, so the app starts anew; the owner's goes on.
    expired = await api.get(f"/v1/sync?since={position}", headers=family.ben)
    assert (expired.status_code, expired.json()["code"]) == (410, "sync_expired")
    assert (await api.get("/v1/sync", headers=family.ada)).status_code == 200


async def test_what_was_answered_before_a_booking_left_is_not_answered_again(api, family):
    headers = {**family.ben, "Idempotency-Key": "cancel-the-visit-of-ben"}
    path = f"/v1/bookings/{family.bens['id']}"
    edit = {"answers": {"language": "de"}}
    assert (await api.patch(path, json=edit, headers=headers)).status_code == 200
    assert (await api.patch(path, json=edit, headers=headers)).headers["idempotency-replayed"] == "true"
    await api.patch(path, json={"contact": CONTACT}, headers=family.ada)
    assert (await api.patch(path, json=edit, headers=headers)).status_code == 404


async def test_an_erased_contact_is_no_longer_in_the_session(api, world, family):
    async with world.runtime.pool.acquire() as db:
        await db.execute("update organisation set retention_days = 30 where org_id = $1", world.org.org_id)
        await db.execute("update booking set visit_ends_at = $1", utc_now() - timedelta(days=31))
    assert await jobs.apply_retention(world.runtime) > 0
    assert await seen(api, family.ben) == set()
    async with world.runtime.pool.acquire() as db:
        rows = str([dict(row) for row in await db.fetch("select * from session")]).lower()
        codes = str([dict(row) for row in await db.fetch("select * from single_use_code")]).lower()
    assert "example.org" not in rows + codes
    assert "ben" not in rows + codes


async def test_a_position_of_one_session_is_worth_nothing_to_another(api, family):
    for giver, taker in ((family.ada, family.ben), (family.ben, family.ada)):
        since = (await api.get("/v1/sync?limit=1", headers=giver)).json()["next_since"]
        answer = await api.get(f"/v1/sync?since={since}", headers=taker)
        assert (answer.status_code, answer.json()["code"]) == (410, "sync_expired")


async def test_places_that_others_of_the_customer_hold_are_not_told(api, world, family):
    await hold(api, family.ada, visit(world, "adult"))
    slot = f"/v1/slots/{world.tower_slots[0]}"
    assert (await api.get(slot, headers=family.ada)).json()["held_by_you"]
    assert "held_by_you" not in (await api.get(slot, headers=family.ben)).json()


async def test_such_a_session_books_on_and_sees_what_it_makes(api, world, family):
    wish = visit(world, "adult", slot=world.tower_slots[6])
    held = await hold(api, family.ben, wish)
    assert "contact" not in held, "it isn't told the customer's own contact"
    assert held["id"] in await seen(api, family.ben)
    missing = await api.post(
        f"/v1/bookings/{held['id']}/confirm", json={"payment": {"method": "on_site"}}, headers=family.ben
    )
    assert missing.json()["code"] == "details_missing"
    express = {**wish, "confirm": True, "payment": {"method": "on_site"}}
    assert (await api.post("/v1/bookings", json=express, headers=family.ben)).json()["code"] == "details_missing"
    done = await api.post(
        f"/v1/bookings/{held['id']}/confirm", headers=family.ben,
        json={"payment": {"method": "on_site"}, "contact": BEN},
    )  # fmt: skip
    assert done.status_code == 200
    # The owner's next booking is still made with the owner's contact.
    async with world.runtime.pool.acquire() as db:
        known = await db.fetchval("select email from customer where org_id = $1", world.org.org_id)
    assert known != "Ben Nevis"
    assert held["id"] in await seen(api, family.ada)


async def test_an_id_of_a_booking_that_is_not_seen_is_taken(api, world, family):
    wanted = {**visit(world, "adult"), "id": family.own["id"]}
    for headers, status in ((family.ben, 409), (family.ada, 200)):
        assert (await api.post("/v1/bookings", json=wanted, headers=headers)).status_code == status


# other sessions ---------------------------------------------------------------------------------------------------


async def test_a_recovery_leaves_other_sessions_and_shows_itself_to_them(api, world, family):
    assert (await api.get("/v1/me/bookings", headers=family.ada)).status_code == 200
    sessions = (await api.get("/v1/sessions", headers=family.ada)).json()["items"]
    assert [(one["opened_by"], one["sees"]) for one in sessions] == [("recover", "address"), ("order", "everything")]
    # The other way round, it sees no session but those that the address opened, and ends no other.
    own = (await api.get("/v1/sessions", headers=family.ben)).json()["items"]
    assert [one["id"] for one in own] == [family.recovered["session_id"]]
    assert (await api.delete(f"/v1/sessions/{sessions[1]['id']}", headers=family.ben)).status_code == 404


async def test_the_customer_is_told_when_an_address_that_is_not_theirs_opens_a_booking(api, world, family):
    async with world.runtime.pool.acquire() as db:
        await db.execute("update customer set email = 'ada@example.org' where org_id = $1", world.org.org_id)
        await db.execute("delete from mailbox")
        events = await db.fetch("select * from event where type = 'session.opened'")
    for row in events:
        event = event_queries.StoredEvent(**{key: row[key] for key in event_queries.StoredEvent.__struct_fields__})
        await letter_jobs.tell_of_opening(world.runtime, event)
    async with world.runtime.pool.acquire() as db:
        assert [row["recipient"] for row in await db.fetch("select recipient from mailbox")] == ["ada@example.org"]
        await db.execute("update customer set email = 'BEN@example.org' where org_id = $1", world.org.org_id)
        await db.execute("delete from mailbox")
        for row in events:
            event = event_queries.StoredEvent(**{key: row[key] for key in event_queries.StoredEvent.__struct_fields__})
            await letter_jobs.tell_of_opening(world.runtime, event)
        assert await db.fetchval("select count(*) from mailbox") == 0, "nobody is told what they did themselves"


async def test_ending_the_others_ends_those_of_the_address_and_not_the_owners(api, world, family):
    again = await recover(api, world, family.bens["reference"], email=BEN["email"], end_others=True)
    assert again is not None
    assert again["ended_sessions"] == 1
    assert (await api.get("/v1/me/bookings", headers=family.ben)).status_code == 401
    assert (await api.get("/v1/me/bookings", headers=family.ada)).status_code == 200


async def test_where_every_booking_still_to_come_has_the_address_all_others_end(api, world):
    own = await book(api, world.app, visit(world, "adult"), CONTACT)
    ada = bearer(own["access_token"])
    past = await book(api, ada, visit(world, "adult", slot=world.tower_slots[1]), BEN)
    async with world.runtime.pool.acquire() as db:
        await db.execute(
            "update booking set visit_ends_at = $1 where id = $2", utc_now() - timedelta(days=1), UUID(past["id"])
        )
    answer = await recover(api, world, own["reference"], email=CONTACT["email"], end_others=True)
    assert answer is not None
    assert (await api.get("/v1/me/bookings", headers=ada)).json()["come_back"] == "recover"
    assert (await seen(api, bearer(answer["access_token"]))) == {own["id"]}


async def test_a_hold_without_a_contact_keeps_the_owners_session(api, world):
    own = await book(api, world.app, visit(world, "adult"), CONTACT)
    ada = bearer(own["access_token"])
    await hold(api, ada, party(world, "adult"))
    await recover(api, world, own["reference"], email=CONTACT["email"], end_others=True)
    assert (await api.get("/v1/me/bookings", headers=ada)).status_code == 200


# codes ------------------------------------------------------------------------------------------------------------


async def code_for(api, headers, booking_id):
    answer = await api.post(f"/v1/bookings/{booking_id}/resume-code", headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()["code"]


async def opened(api, world, code):
    answer = await api.post("/v1/tokens", json={"grant": "code", "code": code}, headers=world.app)
    assert answer.status_code == 200, answer.text
    return bearer(answer.json()["access_token"])


async def test_a_code_of_the_staff_opens_that_booking_alone_and_is_audited(api, world, family):
    helped = await opened(api, world, await code_for(api, world.agent, family.own["id"]))
    assert await seen(api, helped) == {family.own["id"]}
    assert (await api.get(f"/v1/orders/{family.own['order_id']}", headers=helped)).status_code == 200
    entries = (await api.get("/v1/audit?action=code.issued", headers=world.owner)).json()["items"]
    assert [(one["actor"]["kind"], one["object"]) for one in entries] == [
        ("staff", {"type": "booking", "id": family.own["id"]})
    ]
    sessions = (await api.get("/v1/sessions", headers=family.ada)).json()["items"]
    assert ("help", "booking") in {(one["opened_by"], one["sees"]) for one in sessions}
    assert len((await api.get("/v1/sessions", headers=helped)).json()["items"]) == 1


async def test_the_owners_own_code_opens_what_the_owner_has(api, world, family):
    everything = await seen(api, family.ada)
    assert await seen(api, await opened(api, world, await code_for(api, family.ada, family.own["id"]))) == everything


async def test_a_code_of_a_restricted_session_opens_no_more_than_it_sees(api, world, family):
    again = await opened(api, world, await code_for(api, family.ben, family.bens["id"]))
    assert await seen(api, again) == await seen(api, family.ben)
    helped = await opened(api, world, await code_for(api, world.agent, family.own["id"]))
    assert await seen(api, await opened(api, world, await code_for(api, helped, family.own["id"]))) == {
        family.own["id"]
    }
    held = await hold(api, family.ben, visit(world, "adult", slot=world.tower_slots[5]))
    alone = await opened(api, world, await code_for(api, family.ben, held["id"]))
    assert await seen(api, alone) == {held["id"]}


async def test_few_codes_are_sent_and_somebody_elses_asking_spoils_none(api, world):
    own = await book(api, world.app, visit(world, "adult"), CONTACT)
    for number in range(5):
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(api._transport.app, client=(f"10.0.0.{number}", 1)),
            base_url="http://testserver",
        ) as other:
            body = {"reference": own["reference"], "email": CONTACT["email"]}
            assert (await other.post("/v1/tokens/recover", json=body, headers=world.app)).status_code == 202
    for event in await events_of(world, "recovery.requested"):
        await jobs.send_recovery_code(world.runtime, event)
    async with world.runtime.pool.acquire() as db:
        bodies = [row["body"] for row in await db.fetch("select body from mailbox")]
    assert len(bodies) == 3
    for body in bodies:
        await opened(api, world, re.search(r"[0-9A-Z]{5}-[0-9A-Z]{5}", body)[0])  # type: ignore[index]


# repeats of a body's id -------------------------------------------------------------------------------------------


async def test_a_repeated_id_brings_tokens_until_the_first_was_used_and_no_secrets_after(api, world):
    wish = {**visit(world, "adult"), "id": str(uuid4()), "contact": CONTACT}
    first, again = [(await api.post("/v1/bookings", json=wish, headers=world.app)) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 200)
    assert "access_token" in again.json()
    await confirm(api, owner_of(first.json()), first.json())
    await first_uses_written(world)
    late = (await api.post("/v1/bookings", json=wish, headers=world.app)).json()
    assert late["status"] == "confirmed"
    assert not {"access_token", "refresh_token", "contact"} & set(late)
    assert all("pass" not in item for item in late["items"])
    order = {"bookings": [visit(world, "adult")], "id": str(uuid4()), "contact": CONTACT}
    made = (await api.post("/v1/orders", json=order, headers=world.app)).json()
    await api.get("/v1/me/bookings", headers=bearer(made["access_token"]))
    late = (await api.post("/v1/orders", json=order, headers=world.app)).json()
    assert "access_token" not in late
    assert "contact" not in late["bookings"][0]


async def test_after_ten_minutes_or_the_sessions_end_a_repeated_id_opens_nothing(api, world):
    wish = {**visit(world, "adult"), "id": str(uuid4())}
    first = (await api.post("/v1/bookings", json=wish, headers=world.app)).json()
    async with world.runtime.pool.acquire() as db:
        await db.execute("update booking_order set created_at = created_at - interval '10 minutes'")
    assert "access_token" not in (await api.post("/v1/bookings", json=wish, headers=world.app)).json()
    await api.delete("/v1/tokens", headers=owner_of(first))
    refused = await api.post("/v1/bookings", json=wish, headers=world.app)
    assert (refused.status_code, refused.json()["come_back"]) == (401, "recover")


# streams ----------------------------------------------------------------------------------------------------------


async def stream_of(app: Any, world: World, headers: Headers, booking_id: str) -> Any:
    """The events of a stream as the server sends them, after the first one."""
    org, caller = await authentication.verify(world.runtime, headers["Authorization"].removeprefix("Bearer "))
    async with world.runtime.pool.acquire() as db:
        ctx = world.context(db, caller=caller)
        facts = await load_order_of(ctx, UUID(booking_id))
        first = show_booking(ctx, facts, facts.booking(UUID(booking_id)))
    request: Any = SimpleNamespace(
        app=app, headers={}, scope={"auth": (org, caller), "scheme": "http", "headers": [], "runtime": world.runtime}
    )
    events = customer_routes._events(request, UUID(booking_id), first)
    await anext(events)
    return events


async def rest_of(events: Any) -> list[bytes]:
    async with asyncio.timeout(10):
        return [event async for event in events]


async def test_an_open_stream_ends_with_its_session(api, app, world, family):
    events = await stream_of(app, world, family.ben, family.bens["id"])
    still = asyncio.create_task(rest_of(events))
    await asyncio.sleep(0.1)
    assert not still.done()
    assert (await api.delete("/v1/tokens", headers=family.ben)).status_code == 204
    assert await still == []


async def test_an_open_stream_ends_with_the_access_of_who_opened_it(api, app, world, family):
    members = (await api.get("/v1/staff", headers=world.owner)).json()["items"]
    agent = next(one["id"] for one in members if one["role"] == "agent")
    for_staff = await stream_of(app, world, world.agent, family.bens["id"])
    for_key = await stream_of(app, world, world.key, family.bens["id"])
    waiting = [asyncio.create_task(rest_of(events)) for events in (for_staff, for_key)]
    await asyncio.sleep(0.1)
    assert (await api.delete(f"/v1/staff/{agent}", headers=world.owner)).status_code == 204
    assert await waiting[0] == []
    assert not waiting[1].done()
    async with world.runtime.pool.acquire() as db:
        await db.execute("update api_key set revoked_at = now() where kind = 'secret'")
    assert await waiting[1] == []


async def test_a_stream_ends_when_its_booking_leaves_the_session(api, app, world, family):
    events = await stream_of(app, world, family.ben, family.bens["id"])
    still = asyncio.create_task(rest_of(events))
    await asyncio.sleep(0.1)
    await api.patch(f"/v1/bookings/{family.bens['id']}", json={"contact": CONTACT}, headers=family.ada)
    assert await still == []


# pictures ---------------------------------------------------------------------------------------------------------


async def test_a_signed_link_ends_with_its_pass(api, family):
    item = family.bens["items"][0]["pass"]
    for url in (item["svg_url"], item["png_url"]):
        assert (await api.get(url)).status_code == 200
    assert (await api.post(f"/v1/bookings/{family.bens['id']}/cancel", json={}, headers=family.ada)).status_code == 200
    for url in (item["svg_url"], item["png_url"]):
        assert (await api.get(url)).status_code == 404
        etag = (await api.get(url, headers={"If-None-Match": "*"})).status_code
        assert etag == 404
