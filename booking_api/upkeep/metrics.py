"""What Prometheus is told of workers, events and jobs."""

from collections.abc import Sequence
from datetime import datetime

from booking_api.core.db import Connection
from booking_api.core.db import queries as core_queries
from booking_api.core.metrics import Metrics
from booking_api.upkeep import queries
from booking_api.upkeep.rules import SEEN_WITHIN
from booking_api.upkeep.schemas import JobCounts, Relaying


async def _relaying(db: Connection, now: datetime) -> Sequence[Relaying]:
    liveness = await core_queries.liveness(db, now - SEEN_WITHIN)
    oldest = liveness.oldest_unrelayed_at
    return [Relaying(liveness.workers, (now - oldest).total_seconds() if oldest else 0)]


async def _jobs(db: Connection, _: datetime) -> Sequence[JobCounts]:
    return [await queries.count_jobs(db)]


METRICS = [Metrics(Relaying, _relaying), Metrics(JobCounts, _jobs)]
