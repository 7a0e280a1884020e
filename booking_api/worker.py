"""The worker: the relay from events to subscribers, and the schedules.

The relay claims events and enqueues one job for each of their subscribers in the same transaction; PgQueuer runs the
jobs, at least once. Any number of workers may run: events and jobs are claimed with `for update skip locked`, and
every periodic job claims its own rows likewise.
"""

import asyncio
import logging
import random
import signal
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from functools import partial
from uuid import UUID

import asyncpg
import msgspec
import structlog
from pgqueuer.db import AsyncpgDriver
from pgqueuer.errors import RetryRequested
from pgqueuer.models import Job
from pgqueuer.qm import QueueManager
from pgqueuer.queries import Queries

from booking_api.capabilities import all_relayed, all_schedules, all_services, all_subscribers
from booking_api.core.clock import utc_now
from booking_api.core.db import encode_json, event_queries
from booking_api.core.db import queries as core_queries
from booking_api.core.db.event_queries import StoredEvent
from booking_api.core.errors import Overloaded
from booking_api.core.ids import new_id
from booking_api.core.log import configure_logging, log, words_of
from booking_api.core.process import check_secret, connect
from booking_api.core.runtime import Runtime, acquire
from booking_api.core.settings import Settings
from booking_api.core.web.management_port import PlainAnswer, open_management_port
from booking_api.core.work import Periodic, Relayed, Service, Subscriber
from booking_api.run.lifetime import open_runtime
from booking_api.run.starting import check_address, check_database, check_mail

FULL_BATCH = 100
"""A job that did this much likely has more to do, and is run again at once."""
RELAY_SECONDS = 0.25
RELAY_BATCH = 200
HEARTBEAT_SECONDS = 3.0
UNHEALTHY_SECONDS = 30.0
"""After this long without the database a worker says that it isn't healthy."""
FORGOTTEN_AFTER = timedelta(minutes=10)
JOB_TIMEOUT_SECONDS = 60
JOB_TRIES = 12
PERIODIC_TIMEOUT_SECONDS = 60
LOST_JOB_AFTER = timedelta(seconds=15)
"""After this long without a sign of life a job is taken over by another worker."""
FEWEST_JOBS, MOST_JOBS = 10, 20


class JobFailed(Exception):
    """Tells PgQueuer that a job is given up; what went wrong was logged here."""


def job_name(subscriber: Subscriber) -> str:
    """`bookings.send_recovery_code`, whichever file of `bookings` it is in: what waits in the queue while a new version
    is installed is known by this name."""
    package, _, place = subscriber.__module__.partition(".")
    owner = place.partition(".")[0] if package == "booking_api" else subscriber.__module__
    return f"{owner}.{subscriber.__qualname__}"  # type: ignore[attr-defined]


# the relay --------------------------------------------------------------------------------------------------------


async def open_relay(settings: Settings) -> asyncpg.Connection:
    """The relay's own connection. PgQueuer hands over JSON as text; our own statements hand over values."""
    db = await connect(settings, name="booking-api-relay", statement_seconds=settings.statement_timeout_seconds)
    await db.set_type_codec(
        "jsonb", schema="pg_catalog", decoder=msgspec.json.decode,
        encoder=lambda value: value if isinstance(value, str) else encode_json(value),
    )  # fmt: skip
    return db


async def relay(
    db: asyncpg.Connection,
    queue: Queries,
    subscribers: Mapping[str, Sequence[Subscriber]],
    relayed: Sequence[Relayed] = (),
) -> int:
    """Enqueues the jobs of a batch of events, and makes of them what is made of all; the number of events. All of it
    happens or nothing."""
    async with db.transaction():
        await event_queries.plan_by_keys(db)
        events = await event_queries.claim_unrelayed_events(db, utc_now(), RELAY_BATCH)
        jobs = [(job_name(s), msgspec.json.encode(event)) for event in events for s in subscribers.get(event.type, ())]
        if jobs:
            names, payloads = zip(*jobs, strict=True)
            await queue.enqueue(list(names), list(payloads), [0] * len(jobs))
        by_org: dict[UUID, list[StoredEvent]] = defaultdict(list)
        for event in events:
            by_org[event.org_id].append(event)
        for make in relayed:
            await make(db, by_org)
    return len(events)


