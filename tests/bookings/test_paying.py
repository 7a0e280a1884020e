"""Confirming with a payment: at once, with a second step, late, declined, cut off, and too late."""

import asyncio
from uuid import uuid4

from booking_api.bookings import jobs
from booking_api.core.clock import utc_now
from booking_api.core.db import event_queries
from booking_api.payments import jobs as payment_jobs
from tests.bookings.journey import CONTACT, confirm, end_hold, hold, owner_of, party, taken, visit
from tests.payments.provider import Provider
from tests.world import World


async def relay(world: World) -> int:
    """Hands the news of payments to bookings, as the worker would."""
    heard = 0
    while True:
        async with world.runtime.pool.acquire() as db:
            events = await event_queries.claim_unrelayed_events(db, utc_now(), 200)
        if not events:
            return heard
        heard += len(events)
        for event in events:
            if event.type == "payment.settled":
                await jobs.settle_payment(world.runtime, event)


async def pay(api, booking, token, **more):
    return await api.post(
        f"/v1/bookings/{booking['id']}/confirm", headers=owner_of(booking),
        json={"contact": CONTACT, "payment": {"method": "test", "token": token, **more}},
    )  # fmt: skip


async def test_a_paid_confirmation(api, world: World, provider: Provider):
    held = await hold(api, world.app, visit(world, "adult", "child"))
    done = await confirm(api, owner_of(held), held, "test", token="tok_ok")
    assert done["payment"] == {"status": "succeeded", "amount": {"amount": 2980, "currency": "EUR"}}
    assert all(item["pass"]["paid"] for item in done["items"])
    assert len(await provider.charges()) == 1
    assert (await api.post(f"/v1/bookings/{held['id']}/confirm", headers=owner_of(held), json={})).status_code == 200
    assert len(await provider.charges()) == 1


async def test_a_decline_keeps_the_hold(api, world: World, provider: Provider):
    held = await hold(api, world.app, visit(world, "adult"))
    declined = await pay(api, held, "tok_decline")
    assert (declined.status_code, declined.json()["code"]) == (402, "payment_declined")
    shown = (await api.get(f"/v1/bookings/{held['id']}", headers=owner_of(held))).json()
    assert (shown["status"], shown["payment"]["status"]) == ("on_hold", "failed")
    assert "confirm" in shown["available_actions"]
    again = await pay(api, held, "tok_ok")
    assert (again.status_code, again.json()["status"]) == (200, "confirmed")
    assert await taken(world, world.tower_slots[0]) == (1, 1, 0)


async def test_a_second_step_is_finished_by_the_server(api, world: World, provider: Provider):
    held = await hold(api, world.app, visit(world, "adult"))
    pending = await pay(api, held, "tok_redirect", return_url="app://back")
    assert pending.status_code == 202, pending.text
    assert pending.headers["retry-after"]
    assert pending.json()["status"] == "pending"
    action = pending.json()["payment"]["next_action"]
    assert action["type"] == "redirect"
    await provider.decide(action["url"])
    await provider.deliver(api, times=2)
    await relay(world)
    done = (await api.get(f"/v1/bookings/{held['id']}", headers=owner_of(held))).json()
    assert (done["status"], done["payment"]["status"]) == ("confirmed", "succeeded")


async def test_a_time_out_after_charging_charges_once(api, world: World, provider: Provider):
    provider.configure(provider_timeout_seconds=0.3)
    held = await hold(api, world.app, visit(world, "adult"))
    pending = await pay(api, held, "tok_timeout")
    assert pending.status_code == 202
    provider.configure(provider_timeout_seconds=10.0)
    again = await pay(api, held, "tok_timeout")
    assert (again.status_code, again.json()["status"]) == (200, "confirmed")
    assert len(await provider.charges()) == 1


async def test_the_same_key_resumes_an_express_booking(api, world: World, provider: Provider):
    provider.go_down()
    headers = {**world.app, "Idempotency-Key": str(uuid4())}
    wish = visit(world, "adult", confirm=True, contact=CONTACT, payment={"method": "test", "token": "tok_ok"})
    first = await api.post("/v1/bookings", json=wish, headers=headers)
    assert (first.status_code, first.json()["status"]) == (202, "pending")
    assert await taken(world, world.tower_slots[0]) == (1, 1, 0)
    replay = await api.post("/v1/bookings", json=wish, headers=headers)
    assert replay.headers["idempotency-replayed"] == "true"
    assert replay.json()["id"] == first.json()["id"]
    provider.come_up()
    await payment_jobs.reconcile_payments(world.runtime, _later())
    await relay(world)
    done = await api.get(f"/v1/bookings/{first.json()['id']}", headers=owner_of(first.json()))
    assert done.json()["status"] == "confirmed"
    assert len(await provider.charges()) == 1


def _later():
    from datetime import timedelta

    return utc_now() + timedelta(minutes=5)


