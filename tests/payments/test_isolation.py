"""One payment that nobody foresaw doesn't hold up the others."""

from datetime import UTC, datetime, timedelta
from typing import Any

from booking_api.payments import jobs
from booking_api.payments.refund_schemas import RefundRow
from booking_api.payments.schemas import IntentCharge
from tests.payments.test_paying import look, open_one, open_refund, pay, reconcile, refunded
from tests.world import World


async def test_one_bad_intent_does_not_hold_up_the_others(provider, world: World, monkeypatch):
    intents = [await open_one(world) for _ in range(3)]
    ask = jobs.ask_provider

    async def fail(runtime: Any, charge: IntentCharge) -> Any:
        if charge.id == intents[0].id:
            raise KeyError("a field that the provider never left out before")
        return await ask(runtime, charge)

    monkeypatch.setattr(jobs, "ask_provider", fail)
    assert await reconcile(world.runtime) == 2
    assert [(await look(world, intent)).status for intent in intents] == ["created", "succeeded", "succeeded"]


async def test_one_bad_refund_does_not_hold_up_the_others(provider, world: World, monkeypatch):
    intents = [await open_one(world) for _ in range(3)]
    for intent in intents:
        await pay(world, intent)
        await open_refund(world, intent, 100)
    record = jobs.record_refund

    async def fail(db: Any, row: RefundRow, *rest: Any) -> bool:
        if row.intent_id == intents[0].id:
            raise KeyError("a field that the provider never left out before")
        return await record(db, row, *rest)

    monkeypatch.setattr(jobs, "record_refund", fail)
    soon = datetime.now(UTC) + timedelta(seconds=5)
    assert await jobs.execute_refunds(world.runtime, soon) == 2
    assert [await refunded(world, intent) for intent in intents] == [100] * 3
    assert len(await provider.refunds()) == 3, "what the provider did stands; recording it is tried again"
