"""SIGKILL at each step between a customer's wish and its end: what was begun is finished, once, or was never begun."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import httpx
import pytest

from booking_api import worker
from booking_api.bookings import jobs as bookings
from booking_api.core.settings import Settings
from booking_api.payments.jobs import execute_refunds
from tests.bookings.journey import end_hold, taken
from tests.faults import dying
from tests.faults.books import left_over, wrongs
from tests.faults.dying import Received
from tests.faults.wishes import CARD, WISHES, Json, Shop, Wish
from tests.payments.provider import WEBHOOK_SECRET, Provider
from tests.processes import PATIENCE_SECONDS, environment
from tests.world import World


async def dies(settings: Settings, provider: Provider, step: str, *requests: Received) -> None:
    """Lets a process do its work until it dies at the step."""
    values = {
        "DATABASE_URL": settings.database_url, "BOOKING_TEST_PROVIDER_URL": provider.url,
        "BOOKING_WEBHOOK_SECRET": WEBHOOK_SECRET,
    }  # fmt: skip
    await dying.dies(step, requests, environment(**values))


async def let_time_pass(database_url: str) -> None:
    """An hour, for whatever waits: leases of the dead end, and what is due later is due now."""
    db = await asyncpg.connect(database_url)
    try:
        await db.execute(
            """
            update payment_intent set next_check_at = next_check_at - interval '1 hour';
            update refund set next_check_at = next_check_at - interval '1 hour';
            update pgqueuer set heartbeat = heartbeat - interval '1 hour', execute_after = execute_after - interval '1 hour';
            """
        )
    finally:
        await db.close()


async def finish(settings: Settings, provider: Provider, *, but: str = "") -> None:
    """A fresh worker does all that there is to do, but what there is of this."""
    stop = asyncio.Event()
    await let_time_pass(settings.database_url)
    running = asyncio.create_task(worker.work(provider.runtime.settings, stop))
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while set(await left_over(settings.database_url)) - {"orders", but}:
                await asyncio.sleep(0.1)
                await let_time_pass(settings.database_url)
    finally:
        stop.set()
        await asyncio.wait_for(running, PATIENCE_SECONDS)


# a customer's request ---------------------------------------------------------------------------------------------

UNCOMMITTED = [
    ("hold", "the hold was written"),
    ("express, on site", "passes were issued"),
    ("confirm, paid", "the intent was opened"),
    ("cancel, paid", "the cancellation was written"),
]
COMMITTED = [
    ("hold", "all was committed"),
    ("express, paid", "the intent was committed"),
    ("express, paid", "the provider has charged"),
    ("confirm, paid", "the intent was committed"),
    ("confirm, paid", "the provider has charged"),
    ("confirm, paid", "the outcome was recorded"),
    ("confirm, paid", "the order was settled"),
    ("confirm, paid", "all was committed"),
    ("cancel, paid", "all was committed"),
]


@pytest.mark.parametrize(
    ("name", "step", "first"),
    [
        *((name, step, "phone") for name, step in UNCOMMITTED + COMMITTED),
        *((name, step, "worker") for name, step in COMMITTED if name == "confirm, paid"),
    ],
)
async def test_a_server_killed_in_a_request(
    name: str, step: str, first: str, api: httpx.AsyncClient, world: World, provider: Provider, settings: Settings
) -> None:
    """Whoever comes first, the phone with the same key or the worker: one booking, one charge, one pass."""
    wish = (await WISHES[name][0](Shop(api, world))).with_key()
    await dies(settings, provider, step, Received(wish.method, wish.path, wish.headers, wish.body))
    if first == "worker":
        await finish(settings, provider)
    answer = await wish.repeat(api)
    assert answer.status_code == wish.status, answer.text
    assert answer.json()["status"] == wish.becomes
    await finish(settings, provider)
    charges = await provider.charges()
    assert len(charges) == (1 if "paid" in name else 0)
    assert await wrongs(settings.database_url, charges, await provider.refunds()) == []
    places = 0 if wish.becomes == "cancelled" else 1
    assert await taken(world, world.tower_slots[0]) == (places, places, 0)
    assert (await wish.repeat(api)).json()["id"] == answer.json()["id"]


@pytest.mark.parametrize(
    ("name", "first"), [("confirm, paid", "phone"), ("confirm, paid", "worker"), ("express, paid", "worker")]
)
async def test_a_decline_that_nobody_heard_of(
    name: str, first: str, api: httpx.AsyncClient, world: World, provider: Provider, settings: Settings
) -> None:
    """The same key gets that decline, and doesn't try the card once more."""
    wish = (await WISHES[name][0](Shop(api, world))).with_key()
    wish.body = {**wish.body, "payment": {"method": "test", "token": "tok_decline"}}
    await dies(
        settings, provider, "the provider has charged", Received(wish.method, wish.path, wish.headers, wish.body)
    )
    if first == "worker":
        await finish(settings, provider)
    answers = [await wish.repeat(api) for _ in range(2)]
    assert [(one.status_code, one.json()["code"]) for one in answers] == [(402, "payment_declined")] * 2
    assert [charge["status"] for charge in await provider.charges()] == ["failed"]
    order = (await api.get(f"/v1/orders/{answers[0].json()['order_id']}", headers=world.agent)).json()
    assert (order["status"], order["payment"]["status"]) == ("on_hold", "failed")


