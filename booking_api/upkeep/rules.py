"""What upkeep keeps, and for how long; when a worker counts as alive."""

from datetime import datetime, timedelta

from booking_api.core.db.partitions import Span, week_of

ANSWERS_KEPT = timedelta(hours=48)
"""Idempotent answers. The contract promises 24 hours."""
EVENTS_KEPT = timedelta(days=30)
"""Relayed events; so long somebody can look what became of one."""
SEEN_WITHIN = timedelta(seconds=15)
"""A worker that said so within this time is alive."""
JOB_LOG_KEPT = timedelta(days=7)
WEEKS_AHEAD = 4
"""So many weeks a worker may be away before events fall into the default partition."""


def weeks_from(now: datetime) -> list[Span]:
    """The weeks that have a partition: this one and those ahead."""
    return [week_of(now + timedelta(weeks=n)) for n in range(WEEKS_AHEAD + 1)]
