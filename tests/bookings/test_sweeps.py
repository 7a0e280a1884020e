"""Sweeps: what is over is ended in batches that hold up neither a sale nor each other."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest

from booking_api.bookings import jobs
from booking_api.bookings.operations import cancellation
from booking_api.bookings.operations.facts import Facts
from booking_api.core.context import Context
from booking_api.core.db.event_queries import StoredEvent
from booking_api.core.ids import new_id
from tests.bookings.journey import end_hold, hold, taken, visit
from tests.world import World, build_world


async def ended_holds(api: httpx.AsyncClient, world: World, slots: Sequence[UUID]) -> list[UUID]:
    """Holds on these slots whose time is over; their orders."""
    made = [await hold(api, world.app, visit(world, "adult", slot=slot)) for slot in slots]
    for one in made:
        await end_hold(world, one["order_id"])
    return [UUID(one["order_id"]) for one in made]


async def undecided(api: httpx.AsyncClient, world: World, slots: Sequence[UUID]) -> list[UUID]:
    """Orders whose payment should have had an outcome by now."""
    orders = await ended_holds(api, world, slots)
    async with world.runtime.pool.acquire() as db:
        await db.execute(
            "update booking_order set status = 'pending', expires_at = null, pending_until = created_at "
            "where org_id = $1 and id = any($2::uuid[])", world.org.org_id, orders,
        )  # fmt: skip
        await db.execute(
            "update booking set status = 'pending' where org_id = $1 and order_id = any($2::uuid[])",
            world.org.org_id, orders,
        )  # fmt: skip
    return orders


async def statuses(world: World, orders: Sequence[UUID]) -> list[str]:
    async with world.runtime.pool.acquire() as db:
        rows = await db.fetch("select id, status from booking_order where org_id = $1", world.org.org_id)
    found = {row["id"]: row["status"] for row in rows}
    return [found[order] for order in orders]


def poison(monkeypatch: pytest.MonkeyPatch, name: str, bad: UUID) -> list[UUID]:
    """Lets a verb fail for one order; the orders it was asked for."""
    verb: Any = getattr(cancellation, name)
    asked: list[UUID] = []

    async def fail(ctx: Context, found: Facts | Sequence[Facts]) -> None:
        orders = [found.order.id] if isinstance(found, Facts) else [facts.order.id for facts in found]
        asked.extend(orders)
        await verb(ctx, found)
        if bad in orders:
            raise RuntimeError("a row that nobody foresaw")

    monkeypatch.setattr(cancellation, name, fail)
    return asked


async def test_one_bad_order_does_not_hold_up_undecided_payments(api, world, monkeypatch):
    orders = await undecided(api, world, world.tower_slots[:3])
    asked = poison(monkeypatch, "abandon", orders[0])
    assert await jobs.sweep_undecided_payments(world.runtime) == 2
    assert await statuses(world, orders) == ["pending", "rejected", "rejected"]
    assert await jobs.sweep_undecided_payments(world.runtime) == 0
    assert asked.count(orders[0]) == 1, "it is set aside, so that more of them couldn't fill every batch"


async def test_one_bad_order_does_not_hold_up_ended_holds(api, world, monkeypatch):
    orders = await ended_holds(api, world, world.tower_slots[:3])
    poison(monkeypatch, "expire_loaded", orders[1])
    assert await jobs.sweep_ended_holds(world.runtime) == 2
    assert await statuses(world, orders) == ["expired", "on_hold", "expired"]
    assert [await taken(world, slot) for slot in world.tower_slots[:3]] == [(0, 0, 0), (1, 1, 0), (0, 0, 0)]


async def test_what_was_set_aside_gets_another_try(api, world, monkeypatch):
    orders = await ended_holds(api, world, world.tower_slots[:1])
    with monkeypatch.context() as patch:
        patch.setattr(jobs, "BROKEN_SECONDS", 0.0)
        poison(patch, "expire_loaded", orders[0])
        assert await jobs.sweep_ended_holds(world.runtime) == 0
    assert await jobs.sweep_ended_holds(world.runtime) == 1
    assert await statuses(world, orders) == ["expired"]


async def test_a_sweep_waits_for_a_hot_slot_with_nothing_else_locked(api, world, monkeypatch):
    monkeypatch.setattr(jobs, "BUSY_WAIT", "20s")
    hot, idle = world.tower_slots[:2]
    orders = await ended_holds(api, world, [hot, idle, hot])
    async with world.runtime.pool.acquire() as seller, world.runtime.pool.acquire() as buyer:
        async with seller.transaction():
            await seller.execute("select from slot where org_id = $1 and id = $2 for update", world.org.org_id, hot)
            sweep = asyncio.create_task(jobs.sweep_ended_holds(world.runtime))
            await until_somebody_waits(buyer)
            assert sorted(await statuses(world, orders)) == ["expired", "on_hold", "on_hold"]
            for table, row in (("slot", idle), ("booking_order", orders[1])):
                await buyer.execute(
                    f"select from {table} where org_id = $1 and id = $2 for update nowait", world.org.org_id, row
                )
        assert await sweep == 3
    assert await statuses(world, orders) == ["expired"] * 3
    assert [await taken(world, slot) for slot in (hot, idle)] == [(0, 0, 0)] * 2


async def until_somebody_waits(db: Any) -> None:
    """For a lock of this database."""
    async with asyncio.timeout(30):
        while not await db.fetchval(  # noqa: ASYNC110 - PostgreSQL announces it to nobody
            "select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')"
        ):
            await asyncio.sleep(0.01)


async def test_a_slot_that_stays_busy_is_left_for_later(api, world, monkeypatch):
    monkeypatch.setattr(jobs, "BUSY_WAIT", "20ms")
    hot, idle = world.tower_slots[:2]
    orders = await ended_holds(api, world, [hot, idle])
    async with world.runtime.pool.acquire() as seller, seller.transaction():
        await seller.execute("select from slot where org_id = $1 and id = $2 for update", world.org.org_id, hot)
        assert await jobs.sweep_ended_holds(world.runtime) == 1
    assert await statuses(world, orders) == ["on_hold", "expired"]
    monkeypatch.setattr(jobs._Skipped, "ids", lambda self: [])
    assert await jobs.sweep_ended_holds(world.runtime) == 1


async def test_an_order_that_somebody_works_on_is_passed_over(api, world):
    orders = await ended_holds(api, world, world.tower_slots[:2])
    async with world.runtime.pool.acquire() as owner, owner.transaction():
        await owner.execute(
            "select from booking_order where org_id = $1 and id = $2 for update", world.org.org_id, orders[0]
        )
        assert await jobs.sweep_ended_holds(world.runtime) == 1
    assert await jobs.sweep_ended_holds(world.runtime) == 1
    assert await statuses(world, orders) == ["expired", "expired"]


async def test_one_bad_order_does_not_keep_a_slots_change_from_the_others(api, world, monkeypatch):
    slot = world.tower_slots[0]
    held = [await hold(api, world.app, visit(world, "adult", slot=slot)) for _ in range(3)]
    orders = [UUID(one["order_id"]) for one in held]
    asked: list[UUID] = []

    async def fail(ctx: Context, facts: Facts, slot_id: UUID) -> None:
        asked.append(facts.order.id)
        if facts.order.id == orders[0]:
            raise RuntimeError("a row that nobody foresaw")

    monkeypatch.setattr(jobs.slot_change, "follow_slot", fail)
    event = StoredEvent(world.org.org_id, new_id(), "slot.changed", slot, {}, datetime.now(UTC))
    with pytest.raises(RuntimeError, match="nobody foresaw"):
        await jobs.follow_slot(world.runtime, event)
    assert sorted(asked) == sorted(orders)


async def test_one_bad_organisation_does_not_keep_retention_from_the_others(world, monkeypatch):
    other = await build_world(world.runtime, "Other")
    asked: list[UUID] = []

    async def fail(db: Any, org_id: UUID, *args: Any) -> list[Any]:
        asked.append(org_id)
        if len(asked) == 1:
            raise RuntimeError("a row that nobody foresaw")
        return []

    monkeypatch.setattr(jobs.retention_queries, "list_dead_orders", fail)
    assert await jobs.bury_abandoned_orders(world.runtime) == 0
    assert set(asked) == {world.org.org_id, other.org.org_id}
