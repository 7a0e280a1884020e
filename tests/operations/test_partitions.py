"""Events in partitions by week: made ahead, dropped whole, never in the way."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking_api import worker
from booking_api.core.checks import Examined
from booking_api.core.db import event_queries, prepare_connection
from booking_api.core.db.migrations import MIGRATIONS
from booking_api.core.db.partitions import (
    begin_of,
    begins_of,
    first_id,
    lock_for_drop,
    month_of,
    partition_name,
    week_of,
)
from booking_api.core.ids import new_id
from booking_api.core.runtime import Runtime
from booking_api.core.settings import load_settings
from booking_api.upkeep import checks
from booking_api.upkeep import jobs as upkeep
from booking_api.upkeep.rules import WEEKS_AHEAD, weeks_from
from tests.contract.test_queries import STATEMENTS
from tests.world import World

moments = st.integers(946684800, 4102444800).map(lambda second: datetime.fromtimestamp(second, UTC))


def id_at(at: datetime) -> UUID:
    """A UUIDv7 as it would have been made at another moment."""
    return UUID(int=first_id(at).int | 7 << 76 | 2 << 62 | random.getrandbits(62))


async def add_event(db: Any, org_id: UUID, at: datetime, relayed: bool = True) -> UUID:
    made = id_at(at)
    await db.execute(
        "insert into event (org_id, id, type, subject_id, data, created_at, relayed_at) values ($1, $2, 'x', $2, '{}', $3, $4)",
        org_id, made, at, at if relayed else None,
    )  # fmt: skip
    return made


async def where(db: Any, event_id: UUID) -> str | None:
    return await db.fetchval("select tableoid::regclass::text from event where id = $1", event_id)


@given(moments)
def test_every_moment_is_in_one_week_and_one_month(at):
    week, month = week_of(at), month_of(at)
    assert week.begins <= at < week.ends
    assert week.ends - week.begins == timedelta(weeks=1)
    assert week.begins.weekday() == 0
    assert week_of(week.ends).begins == week.ends
    assert month.begins <= at < month.ends
    assert (month.begins.day, month.ends.day) == (1, 1)
    assert month_of(month.ends - timedelta(microseconds=1)) == month
    assert begin_of("event", partition_name("event", week.begins)) == week.begins


def test_an_id_made_now_lies_where_its_moment_says():
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    made = new_id()
    assert first_id(before) <= made < first_id(datetime.now(UTC) + timedelta(milliseconds=2))
    assert begin_of("event", "event_rest") is None


async def test_the_coming_weeks_have_partitions_and_the_first_one_too_if_nothing_came_before(runtime: Runtime):
    now = datetime.now(UTC)
    assert await upkeep.keep_event_partitions(runtime) == 1 + WEEKS_AHEAD
    assert await upkeep.keep_event_partitions(runtime) == 0
    async with runtime.pool.acquire() as db:
        assert await begins_of(db, "event") == [span.begins for span in weeks_from(now)]
        for weeks in range(WEEKS_AHEAD + 1):
            at = now + timedelta(weeks=weeks)
            assert await where(db, await add_event(db, new_id(), at)) == partition_name("event", week_of(at).begins)
        assert await where(db, await add_event(db, new_id(), now + timedelta(weeks=9))) == "event_rest"


async def test_a_week_that_has_begun_in_the_default_partition_stays_there(runtime: Runtime):
    now = datetime.now(UTC)
    async with runtime.pool.acquire() as db:
        early = await add_event(db, new_id(), now)
    assert await upkeep.keep_event_partitions(runtime) == WEEKS_AHEAD
    async with runtime.pool.acquire() as db:
        assert await where(db, early) == "event_rest"
        assert await where(db, await add_event(db, new_id(), now)) == "event_rest"


async def test_two_workers_make_each_partition_once(runtime: Runtime):
    done = await asyncio.gather(*(upkeep.keep_event_partitions(runtime) for _ in range(4)))
    assert await upkeep.keep_event_partitions(runtime) + sum(done) == 1 + WEEKS_AHEAD


async def test_an_old_week_is_dropped_whole_once_everything_in_it_is_relayed(runtime: Runtime):
    begun = datetime.now(UTC)
    later = begun + timedelta(weeks=8)
    await upkeep.keep_event_partitions(runtime, begun)
    async with runtime.pool.acquire() as db:
        org_id = new_id()
        old, waiting = await add_event(db, org_id, begun), await add_event(db, org_id, begun, relayed=False)
        young = await add_event(db, org_id, begun + timedelta(weeks=4))
    await upkeep.keep_event_partitions(runtime, later)
    async with runtime.pool.acquire() as db:
        assert await where(db, old) is not None
        assert week_of(begun).begins in await begins_of(db, "event")
        # The weeks after it were empty and are gone, up to those that are still young.
        assert week_of(begun + timedelta(weeks=1)).begins not in await begins_of(db, "event")
        assert waiting in {event.id for event in await event_queries.claim_unrelayed_events(db, later, 10)}
    await upkeep.keep_event_partitions(runtime, later)
    async with runtime.pool.acquire() as db:
        assert week_of(begun).begins not in await begins_of(db, "event")
        assert await where(db, old) is None
        assert await where(db, young) is not None


async def test_a_drop_waits_for_nobody_and_is_tried_again(runtime: Runtime):
    """Somebody reads the events in a long transaction; meanwhile others publish."""
    begun = datetime.now(UTC)
    later = begun + timedelta(weeks=20)
    await upkeep.keep_event_partitions(runtime, begun)
    async with runtime.pool.acquire() as reader, runtime.pool.acquire() as writer, reader.transaction():
        await reader.fetchval("select count(*) from event")
        await upkeep.keep_event_partitions(runtime, later)
        assert week_of(begun).begins in await begins_of(writer, "event")
        await add_event(writer, new_id(), begun)
    await upkeep.keep_event_partitions(runtime, later)
    async with runtime.pool.acquire() as db:
        assert week_of(begun).begins not in await begins_of(db, "event")


async def test_making_a_partition_waits_for_no_publisher(runtime: Runtime):
    async with runtime.pool.acquire() as db, db.transaction():
        await add_event(db, new_id(), datetime.now(UTC) + timedelta(weeks=30))
        await add_event(db, new_id(), datetime.now(UTC))
        assert await upkeep.keep_event_partitions(runtime) == 0, "the default partition is in use"
    await upkeep.keep_event_partitions(runtime)
    async with runtime.pool.acquire() as db, db.transaction():
        await add_event(db, new_id(), datetime.now(UTC) + timedelta(weeks=1))
        async with runtime.pool.acquire() as other:
            await other.execute("set lock_timeout = '5s'")
            await other.execute("create table event_apart (like event including all)")
            await other.execute(
                f"alter table event attach partition event_apart for values from ('{first_id(datetime(2099, 1, 1, tzinfo=UTC))}') "
                f"to ('{first_id(datetime(2099, 1, 8, tzinfo=UTC))}')"
            )


async def test_two_who_change_definitions_leave_each_other_alone(runtime: Runtime):
    async with runtime.pool.acquire() as one, runtime.pool.acquire() as two, one.transaction(), two.transaction():
        assert await lock_for_drop(one, "event")
        assert not await lock_for_drop(two, "event")


async def test_the_default_partition_is_emptied_in_batches(runtime: Runtime, world: World):
    now = datetime.now(UTC)
    async with runtime.pool.acquire() as db:
        await db.execute("delete from event")
        old = now - timedelta(days=31)
        gone = [await add_event(db, world.org.org_id, old) for _ in range(3)]
        kept = [
            await add_event(db, world.org.org_id, old, relayed=False),
            await add_event(db, world.org.org_id, now - timedelta(days=29)),
        ]
        assert (
            await event_queries.delete_relayed_events(db, world.org.org_id, first_id(now - timedelta(days=30)), 2) == 2
        )
    assert await upkeep.delete_old_events(runtime) == 1
    assert await upkeep.delete_old_events(runtime) == 0
    async with runtime.pool.acquire() as db:
        assert {row["id"] for row in await db.fetch("select id from event")} == set(kept)
        assert not {row["id"] for row in await db.fetch("select id from event")} & set(gone)


async def test_the_relay_reads_only_what_waits(runtime: Runtime):
    """Whether the partitions are small or not: by the partial indexes, and then by key in one partition each."""
    now = datetime.now(UTC)
    await upkeep.keep_event_partitions(runtime)
    find, claim = (
        next(s for s in STATEMENTS if s.function == function).sql
        for function in ("list_waiting_events", "claim_events")
    )
    db = await worker.open_relay(runtime.settings)
    try:
        org_id = new_id()
        for weeks in range(4):
            at = now + timedelta(weeks=weeks)
            await db.execute(
                """
                insert into event (org_id, id, type, subject_id, data, created_at, relayed_at)
                select $1, id, 'x', $1, '{}', $3::timestamptz, case when n > 20 then $3 end
                from unnest($2::uuid[]) with ordinality as u (id, n)
                """,
                org_id, [id_at(at) for _ in range(3020)], at,
            )  # fmt: skip
        await db.execute("vacuum analyze event")
        for mode in ("force_generic_plan", "force_custom_plan"):
            await db.execute(f"set plan_cache_mode = {mode}; prepare find (int) as {find}")
            await db.execute(f"prepare claim (uuid, uuid[], timestamptz) as {claim}")
            read = 0.0
            async with db.transaction():
                await event_queries.plan_by_keys(db)
                (waiting,) = await db.fetch("execute find (50)")
                ids = ",".join(map(str, waiting["ids"]))
                for statement in ("find (50)", f"claim ('{org_id}', '{{{ids}}}', '2030-01-01')"):
                    found = await db.fetchval(f"explain (analyze, timing off, format json) execute {statement}")
                    scans = [
                        node for node in nodes(msgspec.json.decode(found)[0]["Plan"])
                        if node["Node Type"].endswith("Scan") and "Relation Name" in node
                    ]  # fmt: skip
                    assert {node["Node Type"] for node in scans} == {"Index Scan"}, scans
                    read += sum(node["Actual Rows"] * node["Actual Loops"] for node in scans)
            await db.execute("deallocate find; deallocate claim")
            assert read <= 50 + 50 + 50 + 3, "those that wait, each twice more by its key, and the next of each week"
    finally:
        await db.close()


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(found for child in plan.get("Plans", []) for found in nodes(child))]


async def test_the_doctor_misses_partitions_that_should_be_there(runtime: Runtime, database_url: str):
    now = datetime.now(UTC)
    db = await asyncpg.connect(database_url)
    await prepare_connection(db)
    try:
        assert [f.problem for f in await found(db, now)] == ["The partition of events for the coming week is missing."]
        await upkeep.keep_event_partitions(runtime)
        assert await found(db, now) == []
        later = now + timedelta(weeks=3)
        assert await found(db, later) == []
        problems = [finding.problem for finding in await found(db, now + timedelta(weeks=12))]
        assert problems == [
            "The partition of events for the coming week is missing.",
            "Partitions of events are old and still there.",
        ]
    finally:
        await db.close()


async def found(db: Any, now: datetime) -> list[Any]:
    return [finding async for finding in checks.partitions(Examined(load_settings(), None, db, now))]


@pytest.fixture
async def empty_database(database_url: str):
    """A database before the migration that partitions the events, with some in it."""
    db = await asyncpg.connect(database_url)
    await db.execute("drop schema public cascade; create schema public")
    yield db
    await db.close()


def part(name: str, direction: str) -> str:
    text = next(MIGRATIONS.glob(f"*_{name}.sql")).read_text()
    up, _, down = text.partition("-- migrate:down")
    return up if direction == "up" else down


async def test_the_migration_carries_events_over_in_both_directions(empty_database: Any):
    db = empty_database
    await db.execute(part("first_journey", "up"))
    await db.execute(part("job_queue", "up"))
    org_id, now = new_id(), datetime.now(UTC)
    ids = [await add_event(db, org_id, now - timedelta(days=days), relayed=days > 1) for days in range(5)]
    await db.execute(part("housekeeping", "up"))
    assert {row["id"] for row in await db.fetch("select id from event")} == set(ids)
    assert {event.id for event in await _claim(db, now)} == set(ids[:2])
    with pytest.raises(asyncpg.UniqueViolationError):
        await db.execute(
            "insert into event (org_id, id, type, subject_id, data, created_at) values ($1, $2, 'x', $2, '{}', $3)",
            org_id, ids[0], now,
        )  # fmt: skip
    scan = (
        "insert into scan (org_id, nonce, id, request_hash, direction, admit, verdict, scanned_at, received_at, scanned_by, answer) "
        "values ($1, $2, $1, 'h', 'entry', true, 'valid', $3, $3, $1, '')"
    )
    await db.execute(scan, org_id, "kept", now)
    await db.execute(part("housekeeping", "down"))
    assert {row["id"] for row in await db.fetch("select id from event")} == set(ids)
    assert await db.fetchval("select relkind from pg_class where relname = 'event'") == b"r"
    await db.execute(part("housekeeping", "up"))
    assert await db.fetchval("select count(*) from event") == 5
    assert await db.fetchval("select count(*) from scan") == 1


async def _claim(db: Any, now: datetime) -> list[Any]:
    await prepare_connection(db)
    return await event_queries.claim_unrelayed_events(db, now, 10)
