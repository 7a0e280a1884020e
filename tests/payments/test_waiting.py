"""Whoever waits for a slow provider hears of its webhook, to whichever process that came."""

import asyncio

import pytest

from booking_api.bookings import jobs
from booking_api.payments import charging, waiting
from booking_api.payments.operations import record_outcome
from booking_api.payments.schemas import Outcome
from booking_api.run.lifetime import open_runtime
from tests.bookings.journey import hold, owner_of, taken, visit
from tests.payments.money import look, pay, work
from tests.payments.provider import Provider
from tests.payments.test_paying import open_one
from tests.world import World

SLOW_SECONDS = 60.0
"""No test waits for so long: an answer that comes at all has come by the webhook."""


@pytest.fixture
def slow(provider: Provider) -> Provider:
    provider.configure(provider_timeout_seconds=SLOW_SECONDS)
    return provider


async def test_a_confirmation_is_answered_by_the_webhook(api, world: World, slow: Provider):
    held = await hold(api, world.app, visit(world, "adult"))
    paying = asyncio.create_task(pay(api, held, "tok_timeout"))
    await slow.deliver(api)
    answer = await asyncio.wait_for(paying, SLOW_SECONDS / 3)
    assert (answer.status_code, answer.json()["status"]) == (200, "confirmed"), answer.text
    assert answer.json()["payment"]["status"] == "succeeded"
    await work(world)
    assert len(await slow.charges()) == 1
    assert await taken(world, world.tower_slots[0]) == (1, 1, 0)


async def test_the_webhook_may_come_to_another_process(api, world: World, slow: Provider, settings):
    """And a worker may have drawn the conclusion already."""
    held = await hold(api, world.app, visit(world, "adult"))
    paying = asyncio.create_task(pay(api, held, "tok_timeout"))
    await slow.wait_for_charge()
    async with open_runtime(settings) as other, other.pool.acquire() as db:
        row = await db.fetchrow("select org_id, id from payment_intent")
        assert row is not None
        async with db.transaction():
            await record_outcome(db, row["org_id"], row["id"], Outcome(status="succeeded"), jobs.utc_now())
    answer = await asyncio.wait_for(paying, SLOW_SECONDS / 3)
    assert (answer.status_code, answer.json()["status"]) == (200, "confirmed")


async def test_a_cancellation_is_heard_of_as_well(api, world: World, slow: Provider):
    """The customer's other device cancels while this one still waits for its bank."""
    held = await hold(api, world.app, visit(world, "adult"))
    paying = asyncio.create_task(pay(api, held, "tok_timeout"))
    await slow.wait_for_charge()
    cancelled = await api.post(f"/v1/bookings/{held['id']}/cancel", headers=owner_of(held))
    assert cancelled.json()["status"] == "cancelled"
    await work(world)
    answer = await asyncio.wait_for(paying, SLOW_SECONDS / 3)
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert (await look(api, held))["payment"]["status"] == "refunded"
    assert [charge["refunded"] for charge in await slow.charges()] == [1990]


@pytest.mark.parametrize("status", ["failed", "requires_action"])
async def test_any_news_are_news(slow: Provider, world: World, status):
    intent = await open_one(world, "tok_timeout")
    calling = asyncio.create_task(charging.call_provider(world.runtime, world.org.org_id, intent.id))
    await slow.wait_for_charge()
    async with world.runtime.pool.acquire() as db, db.transaction():
        told = Outcome(status=status, error_code="card_declined" if status == "failed" else None)
        await record_outcome(db, world.org.org_id, intent.id, told, jobs.utc_now())
    outcome = await asyncio.wait_for(calling, SLOW_SECONDS / 3)
    assert (outcome.status, outcome.answered) == (status, True)


async def test_one_look_serves_all_who_wait_and_ends_with_them(slow: Provider, world: World, monkeypatch):
    looks: list[int] = []
    all_wait = asyncio.Event()
    real = waiting.queries.list_decided

    async def counted(db, org_ids, intent_ids):
        looks.append(len(intent_ids))
        if len(intent_ids) == 5:
            all_wait.set()
        return await real(db, org_ids, intent_ids)

    monkeypatch.setattr(waiting.queries, "list_decided", counted)
    intents = [await open_one(world, "tok_timeout") for _ in range(5)]
    calls = [
        asyncio.create_task(charging.call_provider(world.runtime, world.org.org_id, intent.id)) for intent in intents
    ]
    await all_wait.wait()
    async with world.runtime.pool.acquire() as db, db.transaction():
        for intent in intents:
            await record_outcome(db, world.org.org_id, intent.id, Outcome(status="succeeded"), jobs.utc_now())
    assert {outcome.status for outcome in await asyncio.gather(*calls)} == {"succeeded"}
    state = world.runtime.caches[waiting.WAITING]
    assert state.signals == {}
    assert state.seen == {}
    await asyncio.wait_for(state.task, SLOW_SECONDS / 3)


async def test_a_provider_that_answers_at_once_is_not_watched(provider: Provider, world: World, monkeypatch):
    async def never(*_):
        raise AssertionError("nobody needs to look")

    monkeypatch.setattr(waiting.queries, "list_decided", never)
    intent = await open_one(world)
    assert (await charging.call_provider(world.runtime, world.org.org_id, intent.id)).status == "succeeded"
    assert waiting.WAITING not in world.runtime.caches


async def test_a_database_that_is_away_leaves_the_provider_s_own_answer(provider: Provider, world: World, monkeypatch):
    async def broken(*_):
        raise ConnectionError("away")

    monkeypatch.setattr(waiting.queries, "list_decided", broken)
    monkeypatch.setattr(waiting, "GRACE_SECONDS", 0.0)
    intent = await open_one(world)
    assert (await charging.call_provider(world.runtime, world.org.org_id, intent.id)).status == "succeeded"
