"""Holds that share a transaction: the same outcome as one by one, and nobody harms anybody else."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from booking_api.bookings.operations import together
from booking_api.bookings.operations.facts import Facts
from booking_api.bookings.operations.holding import Drafted, NoRoom, Wish, draft_holds, place_hold, place_holds
from booking_api.bookings.schemas import NewBookingOfOrder, NewItem, NewOrder
from booking_api.core.db import Connection, queries
from booking_api.core.db.queries import NewAnswer
from booking_api.core.errors import DomainError
from booking_api.core.ids import new_id
from booking_api.core.queue.batching import Batcher, RunAlone
from tests.bookings.journey import taken, visit
from tests.world import World, add_slot


def kind(outcome: object) -> str:
    if isinstance(outcome, Facts):
        return "held"
    return outcome.code if isinstance(outcome, DomainError) else type(outcome).__name__


@pytest.mark.parametrize("seed", range(6))
async def test_a_batch_decides_as_one_by_one(world: World, seed: int):
    """The same wishes in the same order, once in one transaction and once each in its own, on twin slots."""
    dice = random.Random(seed)
    shapes = [
        (dice.randint(0, 1), dice.choice(["light", "flex"]), dice.randint(0, 5), dice.random() < 0.1) for _ in range(30)
    ]
    async with world.runtime.pool.acquire() as db:
        twins = [
            [
                await add_slot(db, world.org.org_id, world.flight, _in_days(3), capacity=dice.randint(5, 20))
                for _ in range(2)
            ]
            for _ in range(2)
        ]
        for one, two in zip(*twins, strict=True):
            await db.execute(
                "update slot set capacity = (select capacity from slot where id = $1) where id = $2", one, two
            )

        def wish(slots, shape, ctx):
            slot, option, adults, unknown = shape
            items = [NewItem(unit="robot" if unknown else "adult") for _ in range(adults)]
            booking = NewBookingOfOrder(slot_id=slots[slot], option_id=world.option(world.flight, option), items=items)
            return Wish(ctx, NewOrder(bookings=[booking]), new_id())

        async with db.transaction():
            ctx = world.context(db)
            drafts = await draft_holds([wish(twins[0], shape, ctx) for shape in shapes])
            held = iter(await place_holds([draft for draft in drafts if isinstance(draft, Drafted)]))
            together_outcomes = [kind(next(held) if isinstance(draft, Drafted) else draft) for draft in drafts]
        singly_outcomes = []
        for shape in shapes:
            try:
                async with db.transaction():
                    singly_outcomes.append(kind(await place_hold(wish(twins[1], shape, world.context(db)))))
            except (DomainError, NoRoom) as refusal:
                singly_outcomes.append(kind(refusal))
    assert together_outcomes == singly_outcomes
    assert "held" in together_outcomes
    for one, two in zip(*twins, strict=True):
        assert await taken(world, one) == await taken(world, two)


def _in_days(days: int):
    from datetime import timedelta

    from booking_api.core.clock import utc_now

    return utc_now() + timedelta(days=days)


async def test_holds_that_come_at_once_share_transactions(api, world: World, monkeypatch):
    sizes: list[int] = []
    real = together.place_holds

    async def count(orders):
        sizes.append(len(orders))
        return await real(orders)

    monkeypatch.setattr(together, "place_holds", count)
    wish = visit(world, "adult")
    answers = await asyncio.gather(*(api.post("/v1/bookings", json=wish, headers=world.app) for _ in range(30)))
    assert Counter(answer.status_code for answer in answers) == {201: 20, 409: 10}
    assert max(sizes) > 1
    assert await taken(world, world.tower_slots[0]) == (20, 20, 0)


async def test_a_failed_batch_is_run_one_by_one(api, world: World, monkeypatch):
    """The transaction of several fails as a whole: each is carried out by itself, once."""
    real = together.place_holds

    async def fail_for_several(orders):
        outcomes = await real(orders)
        if len(orders) > 1:
            raise asyncpg.PostgresError("the statement was unlucky")
        return outcomes

    monkeypatch.setattr(together, "place_holds", fail_for_several)
    wishes = [visit(world, "adult", id=str(uuid4())) for _ in range(12)]
    answers = await asyncio.gather(*(api.post("/v1/bookings", json=wish, headers=world.app) for wish in wishes))
    assert [answer.status_code for answer in answers] == [201] * 12
    assert await taken(world, world.tower_slots[0]) == (12, 12, 0)


async def test_twins_in_one_batch_are_one_booking(api, world: World):
    keys = [str(uuid4()) for _ in range(4)]
    wish = visit(world, "adult")
    answers = await asyncio.gather(
        *(api.post("/v1/bookings", json=wish, headers={**world.app, "Idempotency-Key": keys[n % 4]}) for n in range(16))
    )
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 4
    assert await taken(world, world.tower_slots[0]) == (4, 4, 0)


async def test_a_cancelled_request_is_neither_lost_nor_doubled(api, world: World):
    """The phone hangs up in the middle and tries again with the same key."""
    wish = visit(world, "adult")
    keys = [str(uuid4()) for _ in range(10)]
    tasks = [
        asyncio.create_task(api.post("/v1/bookings", json=wish, headers={**world.app, "Idempotency-Key": key}))
        for key in keys
    ]
    await asyncio.sleep(0.005)
    for task in tasks[::2]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for key in keys:
        again = await api.post("/v1/bookings", json=wish, headers={**world.app, "Idempotency-Key": key})
        assert again.status_code == 201, again.text
    assert await taken(world, world.tower_slots[0]) == (10, 10, 0)


async def test_the_batcher_bounds_its_queue_and_its_batches():
    sizes: list[int] = []

    async def flush(items: list[int]) -> list[int]:
        sizes.append(len(items))
        await asyncio.sleep(0.001)
        return [item * 2 for item in items]

    batcher: Batcher[int, int] = Batcher(flush, cap=8, bound=50)
    answers = await asyncio.gather(*(batcher.submit(n) for n in range(60)), return_exceptions=True)
    assert answers[:50] == [n * 2 for n in range(50)]
    assert all(isinstance(answer, DomainError) and answer.code == "overloaded" for answer in answers[50:])
    assert max(sizes) == 8
    assert len(sizes) <= 8


async def test_a_flush_that_raises_sends_several_away_and_tells_a_single_one():
    async def flush(items: list[int]) -> list[int]:
        raise ValueError("no")

    batcher: Batcher[int, int] = Batcher(flush)
    with pytest.raises(ValueError, match="no"):
        await batcher.submit(1)
    both = await asyncio.gather(batcher.submit(1), batcher.submit(2), return_exceptions=True)
    assert [type(one) for one in both] == [RunAlone, RunAlone]


async def test_a_key_that_another_process_answered_meanwhile(api, world: World, monkeypatch):
    """It saw the key free and stored its answer first: this batch, of one request, leaves nothing and is run again."""
    real, stored = queries.store_answers, asyncio.Event()

    async def come_second(db: Connection, org_id: UUID, answers: Sequence[NewAnswer], now: datetime) -> int:
        if stored.is_set():
            return await real(db, org_id, answers, now)
        stored.set()
        async with world.runtime.pool.acquire() as other:
            await real(
                other, org_id, [msgspec.structs.replace(one, body=b'{"made":"elsewhere"}') for one in answers], now
            )
        return await real(db, org_id, answers, now)

    monkeypatch.setattr(queries, "store_answers", come_second)
    headers = {**world.customer(), "Idempotency-Key": uuid4().hex}
    answer = await api.post("/v1/bookings", json=visit(world, "adult"), headers=headers)
    assert (answer.status_code, answer.json()) == (201, {"made": "elsewhere"})
    assert answer.headers["idempotency-replayed"] == "true"
    assert await taken(world, world.tower_slots[0]) == (0, 0, 0)