SUPERSEDING = [
    "the payment was called off", "the payment was superseded", "the intent was opened", "the intent was committed",
    "the provider has charged", "the order was settled", "all was committed",
]  # fmt: skip


@pytest.mark.parametrize("first", ["phone", "worker"])
@pytest.mark.parametrize(
    ("old", "step"),
    [
        *(("tok_stuck", step) for step in SUPERSEDING),
        # A payment that its provider has cancelled is declined, and nothing is superseded.
        *(("tok_redirect", step) for step in SUPERSEDING if step != "the payment was superseded"),
    ],
)
async def test_a_server_killed_while_one_payment_takes_the_place_of_another(
    old: str, step: str, first: str, api: httpx.AsyncClient, world: World, provider: Provider, settings: Settings
) -> None:
    """The phone repeats what it asked for, and the old payment comes in the end if it can: one charge is kept."""
    booking, owner = await Shop(api, world).held()
    how = {**CARD, "payment": {"method": "test", "token": old}}
    assert (await api.post(f"/v1/bookings/{booking['id']}/confirm", json=how, headers=owner)).status_code == 202
    wish = Wish(f"/v1/bookings/{booking['id']}/confirm", owner, CARD, 200, "confirmed").with_key()
    await dies(settings, provider, step, Received(wish.method, wish.path, wish.headers, wish.body))
    if first == "worker":
        await finish(settings, provider, but="payments" if old == "tok_stuck" else "")
    answer = await wish.repeat(api)
    assert (answer.status_code, answer.json()["status"]) == (200, "confirmed"), answer.text
    books = provider.running.bank.books
    if old == "tok_stuck":
        books.settle(next(charge for charge in books.charges.values() if charge.token == old), None)
    await provider.deliver(api, times=2)
    await finish(settings, provider)
    charges = await provider.charges()
    kept = [charge for charge in charges if charge["status"] == "succeeded" and charge["refunded"] == 0]
    assert len(kept) == 1
    assert (await api.get(f"/v1/bookings/{booking['id']}", headers=owner)).json()["status"] == "confirmed"
    assert await wrongs(settings.database_url, charges, await provider.refunds()) == []
    assert await taken(world, world.tower_slots[0]) == (1, 1, 0)
    assert (await wish.repeat(api)).json()["id"] == booking["id"]


@pytest.mark.parametrize("approved", ["never", "before", "after"])
@pytest.mark.parametrize("step", ["the cancellation was written", "all was committed"])
async def test_a_server_killed_while_a_payment_under_way_is_cancelled(
    step: str, approved: str, api: httpx.AsyncClient, world: World, provider: Provider, settings: Settings
) -> None:
    shop = Shop(api, world)
    booking, owner = await shop.held()
    how = {**CARD, "payment": {"method": "test", "token": "tok_redirect"}}
    path = f"/v1/bookings/{booking['id']}"
    url = (await api.post(f"{path}/confirm", json=how, headers=owner)).json()["payment"]["next_action"]["url"]
    if approved == "before":
        await provider.decide(url)
    wish = Wish(f"{path}/cancel", owner, {}, 200, "cancelled").with_key()
    await dies(settings, provider, step, Received(wish.method, wish.path, wish.headers, wish.body))
    if approved == "after":
        await provider.decide(url)
    answer = await wish.repeat(api)
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled"), answer.text
    await finish(settings, provider)
    shown = (await api.get(path, headers=owner)).json()
    paid = approved != "never"
    assert (shown["status"], shown["payment"]["status"]) == ("cancelled", "refunded" if paid else "failed")
    charges = await provider.charges()
    assert [charge["refunded"] for charge in charges] == [1990 if paid else 0]
    assert await wrongs(settings.database_url, charges, await provider.refunds()) == []
    assert await taken(world, world.tower_slots[0]) == (0, 0, 0)


# a worker ---------------------------------------------------------------------------------------------------------

Ending = tuple[Json, str, int]
"""A booking, what is to become of it, and how much of its payment is to go back."""


async def second_step(shop: Shop) -> Json:
    """A booking whose payment waits for its customer."""
    booking, owner = await shop.held()
    how = {**CARD, "payment": {"method": "test", "token": "tok_redirect"}}
    pending = await shop.api.post(f"/v1/bookings/{booking['id']}/confirm", json=how, headers=owner)
    assert pending.status_code == 202, pending.text
    return pending.json()


