"""What the doctor asks of the worker, and of the tables that keep themselves small."""

from collections.abc import AsyncIterator
from datetime import timedelta

from booking_api.core.checks import SHOWN, Check, Examined, Finding
from booking_api.core.db import queries as core_queries
from booking_api.core.db.partitions import begins_of, partition_name, week_of
from booking_api.upkeep import queries
from booking_api.upkeep.rules import EVENTS_KEPT

WORKER_SEEN_WITHIN = timedelta(seconds=30)
RELAYED_WITHIN = timedelta(seconds=60)
LINGERING = timedelta(days=3)
"""How long a partition may be left over, because somebody reads it in a long transaction."""


async def _worker(examined: Examined) -> AsyncIterator[Finding]:
    """Whether a worker was seen, events are relayed, and no job was given up."""
    db, now = examined.db, examined.now
    liveness = await core_queries.liveness(db, now - WORKER_SEEN_WITHIN)
    if liveness.workers == 0:
        yield Finding(
            "worker", "No worker has been seen in the last 30 seconds.",
            "Start `booking-api worker`: it expires holds, reconciles payments and sends what must be sent.",
        )  # fmt: skip
    oldest = liveness.oldest_unrelayed_at
    if oldest is not None and now - oldest > RELAYED_WITHIN:
        minutes = (now - oldest).total_seconds() / 60
        yield Finding(
            "worker", f"Events have been waiting for {minutes:.0f} minutes.",
            "See why the worker doesn't relay them in its log.",
        )  # fmt: skip
    jobs = await queries.count_jobs(db)
    if jobs.jobs_failed:
        yield Finding(
            "jobs", f"{jobs.jobs_failed} jobs were given up after many tries.",
            "Mend the cause, which the worker's log names; `pgq failed` lists them and `pgq requeue` queues them again.",
        )  # fmt: skip


async def partitions(examined: Examined) -> AsyncIterator[Finding]:
    """Whether the coming week has a partition of events, and whether old ones were dropped."""
    db, now = examined.db, examined.now
    begins = await begins_of(db, "event")
    if week_of(now + timedelta(weeks=1)).begins not in begins:
        yield Finding(
            "partitions", "The partition of events for the coming week is missing.",
            "Start `booking-api worker`, which makes it; its log says `partition.not_made` where it can't.",
        )  # fmt: skip
    old = [one for one in begins if week_of(one).ends <= now - EVENTS_KEPT - LINGERING]
    if old:
        yield Finding(
            "partitions", "Partitions of events are old and still there.",
            "See in the worker's log whether they are busy or hold events that nobody relayed.",
            [partition_name("event", one) for one in old[:SHOWN]],
        )  # fmt: skip


CHECKS = [Check("worker", _worker), Check("partitions", partitions)]
