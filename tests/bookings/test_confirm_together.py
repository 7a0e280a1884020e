"""Confirmations and express bookings that share a transaction: the same as one by one, and nobody harms anybody else."""

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from booking_api.bookings import queries, routes
from booking_api.bookings.operations import confirmation, together
from booking_api.core.ids import new_id
from booking_api.core.queue.together import run_together
from booking_api.feedback import prompt_queries
from booking_api.feedback.prompts import add_prompts
from booking_api.feedback.schemas import NewPrompt
from tests.bookings.journey import CONTACT, end_hold, hold, owner_of, party, taken, visit
from tests.bookings.twins import Request, at_once, one_by_one, outcome, tables
from tests.world import Headers, World, build_world

ON_SITE = {"contact": CONTACT, "payment": {"method": "on_site"}}
WRONG = {"amount": 1, "currency": "EUR"}


def advice(world: World, slot: int, **more: Any) -> dict[str, Any]:
    """A free consultation, which needs an answer."""
    option = world.option(world.consultant, "video")
    return {
        "slot_id": str(world.consultant_slots[slot]),
        "option_id": str(option),
        "items": [{"unit": "adult"}],
        **more,
    }


async def ask_for_feedback(world: World) -> None:
    """Every step asks; who was asked is left alone for a day."""
    questions = [NewPrompt(step=step, kind="csat", share_percent=100, pause_days=1, question={"en": "How was it?"})
                 for step in ("details", "payment", "confirmed")]  # fmt: skip
    async with world.runtime.pool.acquire() as db:
        await add_prompts(db, world.org.org_id, questions, datetime.now(UTC))


# batches and one by one -------------------------------------------------------------------------------------------


