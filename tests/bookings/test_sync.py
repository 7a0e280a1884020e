"""Sync loses nothing, whenever what commits and whose clock is wrong, and repeats nothing for ever."""

import random
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import msgspec
import pytest

from booking_api.app import create_app
from booking_api.bookings import jobs, sync_queries
from booking_api.bookings.operations import sync as syncing
from booking_api.core.clock import CLOCKS_APART, LONGEST_TRANSACTION, utc_now
from booking_api.core.ids import new_id
from booking_api.core.paging import write_cursor
from booking_api.core.queue import together
from booking_api.core.web import transactions
from booking_api.run.lifetime import open_runtime
from tests.bookings.journey import confirm, end_hold, hold, visit
from tests.bookings.test_reach import BEN, Family, family  # noqa: F401 - a fixture
from tests.world import Headers, World, add_slot


class Clock:
    """The clock of the process that answers, as far as it is off."""

    def __init__(self) -> None:
        self.off = timedelta(0)

    def __call__(self) -> datetime:
        return utc_now() + self.off


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    for module in (transactions, together):
        monkeypatch.setattr(module, "utc_now", found)
    return found


class Phone:
    """What a phone has been sent."""

    def __init__(self, api: httpx.AsyncClient, headers: Headers) -> None:
        self.api, self.headers = api, headers
        self.since: str | None = None
        self.has: dict[str, int] = {}
        self.gone: set[str] = set()
        self.bytes = 0

    async def page(self, limit: int) -> tuple[list[str], bool]:
        query = f"?limit={limit}" + (f"&since={self.since}" if self.since else "")
        answer = await self.api.get(f"/v1/sync{query}", headers=self.headers)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["next_since"]) <= 400
        assert len(page["items"]) <= limit
        for item in page["items"]:
            if item.get("deleted"):
                self.gone.add(item["id"])
                self.has.pop(item["id"], None)
            else:
                self.has[item["id"]] = max(self.has.get(item["id"], 0), item["data"]["version"])
        self.since, self.bytes = page["next_since"], len(answer.content)
        return [item["id"] for item in page["items"]], page["has_more"]

    async def sync(self, limit: int = 50) -> list[str]:
        ids: list[str] = []
        has_more = True
        while has_more:
            some, has_more = await self.page(limit)
            ids += some
        return ids


TOUCH = "update booking set version = version + 1, updated_at = $2 where id = $1"


@asynccontextmanager
async def writing_late(world: World, sql: str, *values: Any) -> AsyncIterator[asyncpg.Connection]:
    """A transaction that has written, and commits at the end of the block."""
    connection = await asyncpg.connect(world.runtime.settings.database_url)
    try:
        async with connection.transaction():
            await connection.execute(sql, *values)
            yield connection
    finally:
        await connection.close()


async def holds(api: httpx.AsyncClient, world: World, headers: Headers, count: int) -> list[str]:
    return [(await hold(api, headers, visit(world, "adult")))["id"] for _ in range(count)]


async def copy_booking(db: Any, booking_id: str, at: datetime, copy_id: UUID | None = None) -> str:
    """A booking of the same order and customer that carries this moment."""
    copied = copy_id or new_id()
    await db.execute(
        """
        insert into booking (org_id, id, order_id, position, customer_id, reference, slot_id, product_id,
          product_version, option_id, status, version, price, total, channel, visit_ends_at, created_at, updated_at)
        select org_id, $2, order_id, position + 1, customer_id, $4, slot_id, product_id,
          product_version, option_id, status, 1, price, total, channel, visit_ends_at, created_at, $3
        from booking where id = $1
        """,
        UUID(booking_id), copied, at, copied.hex[-8:].upper(),
    )  # fmt: skip
    return str(copied)


# late commits ------------------------------------------------------------------------------------------------------


