"""The endpoint that providers call: signed or refused, idempotent, never trusted about the amount."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from booking_api.core.ids import new_id
from booking_api.payments.schemas import Intent
from booking_api.payments.webhooks import sign_headers
from tests.payments.provider import WEBHOOK_PATH, WEBHOOK_SECRET
from tests.payments.test_paying import look, open_one, pay, reconcile, settled_events
from tests.world import World

SECRET = WEBHOOK_SECRET.encode()


def news(world: World, intent: Intent, status: str = "succeeded", **changes: Any) -> bytes:
    charge = {
        "id": "ch_1", "key": str(intent.id), "status": status, "amount": 1990, "currency": "EUR",
        "metadata": {"org_id": str(world.org.org_id), "intent_id": str(intent.id)}, **changes,
    }  # fmt: skip
    return msgspec.json.encode({"type": "charge.updated", "charge": charge})


async def test_again_and_at_once(provider, world, api):
    intent = await open_one(world)
    body = news(world, intent)
    answers = await asyncio.gather(*(provider.post(api, body) for _ in range(8)))
    assert [answer.status_code for answer in answers] == [202] * 8
    assert await settled_events(world, intent) == [("succeeded", False)]


@pytest.mark.parametrize("late", [0, 600, -600])
async def test_forged_and_stale(provider, world, api, late):
    intent = await open_one(world)
    body = news(world, intent)
    now = datetime.now(UTC)
    good = sign_headers(SECRET, "msg_1", body, now)
    wrong = [
        {},
        {**good, "webhook-signature": "v1,AAAA"},
        {**good, "webhook-signature": "v1,ä".encode().decode("latin-1")},
        {**good, "webhook-id": "msg_2"},
        {**good, "webhook-timestamp": str(int(now.timestamp()) - 1)},
        {**good, "webhook-timestamp": "soon"},
        {**good, "webhook-timestamp": "9" * 500},
        {name: value for name, value in good.items() if name != "webhook-signature"},
        sign_headers(b"another secret", "msg_1", body, now),
        sign_headers(SECRET, "msg_1", body + b" ", now),
    ]
    if late:
        wrong = [sign_headers(SECRET, "msg_1", body, now + timedelta(seconds=late))]
    for headers in wrong:
        raw = {name: value.encode("latin-1") for name, value in headers.items()}
        answer = await api.post(WEBHOOK_PATH, content=body, headers=raw)
        assert (answer.status_code, answer.json()["code"]) == (401, "webhook_forged"), headers
    assert (await look(world, intent)).status == "created"


async def test_several_signatures_and_derived_secrets(provider, world, api, runtime):
    provider.configure(webhook_secret="")
    intent = await open_one(world)
    body = news(world, intent)
    headers = sign_headers(runtime.vault.keys_for("webhooks")[0], "msg_1", body, datetime.now(UTC))
    headers["webhook-signature"] = "v1,b2xk v1a,xyz " + headers["webhook-signature"]
    answer = await api.post(WEBHOOK_PATH, content=body, headers=headers)
    assert (answer.status_code, answer.json()) == (202, {"recorded": True})


async def test_what_is_not_about_us_is_ignored(provider, world, api):
    intent = await open_one(world)
    unknown = msgspec.structs.replace(intent, id=new_id())
    bodies = [
        news(world, unknown),
        news(world, intent, metadata={"org_id": str(new_id()), "intent_id": str(intent.id)}),
        news(world, intent, metadata={}),
        news(world, intent, metadata={"org_id": "x", "intent_id": "y"}),
        news(world, intent, status="exploded"),
        news(world, intent, amount="1990"),
        msgspec.json.encode({"type": "payout.created"}),
        b"", b"[]", b"\xff\xfe", b"[" * 100_000,
    ]  # fmt: skip
    for body in bodies:
        answer = await provider.post(api, body)
        assert (answer.status_code, answer.json()) == (202, {"recorded": False})
    assert (await look(world, intent)).status == "created"


@pytest.mark.parametrize("changes", [{"amount": 1}, {"currency": "USD"}, {"amount": 199_000}])
async def test_another_amount_is_no_payment(provider, world, api, changes):
    intent = await open_one(world)
    answer = await provider.post(api, news(world, intent, **changes))
    assert answer.status_code == 202
    after = await look(world, intent)
    assert (after.status, after.error_code) == ("processing", "amount_mismatch")
    assert await settled_events(world, intent) == []


@pytest.mark.parametrize("ended", ["failed", "cancelled"])
async def test_money_that_moved_after_all_surfaces(provider, world, api, ended):
    intent = await open_one(world)
    for status in (ended, "processing", ended, "succeeded", ended, "succeeded"):
        assert (await provider.post(api, news(world, intent, status))).status_code == 202
    after = await look(world, intent)
    assert (after.status, after.error_code) == ("succeeded", None)
    assert await settled_events(world, intent) == [(ended, False), ("succeeded", True)]


async def test_other_providers_and_methods(provider, world, api):
    intent = await open_one(world)
    body = news(world, intent)
    headers = sign_headers(SECRET, "msg_1", body, datetime.now(UTC))
    for path in ("/v1/payments/webhooks/on_site", "/v1/payments/webhooks/gold", "/v1/payments/webhooks/%00"):
        answer = await api.post(path, content=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await api.get(WEBHOOK_PATH)).status_code == 405
    provider.configure(test_provider_url="")
    assert (await api.post(WEBHOOK_PATH, content=body, headers=headers)).status_code == 404


async def test_a_reminder_after_the_answer_changes_nothing(provider, world, api):
    intent = await open_one(world)
    await pay(world, intent)
    await provider.deliver(api, times=2)
    assert await reconcile(world.runtime) == 0
    assert await settled_events(world, intent) == [("succeeded", False)]
