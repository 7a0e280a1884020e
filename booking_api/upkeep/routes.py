"""Health, readiness and metrics: what a load balancer and a monitoring system ask."""

import asyncio
import os
from collections.abc import Iterator
from datetime import timedelta

import asyncpg
from litestar import Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Metric, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from booking_api.core.clock import utc_now
from booking_api.core.db import queries as core_queries
from booking_api.core.errors import NotFound, Overloaded
from booking_api.core.runtime import Runtime, acquire
from booking_api.core.web.http import Access, Binary, endpoint
from booking_api.core.web.management_port import PlainAnswer
from booking_api.core.web.replies import encode, runtime_of
from booking_api.upkeep import queries
from booking_api.upkeep.operations import schema_is_current
from booking_api.upkeep.schemas import Health, Readiness

TAG = "Operations"
ANYBODY = Access(anonymous=True, app=True, customer=True, staff="agent")
NO_STORE = {"Cache-Control": "no-store"}
SEEN_WITHIN = timedelta(seconds=15)
PATIENCE_SECONDS = 4
"""How long the database may take. Load balancers ask every few seconds."""
BACKLOG_WARNING = timedelta(seconds=30)


@endpoint("GET", "/healthz", tag=TAG, access=ANYBODY, answers={200: Health})
async def get_health(request: Request) -> Response[bytes]:  # noqa: ARG001 - every handler has one
    """Whether the process is up.

    Answers without looking at anything else. Restart a process that doesn't answer.
    """
    return Response(encode(Health("ok")), headers=NO_STORE, media_type="application/json")


@endpoint("GET", "/readyz", tag=TAG, access=ANYBODY, answers={200: Readiness}, errors=(Overloaded,))
async def get_readiness(request: Request) -> Response[bytes]:
    """Whether the process can answer requests.

    503 when the database can't be reached or its schema is older than the program: send no traffic here. A missing
    worker is reported but stays 200, because one dead worker mustn't take down every API process.
    """
    answer = await look(runtime_of(request))
    return Response(encode(answer), headers=NO_STORE, media_type="application/json")


async def look(runtime: Runtime) -> Readiness:
    """Raises `Overloaded` where the process can't answer requests."""
    now = utc_now()
    try:
        async with asyncio.timeout(PATIENCE_SECONDS), acquire(runtime) as db:
            if not await schema_is_current(db):
                raise Overloaded("The database's schema is older than this program; run `booking-api migrate`.")
            liveness = await core_queries.liveness(db, now - SEEN_WITHIN)
    except TimeoutError:
        raise Overloaded("The database does not answer in time.", retry_after_seconds=1) from None
    warnings = []
    if liveness.workers == 0:
        warnings.append("No worker is running: holds don't expire, payments aren't reconciled, nothing is sent.")
    oldest = liveness.oldest_unrelayed_at
    if oldest is not None and now - oldest > BACKLOG_WARNING:
        warnings.append("Events have been waiting for a worker for more than 30 seconds.")
    return Readiness(
        status="ready", workers=liveness.workers, oldest_waiting_event_at=oldest, warnings=warnings or None
    )  # fmt: skip


METRICS_PATH = b"/metrics"
METRICS_TEXT = Binary(CONTENT_TYPE_LATEST.partition(";")[0], "Prometheus' text format.", is_text=True)


@endpoint("GET", "/metrics", tag=TAG, access=ANYBODY, answers={200: METRICS_TEXT}, errors=(NotFound,))
async def get_metrics(request: Request) -> Response[bytes]:
    """Metrics for Prometheus.

    Requests and durations of all processes of this server together, and the state of the installation: workers,
    waiting events, jobs. Reachable without a credential, at exactly this path: let your proxy keep it from the public, or
    give it a port of its own (`BOOKING_METRICS_PORT`), and it is no longer here.
    """
    runtime = runtime_of(request)
    if runtime.settings.metrics_port or request.scope["raw_path"] != METRICS_PATH:
        # Not under any other spelling that is routed here, such as with a slash at its end: a proxy may not know it.
        raise NotFound("There is nothing at this path.")
    return Response(await metrics_text(runtime), headers=NO_STORE, media_type=CONTENT_TYPE_LATEST)


async def metrics_text(runtime: Runtime) -> bytes:
    own = CollectorRegistry()
    own.register(await _measure(runtime))
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        counted = CollectorRegistry()
        multiprocess.MultiProcessCollector(counted)
    else:
        counted = REGISTRY
    return generate_latest(counted) + generate_latest(own)


async def answer_metrics(runtime: Runtime, method: str, target: str) -> PlainAnswer:
    """What the port of its own answers."""
    if target.partition("?")[0].encode() != METRICS_PATH:
        return PlainAnswer(404)
    if method not in {"GET", "HEAD"}:
        return PlainAnswer(405)
    return PlainAnswer(200, CONTENT_TYPE_LATEST, await metrics_text(runtime))


class Measured(Collector):
    """Figures of one moment. Not gauges of the library: those would be added up over the server's processes."""

    def __init__(self, figures: list[tuple[str, str, float]]) -> None:
        self.figures = figures

    def collect(self) -> Iterator[Metric]:
        for name, explanation, value in self.figures:
            yield GaugeMetricFamily(f"booking_api_{name}", explanation, value)


async def _measure(runtime: Runtime) -> Measured:
    """What is true of the whole installation at this moment. Without a database it says just that."""
    now = utc_now()
    try:
        async with asyncio.timeout(PATIENCE_SECONDS), acquire(runtime) as db:
            liveness = await core_queries.liveness(db, now - SEEN_WITHIN)
            jobs = await queries.count_jobs(db)
    except (Overloaded, TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return Measured([("database_up", "Whether the database answers.", 0)])
    oldest = liveness.oldest_unrelayed_at
    waiting_seconds = (now - oldest).total_seconds() if oldest else 0
    return Measured([
        ("database_up", "Whether the database answers.", 1),
        ("workers", "Worker processes seen in the last 15 seconds.", liveness.workers),
        ("oldest_waiting_event_seconds", "Age of the oldest event that no worker has relayed.", waiting_seconds),
        ("jobs_queued", "Jobs that wait.", jobs.queued),
        ("jobs_running", "Jobs under way.", jobs.running),
        ("jobs_failed", "Jobs that were given up and wait for a person.", jobs.failed),
    ])  # fmt: skip


ROUTES = [get_health, get_readiness, get_metrics]