async def test_a_process_that_died_before_calling_is_finished(api, world: World, provider: Provider, monkeypatch):
    """The intent is committed, then the process dies: the reconciler calls with the same key."""
    held = await hold(api, world.app, visit(world, "adult"))

    async def die(*_):
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr("booking_api.payments.charging.ask_provider", die)
        assert (await pay(api, held, "tok_ok")).status_code == 500
    shown = (await api.get(f"/v1/bookings/{held['id']}", headers=owner_of(held))).json()
    assert shown["status"] == "pending"
    assert await payment_jobs.reconcile_payments(world.runtime, _later()) == 1
    await relay(world)
    done = (await api.get(f"/v1/bookings/{held['id']}", headers=owner_of(held))).json()
    assert done["status"] == "confirmed"
    assert len(await provider.charges()) == 1


async def _pay_too_late(api, world: World, provider: Provider, held):
    """The payment succeeds after its order was given up and its places given back."""
    pending = await pay(api, held, "tok_redirect")
    assert pending.status_code == 202
    async with world.runtime.pool.acquire() as db:
        await db.execute("update booking_order set pending_until = now() - interval '1 minute'")
    assert await jobs.sweep_undecided_payments(world.runtime) == 1
    shown = (await api.get(f"/v1/bookings/{held['id']}", headers=owner_of(held))).json()
    assert shown["status"] == "rejected"
    return pending.json()["payment"]["next_action"]["url"]


async def test_paid_too_late_takes_the_places_again(api, world: World, provider: Provider):
    held = await hold(api, world.app, party(world, "adult"))
    url = await _pay_too_late(api, world, provider, held)
    assert await taken(world, world.flight_slots[0]) == (0, 0, 0)
    await provider.decide(url)
    await provider.deliver(api)
    await relay(world)
    done = (await api.get(f"/v1/bookings/{held['id']}", headers=owner_of(held))).json()
    assert done["status"] == "confirmed"
    assert done["items"][0]["pass"]["code"]
    assert await taken(world, world.flight_slots[0]) == (1, 1, 1)


async def test_paid_too_late_without_room_is_refunded(api, world: World, provider: Provider):
    held = await hold(api, world.app, party(world, "adult", "adult"))
    url = await _pay_too_late(api, world, provider, held)
    await hold(api, world.app, party(world, *["adult"] * 9))
    await provider.decide(url)
    await provider.deliver(api)
    await relay(world)
    assert await payment_jobs.execute_refunds(world.runtime, _later()) == 1
    shown = (await api.get(f"/v1/bookings/{held['id']}", headers=owner_of(held))).json()
    assert (shown["status"], shown["payment"]["status"]) == ("rejected", "refunded")
    assert [refund["amount"] for refund in await provider.refunds()] == [held["price"]["total"]["amount"]]
    assert (await taken(world, world.flight_slots[0]))[:2] == (9, 9)
    await relay(world)
    assert len(await provider.refunds()) == 1


async def test_cancelling_refunds_what_the_terms_say(api, world: World, provider: Provider):
    held = await hold(api, world.app, party(world, "adult"))
    done = await confirm(api, owner_of(held), held, "test", token="tok_ok")
    refund = done["cancellation"]["refund"]
    assert refund["amount"] == done["price"]["total"]["amount"] - 1000
    cancelled = await api.post(
        f"/v1/bookings/{held['id']}/cancel", headers=owner_of(held), json={"expected_refund": refund, "reason": "ill"}
    )
    assert cancelled.status_code == 200, cancelled.text
    payment = cancelled.json()["payment"]
    assert (payment["status"], payment["amount"], payment.get("refunded")) == ("refund_pending", refund, None)
    assert [(part["amount"], part["status"], part["reason"]) for part in payment["refunds"]] == [
        (refund, "pending", "cancelled")
    ]
    # The news of the payment comes after all of this: the fee stays kept.
    await relay(world)
    await payment_jobs.execute_refunds(world.runtime, _later())
    assert [one["amount"] for one in await provider.refunds()] == [refund["amount"]]


async def test_double_tap_on_pay_charges_once(api, world: World, provider: Provider):
    held = await hold(api, world.app, visit(world, "adult"))
    answers = await asyncio.gather(*(pay(api, held, "tok_ok") for _ in range(5)))
    assert {answer.status_code for answer in answers} == {200}, [answer.text for answer in answers]
    assert len(await provider.charges()) == 1
    assert await taken(world, world.tower_slots[0]) == (1, 1, 0)


async def test_a_hold_that_ended_while_paying_is_kept(api, world: World, provider: Provider):
    held = await hold(api, world.app, visit(world, "adult"))
    pending = await pay(api, held, "tok_redirect")
    await end_hold(world, held["order_id"])
    assert await jobs.sweep_ended_holds(world.runtime) == 0
    await provider.decide(pending.json()["payment"]["next_action"]["url"], "decline")
    await provider.deliver(api)
    await relay(world)
    shown = (await api.get(f"/v1/bookings/{held['id']}", headers=owner_of(held))).json()
    assert (shown["status"], shown["payment"]["status"]) == ("on_hold", "failed")
    assert await taken(world, world.tower_slots[0]) == (1, 1, 0)
