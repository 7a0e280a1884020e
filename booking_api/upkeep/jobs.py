"""Periodic jobs of upkeep: deleting what is old."""

from datetime import timedelta

from booking_api.core import queries as core_queries
from booking_api.core.clock import utc_now
from booking_api.core.runtime import Runtime, acquire
from booking_api.upkeep import queries

BATCH = 1000
ANSWERS_KEPT = timedelta(hours=48)
"""Idempotent answers. The contract promises 24 hours."""
EVENTS_KEPT = timedelta(days=30)
JOB_LOG_KEPT = timedelta(days=7)


async def delete_old_answers(runtime: Runtime) -> int:
    """Deletes idempotent answers that nobody can ask for any more."""
    async with acquire(runtime) as db:
        return await core_queries.delete_answers(db, utc_now() - ANSWERS_KEPT, BATCH)


async def delete_old_events(runtime: Runtime) -> int:
    """Deletes events that were relayed long ago."""
    async with acquire(runtime) as db:
        return await core_queries.delete_relayed_events(db, utc_now() - EVENTS_KEPT, BATCH)


async def delete_old_job_log(runtime: Runtime) -> int:
    """Deletes the job queue's log of last week."""
    async with acquire(runtime) as db:
        return await queries.delete_job_log(db, utc_now() - JOB_LOG_KEPT, BATCH)
