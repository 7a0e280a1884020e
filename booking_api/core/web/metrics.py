"""The page of metrics: what this server's processes counted, and what the installation is like at this moment."""

import asyncio
import os
from collections.abc import Iterator, Sequence
from typing import Any

import asyncpg
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Metric, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from booking_api.core.clock import utc_now
from booking_api.core.errors import Overloaded
from booking_api.core.metrics import PREFIX, Gauge, Metrics, gauges_of
from booking_api.core.runtime import Runtime, acquire
from booking_api.core.web.management_port import PlainAnswer

METRICS_PATH = "/metrics"
PATIENCE_SECONDS = 4
"""How long the database may take. Prometheus asks every few seconds."""


async def metrics_text(runtime: Runtime, declared: Sequence[Metrics[Any]]) -> bytes:
    own = CollectorRegistry()
    own.register(Measured(await _measure(runtime, declared)))
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        counted = CollectorRegistry()
        multiprocess.MultiProcessCollector(counted)
    else:
        counted = REGISTRY
    return generate_latest(counted) + generate_latest(own)


async def answer_metrics(runtime: Runtime, declared: Sequence[Metrics[Any]], method: str, target: str) -> PlainAnswer:
    """What a port of their own answers."""
    if target.partition("?")[0] != METRICS_PATH:
        return PlainAnswer(404)
    if method not in {"GET", "HEAD"}:
        return PlainAnswer(405)
    return PlainAnswer(200, CONTENT_TYPE_LATEST, await metrics_text(runtime, declared))


class Measured(Collector):
    """Figures of one moment. Not gauges of the library: those would be added up over the server's processes."""

    def __init__(self, gauges: Sequence[Gauge]) -> None:
        self.gauges = gauges

    def collect(self) -> Iterator[Metric]:
        for gauge in self.gauges:
            family = GaugeMetricFamily(gauge.name, gauge.about, labels=gauge.labels)
            for labels, value in gauge.samples:
                family.add_metric(labels, value)
            yield family


async def _measure(runtime: Runtime, declared: Sequence[Metrics[Any]]) -> list[Gauge]:
    """What is true of the whole installation at this moment. Without a database it says just that."""
    now = utc_now()
    gauges = [_database_up(1)]
    try:
        async with asyncio.timeout(PATIENCE_SECONDS), acquire(runtime) as db:
            for one in declared:
                gauges += gauges_of(one.row, await one.read(db, now))
    except (Overloaded, TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return [_database_up(0)]
    return gauges


def _database_up(value: float) -> Gauge:
    return Gauge(f"{PREFIX}database_up", "Whether the database answers.", (), [((), value)])