async def run_relay(
    settings: Settings,
    subscribers: Mapping[str, Sequence[Subscriber]],
    relayed: Sequence[Relayed],
    stop: asyncio.Event,
) -> None:
    db = await open_relay(settings)
    try:
        queue = Queries(AsyncpgDriver(db))
        while not stop.is_set():
            async with asyncio.timeout(PERIODIC_TIMEOUT_SECONDS):
                done = await relay(db, queue, subscribers, relayed)
            if done < RELAY_BATCH:
                await pause(stop, RELAY_SECONDS)
    finally:
        await close(db)


# jobs -------------------------------------------------------------------------------------------------------------


async def run_jobs(runtime: Runtime, subscribers: Mapping[str, Sequence[Subscriber]], stop: asyncio.Event) -> None:
    """Runs jobs until told to stop, then finishes those under way."""
    by_name = {job_name(one): one for several in subscribers.values() for one in several}
    if not by_name:
        await stop.wait()
        return
    settings = runtime.settings
    db = await connect(settings, name="booking-api-jobs", statement_seconds=settings.statement_timeout_seconds)
    manager = QueueManager(Queries(AsyncpgDriver(db)))
    for name, subscriber in by_name.items():
        manager.entrypoint(name, on_failure="hold", accepts_context=False)(_job(runtime, name, subscriber))
    watcher = asyncio.create_task(_forward(stop, manager.shutdown))
    try:
        await manager.run(
            dequeue_timeout=timedelta(seconds=2), batch_size=FEWEST_JOBS, max_concurrent_tasks=MOST_JOBS,
            heartbeat_timeout=LOST_JOB_AFTER, log_aggregation_interval=timedelta(0), shutdown_on_listener_failure=True,
        )  # fmt: skip
    finally:
        watcher.cancel()
        await close(db)


def _job(runtime: Runtime, name: str, subscriber: Subscriber) -> Callable[[Job], Awaitable[None]]:
    async def run(job: Job) -> None:
        event = msgspec.json.decode(job.payload or b"", type=StoredEvent)
        structlog.contextvars.bind_contextvars(request_id=event.id.hex, job=name)
        try:
            async with asyncio.timeout(JOB_TIMEOUT_SECONDS):
                await subscriber(runtime, event)
        except Exception as error:  # noqa: BLE001 - a job may fail in any way
            if job.attempts + 1 >= JOB_TRIES:
                log.error("job.given_up", tries=job.attempts + 1, exc_info=error)
                raise JobFailed(type(error).__name__) from None
            delay = min(2.0**job.attempts, 300) * random.uniform(0.8, 1.2)  # noqa: S311 - no secret
            log.warning("job.failed", tries=job.attempts + 1, again_in_seconds=round(delay, 1), exc_info=error)
            # Without the error itself: PgQueuer would store its text, which may quote what a customer wrote.
            raise RetryRequested(timedelta(seconds=delay), type(error).__name__) from None

    return run


# schedules --------------------------------------------------------------------------------------------------------


async def run_periodic(runtime: Runtime, name: str, seconds: float, job: Periodic, stop: asyncio.Event) -> None:
    """Runs a job every so often; again at once while it finds more than it may do in one go."""
    while not stop.is_set():
        structlog.contextvars.bind_contextvars(request_id=new_id().hex, job=name)
        done = 0
        try:
            async with asyncio.timeout(PERIODIC_TIMEOUT_SECONDS):
                done = await job(runtime)
        except (Overloaded, OSError, TimeoutError, asyncpg.PostgresConnectionError) as error:
            log.warning("schedule.failed", error=type(error).__name__)
        except Exception as error:  # noqa: BLE001 - one failed run must not end the schedule
            log.warning("schedule.failed", exc_info=error)
        if done:
            log.info("schedule.ran", done=done)
        await pause(stop, 0.01 if done >= FULL_BATCH else seconds * random.uniform(0.9, 1.1))  # noqa: S311


