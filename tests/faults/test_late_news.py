"""News of a payment that come late, or twice, because somebody died between hearing of it and saying so."""

import httpx

from booking_api.bookings import jobs as bookings
from booking_api.core.db.event_queries import StoredEvent
from booking_api.core.settings import Settings
from tests.bookings.journey import confirm, hold, owner_of, party, taken
from tests.faults.books import wrongs
from tests.faults.dying import Received
from tests.faults.test_steps import dies, finish
from tests.faults.wishes import CARD, Shop, new
from tests.payments.provider import Provider
from tests.world import World


async def settled_event(world: World) -> StoredEvent:
    """The news that a payment has ended, as a worker that never finished with it hears it again."""
    row = await world.runtime.pool.fetchrow(
        "select org_id, id, type, subject_id, data, created_at from event where type = 'payment.settled'"
    )
    assert row is not None
    return StoredEvent(**dict(row))


async def test_a_fee_stays_where_it_is(
    api: httpx.AsyncClient, world: World, provider: Provider, settings: Settings
) -> None:
    """The customer cancels before the worker hears that they paid: what was agreed on goes back and no more."""
    held = await hold(api, world.app, party(world, "adult"))
    booking = await confirm(api, owner_of(held), held, "test", token="tok_ok")
    answer = await api.post(f"/v1/bookings/{held['id']}/cancel", headers=owner_of(held))
    assert answer.status_code == 200, answer.text
    await finish(settings, provider)
    await bookings.settle_payment(world.runtime, await settled_event(world))
    await finish(settings, provider)
    charges = await provider.charges()
    assert [charge["refunded"] for charge in charges] == [booking["cancellation"]["refund"]["amount"]]
    assert booking["cancellation"]["fee"]["amount"] == 1000
    assert await wrongs(settings.database_url, charges, await provider.refunds()) == []


async def no_room_left(world: World) -> None:
    """Pending orders are given up, and their places are somebody else's."""
    pool = world.runtime.pool
    await pool.execute(
        "update booking_order set pending_until = pending_until - interval '1 day' where status = 'pending'"
    )
    assert await bookings.sweep_undecided_payments(world.runtime) == 1
    await pool.execute("update slot set status = 'closed' where id = $1", world.tower_slots[0])


async def test_what_was_given_back_buys_nothing(
    api: httpx.AsyncClient, world: World, provider: Provider, settings: Settings
) -> None:
    """Paid too late, refused, given back; then there is room again, and the news comes once more."""
    shop = Shop(api, world)
    booking, owner = await shop.held()
    how = {**CARD, "payment": {"method": "test", "token": "tok_redirect"}}
    pending = (await api.post(f"/v1/bookings/{booking['id']}/confirm", json=how, headers=owner)).json()
    await no_room_left(world)
    await provider.decide(pending["payment"]["next_action"]["url"])
    await provider.deliver(api)
    await finish(settings, provider)
    await world.runtime.pool.execute("update slot set status = 'open' where id = $1", world.tower_slots[0])
    await bookings.settle_payment(world.runtime, await settled_event(world))
    shown = (await api.get(f"/v1/bookings/{booking['id']}", headers=owner)).json()
    assert (shown["status"], shown["payment"]["status"]) == ("rejected", "refunded")
    assert await taken(world, world.tower_slots[0]) == (0, 0, 0)
    assert await wrongs(settings.database_url, await provider.charges(), await provider.refunds()) == []


async def test_who_paid_in_time_keeps_their_place(
    api: httpx.AsyncClient, world: World, provider: Provider, settings: Settings
) -> None:
    """No worker was there to draw the conclusion until the time for paying was over: that isn't the customer's fault."""
    shop = Shop(api, world)
    booking, owner = await shop.held()
    how = {**CARD, "payment": {"method": "test", "token": "tok_redirect"}}
    pending = (await api.post(f"/v1/bookings/{booking['id']}/confirm", json=how, headers=owner)).json()
    await provider.decide(pending["payment"]["next_action"]["url"])
    await provider.deliver(api)
    await no_room_left(world)
    shown = (await api.get(f"/v1/bookings/{booking['id']}", headers=owner)).json()
    assert (shown["status"], shown["payment"]["status"]) == ("confirmed", "succeeded")
    await finish(settings, provider)
    assert await taken(world, world.tower_slots[0]) == (1, 1, 0)
    assert await wrongs(settings.database_url, await provider.charges(), await provider.refunds()) == []


async def test_a_guest_whose_answer_was_lost_is_told_of_the_refund(
    api: httpx.AsyncClient, world: World, provider: Provider, settings: Settings
) -> None:
    """Express, charged, killed, given up, no room: the same key says so and brings the tokens to look at it with."""
    wish = (await new(Shop(api, world), "rejected", confirm=True, **CARD)).with_key()
    await dies(
        settings, provider, "the provider has charged", Received(wish.method, wish.path, wish.headers, wish.body)
    )
    await no_room_left(world)
    await finish(settings, provider)
    first, second = [await wish.repeat(api) for _ in range(2)]
    assert (first.status_code, second.headers.get("idempotency-replayed")) == (409, "true"), first.text
    for told in (first.json(), second.json()):
        assert told["code"] == "sold_out"
        order = (await api.get(f"/v1/orders/{told['order_id']}", headers=owner_of(told))).json()
        assert (order["status"], order["payment"]["status"]) == ("rejected", "refunded")
    charges = await provider.charges()
    assert [charge["refunded"] for charge in charges] == [order["price"]["total"]["amount"]]
    assert await wrongs(settings.database_url, charges, await provider.refunds()) == []
