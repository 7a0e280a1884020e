"""Webhooks by HTTP: made, changed, their secrets, tests, replay."""

from base64 import b64decode
from datetime import timedelta
from uuid import uuid4

import pytest
from standardwebhooks import WebhookVerificationError

from booking_api.core.clock import utc_now
from booking_api.webhooks.jobs import delete_old_deliveries
from tests.bookings.journey import hold, party
from tests.contract.scene import Scene
from tests.webhooks.hearing import deliveries, hearing, later, relay, relay_and_tell, subscribe, tell
from tests.world import bearer


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"url": "ftp://example.org/"}, "/url"),
        ({"url": "https://user:word@example.org/"}, "/url"),
        ({"url": "https://10.0.0.1/"}, "/url"),
        ({"url": "https://[::ffff:10.0.0.1]/"}, "/url"),
        ({"url": "example.org"}, "/url"),
        ({"url": "https://example.org/", "events": ["booking.held", "booking.*"]}, "/events/1"),
        ({"url": "https://example.org/", "events": ["recovery.requested"]}, "/events/0"),
        ({"url": "https://example.org/", "events": ["webhook.tested"]}, "/events/0"),
        ({"url": "https://example.org/", "payload": "fat"}, "/payload"),
        ({"url": "https://example.org/", "events": "booking.held"}, "/events"),
        ({"url": 7}, "/url"),
        ({}, "/url"),
    ],
)
async def test_what_is_wrong_is_said_where(api, world, given, pointer):
    answer = await api.post("/v1/webhooks", json=given, headers=world.owner)
    assert answer.status_code in {400, 422}, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_a_secret_is_shown_to_whoever_makes_it_and_repeats(api, world):
    headers = world.owner | {"Idempotency-Key": str(uuid4())}
    body = {"url": "https://example.org/"}
    made = (await api.post("/v1/webhooks", json=body, headers=headers)).json()
    again = await api.post("/v1/webhooks", json=body, headers=headers)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == made
    assert len(b64decode(made["secret"].removeprefix("whsec_"))) == 32
    async with world.runtime.pool.acquire() as db:
        stored = await db.fetch("select body from idempotency_key")
        sealed = await db.fetchval("select secret_sealed from webhook_endpoint")
    assert not any(made["secret"].encode() in row["body"] for row in stored)
    assert b64decode(made["secret"].removeprefix("whsec_")) not in sealed
    shown = (await api.get(f"/v1/webhooks/{made['id']}", headers=world.owner)).json()
    assert "secret" not in shown
    listed = (await api.get("/v1/webhooks", headers=world.owner)).json()["items"]
    assert listed == [shown]


async def test_two_secrets_are_valid_while_they_change(api, world, runtime):
    async with hearing() as heard:
        hook = await subscribe(api, world.owner, heard.url)
        changed = (await api.post(f"/v1/webhooks/{hook['id']}/secret", json={}, headers=world.owner)).json()
        assert changed["secret"] != hook["secret"]
        assert "previous_secret_until" in changed
        await hold(api, world.app, party(world, "adult"))
        await relay_and_tell(runtime)
        assert heard.verify(hook["secret"]) == heard.verify(changed["secret"]) == heard.bodies[-1]
        await later(runtime, timedelta(days=2))
        await hold(api, world.app, party(world, "adult"))
        await relay_and_tell(runtime)
        heard.verify(changed["secret"])
        with pytest.raises(WebhookVerificationError):
            heard.verify(hook["secret"])
        at_once = (
            await api.post(f"/v1/webhooks/{hook['id']}/secret", json={"previous_valid_seconds": 0}, headers=world.owner)
        ).json()
        assert "previous_secret_until" not in at_once


async def test_a_key_that_may_not_read_bookings_hears_no_full_ones(api, world, runtime):
    key = await Scene.key(type("S", (), {"world": world})(), "webhooks:write")  # type: ignore[arg-type]
    answer = await api.post("/v1/webhooks", json={"url": "https://example.org/", "payload": "full"}, headers=key)
    assert answer.status_code == 403
    hook = await subscribe(api, key, "https://example.org/")
    path = f"/v1/webhooks/{hook['id']}"
    assert (await api.patch(path, json={"payload": "full"}, headers=key)).status_code == 403
    assert (await api.patch(path, json={"payload": "full"}, headers=world.owner)).status_code == 200
    # Nor does it lead elsewhere what others have made full.
    assert (await api.patch(path, json={"url": "https://example.com/"}, headers=key)).status_code == 403
    assert (await api.post(f"{path}/secret", json={}, headers=key)).status_code == 403