async def test_a_booking_that_commits_after_a_later_one_was_read_is_sent(api, world: World):
    customer = world.customer()
    phone = Phone(api, customer)
    (first,) = await holds(api, world, customer, 1)
    await phone.sync()
    connection = await asyncpg.connect(world.runtime.settings.database_url)
    transaction = connection.transaction()
    await transaction.start()
    late = await copy_booking(connection, first, utc_now())
    (later,) = await holds(api, world, customer, 1)
    assert await phone.sync() == [later]
    assert await phone.sync() == []
    await transaction.commit()
    await connection.close()
    assert late in await phone.sync()
    assert set(phone.has) == {first, later, late}
    assert await phone.sync() == []


async def test_a_change_of_what_was_sent_that_commits_late_is_sent(api, world: World):
    customer = world.customer()
    phone = Phone(api, customer)
    first, second, third = await holds(api, world, customer, 3)
    await phone.sync()
    async with writing_late(world, TOUCH, UUID(second), utc_now()):
        done = await api.patch(f"/v1/bookings/{third}", json={"answers": {"language": "de"}}, headers=customer)
        assert done.status_code == 200, done.text
        await phone.sync(1)
        assert (phone.has[second], phone.has[third]) == (1, done.json()["version"])
    await phone.sync(1)
    assert phone.has == {first: 1, second: 2, third: done.json()["version"]}
    assert await phone.sync() == []


async def test_a_commit_that_waits_for_longer_than_the_overlap_is_sent(api, world: World, clock: Clock):
    """As for a replica that is away: no time-out ends that."""
    customer = world.customer()
    phone = Phone(api, customer)
    first, second = await holds(api, world, customer, 2)
    async with writing_late(world, TOUCH, UUID(first), utc_now()):
        for minutes in (0, 5, 30):
            clock.off = timedelta(minutes=minutes)
            await phone.sync()
    assert await phone.sync() == [second, first]
    assert phone.has[first] == 2
    assert await phone.sync() == []


async def test_a_transaction_of_another_database_holds_nothing_back(api, world: World, clock: Clock):
    async with world.runtime.pool.acquire() as db:
        assert (await sync_queries.transaction_horizon(db)).oldest is None
        async with writing_late(world, "select 1"):
            assert (await sync_queries.transaction_horizon(db)).oldest is not None
        url = world.runtime.settings.database_url.replace((await db.fetchval("select current_database()")), "postgres")
        other = await asyncpg.connect(url)
        async with other.transaction():
            await other.execute("select 1")
            assert (await sync_queries.transaction_horizon(db)).oldest is None
        await other.close()


# what carries the same moment, and the borders of pages -------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 2, 7, 11, 12, 200])
async def test_many_of_one_moment_are_each_sent_once(api, world: World, limit: int):
    customer = world.customer()
    phone = Phone(api, customer)
    ids = await holds(api, world, customer, 11)
    async with world.runtime.pool.acquire() as db:
        await db.execute("update booking set updated_at = $1", utc_now() - timedelta(seconds=5))
    assert await phone.sync(limit) == sorted(ids)
    assert await phone.sync(limit) == []


async def test_something_late_of_the_very_moment_that_was_read_is_sent(api, world: World):
    customer = world.customer()
    phone = Phone(api, customer)
    ids = await holds(api, world, customer, 3)
    moment = utc_now()
    async with world.runtime.pool.acquire() as db:
        await db.execute("update booking set updated_at = $1", moment)
        await phone.sync(2)
        before = await copy_booking(db, ids[0], moment, UUID(int=UUID(ids[0]).int - 1))
        assert before in await phone.sync(2)
        after = await copy_booking(db, ids[0], moment, UUID(int=UUID(ids[2]).int + 1))
        assert await phone.sync(2) == [after]
    assert await phone.sync(2) == []