class Scene:
    """An organisation with orders in many states, and wishes about them; the same for the same seed."""

    def __init__(self, api: httpx.AsyncClient, world: World, seed: int) -> None:
        self.api, self.world, self.dice = api, world, random.Random(seed)
        self.owners: list[Headers] = []
        self.orders: list[dict[str, Any]] = []

    async def prepare(self) -> None:
        world = self.world
        await ask_for_feedback(world)
        for number in range(18):
            owner = self.owners[-1] if number % 6 == 5 else world.customer()  # Some have two orders.
            contact = {"contact": {**CONTACT, "name": f"Owner {number}"}} if self.dice.random() < 0.4 else {}
            match number % 9:
                case 6:
                    answers = {"answers": {"topic": "Loans"}} if self.dice.random() < 0.6 else {}
                    wish: Any = [advice(world, number // 9, **answers, **contact)]
                case 7:
                    wish = [party(world, "adult", **contact)]
                case 8:
                    wish = [visit(world, "adult"), visit(world, "child", slot=world.tower_slots[1])]
                case _:
                    wish = [
                        visit(
                            world,
                            *["adult"] * self.dice.randint(1, 3),
                            slot=world.tower_slots[3 + number % 5],
                            **contact,
                        )
                    ]
            path, body = ("/v1/orders", {"bookings": wish}) if len(wish) > 1 else ("/v1/bookings", wish[0])
            answer = await self.api.post(path, json=body, headers=owner)
            assert answer.status_code == 201, answer.text
            order = answer.json()
            self.owners.append(owner)
            self.orders.append(
                {"order": order.get("order_id", order["id"]), "booking": (order.get("bookings") or [order])[0]["id"]}
            )
            match number:
                case 0:
                    await end_hold(world, self.orders[-1]["order"])
                case 1:
                    await self.api.post(f"/v1/orders/{self.orders[-1]['order']}/confirm", json=ON_SITE, headers=owner)
                case 2:
                    await self.api.post(f"/v1/orders/{self.orders[-1]['order']}/cancel", json={}, headers=owner)

    def wishes(self) -> list[Request]:
        dice = self.dice
        confirmed = {number: self._confirm(number) for number in dice.sample(range(18), 14)}
        booked = [self._book() for _ in range(12)]
        nobodys = Request(f"/v1/orders/{new_id()}/confirm", ON_SITE, self.world.customer())
        # Those sent away come last and in no order among themselves: of each customer there is only one such request.
        again = [self._confirm(number) for number in dice.sample([3, 8, 13], 2)]
        repeated = [
            request
            for request in (*booked, nobodys, *(confirmed[number] for number in {0, 1, 2, 6, 7, 12, 14} & {*confirmed}))
            if dice.random() < 0.3
        ]
        for request in repeated:
            request.headers = {**request.headers, "Idempotency-Key": str(uuid4())}
        chosen = [*confirmed.values(), *booked, nobodys, *again]
        dice.shuffle(chosen)
        return chosen + repeated

    def _confirm(self, number: int) -> Request:
        dice, order = self.dice, self.orders[number]
        whole = dice.random() < 0.5
        path = f"/v1/orders/{order['order']}/confirm" if whole else f"/v1/bookings/{order['booking']}/confirm"
        body: dict[str, Any] = {}
        if dice.random() < 0.7:
            body["contact"] = {**CONTACT, "name": f"Guest {number}"}
        if dice.random() < 0.85:
            body["payment"] = {"method": "on_site"}
        if dice.random() < 0.15:
            body["expected_total"] = WRONG
        whose = dice.random()
        headers = self.owners[number] if whose < 0.8 else self.world.agent if whose < 0.9 else self.world.customer()
        return Request(path, body, {**headers, "Accept-Language": dice.choice(["en", "de"])})

    def _book(self) -> Request:
        dice, world = self.dice, self.world
        express = dice.random() < 0.7
        more: dict[str, Any] = {"confirm": True} if express else {}
        if dice.random() < 0.8:
            more["contact"] = CONTACT
        if express and dice.random() < 0.9:
            more["payment"] = {"method": "on_site"}
        if dice.random() < 0.1:
            more["expected_total"] = WRONG
        if dice.random() < 0.2:
            more["id"] = str(uuid4())
        kind = dice.random()
        if kind < 0.15:
            wish = party(world, "adult", slot=world.flight_slots[1], **more)
        elif kind < 0.3:
            wish = advice(world, 2, **({"answers": {"topic": "Money"}} if dice.random() < 0.7 else {}), **more)
        else:
            wish = visit(world, *["adult"] * dice.randint(1, 9), slot=world.tower_slots[2], **more)
        return Request("/v1/bookings", wish, dice.choice([world.app, world.agent, world.customer()]))


@pytest.mark.parametrize("seed", range(8))
async def test_a_batch_does_what_one_by_one_does(api: httpx.AsyncClient, world: World, monkeypatch, seed: int):
    """Answers and tables are the same, up to ids and moments."""
    twins = [Scene(api, each, seed) for each in (world, await build_world(world.runtime, "Westwind"))]
    for scene in twins:
        await scene.prepare()
    together_requests, single_requests = (scene.wishes() for scene in twins)
    answers, sizes = await at_once(api, together_requests, monkeypatch)
    singly = await one_by_one(api, single_requests, monkeypatch)
    assert max(sizes) > 10
    assert [outcome(answer) for answer in answers] == [outcome(answer) for answer in singly]
    assert len({answer.json().get("code") for answer in answers}) > 4
    first, second = [await tables(scene.world) for scene in twins]
    for name, rows in first.items():
        assert rows == second[name], name


# several at once --------------------------------------------------------------------------------------------------


async def held(api: httpx.AsyncClient, world: World, count: int, **more: Any) -> list[tuple[dict[str, Any], Headers]]:
    bookings = [await hold(api, world.app, visit(world, "adult", **more)) for _ in range(count)]
    return [(booking, owner_of(booking)) for booking in bookings]


def confirmations(orders: list[tuple[dict[str, Any], Headers]]) -> list[Request]:
    return [
        Request(f"/v1/orders/{booking['order_id']}/confirm", ON_SITE, {**owner, "Idempotency-Key": str(uuid4())})
        for booking, owner in orders
    ]


async def count(world: World, table: str, condition: str = "true") -> int:
    async with world.runtime.pool.acquire() as db:
        return await db.fetchval(f"select count(*) from {table} where org_id = $1 and {condition}", world.org.org_id)


async def test_confirmations_that_come_at_once_share_a_transaction(api, world: World, monkeypatch):
    """Also those of one customer's two orders and of one order twice, which come after the others."""
    orders = await held(api, world, 12)
    twice = [*confirmations(orders), *confirmations(orders[:2])]
    answers, sizes = await at_once(api, twice, monkeypatch)
    assert [answer.status_code for answer in answers] == [200] * 14
    assert sizes == [1, 13]
    assert await count(world, "pass", "revoked_at is null") == 12
    assert await count(world, "event", "type = 'booking.confirmed'") == 12
    assert await count(world, "claim", "expires_at is null") == 12
    assert await count(world, "idempotency_key", "status = 200") == 14


async def test_an_express_booking_is_written_as_confirmed(api, world: World, monkeypatch):
    async def nothing_to_update(*_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(queries, "update_orders", nothing_to_update)
    wishes = [visit(world, "adult", "child", confirm=True, **ON_SITE) for _ in range(12)]
    answers, sizes = await at_once(api, [Request("/v1/bookings", wish, world.app) for wish in wishes], monkeypatch)
    assert sizes == [1, 11]
    assert Counter(answer.status_code for answer in answers) == {201: 10, 409: 2}
    booked = [answer.json() for answer in answers if answer.status_code == 201]
    assert all(one["status"] == "confirmed" and one["access_token"] and one["version"] == 2 for one in booked)
    assert all(item["pass"]["code"] and not item["pass"]["paid"] for one in booked for item in one["items"])
    assert await taken(world, world.tower_slots[0]) == (20, 20, 0)
    events = {kind: await count(world, "event", f"type = '{kind}'") for kind in ("booking.held", "booking.confirmed")}
    assert events == {"booking.held": 10, "booking.confirmed": 10}
    for one in booked:
        again = await api.get(f"/v1/bookings/{one['id']}", headers=owner_of(one))
        assert (again.json()["status"], again.json()["contact"]) == ("confirmed", CONTACT)


async def test_a_refused_express_booking_leaves_nothing(api, world: World, monkeypatch):
    lacking = [
        visit(world, "adult", confirm=True, payment={"method": "on_site"}),
        visit(world, "adult", confirm=True, contact=CONTACT),
    ]
    answers, _ = await at_once(api, [Request("/v1/bookings", wish, world.app) for wish in lacking * 3], monkeypatch)
    missing = [[one["pointer"] for one in answer.json()["missing"]] for answer in answers]
    assert missing == [["/contact"], ["/payment"]] * 3
    for table in ("booking_order", "booking", "claim", "event", "customer"):
        assert await count(world, table) == 0


async def test_a_returning_customers_contact_is_known_in_a_batch(api, world: World, monkeypatch):
    customers = [
        (await hold(api, world.app, visit(world, "adult", confirm=True, **ON_SITE)), number) for number in range(4)
    ]
    wish = visit(world, "adult", confirm=True, payment={"method": "on_site"})
    requests = [Request("/v1/bookings", wish, owner_of(booking)) for booking, _ in customers for _ in range(2)]
    answers, _ = await at_once(api, requests, monkeypatch)
    assert [(answer.status_code, answer.json()["contact"]) for answer in answers] == [(201, CONTACT)] * 8


async def test_the_contact_of_one_order_is_known_to_the_customers_next(api, world: World, monkeypatch):
    """They come at once: the second is sent away, and so comes after the first."""
    owner = world.customer()
    orders = [await hold(api, owner, visit(world, "adult")) for _ in range(2)]
    bodies = [ON_SITE, {"payment": ON_SITE["payment"]}]
    requests = [Request(f"/v1/orders/{o['order_id']}/confirm", b, owner) for o, b in zip(orders, bodies, strict=True)]
    other = confirmations(await held(api, world, 1))
    answers, sizes = await at_once(api, [*other, *requests], monkeypatch)
    assert sizes == [1, 2]
    assert [answer.json()["bookings"][0]["contact"] for answer in answers] == [CONTACT] * 3


# when something goes wrong ----------------------------------------------------------------------------------------


async def test_a_locked_order_holds_up_nobody_else(api, world: World, monkeypatch):
    """Its own confirmation waits for whoever works on it; the others of the batch are answered meanwhile."""
    orders = await held(api, world, 6)
    alone: list[Any] = []
    lock_whole = routes.lock_whole

    async def counted(*args: Any) -> Any:
        alone.append(args)
        return await lock_whole(*args)

    monkeypatch.setattr(routes, "lock_whole", counted)
    async with world.runtime.pool.acquire() as db, db.transaction():
        await db.execute("select from booking_order where id = $1 for update", orders[3][0]["order_id"])
        tasks = [asyncio.create_task(api.post(r.path, json=r.body, headers=r.headers)) for r in confirmations(orders)]
        done = [await task for place, task in enumerate(tasks) if place != 3]
        assert [answer.status_code for answer in done] == [200] * 5
        assert not tasks[3].done()
    assert (await tasks[3]).status_code == 200
    assert await count(world, "pass") == 6
    assert len(alone) == 1


@pytest.mark.parametrize("express", [False, True])
async def test_a_failed_batch_is_run_one_by_one(api, world: World, monkeypatch, express: bool):
    """The transaction of several fails as a whole: each is carried out by itself, once."""
    real = confirmation.complete

    async def fail_for_several(orders: Any, *more: Any) -> None:
        await real(orders, *more)
        if len(orders) > 1:
            raise asyncpg.PostgresError("the statement was unlucky")

    if express:
        wish = visit(world, "adult", confirm=True, **ON_SITE)
        requests = [Request("/v1/bookings", wish, {**world.app, "Idempotency-Key": str(uuid4())}) for _ in range(8)]
    else:
        requests = confirmations(await held(api, world, 8))
    monkeypatch.setattr("booking_api.bookings.operations.holding.complete", fail_for_several)
    monkeypatch.setattr(confirmation, "complete", fail_for_several)
    answers, sizes = await at_once(api, requests, monkeypatch, may_fail=True)
    assert sizes == [1, 7]
    assert [answer.json()["status"] for answer in answers] == ["confirmed"] * 8
    assert await count(world, "pass") == 8
    assert await taken(world, world.tower_slots[0]) == (8, 8, 0)


async def test_places_given_back_behind_an_orders_back_refuse_it_alone(api, world: World, monkeypatch):
    """That is never so; should it be, the batch is rolled back and each runs by itself."""
    orders = await held(api, world, 5)
    async with world.runtime.pool.acquire() as db:
        await db.execute("delete from claim where id = $1", orders[2][0]["id"])
    answers, _ = await at_once(api, confirmations(orders), monkeypatch, may_fail=True)
    assert [answer.json().get("code", answer.status_code) for answer in answers] == [200, 200, "hold_expired", 200, 200]


@pytest.mark.parametrize("express", [False, True])
async def test_a_cancelled_request_is_neither_lost_nor_doubled(api, world: World, express: bool):
    """The phone hangs up in the middle and tries again with the same key."""
    if express:
        wish = visit(world, "adult", confirm=True, **ON_SITE)
        requests = [Request("/v1/bookings", wish, {**world.app, "Idempotency-Key": str(uuid4())}) for _ in range(10)]
    else:
        requests = confirmations(await held(api, world, 10))
    tasks = [asyncio.create_task(api.post(r.path, json=r.body, headers=r.headers)) for r in requests]
    await asyncio.sleep(0.01)
    for task in tasks[::2]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for request in requests:
        again = await api.post(request.path, json=request.body, headers=request.headers)
        assert again.json()["status"] == "confirmed", again.text
    assert await count(world, "booking", "status = 'confirmed'") == 10
    assert await count(world, "pass") == 10
    assert await taken(world, world.tower_slots[0]) == (10, 10, 0)


@pytest.mark.parametrize("committed", [False, True])
async def test_a_lost_connection_is_told_and_a_repeat_finds_the_answer(api, world: World, monkeypatch, committed: bool):
    """Nobody knows what became of the batch: nothing of it is run again unasked."""
    requests = confirmations(await held(api, world, 6))
    real = run_together

    async def cut(*args: Any) -> Any:
        if committed:
            await real(*args)
        raise asyncpg.ConnectionDoesNotExistError("cut")

    with monkeypatch.context() as patched:
        patched.setattr("booking_api.core.queue.together.run_together", cut)
        tasks = [asyncio.create_task(api.post(r.path, json=r.body, headers=r.headers)) for r in requests]
        assert [(await task).json()["code"] for task in tasks] == ["overloaded"] * 6
    assert await count(world, "pass") == (6 if committed else 0)
    for request in requests:
        again = await api.post(request.path, json=request.body, headers=request.headers)
        assert again.json()["status"] == "confirmed"
        assert ("idempotency-replayed" in again.headers) == committed
    assert await count(world, "pass") == 6


async def test_another_process_that_stored_its_answer_first(api, world: World, monkeypatch):
    """The batch finds out when it stores its own, and leaves nothing of itself."""
    requests = confirmations(await held(api, world, 3))
    real = together.confirm_together

    async def late(turns: Any) -> None:
        await real(turns)
        if len(turns) > 1:
            credential, (key, digest) = turns[1].ctx.caller.credential_id, turns[1].key
            async with world.runtime.pool.acquire() as db:
                await db.execute(
                    "insert into idempotency_key (org_id, credential_id, key_hash, fingerprint, status, body, created_at)"
                    " values ($1, $2, $3, $4, 200, 'earlier', now())", world.org.org_id, credential, key, digest,
                )  # fmt: skip

    monkeypatch.setattr("booking_api.bookings.routes.confirm_together", late)
    answers, sizes = await at_once(api, requests, monkeypatch, may_fail=True)
    assert sizes == [1, 2]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert answers[2].text == "earlier"
    assert await count(world, "pass") == 2


async def test_a_question_is_asked_once_and_in_one_go(api, world: World, monkeypatch):
    """Who holds twice is asked about the first; a batch looks once at what its customers were asked before."""
    await ask_for_feedback(world)
    looks, look = [], prompt_queries.latest_asks

    async def counted(*args: Any) -> Any:
        looks.append(args)
        return await look(*args)

    monkeypatch.setattr(prompt_queries, "latest_asks", counted)
    customers = [world.customer() for _ in range(6)]
    requests = [Request("/v1/bookings", visit(world, "adult"), headers) for headers in [*customers, *customers]]
    answers, sizes = await at_once(api, requests, monkeypatch)
    asked = [answer.json().get("feedback_prompt", {}).get("id") for answer in answers]
    assert all(asked[:6])
    assert asked[6:] == [None] * 6
    assert await count(world, "feedback_asked") == 6
    assert (sizes, len(looks)) == ([1, 11], 2)
