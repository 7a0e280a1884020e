"""Orders that never stood are buried, whatever ended them, and leave the sync; what has money, or had, stays."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from booking_api.bookings import jobs
from tests.bookings.journey import confirm, end_hold, hold, owner_of, visit
from tests.payments.money import pay, relay, work
from tests.payments.provider import Provider
from tests.world import World

Json = dict[str, Any]
Ending = Callable[[Any, World, Provider, Json], Awaitable[None]]


async def expire(api, world: World, provider: Provider, held: Json) -> None:
    await end_hold(world, held["order_id"])
    assert await jobs.sweep_ended_holds(world.runtime) == 1


async def cancel(api, world: World, provider: Provider, held: Json) -> None:
    answer = await api.post(f"/v1/bookings/{held['id']}/cancel", headers=owner_of(held))
    assert answer.status_code == 200, answer.text


async def decline_and_expire(api, world: World, provider: Provider, held: Json) -> None:
    assert (await pay(api, held, "tok_decline")).status_code == 402
    await expire(api, world, provider, held)


async def decline_and_cancel(api, world: World, provider: Provider, held: Json) -> None:
    assert (await pay(api, held, "tok_insufficient")).status_code == 402
    await cancel(api, world, provider, held)


async def cancel_while_paying(api, world: World, provider: Provider, held: Json) -> None:
    assert (await pay(api, held, "tok_redirect")).status_code == 202
    await cancel(api, world, provider, held)
    await work(world)


async def never_decide(api, world: World, provider: Provider, held: Json, token: str = "tok_redirect") -> Json:
    answer = await pay(api, held, token)
    assert answer.status_code == 202
    await world.runtime.pool.execute("update booking_order set pending_until = pending_until - interval '1 day'")
    assert await jobs.sweep_undecided_payments(world.runtime) == 1
    return answer.json()


async def reject(api, world: World, provider: Provider, held: Json) -> None:
    await never_decide(api, world, provider, held)
    await work(world)


async def reject_while_nobody_knows(api, world: World, provider: Provider, held: Json) -> None:
    await never_decide(api, world, provider, held, "tok_stuck")
    await work(world)


async def refuse_and_refund(api, world: World, provider: Provider, held: Json) -> None:
    shown = await never_decide(api, world, provider, held)
    await world.runtime.pool.execute("update slot set status = 'closed' where id = $1", world.tower_slots[0])
    await provider.decide(shown["payment"]["next_action"]["url"])
    await provider.deliver(api)
    await work(world)


async def cancel_after_approving(api, world: World, provider: Provider, held: Json) -> None:
    shown = (await pay(api, held, "tok_redirect")).json()
    await provider.decide(shown["payment"]["next_action"]["url"])
    await cancel(api, world, provider, held)
    await work(world)


async def stand_and_cancel(api, world: World, provider: Provider, held: Json) -> None:
    await confirm(api, owner_of(held), held)
    await cancel(api, world, provider, held)


async def stand_paid_and_cancel(api, world: World, provider: Provider, held: Json) -> None:
    await confirm(api, owner_of(held), held, "test", token="tok_ok")
    await cancel(api, world, provider, held)
    await work(world)


async def stand(api, world: World, provider: Provider, held: Json) -> None:
    await confirm(api, owner_of(held), held)


BURIED: list[Ending] = [expire, cancel, decline_and_expire, decline_and_cancel, cancel_while_paying, reject]
KEPT: list[Ending] = [
    reject_while_nobody_knows, refuse_and_refund, cancel_after_approving, stand_and_cancel, stand_paid_and_cancel, stand,
]  # fmt: skip


async def grow_old(world: World) -> None:
    await world.runtime.pool.execute("update booking_order set updated_at = updated_at - interval '30 days'")


@pytest.mark.parametrize("end", BURIED, ids=lambda end: end.__name__)
async def test_what_never_stood_is_buried(api, world: World, provider: Provider, end: Ending):
    held = await hold(api, world.app, visit(world, "adult"))
    await end(api, world, provider, held)
    await relay(world)
    since = (await api.get("/v1/sync", headers=owner_of(held))).json()["next_since"]
    assert await jobs.bury_abandoned_orders(world.runtime) == 0
    await grow_old(world)
    assert await jobs.bury_abandoned_orders(world.runtime) == 1
    news = (await api.get("/v1/sync", params={"since": since}, headers=owner_of(held))).json()
    assert news["items"] == [{"type": "booking", "id": held["id"], "deleted": True}]
    assert (await api.get(f"/v1/bookings/{held['id']}", headers=owner_of(held))).status_code == 404
    assert await jobs.bury_abandoned_orders(world.runtime) == 0


@pytest.mark.parametrize("end", KEPT, ids=lambda end: end.__name__)
async def test_what_stood_or_has_money_stays(api, world: World, provider: Provider, end: Ending):
    held = await hold(api, world.app, visit(world, "adult"))
    await end(api, world, provider, held)
    await grow_old(world)
    assert await jobs.bury_abandoned_orders(world.runtime) == 0
    assert (await api.get(f"/v1/bookings/{held['id']}", headers=owner_of(held))).status_code == 200


async def test_those_that_stay_do_not_hide_those_that_go(api, world: World, provider: Provider, monkeypatch):
    monkeypatch.setattr(jobs, "BATCH", 2)
    for end in (stand_and_cancel, cancel_after_approving, stand_paid_and_cancel):
        await end(api, world, provider, await hold(api, world.app, visit(world, "adult", slot=world.tower_slots[1])))
    for _ in range(3):
        await cancel(api, world, provider, await hold(api, world.app, visit(world, "adult", slot=world.tower_slots[2])))
    await grow_old(world)
    assert [await jobs.bury_abandoned_orders(world.runtime) for _ in range(3)] == [2, 1, 0]
    assert await world.runtime.pool.fetchval("select count(*) from booking_order") == 3


async def test_money_that_comes_for_a_buried_order_goes_back(api, world: World, provider: Provider):
    """A provider that confirmed that it cancelled a payment, and charged it all the same, weeks later."""
    held = await hold(api, world.app, visit(world, "adult"))
    await reject(api, world, provider, held)
    await grow_old(world)
    assert await jobs.bury_abandoned_orders(world.runtime) == 1
    books = provider.running.bank.books
    (charge,) = books.charges.values()
    books.messages.clear()
    books.settle(charge, None)
    await provider.deliver(api, times=2)
    await work(world)
    assert [(refund["amount"], refund["status"]) for refund in await provider.refunds()] == [(1990, "succeeded")]
    (refund,) = (await api.get("/v1/refunds", headers=world.manager)).json()["items"]
    assert (UUID(refund["order_id"]), refund["status"]) == (UUID(held["order_id"]), "succeeded")


async def test_a_retry_that_brought_it_to_an_end_after_all_is_not_buried(api, world: World, provider: Provider):
    """Rejected, then paid after all and taken again: it stands."""
    held = await hold(api, world.app, visit(world, "adult"))
    shown = await never_decide(api, world, provider, held)
    await provider.decide(shown["payment"]["next_action"]["url"])
    await provider.deliver(api)
    await work(world)
    await cancel(api, world, provider, held)
    await work(world)
    await grow_old(world)
    assert await jobs.bury_abandoned_orders(world.runtime) == 0