async def test_what_appears_behind_the_page_is_sent_once_the_pages_are_over(api, world: World):
    customer = world.customer()
    phone = Phone(api, customer)
    ids = await holds(api, world, customer, 6)
    async with writing_late(world, TOUCH, UUID(ids[5]), utc_now() - timedelta(seconds=1)) as db:
        early = await copy_booking(db, ids[0], utc_now() - timedelta(seconds=30))
        seen, has_more = await phone.page(2)
        assert (seen, has_more) == (ids[:2], True)
    seen, pages = [], 0
    while has_more:
        some, has_more = await phone.page(2)
        seen, pages = seen + some, pages + 1
        # Something happens all the time, and yet the pages come to an end.
        async with world.runtime.pool.acquire() as db:
            await db.execute(TOUCH, UUID(ids[0]), utc_now() - timedelta(seconds=40))
        assert pages < 10
    await phone.sync(2)
    async with world.runtime.pool.acquire() as db:
        now = {str(row["id"]): row["version"] for row in await db.fetch("select id, version from booking")}
    assert phone.has == now
    assert early in phone.has


# clocks --------------------------------------------------------------------------------------------------------------


SKEWS = [(-55, 0), (55, 0), (0, -55), (0, 55), (-30, 29), (30, -29)]


@pytest.mark.parametrize(("writer", "reader"), SKEWS)
async def test_clocks_may_be_apart(api, world: World, clock: Clock, writer: int, reader: int):
    customer = world.customer()
    phone = Phone(api, customer)
    known: list[str] = []
    for number in range(4):
        clock.off = timedelta(seconds=writer)
        known += await holds(api, world, customer, 1)
        if number == 2:
            done = await confirm(api, customer, {"id": known[0]})
            assert done["version"] > 1
        clock.off = timedelta(seconds=reader)
        await phone.sync(2)
        # Another server answers the next request.
        clock.off = timedelta(seconds=writer)
        known += await holds(api, world, customer, 1)
        await phone.sync(2)
        assert set(phone.has) == set(known)
        assert await phone.sync(2) == []
    assert phone.has[known[0]] > 1


async def test_a_clock_that_goes_back_loses_nothing(api, world: World, clock: Clock):
    customer = world.customer()
    phone = Phone(api, customer)
    known: list[str] = []
    for seconds in (40, 10, -10, -15, 200, 145, 90):
        clock.off = timedelta(seconds=seconds)
        known += await holds(api, world, customer, 2)
        await phone.sync(1)
        assert set(phone.has) == set(known), seconds


async def test_a_clock_that_is_too_far_off_lets_a_phone_begin_anew(api, world: World, clock: Clock):
    customer = world.customer()
    phone = Phone(api, customer)
    await holds(api, world, customer, 1)
    clock.off = CLOCKS_APART + timedelta(seconds=10)
    await phone.sync()
    clock.off = timedelta(0)
    gone = await api.get(f"/v1/sync?since={phone.since}", headers=customer)
    assert (gone.status_code, gone.json()["code"]) == (410, "sync_expired")


async def test_a_moment_far_ahead_hides_nothing(api, world: World):
    customer = world.customer()
    phone = Phone(api, customer)
    ids = await holds(api, world, customer, 2)
    async with world.runtime.pool.acquire() as db:
        await db.execute(
            "update booking set updated_at = $2 where id = $1", UUID(ids[0]), utc_now() + timedelta(days=9)
        )
    await phone.sync()
    assert await phone.sync() == []
    (new,) = await holds(api, world, customer, 1)
    assert new in await phone.sync()
    assert await phone.sync() == []


# polling ---------------------------------------------------------------------------------------------------------------


async def test_polling_without_news_is_small_from_the_first_time_on(api, world: World, clock: Clock):
    customer = world.customer()
    phone = Phone(api, customer)
    await holds(api, world, customer, 12)
    assert len(await phone.sync(5)) == 12
    for seconds in (0, 1, 20, 59, 61, 119, 121, 125, 600, 86_400):
        clock.off = timedelta(seconds=seconds)
        assert await phone.sync(5) == []
        assert phone.bytes < 500
    async with world.runtime.pool.acquire() as db:  # Those of tomorrow may have begun by then.
        later = await add_slot(db, world.org.org_id, world.tower, utc_now() + timedelta(days=3))
    new = (await hold(api, customer, visit(world, "adult", slot=later)))["id"]
    assert await phone.sync(5) == [new]
    assert await phone.sync(5) == []


