"""Background work of the inventory."""

from datetime import timedelta

from booking_api.core.clock import utc_now
from booking_api.core.runtime import Runtime, acquire
from booking_api.inventory import calendar_queries

BATCH = 5_000
MARKS_KEPT = timedelta(minutes=10)
"""A process that is away for longer begins its calendars anew."""


async def forget_changes(runtime: Runtime) -> int:
    """Deletes a batch of the marks that were given up; gives up more when none are left."""
    async with acquire(runtime) as db:
        deleted = await calendar_queries.delete_forgotten(db, BATCH)
        if deleted < BATCH:
            await calendar_queries.forget_before(db, utc_now() - MARKS_KEPT)
    return deleted
