"""What the doctor asks of capacity and of the times of slots."""

from collections.abc import AsyncIterator
from datetime import timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from booking_api.core.checks import REPORT_IT, SHOWN, Check, Examined, Finding, shown, suspects
from booking_api.inventory import check_queries


async def _zones(examined: Examined) -> AsyncIterator[Finding]:
    """Whether every time zone is known, and local dates are right by it."""
    unknown = []
    for row in await check_queries.list_zones(examined.db):
        try:
            ZoneInfo(row.time_zone)
        except (ZoneInfoNotFoundError, ValueError):
            unknown.append(f"{row.time_zone} ({row.used_by})")
    if unknown:
        yield Finding(
            "time zones", "Some rows name time zones that this machine doesn't know.",
            "Update the package tzdata, or correct the rows.", unknown[:SHOWN],
        )  # fmt: skip
    since = (examined.now - timedelta(days=1)).date()
    if found := await check_queries.suspects_local_dates(examined.db, since, SHOWN + 1):
        yield Finding(
            "time zones", "The database's zone data and this machine's disagree about the dates of slots.",
            "Update PostgreSQL's and Python's tzdata, then import the timetable again.", shown(found),
        )  # fmt: skip


CHECKS = [
    Check("time zones", _zones),
    suspects(
        "capacity", "Slots count other places as taken than their claims.", REPORT_IT,
        lambda examined, limit: check_queries.suspects_slot_taken(examined.db, limit),
    ),
    suspects(
        "quotas", "Quotas count other places as taken than their claims.", REPORT_IT,
        lambda examined, limit: check_queries.suspects_quota_taken(examined.db, limit),
    ),
    suspects(
        "seats", "Seats and the people on them don't match.", REPORT_IT,
        lambda examined, limit: check_queries.suspects_seats(examined.db, limit),
    ),
]  # fmt: skip
