"""Event streams when something goes wrong: they end as if their time were over."""

from types import SimpleNamespace
from typing import Any
from uuid import UUID

import msgspec
import pytest

from booking_api.bookings import customer_routes
from booking_api.bookings.operations import watch
from booking_api.bookings.operations.facts import load_order_of
from booking_api.bookings.operations.show import show_booking
from booking_api.core.context import Caller
from booking_api.core.errors import RateLimited
from booking_api.core.ids import new_id
from tests.bookings.journey import hold, owner_of, visit
from tests.world import World


async def opened(app: Any, world: World, held: dict[str, Any]) -> Any:
    """The events of a stream, as the server sends them, after the first one."""
    async with world.runtime.pool.acquire() as db:
        ctx = world.context(db)
        facts = await load_order_of(ctx, held["id"])
        first = show_booking(ctx, facts, facts.bookings[0])
    request: Any = SimpleNamespace(
        app=app,
        headers={},
        scope={"auth": (world.org, ctx.caller), "scheme": "http", "headers": [], "runtime": world.runtime},
    )
    events = customer_routes._events(request, facts.bookings[0].id, first)
    assert (await anext(events)).startswith(b"id: 1\n")
    return events


@pytest.fixture
async def held(api, world: World) -> dict[str, Any]:
    return await hold(api, world.app, visit(world, "adult"))


async def test_a_stream_ends_cleanly_when_the_database_fails_at_an_update(app, world: World, held, monkeypatch):
    events = await opened(app, world, held)
    monkeypatch.setattr(customer_routes, "HEARTBEAT_SECONDS", 0.05)
    assert await anext(events) == b": heartbeat\n\n"
    monkeypatch.setattr(customer_routes, "HEARTBEAT_SECONDS", 30)
    world.runtime.settings = msgspec.structs.replace(world.runtime.settings, pool_queue=0)
    for signals in watch.watch_of(world.runtime).signals.values():
        for signal in signals:
            signal.set()
    assert [event async for event in events] == []
    assert watch.watch_of(world.runtime).count == 0


async def test_one_stream_too_many_is_told_so_before_it_begins(app, api, world: World, held, monkeypatch):
    monkeypatch.setattr(watch, "MAX_WATCHERS", 0)
    answer = await api.get(f"/v1/bookings/{held['id']}/stream", headers=owner_of(held))
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    # One that slipped in between ends, with what it has said already.
    assert [event async for event in await opened(app, world, held)] == []


async def customer_of(world: World, held: dict[str, Any]) -> UUID:
    async with world.runtime.pool.acquire() as db:
        return await db.fetchval("select customer_id from booking where id = $1", UUID(held["id"]))


async def test_one_customer_has_so_many_streams_and_others_have_theirs(app, api, world: World, held):
    world.runtime.settings = msgspec.structs.replace(world.runtime.settings, streams_per_customer=2)
    watching = watch.watch_of(world.runtime)
    owner_id = await customer_of(world, held)
    caller = Caller(kind="customer", credential_id=new_id(), subject_id=owner_id)
    other = await hold(api, world.app, visit(world, "adult"))
    async with watching.on(world.org.org_id, UUID(held["id"]), 1, caller):
        async with watching.on(world.org.org_id, UUID(held["id"]), 1, caller):
            refused = await api.get(f"/v1/bookings/{held['id']}/stream", headers=owner_of(held))
            assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
            assert refused.headers["retry-after"] == "5"
            with pytest.raises(RateLimited):
                async with watching.on(world.org.org_id, UUID(held["id"]), 1, caller):
                    raise AssertionError("one too many")
            watching.check_room(await customer_of(world, other))
        watching.check_room(owner_id)
        world.runtime.settings = msgspec.structs.replace(world.runtime.settings, streams_per_customer=1)
        with pytest.raises(RateLimited):
            watching.check_room(owner_id)
    assert (watching.count, watching.of_owner) == (0, {})