async def run_heartbeat(runtime: Runtime, worker_id: UUID, stop: asyncio.Event) -> None:
    """Writes a sign of life to the database every few seconds, and answers requests on the worker's own port."""
    clock = asyncio.get_running_loop().time
    beaten_at = clock()

    async def answer(_method: str, _target: str) -> PlainAnswer:
        return PlainAnswer(200 if clock() - beaten_at < UNHEALTHY_SECONDS else 503)

    async with AsyncExitStack() as stack:
        if runtime.settings.worker_port:
            stack.push_async_exit(
                await open_management_port(runtime.settings.host, runtime.settings.worker_port, answer)
            )
        while not stop.is_set():
            try:
                now = utc_now()
                async with acquire(runtime) as db:
                    await core_queries.beat(db, worker_id, now, now - FORGOTTEN_AFTER)
                beaten_at = clock()
            except Exception as error:  # noqa: BLE001 - whoever asks must still be answered
                log.warning("heartbeat.failed", error=type(error).__name__)
            await pause(stop, HEARTBEAT_SECONDS)


# the process ------------------------------------------------------------------------------------------------------


async def keep_running(name: str, run: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
    """Starts a part of the worker again when it fails, as all do while the database is away."""
    failures = 0
    structlog.contextvars.bind_contextvars(request_id=new_id().hex, part=name)
    while not stop.is_set():
        began = asyncio.get_running_loop().time()
        try:
            await run()
        except Exception as error:  # noqa: BLE001 - whatever it was, the worker goes on
            failures = 0 if asyncio.get_running_loop().time() - began > 30 else failures + 1
            delay = min(0.25 * 2**failures, 10)
            log.warning(
                "worker.part_failed", error=f"{type(error).__name__}: {words_of(error)}", again_in_seconds=delay
            )
            await pause(stop, delay)


async def work(
    settings: Settings,
    stop: asyncio.Event,
    subscribers: Mapping[str, Sequence[Subscriber]] | None = None,
    schedules: Sequence[tuple[str, float, Periodic]] | None = None,
    services: Sequence[tuple[str, Service]] | None = None,
) -> None:
    """Runs every part until told to stop, then lets each finish what it is doing; by default what the capabilities
    declare."""
    subscribers = all_subscribers() if subscribers is None else subscribers
    schedules = all_schedules() if schedules is None else schedules
    services, relayed = all_services() if services is None else services, all_relayed()
    worker_id = new_id()
    async with open_runtime(settings, name="booking-api-worker") as runtime:
        parts: list[tuple[str, Callable[[], Awaitable[None]]]] = [
            ("heartbeat", lambda: run_heartbeat(runtime, worker_id, stop)),
            ("relay", lambda: run_relay(settings, subscribers, relayed, stop)),
            ("jobs", lambda: run_jobs(runtime, subscribers, stop)),
            *((name, partial(service, runtime, stop)) for name, service in services),
        ]
        tasks = [asyncio.create_task(keep_running(name, part, stop)) for name, part in parts]
        tasks += [asyncio.create_task(run_periodic(runtime, *schedule, stop)) for schedule in schedules]
        log.info("worker.started", worker_id=worker_id.hex, subscribers=len(subscribers), schedules=len(schedules))
        await stop.wait()
        log.info("worker.stopping")
        _, unfinished = await asyncio.wait(tasks, timeout=settings.shutdown_seconds)
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(Exception):
            async with asyncio.timeout(2), acquire(runtime) as db:
                await core_queries.forget_worker(db, worker_id)
    log.info("worker.stopped")


async def run(settings: Settings) -> None:
    """The process `booking-api worker`. Raises `StartFailed` where it can't do its work."""
    configure_logging(settings)
    # What fails in a job or for want of a database is logged here, once; PgQueuer would add a traceback to each try.
    logging.getLogger("pgqueuer").setLevel(logging.CRITICAL)
    check_secret(settings)
    check_mail(settings)
    if settings.worker_port:
        check_address(settings.host, settings.worker_port, "BOOKING_WORKER_PORT")
    await check_database(settings)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await work(settings, stop)


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Waits, but no longer than until the worker is told to stop."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


async def _forward(stop: asyncio.Event, other: asyncio.Event) -> None:
    await stop.wait()
    other.set()


async def close(db: asyncpg.Connection) -> None:
    """Closes a connection that may be dead already."""
    try:
        await db.close(timeout=2)
    except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        db.terminate()
