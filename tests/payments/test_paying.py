"""From the intent to its outcome, against the real test provider over real HTTP."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from booking_api.core.errors import Conflict, NotFound, Unprocessable
from booking_api.core.ids import new_id
from booking_api.core.money import Money
from booking_api.core.runtime import Runtime
from booking_api.payments import charging, operations, queries
from booking_api.payments.jobs import execute_refunds, reconcile_payments
from booking_api.payments.schemas import Intent
from tests.world import World

EUR = Money(1990, "EUR")


async def open_one(world: World, token: str | None = "tok_ok", **given: object) -> Intent:
    async with world.runtime.pool.acquire() as db, db.transaction():
        arguments = {"order_id": new_id(), "amount": EUR, "method": "test", "token": token, "return_url": None, **given}
        return await operations.open_intent(world.context(db), **arguments)  # type: ignore[arg-type]


async def pay(world: World, intent: Intent) -> Intent:
    """What a paid confirm does after its first commit."""
    outcome = await charging.call_provider(world.runtime, world.org.org_id, intent.id)
    async with world.runtime.pool.acquire() as db, db.transaction():
        return await operations.record_outcome(db, world.org.org_id, intent.id, outcome, datetime.now(UTC))


async def look(world: World, intent: Intent) -> Intent:
    async with world.runtime.pool.acquire() as db, db.transaction():
        found = await queries.lock_intent(db, world.org.org_id, intent.id)
    assert found is not None
    return found


async def settled_events(world: World, intent: Intent) -> list[tuple[str, bool]]:
    rows = await world.runtime.pool.fetch(
        "select data from event where org_id = $1 and type = 'payment.settled' and subject_id = $2 order by created_at",
        world.org.org_id, intent.id,
    )  # fmt: skip
    assert all(row["data"]["order_id"] == str(intent.order_id) for row in rows)
    return [(row["data"]["status"], row["data"]["late"]) for row in rows]


async def token_of(world: World, intent: Intent) -> str | None:
    return await world.runtime.pool.fetchval(
        "select token from payment_intent where org_id = $1 and id = $2", world.org.org_id, intent.id
    )


async def reconcile(runtime: Runtime, *, minutes: float = 1) -> int:
    return await reconcile_payments(runtime, datetime.now(UTC) + timedelta(minutes=minutes))


async def reconcile_until_settled(world: World, intent: Intent) -> Intent:
    for round_ in range(100):
        await reconcile(world.runtime, minutes=1 + round_ / 10)
        if (found := await look(world, intent)).is_settled:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError("the intent never settled")


@pytest.mark.parametrize(
    ("token", "status", "code"),
    [
        ("tok_ok", "succeeded", None),
        ("tok_decline", "failed", "card_declined"),
        ("tok_insufficient", "failed", "insufficient_funds"),
        ("tok_never_heard_of", "failed", "unknown_token"),
    ],
)
async def test_tokens_that_answer_at_once(provider, world, token, status, code):
    intent = await open_one(world, token)
    assert intent.status == "created"
    after = await pay(world, intent)
    assert (after.status, after.error_code, after.next_check_at) == (status, code, None)
    assert await settled_events(world, intent) == [(status, False)]
    assert await token_of(world, intent) is None
    # The reconciler and a repeated call find nothing left to do, and the provider isn't asked again.
    assert await reconcile(world.runtime) == 0
    assert (await pay(world, intent)).status == status
    assert len(await provider.charges(intent.order_id)) == 1
    assert await settled_events(world, intent) == [(status, False)]


@pytest.mark.parametrize(("decision", "status", "code"), [
    ("approve", "succeeded", None), ("decline", "failed", "authentication_failed"),
])  # fmt: skip
async def test_a_second_step(provider, world, api, decision, status, code):
    intent = await open_one(world, "tok_redirect", return_url="ourapp://paid?order=1")
    after = await pay(world, intent)
    assert after.status == "requires_action"
    assert after.next_action is not None
    page = await provider.http.get(after.next_action.url)
    assert "Approve" in page.text
    assert await reconcile(world.runtime) == 0
    # A call that hears nothing doesn't lose the link.
    provider.go_down()
    assert (await pay(world, intent)).next_action == after.next_action
    provider.come_up()
    answer = await provider.decide(after.next_action.url, decision)
    assert (answer.status_code, answer.headers["location"]) == (303, "ourapp://paid?order=1")
    # Going back and deciding otherwise comes too late.
    await provider.decide(after.next_action.url, "decline" if decision == "approve" else "approve")
    assert [a.json() for a in await provider.deliver(api)] == [{"recorded": True}]
    after = await look(world, intent)
    assert (after.status, after.error_code, after.next_action) == (status, code, None)
    assert await settled_events(world, intent) == [(status, False)]


@pytest.mark.parametrize(("token", "status"), [("tok_late", "succeeded"), ("tok_late_decline", "failed")])
@pytest.mark.parametrize("by", ["webhook", "reconciler"])
async def test_a_slow_provider(provider, world, api, token, status, by):
    intent = await open_one(world, token)
    assert (await pay(world, intent)).status == "processing"
    if by == "webhook":
        answers = await provider.deliver(api, times=3)
        assert {a.status_code for a in answers} == {202}
    after = await reconcile_until_settled(world, intent)
    assert after.status == status
    assert await settled_events(world, intent) == [(status, False)]


async def test_charged_and_then_silent_is_charged_once(provider, world):
    provider.configure(provider_timeout_seconds=0.3)
    intent = await open_one(world, "tok_timeout")
    outcome = await charging.call_provider(world.runtime, world.org.org_id, intent.id)
    assert (outcome.status, outcome.answered) == ("processing", False)
    # The process dies here: nothing is recorded. Another one finds the intent when it is due.
    provider.configure(provider_timeout_seconds=10.0)
    assert (await look(world, intent)).status == "created"
    after = await reconcile_until_settled(world, intent)
    assert after.status == "succeeded"
    charges = await provider.charges()
    assert [(charge["key"], charge["amount"]) for charge in charges] == [(str(intent.id), 1990)]


async def test_webhook_before_the_answer(provider, world, api):
    provider.configure(provider_timeout_seconds=2.0)
    intent = await open_one(world, "tok_timeout")
    calling = asyncio.create_task(pay(world, intent))
    await provider.deliver(api, times=2)
    assert (await look(world, intent)).status == "succeeded"
    assert (await calling).status == "succeeded"
    assert await settled_events(world, intent) == [("succeeded", False)]


async def test_an_error_of_the_provider_is_tried_again(provider, world):
    intent = await open_one(world, "tok_error")
    assert (await pay(world, intent)).status == "processing"
    assert await provider.charges() == []
    assert (await reconcile_until_settled(world, intent)).status == "succeeded"
    assert len(await provider.charges()) == 1


async def test_never_called_because_the_process_died(provider, world):
    intent = await open_one(world)
    # Not while the request that opened it may still be at it.
    assert await reconcile_payments(world.runtime) == 0
    assert await reconcile(world.runtime) == 1
    assert (await look(world, intent)).status == "succeeded"
    assert len(await provider.charges(intent.order_id)) == 1


async def test_provider_down_then_up(provider, world):
    provider.go_down()
    intent = await open_one(world)
    after = await pay(world, intent)
    assert (after.status, after.attempts) == ("processing", 1)
    await reconcile(world.runtime)
    after = await look(world, intent)
    assert (after.status, after.attempts) == ("processing", 2)
    assert after.next_check_at is not None
    provider.come_up()
    assert (await reconcile_until_settled(world, intent)).status == "succeeded"
    assert len(await provider.charges()) == 1


async def test_provider_that_talks_nonsense(provider, world):
    provider.configure(test_provider_url=provider.url + "/redirect/nothing")
    intent = await open_one(world)
    assert (await pay(world, intent)).status == "processing"
    provider.configure(test_provider_url="http://[nonsense")
    assert (await pay(world, intent)).status == "processing"


async def test_many_at_once_for_one_intent(provider, world):
    for token in ("tok_ok", "tok_error", "tok_decline"):
        intent = await open_one(world, token)
        results = await asyncio.gather(*(pay(world, intent) for _ in range(6)), reconcile(world.runtime))
        assert len(await provider.charges(intent.order_id)) == 1
        assert (await look(world, intent)).is_settled
        assert len(await settled_events(world, intent)) == 1
        assert results


async def test_two_reconcilers_share_the_work(provider, world):
    intents = [await open_one(world) for _ in range(45)]
    changed = await asyncio.gather(reconcile(world.runtime), reconcile(world.runtime))
    assert sum(changed) == len(intents)
    assert len(await provider.charges()) == len(intents)


@pytest.mark.parametrize("token", ["tok_ok", "tok_redirect", "tok_late"])
async def test_given_up_only_when_the_provider_confirms(provider, world, token):
    intent = await open_one(world, token)
    if token != "tok_ok":
        await pay(world, intent)
    async with world.runtime.pool.acquire() as db, db.transaction():
        await operations.give_up(world.context(db), [intent.order_id])
    provider.go_down()
    await reconcile_payments(world.runtime)
    assert not (await look(world, intent)).is_settled
    provider.come_up()
    provider.running.bank.books.late_seconds = 0.2
    after = await reconcile_until_settled(world, intent)
    # A late charge may have been faster than the cancellation; then it counts.
    assert after.status in ({"cancelled", "succeeded"} if token == "tok_late" else {"cancelled"})
    assert await settled_events(world, intent) == [(after.status, False)]
    # What was cancelled before it was ever charged can't be charged any more.
    await world.runtime.pool.execute("update payment_intent set status = 'created', token = 'tok_ok'")
    assert (await charging.call_provider(world.runtime, world.org.org_id, intent.id)).status == after.status


async def test_given_up_after_it_was_charged_is_paid(provider, world):
    intent = await open_one(world)
    await charging.call_provider(world.runtime, world.org.org_id, intent.id)
    assert await reconcile(world.runtime, minutes=24 * 60) == 1
    assert (await look(world, intent)).status == "succeeded"


async def test_unoffered_methods_and_bad_input(world, runtime):
    with pytest.raises(Unprocessable) as refused:
        await open_one(world)
    assert refused.value.errors is not None
    assert refused.value.errors[0].pointer == "/payment/method"
    assert operations.payment_methods(runtime.settings, live=False) == ["on_site"]


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"method": "on_site"}, "/payment/method"),
        ({"method": "gold"}, "/payment/method"),
        ({"token": None}, "/payment/token"),
        ({"token": ""}, "/payment/token"),
        ({"return_url": "javascript:alert(1)"}, "/payment/return_url"),
        ({"return_url": "JavaScript://%0aalert(1)"}, "/payment/return_url"),
        ({"return_url": "/relative"}, "/payment/return_url"),
        ({"return_url": "https://[bad"}, "/payment/return_url"),
        ({"return_url": "https://a.example/\r\nSet-Cookie: a=b"}, "/payment/return_url"),
        ({"return_url": ""}, "/payment/return_url"),
    ],
)
async def test_what_cannot_be_paid_with(provider, world, given, pointer):
    with pytest.raises(Unprocessable) as refused:
        await open_one(world, **given)
    assert refused.value.errors is not None
    assert refused.value.errors[0].pointer == pointer
    assert operations.payment_methods(world.runtime.settings, live=False) == ["test", "on_site"]


async def test_unknown_intents(provider, world):
    with pytest.raises(NotFound):
        await charging.call_provider(world.runtime, world.org.org_id, new_id())
    intent = await open_one(world)
    with pytest.raises(NotFound):
        await charging.call_provider(world.runtime, new_id(), intent.id)


async def test_the_latest_intent_of_each_order(provider, world):
    first = await open_one(world, "tok_decline")
    await pay(world, first)
    second = await open_one(world, order_id=first.order_id)
    other = await open_one(world)
    async with world.runtime.pool.acquire() as db:
        found = await operations.latest_intents(db, world.org.org_id, [first.order_id, other.order_id, new_id()])
        assert {order: intent.id for order, intent in found.items()} == {
            first.order_id: second.id, other.order_id: other.id,
        }  # fmt: skip
        assert await operations.latest_intents(db, new_id(), [first.order_id]) == {}


# refunds ----------------------------------------------------------------------------------------------------------


async def open_refund(world: World, intent: Intent, amount: int, refund_id: UUID | None = None) -> None:
    async with world.runtime.pool.acquire() as db, db.transaction():
        await operations.open_refund(
            world.context(db), intent.id, intent.order_id, None, Money(amount, "EUR"), "cancelled", refund_id=refund_id
        )


async def refunded(world: World, intent: Intent) -> int:
    async with world.runtime.pool.acquire() as db:
        return await db.fetchval(
            "select coalesce(sum(amount), 0)::int from refund where org_id = $1 and order_id = $2 and status <> 'failed'",
            world.org.org_id, intent.order_id,
        )  # fmt: skip


async def test_refund_goes_back_once(provider, world):
    intent = await open_one(world)
    await pay(world, intent)
    await open_refund(world, intent, 1990)
    await open_refund(world, intent, 1990)
    assert await refunded(world, intent) == 1990
    now = datetime.now(UTC) + timedelta(seconds=1)
    assert sum(await asyncio.gather(*(execute_refunds(world.runtime, now) for _ in range(3)))) == 1
    assert await execute_refunds(world.runtime, now + timedelta(days=1)) == 0
    assert [(refund["amount"], refund["status"]) for refund in await provider.refunds()] == [(1990, "succeeded")]
    events = await world.runtime.pool.fetch("select data from event where type = 'refund.settled'")
    assert [row["data"]["status"] for row in events] == ["succeeded"]


async def test_parts_are_refunded_up_to_what_was_paid(provider, world):
    intent = await open_one(world)
    await pay(world, intent)
    part = new_id()
    for _ in range(3):
        await open_refund(world, intent, 500, part)
    assert await refunded(world, intent) == 500
    await asyncio.gather(*(open_refund(world, intent, 900) for _ in range(4)))
    assert await refunded(world, intent) == 1990
    assert await execute_refunds(world.runtime, datetime.now(UTC) + timedelta(seconds=5)) == 3
    assert (await provider.charges())[0]["refunded"] == 1990


async def test_a_refund_waits_for_its_provider(provider, world):
    intent = await open_one(world)
    await pay(world, intent)
    await open_refund(world, intent, 1990)
    provider.go_down()
    now = datetime.now(UTC) + timedelta(seconds=1)
    assert await execute_refunds(world.runtime, now) == 0
    assert await refunded(world, intent) == 1990
    provider.come_up()
    assert await execute_refunds(world.runtime, now) == 0
    assert await execute_refunds(world.runtime, now + timedelta(minutes=1)) == 1
    assert len(await provider.refunds()) == 1


async def test_a_refund_the_provider_refuses_is_reported(provider, world):
    intent = await open_one(world)
    await pay(world, intent)
    await open_refund(world, intent, 1990)
    provider.running.bank.books.charges[str(intent.id)].refunded = 1990
    assert await execute_refunds(world.runtime, datetime.now(UTC) + timedelta(seconds=1)) == 1
    assert await refunded(world, intent) == 0
    events = await world.runtime.pool.fetch("select data from event where type = 'refund.failed'")
    assert [row["data"]["status"] for row in events] == ["failed"]
    assert not await world.runtime.pool.fetchval("select exists (select from event where type = 'refund.settled')")


async def test_nothing_paid_nothing_back(provider, world):
    intent = await open_one(world, "tok_decline")
    with pytest.raises(Conflict):
        await open_refund(world, intent, 1)
    await pay(world, intent)
    with pytest.raises(Conflict):
        await open_refund(world, intent, 1)
    paid = await open_one(world)
    await pay(world, paid)
    async with world.runtime.pool.acquire() as db, db.transaction():
        with pytest.raises(NotFound):
            await operations.open_refund(world.context(db), paid.id, new_id(), None, EUR, "cancelled")
        with pytest.raises(ValueError, match="USD"):
            await operations.open_refund(world.context(db), paid.id, paid.order_id, None, Money(1, "USD"), "cancelled")


async def test_settlements_add_up(world):
    order_id, booking_id = new_id(), new_id()
    async with world.runtime.pool.acquire() as db, db.transaction():
        ctx = world.context(db)
        await operations.add_settlement(ctx, order_id, booking_id, "cash", Money(500, "EUR"))
        await operations.add_settlement(ctx, order_id, booking_id, "terminal", Money(490, "EUR"))
        amounts = await operations.settled_amounts(db, world.org.org_id, [booking_id, new_id()])
        assert amounts == {booking_id: 990}
        assert await operations.settled_amounts(db, new_id(), [booking_id]) == {}
