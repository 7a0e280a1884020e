"""Periodic jobs of upkeep: deleting what is old, and making room for what comes."""

from datetime import datetime

import asyncpg

from booking_api.core.clock import utc_now
from booking_api.core.db import Connection, event_queries
from booking_api.core.db import queries as core_queries
from booking_api.core.db.partitions import (
    HOT,
    Span,
    begins_of,
    drop_partition,
    first_id,
    lock_for_drop,
    make_partition,
    week_of,
)
from booking_api.core.db.planning import analyse_new_tables
from booking_api.core.log import log
from booking_api.core.runtime import Runtime, acquire
from booking_api.identity.queries import list_organisations
from booking_api.upkeep import queries
from booking_api.upkeep.rules import ANSWERS_KEPT, EVENTS_KEPT, JOB_LOG_KEPT, weeks_from

BATCH = 1000


async def delete_old_answers(runtime: Runtime) -> int:
    """Deletes idempotent answers that nobody can ask for any more.

    Their keys are unique over all time, which partitions by time can't promise; batches of the oldest are deleted
    instead, far faster than they can come in, and vacuum keeps their room for the next.
    """
    async with acquire(runtime) as db:
        return await core_queries.delete_answers(db, utc_now() - ANSWERS_KEPT, BATCH)


async def keep_event_partitions(runtime: Runtime, now: datetime | None = None) -> int:
    """Makes the partitions of this week and the coming ones; drops those that are old and relayed. How many of both."""
    now = now or utc_now()
    done = 0
    async with acquire(runtime) as db:
        begins = await begins_of(db, "event")
        for span in weeks_from(now):
            if span.begins not in begins:
                done += await _make_week(db, span)
        for span in (week_of(one) for one in begins):
            if span.ends <= now - EVENTS_KEPT:
                done += await _drop_week(db, span)
    return done


async def _make_week(db: Connection, span: Span) -> bool:
    first, end = first_id(span.begins), first_id(span.ends)
    if await event_queries.rest_holds_events(db, first, end):
        return False  # The week in which an installation begins stays in the default partition.
    return await make_partition(db, "event", span.begins, first, end, HOT)


async def _drop_week(db: Connection, span: Span) -> bool:
    first, end = first_id(span.begins), first_id(span.ends)
    try:
        if await event_queries.holds_unrelayed_events(db, first, end):
            return False
        async with db.transaction():
            if not await lock_for_drop(db, "event") or await event_queries.holds_unrelayed_events(db, first, end):
                return False
            await drop_partition(db, "event", span.begins)
    except asyncpg.LockNotAvailableError:
        log.info("partition.busy", table="event", begins=span.begins.date().isoformat())
        return False
    return True


async def delete_old_events(runtime: Runtime, now: datetime | None = None) -> int:
    """Deletes old relayed events from the default partition, an organisation at a time."""
    end = first_id((now or utc_now()) - EVENTS_KEPT)
    async with acquire(runtime) as db:
        return sum(
            [
                await event_queries.delete_relayed_events(db, org.org_id, end, BATCH)
                for org in await list_organisations(db)
            ]
        )


async def delete_old_job_log(runtime: Runtime) -> int:
    """Deletes the job queue's log of last week."""
    async with acquire(runtime) as db:
        return await queries.delete_job_log(db, utc_now() - JOB_LOG_KEPT, BATCH)


async def plan_anew(runtime: Runtime) -> int:
    """Lets PostgreSQL look at tables that have just begun to fill, so that their statements are planned anew."""
    async with acquire(runtime) as db:
        return await analyse_new_tables(db)