async def test_nothing_is_repeated_while_what_was_sent_grows_old_one_by_one(api, world: World, clock: Clock):
    customer = world.customer()
    phone = Phone(api, customer)
    ids = await holds(api, world, customer, 4)
    async with world.runtime.pool.acquire() as db:
        for number, booking in enumerate(ids):
            at = utc_now() - timedelta(seconds=100 - 30 * number)
            await db.execute("update booking set updated_at = $2 where id = $1", UUID(booking), at)
    assert await phone.sync() == ids
    for seconds in range(10, 150, 10):
        clock.off = timedelta(seconds=seconds)
        assert await phone.sync() == [], seconds


async def test_what_servers_of_the_version_before_write_is_sent(api, world: World):
    """They go on while new ones are brought in, and give out positions that end."""
    customer = world.customer()
    phone = Phone(api, customer)
    first, second = await holds(api, world, customer, 2)
    await phone.sync()
    async with world.runtime.pool.acquire() as db:
        touch = "update booking set version = version + 1, updated_at = $2, changed_xid = 815 where id = $1"
        await db.execute(touch, UUID(first), utc_now())
        await db.execute(
            "insert into tombstone (org_id, customer_id, type, id, deleted_at, changed_xid) "
            "select org_id, customer_id, 'booking', id, $2, 816 from booking where id = $1",
            UUID(second), utc_now(),
        )  # fmt: skip
        await db.execute("delete from item")
        await db.execute("delete from booking where id = $1", UUID(second))
    assert sorted(await phone.sync(1)) == sorted([first, second])
    assert (phone.has, phone.gone) == ({first: 2}, {second})


async def test_news_alone_are_sent_while_the_rest_is_still_fresh(api, world: World):
    customer = world.customer()
    phone = Phone(api, customer)
    await holds(api, world, customer, 6)
    await phone.sync()
    for _ in range(3):
        (new,) = await holds(api, world, customer, 1)
        assert await phone.sync() == [new]


async def test_the_same_question_has_the_same_answer(api, world: World):
    """An answer that was lost on the way is asked for again."""
    customer = world.customer()
    phone = Phone(api, customer)
    await holds(api, world, customer, 3)
    await phone.sync(2)
    new = await holds(api, world, customer, 2)
    before = phone.since
    for _ in range(3):
        phone.since = before
        assert await phone.sync(1) == new


async def test_another_process_goes_on(api, world: World, database_url: str):
    customer = world.customer()
    phone = Phone(api, customer)
    ids = await holds(api, world, customer, 5)
    assert (await phone.page(2))[1]
    settings = world.runtime.settings
    for rest in (ids[2:], []):
        async with open_runtime(settings) as runtime:
            app = create_app(settings)
            app.state.runtime = runtime
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver") as other:
                phone.api = other
                assert await phone.sync(2) == rest


# tombstones, and sessions that see little ------------------------------------------------------------------------------


async def test_a_tombstone_that_commits_late_is_sent_once(api, world: World):
    customer = world.customer()
    phone = Phone(api, customer)
    held = [await hold(api, customer, visit(world, "adult")) for _ in range(3)]
    await phone.sync()
    for one in held[:2]:
        await end_hold(world, one["order_id"])
    assert await jobs.sweep_ended_holds(world.runtime) == 2
    async with world.runtime.pool.acquire() as db:
        await db.execute("update booking_order set updated_at = updated_at - interval '30 days'")
    async with writing_late(world, "select 1"):
        assert await jobs.bury_abandoned_orders(world.runtime) == 2
        (new,) = await holds(api, world, customer, 1)
        async with world.runtime.pool.acquire() as db:
            # One of them carries a moment from before what was read.
            await db.execute(
                "update tombstone set deleted_at = deleted_at - interval '20 seconds' where id = $1",
                UUID(held[0]["id"]),
            )
        await phone.sync(1)
    assert phone.gone == {held[0]["id"], held[1]["id"]}
    assert set(phone.has) == {held[2]["id"], new}
    assert await phone.sync() == []