async def test_a_test_reaches_the_receiver_whatever_it_wants(api, world, runtime):
    async with hearing() as heard, hearing() as other:
        hook = await subscribe(api, world.owner, heard.url, events=["booking.cancelled"])
        await subscribe(api, world.owner, other.url)
        answer = await api.post(f"/v1/webhooks/{hook['id']}/test", headers=world.owner)
        assert answer.status_code == 202, answer.text
        assert answer.json()["status"] == "waiting"
        await relay_and_tell(runtime)
        assert heard.types == ["webhook.tested"]
        assert other.types == []
        heard.verify(hook["secret"])
        [shown] = await deliveries(api, world.owner, hook)
        assert (shown["id"], shown["status"]) == (answer.json()["id"], "delivered")
        await api.patch(f"/v1/webhooks/{hook['id']}", json={"status": "paused"}, headers=world.owner)
        refused = await api.post(f"/v1/webhooks/{hook['id']}/test", headers=world.owner)
        assert (refused.status_code, refused.json()["code"]) == (409, "webhook_paused")


async def test_one_event_or_a_period_is_sent_again(api, world, runtime):
    async with hearing() as heard:
        await hold(api, world.app, party(world, "adult"))
        await relay(runtime)
        hook = await subscribe(api, world.owner, heard.url, events=["booking.held"])
        await hold(api, world.app, party(world, "adult"))
        await relay_and_tell(runtime)
        assert len(heard.ids) == 1
        again = await api.post(f"/v1/webhooks/{hook['id']}/deliveries/{heard.ids[0]}/replay", headers=world.owner)
        assert again.status_code == 202, again.text
        await tell(runtime)
        assert heard.ids == 2 * heard.ids[:1]
        period = {"from": (utc_now() - timedelta(days=1)).isoformat()}
        begun = await api.post(f"/v1/webhooks/{hook['id']}/replay", json=period, headers=world.owner)
        assert (begun.status_code, begun.json()) == (202, {"events": 2}), begun.text
        await tell(runtime)
        assert len(heard.ids) == 4
        assert len(set(heard.ids)) == 2
        for wrong in (
            {"from": (utc_now() - timedelta(days=31)).isoformat()},
            {"from": (utc_now() + timedelta(days=1)).isoformat()},
        ):
            answer = await api.post(f"/v1/webhooks/{hook['id']}/replay", json=wrong, headers=world.owner)
            assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/from")


async def test_a_long_period_is_sent_again_in_parts(api, world, runtime, monkeypatch):
    monkeypatch.setattr("booking_api.webhooks.operations.replaying.MOST_REPLAYED", 2)
    async with hearing() as heard:
        for _ in range(5):
            await hold(api, world.app, party(world, "adult"))
        await relay(runtime)
        hook = await subscribe(api, world.owner, heard.url)
        body, count = {"from": (utc_now() - timedelta(days=1)).isoformat()}, 0
        while True:
            answer = (await api.post(f"/v1/webhooks/{hook['id']}/replay", json=body, headers=world.owner)).json()
            count += answer["events"]
            if "next_cursor" not in answer:
                break
            body["cursor"] = answer["next_cursor"]
        await tell(runtime)
    assert count == 5
    assert len(set(heard.ids)) == 5


async def test_there_is_a_bound(api, world):
    for number in range(20):
        await subscribe(api, world.owner, f"https://example.org/{number}")
    answer = await api.post("/v1/webhooks", json={"url": "https://example.org/"}, headers=world.owner)
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_webhooks")
    page = (await api.get("/v1/webhooks", params={"limit": 15}, headers=world.owner)).json()
    rest = (await api.get("/v1/webhooks", params={"cursor": page["next_cursor"]}, headers=world.owner)).json()
    assert len(page["items"] + rest["items"]) == 20


async def test_what_was_deleted_is_gone(api, world, runtime):
    async with hearing() as heard:
        hook = await subscribe(api, world.owner, heard.url)
        await hold(api, world.app, party(world, "adult"))
        await relay(runtime)
        path = f"/v1/webhooks/{hook['id']}"
        assert (await api.delete(path, headers=world.owner)).status_code == 204
        assert (await api.delete(path, headers=world.owner)).status_code == 404
        assert (await api.get(path, headers=world.owner)).status_code == 404
        await tell(runtime)
        assert heard.ids == []
    await delete_old_deliveries(runtime)
    async with runtime.pool.acquire() as db:
        assert await db.fetchval("select count(*) from webhook_endpoint") == 0
        assert await db.fetchval("select count(*) from webhook_delivery") == 0


async def test_what_is_old_is_deleted(api, world, runtime):
    await subscribe(api, world.owner, "https://example.org/")
    await hold(api, world.app, party(world, "adult"))
    await relay(runtime)
    async with runtime.pool.acquire() as db:
        old = "018c0000-0000-7000-8000-000000000000"
        await db.execute("update webhook_delivery set event_id = $1", old)
    assert await delete_old_deliveries(runtime) == 1


async def test_unchanged_changes_nothing(api, world):
    hook = await subscribe(api, world.owner, "https://example.org/", events=["booking.held"])
    answer = await api.patch(f"/v1/webhooks/{hook['id']}", json={"events": ["booking.held"]}, headers=world.owner)
    assert answer.json()["updated_at"] == hook["updated_at"]
    assert (await api.get(f"/v1/webhooks/{hook['id']}", headers=bearer("x"))).status_code == 401
