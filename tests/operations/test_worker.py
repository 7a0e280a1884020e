"""The worker: relay, jobs, schedules, and what becomes of them when something dies."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest
from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries

from booking_api import worker
from booking_api.capabilities import all_schedules, all_subscribers
from booking_api.core.db.event_queries import StoredEvent
from booking_api.core.queue.events import Event, publish
from booking_api.core.runtime import Runtime
from booking_api.core.settings import Settings
from booking_api.run.starting import free_port
from booking_api.upkeep import jobs as upkeep
from tests.processes import get, run


async def until(what: Callable[[], Awaitable[Any] | Any], seconds: float = 30) -> Any:
    """The first true value of a function, asked again and again."""
    async with asyncio.timeout(seconds):
        while True:
            found = what()
            value = await found if isinstance(found, Awaitable) else found
            if value:
                return value
            await asyncio.sleep(0.02)


@asynccontextmanager
async def working(settings: Settings, **maps: Any) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(worker.work(settings, stop, **{"subscribers": {}, "schedules": [], **maps}))
    try:
        yield
    finally:
        stop.set()
        async with asyncio.timeout(30):
            await task


async def publish_some(runtime: Runtime, count: int, kind: str = "thing.happened") -> list[UUID]:
    subjects = [uuid4() for _ in range(count)]
    async with runtime.pool.acquire() as db:
        await publish(db, [Event(uuid4(), kind, subject, {"n": 1}, datetime.now(UTC)) for subject in subjects])
    return subjects


async def count(runtime: Runtime, sql: str, *args: Any) -> int:
    async with runtime.pool.acquire() as db:
        return await db.fetchval(sql, *args)


async def test_each_subscriber_hears_of_each_event_once(runtime: Runtime, settings: Settings) -> None:
    heard: list[tuple[str, UUID]] = []

    async def first(_: Runtime, event: StoredEvent) -> None:
        heard.append(("first", event.subject_id))

    async def second(_: Runtime, event: StoredEvent) -> None:
        assert event.data == {"n": 1}
        heard.append(("second", event.subject_id))

    subjects = await publish_some(runtime, 250)
    await publish_some(runtime, 5, "nobody.cares")
    maps = {"subscribers": {"thing.happened": (first, second)}}
    async with working(settings, **maps), working(settings, **maps):
        await until(lambda: len(heard) >= 500)
        await asyncio.sleep(0.3)
    assert sorted(heard) == sorted((who, subject) for who in ("first", "second") for subject in subjects)
    assert await count(runtime, "select count(*) from event where relayed_at is null") == 0
    assert await count(runtime, "select count(*) from pgqueuer") == 0


async def test_events_and_their_jobs_are_written_together(runtime: Runtime, settings: Settings) -> None:
    async def subscriber(_: Runtime, event: StoredEvent) -> None: ...

    await publish_some(runtime, 3)
    db = await worker.open_relay(settings)

    class Broken(Queries):
        async def enqueue(self, *args: Any, **kwargs: Any) -> Any:
            await super().enqueue(*args, **kwargs)
            raise ConnectionError

    subscribers = {"thing.happened": (subscriber,)}
    with pytest.raises(ConnectionError):
        await worker.relay(db, Broken(AsyncpgDriver(db)), subscribers)
    assert await count(runtime, "select count(*) from event where relayed_at is null") == 3
    assert await count(runtime, "select count(*) from pgqueuer") == 0
    assert await worker.relay(db, Queries(AsyncpgDriver(db)), subscribers) == 3
    assert await count(runtime, "select count(*) from pgqueuer") == 3
    assert await worker.relay(db, Queries(AsyncpgDriver(db)), subscribers) == 0
    await db.close()


async def test_a_failing_job_is_tried_again(runtime: Runtime, settings: Settings) -> None:
    tries: list[UUID] = []

    async def subscriber(_: Runtime, event: StoredEvent) -> None:
        tries.append(event.id)
        if len(tries) == 1:
            raise RuntimeError("the mail of ada@example.org bounced")

    await publish_some(runtime, 1)
    async with working(settings, subscribers={"thing.happened": (subscriber,)}):
        await until(lambda: len(tries) == 2)
    assert tries[0] == tries[1]
    assert await count(runtime, "select count(*) from pgqueuer") == 0
    assert await count(runtime, "select count(*) from pgqueuer_log where traceback::text like '%ada@example.org%'") == 0


async def test_a_hopeless_job_is_kept_for_a_person(
    runtime: Runtime, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "JOB_TRIES", 1)

    async def subscriber(_: Runtime, event: StoredEvent) -> None:
        raise RuntimeError

    await publish_some(runtime, 1)
    async with working(settings, subscribers={"thing.happened": (subscriber,)}):
        await until(lambda: count(runtime, "select count(*) from pgqueuer where status = 'failed'"))


async def test_the_worker_goes_on_after_its_connections_were_cut(runtime: Runtime, settings: Settings) -> None:
    heard: set[UUID] = set()
    runs: list[int] = []

    async def subscriber(_: Runtime, event: StoredEvent) -> None:
        heard.add(event.subject_id)

    async def periodic(runtime: Runtime) -> int:
        runs.append(await count(runtime, "select 1"))
        return 0

    async with working(settings, subscribers={"thing.happened": (subscriber,)}, schedules=[("test", 0.1, periodic)]):
        before = await publish_some(runtime, 3)
        await until(lambda: heard.issuperset(before))
        cutter = await asyncpg.connect(settings.database_url)
        await cutter.execute(
            """
            select pg_terminate_backend(pid) from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid()
            """
        )
        await cutter.close()
        seen = len(runs)
        await until(lambda: len(runs) > seen + 1)
        after = await until(lambda: quietly(publish_some(runtime, 3)))
        await until(lambda: heard.issuperset(after))


async def quietly(work: Awaitable[Any]) -> Any:
    """The result, or None where the connection turned out to be dead."""
    try:
        return await work
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return None


async def test_a_schedule_survives_its_own_failures(settings: Settings) -> None:
    runs: list[int] = []

    async def periodic(_: Runtime) -> int:
        runs.append(len(runs))
        raise RuntimeError

    async with working(settings, schedules=[("test", 0.01, periodic)]):
        await until(lambda: len(runs) > 3)


async def test_a_full_batch_is_followed_by_the_next_at_once(settings: Settings) -> None:
    runs: list[int] = []

    async def periodic(_: Runtime) -> int:
        runs.append(1)
        return worker.FULL_BATCH if len(runs) < 5 else 0

    async with working(settings, schedules=[("test", 3600, periodic)]):
        await until(lambda: len(runs) == 5)


async def test_a_running_job_is_finished_before_the_worker_stops(runtime: Runtime, settings: Settings) -> None:
    begun, go_on, finished = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def subscriber(_: Runtime, event: StoredEvent) -> None:
        begun.set()
        await go_on.wait()
        finished.set()

    await publish_some(runtime, 1)
    stop = asyncio.Event()
    task = asyncio.create_task(worker.work(settings, stop, {"thing.happened": (subscriber,)}, []))
    await asyncio.wait_for(begun.wait(), 30)
    stop.set()
    await asyncio.sleep(0.2)
    assert not task.done()
    go_on.set()
    await asyncio.wait_for(task, 30)
    assert finished.is_set()
    assert await count(runtime, "select count(*) from pgqueuer") == 0


async def test_a_worker_says_that_it_lives_and_that_it_stops(runtime: Runtime, settings: Settings) -> None:
    alive = "select count(*) from worker_heartbeat"
    async with working(settings):
        await until(lambda: count(runtime, alive))
    assert await count(runtime, alive) == 0


async def test_a_worker_answers_a_health_check(settings: Settings) -> None:
    port = free_port()
    async with working(msgspec.structs.replace(settings, worker_port=port)):
        healthy = await until(lambda: quietly(asyncio.to_thread(get, f"http://127.0.0.1:{port}/healthz")))
        assert healthy.status_code == 200
        assert (await asyncio.to_thread(run, "health", "--port", str(port))).returncode == 0
    assert "Nothing healthy answers" in (await asyncio.to_thread(run, "health", "--port", str(port))).stderr


async def test_the_job_of_a_dead_worker_is_taken_over(
    runtime: Runtime, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "LOST_JOB_AFTER", timedelta(seconds=1))
    heard = asyncio.Event()

    async def subscriber(_: Runtime, event: StoredEvent) -> None:
        heard.set()

    await publish_some(runtime, 1)
    db = await worker.open_relay(settings)
    await worker.relay(db, Queries(AsyncpgDriver(db)), {"thing.happened": (subscriber,)})
    await db.execute(
        "update pgqueuer set status = 'picked', queue_manager_id = $1, heartbeat = $2, updated = $2",
        uuid4(), datetime.now(UTC) - timedelta(minutes=1),
    )  # fmt: skip
    await db.close()
    async with working(settings, subscribers={"thing.happened": (subscriber,)}):
        await asyncio.wait_for(heard.wait(), 30)


async def test_old_things_are_deleted_and_young_ones_kept(runtime: Runtime) -> None:
    now = datetime.now(UTC)
    async with runtime.pool.acquire() as db:
        for hours in (47, 49):
            await db.execute(
                """
                insert into idempotency_key (org_id, credential_id, key_hash, fingerprint, status, body, created_at)
                values ($1, $1, 'k', 'f', 200, 'b', $2)
                """,
                uuid4(), now - timedelta(hours=hours),
            )  # fmt: skip
        for days in (6, 8):
            await db.execute(
                "insert into pgqueuer_log (created, job_id, status, priority, entrypoint) values ($1, 1, 'queued', 0, 'x')",
                now - timedelta(days=days),
            )
    assert await upkeep.delete_old_answers(runtime) == 1
    assert await upkeep.delete_old_job_log(runtime) == 1
    assert await upkeep.delete_old_answers(runtime) + await upkeep.delete_old_job_log(runtime) == 0


def test_every_job_has_a_name_of_its_own() -> None:
    names = [worker.job_name(one) for several in all_subscribers().values() for one in several]
    assert all(name.count(".") == 1 for name in names)
    scheduled = [name for name, _, _ in all_schedules()]
    assert len(set(scheduled)) == len(scheduled)
    for name, seconds, job in all_schedules():
        assert worker.job_name(job) == name  # type: ignore[arg-type]
        assert seconds > 0