async def test_a_session_that_sees_little_is_told_little(api, world: World, family: Family):  # noqa: F811
    ben = Phone(api, family.ben)
    seen = set(await ben.sync(1))
    assert seen == {family.bens["id"], family.pair["bookings"][1]["id"]}
    assert await ben.sync(1) == []
    # Of what it doesn't see it isn't told, although the place moves on.
    done = await api.post(f"/v1/bookings/{family.own['id']}/cancel", json={}, headers=family.ada)
    assert done.status_code == 200, done.text
    assert family.own["id"] not in await ben.sync(1)
    changed = await api.patch(
        f"/v1/bookings/{family.bens['id']}", json={"contact": {**BEN, "name": "Ben N."}}, headers=family.ada
    )
    assert changed.status_code == 200, changed.text
    assert family.bens["id"] in await ben.sync(1)
    assert ben.has[family.bens["id"]] == changed.json()["version"]
    # Nobody goes on from where somebody else was.
    stolen = await api.get(f"/v1/sync?since={ben.since}", headers=family.ada)
    assert stolen.status_code == 410


# positions -------------------------------------------------------------------------------------------------------------


async def test_positions_that_say_nothing_any_more(api, world: World):
    customer = world.customer()
    phone = Phone(api, customer)
    await phone.sync()
    async with world.runtime.pool.acquire() as db:
        system = (await sync_queries.transaction_horizon(db)).system
    now = int(utc_now().timestamp())
    for since in (
        write_cursor(system, now, 700, UUID(int=0), 0),
        write_cursor(system, now, 700, UUID(int=0), 690, 17),
        write_cursor(system, now, 699, UUID(int=2**128 - 1), 0, 17),
    ):
        gone = await api.get(f"/v1/sync?since={since}", headers=customer)
        assert (gone.status_code, gone.json()["code"]) == (410, "sync_expired")


FIELDS = ["kind", "system", "issued", "floor", "at", "id", "sent", "is_paging", "scope"]
WRONG: list[tuple[int, Any]] = [
    (0, "xid"), (2, -1), (2, 10**18), (3, 10**30), (3, -1), (4, -5), (4, 2**70), (4, "now"), (5, "x"), (6, None),
    (7, 3), (8, "me"), (8, 0.5),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), WRONG)
async def test_a_position_that_was_tampered_with_is_refused(api, world: World, field: int, value: object):
    customer = world.customer()
    phone = Phone(api, customer)
    await phone.sync()
    assert phone.since is not None
    position = msgspec.to_builtins(syncing._read(phone.since))
    assert len(position) == len(FIELDS)
    position[field] = value
    since = urlsafe_b64encode(msgspec.json.encode(position)).decode().rstrip("=")
    refused = await api.get(f"/v1/sync?since={since}", headers=customer)
    assert refused.status_code == 400, refused.text
    assert refused.json()["errors"][0]["pointer"] == "/query/since"


@pytest.mark.parametrize("field", [1, 8])
async def test_a_position_of_another_system_or_session_has_expired(api, world: World, field: int):
    customer = world.customer()
    phone = Phone(api, customer)
    await phone.sync()
    assert phone.since is not None
    position = msgspec.to_builtins(syncing._read(phone.since))
    position[field] += 1
    gone = await api.get(f"/v1/sync?since={write_cursor(*position)}", headers=customer)
    assert (gone.status_code, gone.json()["code"]) == (410, "sync_expired")


