"""Real workers: one that dies between sending and noting, two at once, and a receiver that hangs beside a good one."""

import asyncio
import os

from booking_api.webhooks import deliverer
from tests.bookings.journey import hold, party, visit
from tests.core.outbound import test_client as bad
from tests.faults.dying import dies
from tests.operations.test_worker import until, working
from tests.webhooks.hearing import deliveries, hearing, relay, relay_and_tell, subscribe


def environment(runtime) -> dict[str, str]:
    settings = runtime.settings
    return {
        **os.environ, "DATABASE_URL": settings.database_url, "BOOKING_SECRET_KEY": settings.secret_key,
        "BOOKING_OUTBOUND_LOOPBACK": "true", "BOOKING_LOG_LEVEL": "error",
    }  # fmt: skip


async def test_a_worker_dies_between_sending_and_noting(api, world, runtime):
    async with hearing() as heard:
        hook = await subscribe(api, world.owner, heard.url)
        await hold(api, world.app, party(world, "adult"))
        await dies("a webhook was sent", [], environment(runtime))
        assert len(heard.ids) == 1
        [waiting] = await deliveries(api, world.owner, hook)
        assert (waiting["status"], waiting["tries"]) == ("waiting", 1)
        async with runtime.pool.acquire() as db:
            await db.execute("update webhook_delivery set due_at = due_at - interval '1 minute'")
        await relay_and_tell(runtime)
        assert [one["status"] for one in await deliveries(api, world.owner, hook)] == ["delivered"]
    assert len(heard.ids) == 2
    assert len(set(heard.ids)) == 1
    assert heard.bodies[0] == heard.bodies[1]


async def test_two_workers_tell_everything_once_and_in_order(api, world, runtime):
    async with hearing() as heard:
        hook = await subscribe(api, world.owner, heard.url)
        async with working(runtime.settings), working(runtime.settings):
            for slot in world.tower_slots:
                held = await hold(api, world.app, visit(world, "adult", slot=slot))
                await api.post(f"/v1/bookings/{held['id']}/cancel", json={}, headers=world.owner)
            await until(lambda: len(heard.ids) >= 2 * len(world.tower_slots))
            await asyncio.sleep(0.5)
        assert len(heard.ids) == len(set(heard.ids)) == 2 * len(world.tower_slots)
        for key in {body["order_key"] for body in heard.bodies}:
            assert [body["type"] for body in heard.bodies if body["order_key"] == key] == [
                "booking.held", "booking.cancelled",
            ]  # fmt: skip
        assert {one["status"] for one in await deliveries(api, world.owner, hook)} == {"delivered"}


async def test_receivers_that_hang_keep_no_other_waiting(api, world, runtime, monkeypatch):
    monkeypatch.setattr(deliverer, "ROOM_OF_ORGANISATION", 3)
    async with hearing(bad.hang) as hanging, hearing() as good:
        for number in range(6):
            await subscribe(api, world.owner, f"{hanging.url}&n={number}")
        hook = await subscribe(api, world.owner, good.url)
        for _ in range(4):
            await hold(api, world.app, party(world, "adult"))
        await relay(runtime)
        async with working(runtime.settings):
            await until(lambda: len(good.ids) == 4, seconds=10)
        assert {one["status"] for one in await deliveries(api, world.owner, hook)} == {"delivered"}