async def paid_by_webhook(shop: Shop, provider: Provider) -> Ending:
    """The payment is known to have succeeded, and nobody has drawn a conclusion from it."""
    booking = await second_step(shop)
    await provider.decide(booking["payment"]["next_action"]["url"])
    await provider.deliver(shop.api)
    return booking, "confirmed", 0


async def paid_unnoticed(shop: Shop, provider: Provider) -> Ending:
    """The payment succeeded, and nobody here knows."""
    booking = await second_step(shop)
    await provider.decide(booking["payment"]["next_action"]["url"])
    return booking, "confirmed", 0


async def never_called(shop: Shop, provider: Provider) -> Ending:
    """The provider could not be reached: it never heard of the payment."""
    booking, owner = await shop.held()
    provider.go_down()
    pending = await shop.api.post(f"/v1/bookings/{booking['id']}/confirm", json=CARD, headers=owner)
    provider.come_up()
    assert pending.status_code == 202, pending.text
    return pending.json(), "confirmed", 0


async def cancelled(shop: Shop, provider: Provider) -> Ending:
    """Money is to go back."""
    booking, owner = await shop.confirmed(CARD)
    answer = await shop.api.post(f"/v1/bookings/{booking['id']}/cancel", headers=owner)
    assert answer.status_code == 200, answer.text
    return booking, "cancelled", booking["price"]["total"]["amount"]


async def refund_tried_again(shop: Shop, provider: Provider) -> Ending:
    """A first try to give money back has failed, and somebody asked for another one."""
    booking, owner = await shop.confirmed({**CARD, "payment": {"method": "test", "token": "tok_refund_fails"}})
    assert (await shop.api.post(f"/v1/bookings/{booking['id']}/cancel", headers=owner)).status_code == 200
    assert await execute_refunds(shop.world.runtime) == 1
    answer = await shop.api.post(f"/v1/refunds/{booking['id']}/retry", headers=shop.world.manager)
    assert answer.status_code == 202, answer.text
    return booking, "cancelled", booking["price"]["total"]["amount"]


async def paid_too_late(shop: Shop, provider: Provider) -> Ending:
    """The payment succeeded after its order was given up, and there is no room any more."""
    booking = await second_step(shop)
    pool = shop.world.runtime.pool
    await pool.execute("update booking_order set pending_until = pending_until - interval '1 day'")
    assert await bookings.sweep_undecided_payments(shop.world.runtime) == 1
    await pool.execute("update slot set status = 'closed' where id = $1", shop.world.tower_slots[0])
    await provider.decide(booking["payment"]["next_action"]["url"])
    await provider.deliver(shop.api)
    return booking, "rejected", booking["price"]["total"]["amount"]


async def ended_hold(shop: Shop, provider: Provider) -> Ending:
    booking, _ = await shop.held()
    await end_hold(shop.world, booking["order_id"])
    return booking, "expired", 0


@pytest.mark.parametrize(
    ("make", "step"),
    [
        (paid_by_webhook, "events were claimed"),
        (paid_by_webhook, "jobs were enqueued"),
        (paid_by_webhook, "the order was settled"),
        (paid_unnoticed, "the outcome was recorded"),
        (never_called, "intents were claimed"),
        (never_called, "the provider has charged"),
        (cancelled, "refunds were claimed"),
        (cancelled, "the provider has refunded"),
        (cancelled, "the refund was recorded"),
        (refund_tried_again, "refunds were claimed"),
        (refund_tried_again, "the provider has refunded"),
        (refund_tried_again, "the refund was recorded"),
        (paid_too_late, "the order was settled"),
        (paid_too_late, "the provider has refunded"),
        (ended_hold, "places were given back"),
    ],
)
async def test_a_worker_killed_at_work(
    make: Callable[[Shop, Provider], Awaitable[Ending]], step: str, api: httpx.AsyncClient, world: World,
    provider: Provider, settings: Settings,
) -> None:  # fmt: skip
    """The next one finishes what it had begun: charged once, given back once or not at all."""
    booking, becomes, given_back = await make(Shop(api, world), provider)
    await let_time_pass(settings.database_url)
    await dies(settings, provider, step)
    await finish(settings, provider)
    shown = (await api.get(f"/v1/bookings/{booking['id']}", headers=world.agent)).json()
    assert shown["status"] == becomes
    charges = await provider.charges()
    assert [charge["refunded"] for charge in charges] == ([] if becomes == "expired" else [given_back])
    assert await wrongs(settings.database_url, charges, await provider.refunds()) == []
    places = 1 if becomes == "confirmed" else 0
    assert await taken(world, world.tower_slots[0]) == (places, places, 0)