# everything together -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_commits_when_phones_end_up_with_everything(
    api, world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch, seed: int
):
    """Transactions last up to a minute, clocks are up to a minute apart; the server's own knowledge isn't asked."""
    chance = random.Random(seed)

    async def knows_nothing(db: Any) -> sync_queries.Horizon:
        system = await db.fetchval("select system_identifier from pg_control_system()")
        return sync_queries.Horizon(system, None)

    customer = world.customer()
    phone = Phone(api, customer)
    ids = await holds(api, world, customer, 7)
    monkeypatch.setattr(sync_queries, "transaction_horizon", knows_nothing)
    passed, open_ones, free = 0.0, [], list(ids)
    spread = CLOCKS_APART.total_seconds() / 2
    try:
        for _ in range(60):
            passed += chance.uniform(0, 15)
            for one in [one for one in open_ones if passed - one[0] > LONGEST_TRANSACTION.total_seconds() - 15]:
                await one[2].commit()
                await one[3].close()
                open_ones.remove(one)
                free.append(one[1])
            step = chance.random()
            if step < 0.45 and free and len(open_ones) < 4:
                booking = free.pop(chance.randrange(len(free)))
                connection = await asyncpg.connect(world.runtime.settings.database_url)
                transaction = connection.transaction()
                await transaction.start()
                stamp = utc_now() + timedelta(seconds=passed + chance.uniform(-spread, spread))
                await connection.execute(TOUCH, UUID(booking), stamp)
                open_ones.append((passed, booking, transaction, connection))
            elif step < 0.6 and open_ones:
                one = open_ones.pop(chance.randrange(len(open_ones)))
                await one[2].commit()
                await one[3].close()
                free.append(one[1])
            else:
                clock.off = timedelta(seconds=passed + chance.uniform(-spread, spread))
                await phone.page(chance.choice([1, 2, 3, 50]))
    finally:
        for one in open_ones:
            await one[2].commit()
            await one[3].close()
    clock.off = timedelta(seconds=passed)
    for _ in range(2):
        await phone.sync(chance.choice([1, 3, 50]))
    async with world.runtime.pool.acquire() as db:
        now = {str(row["id"]): row["version"] for row in await db.fetch("select id, version from booking")}
    assert phone.has == now
    assert await phone.sync() == []


# what makes it true ------------------------------------------------------------------------------------------------------


class SlowClock:
    """Each look at it is later by more than a transaction may last."""

    def __init__(self) -> None:
        self.off = timedelta(0)

    def __call__(self) -> datetime:
        self.off += LONGEST_TRANSACTION + timedelta(seconds=1)
        return utc_now() + self.off


async def test_a_transaction_that_lasts_too_long_is_not_committed(api, world: World, monkeypatch: pytest.MonkeyPatch):
    customer = world.customer()
    (booking,) = await holds(api, world, customer, 1)
    body, key = {"answers": {"language": "de"}}, {"Idempotency-Key": str(new_id())}
    with monkeypatch.context() as patch:
        patch.setattr(transactions, "utc_now", SlowClock())
        late = await api.patch(f"/v1/bookings/{booking}", json=body, headers={**customer, **key})
        assert (late.status_code, late.json()["code"]) == (503, "overloaded")
        assert late.headers["retry-after"] == "1"
        patch.setattr(together, "utc_now", utc_now)
        held = await api.post("/v1/bookings", json=visit(world, "adult"), headers={**customer, **key})
        assert held.status_code == 503
    async with world.runtime.pool.acquire() as db:
        assert await db.fetchval("select version from booking where id = $1", UUID(booking)) == 1
        assert await db.fetchval("select count(*) from booking") == 1
        assert await db.fetchval("select sum(taken) from slot") == 1
    again = await api.patch(f"/v1/bookings/{booking}", json=body, headers={**customer, **key})
    assert again.status_code == 200, again.text
    assert (await hold(api, {**customer, **key}, visit(world, "adult")))["id"] != booking
