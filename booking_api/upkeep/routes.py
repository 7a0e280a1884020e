"""Health, readiness and metrics: what a load balancer and a monitoring system ask."""

import asyncio
from datetime import timedelta

from litestar import Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from booking_api.capabilities import all_metrics
from booking_api.core.clock import utc_now
from booking_api.core.db import queries as core_queries
from booking_api.core.errors import NotFound, Overloaded
from booking_api.core.runtime import Runtime, acquire
from booking_api.core.web.http import Access, Binary, endpoint
from booking_api.core.web.metrics import METRICS_PATH, metrics_text
from booking_api.core.web.replies import encode, runtime_of
from booking_api.upkeep.operations import schema_is_current
from booking_api.upkeep.rules import SEEN_WITHIN
from booking_api.upkeep.schemas import Health, Readiness

TAG = "Operations"
ANYBODY = Access(anonymous=True, app=True, customer=True, staff="agent")
NO_STORE = {"Cache-Control": "no-store"}
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


METRICS_TEXT = Binary(CONTENT_TYPE_LATEST.partition(";")[0], "Prometheus' text format.", is_text=True)


@endpoint("GET", "/metrics", tag=TAG, access=ANYBODY, answers={200: METRICS_TEXT}, errors=(NotFound,))
async def get_metrics(request: Request) -> Response[bytes]:
    """Metrics for Prometheus.

    Requests and durations of all processes of this server together, and the state of the installation: workers,
    waiting events, jobs. Reachable without a credential, at exactly this path: let your proxy keep it from the public, or
    give it a port of its own (`BOOKING_METRICS_PORT`), and it is no longer here.
    """
    runtime = runtime_of(request)
    if runtime.settings.metrics_port or request.scope["raw_path"] != METRICS_PATH.encode():
        # Not under any other spelling that is routed here, such as with a slash at its end: a proxy may not know it.
        raise NotFound("There is nothing at this path.")
    return Response(await metrics_text(runtime, all_metrics()), headers=NO_STORE, media_type=CONTENT_TYPE_LATEST)


ROUTES = [get_health, get_readiness, get_metrics]
