"""Local times as moments, right on the days when clocks change. Pure.

A local time may not exist (clocks go forward) or exist twice (clocks go back). An ambiguous one always means the
first. One that doesn't exist is refused where somebody wrote it down for one day, and where a rule makes it for many
days it is read with the offset before the change, as RFC 5545 §3.3.5 says: 02:30 becomes 03:30.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

ONE_DAY = timedelta(days=1)


def local(day: date, minutes: int) -> datetime:
    """The wall clock's time so many minutes after midnight as it shows them, without a zone; 1,440 is the next midnight."""
    return datetime.combine(day, time()) + timedelta(minutes=minutes)


def shifted_forward(wall: datetime, zone: ZoneInfo) -> datetime:
    """The moment in UTC; a time that doesn't exist is read with the offset before the change (RFC 5545 §3.3.5)."""
    return wall.replace(tzinfo=zone).astimezone(UTC)


def exact(wall: datetime, zone: ZoneInfo) -> datetime | None:
    """The moment in UTC, or None where the local time doesn't exist."""
    moment = shifted_forward(wall, zone)
    return moment if moment.astimezone(zone).replace(tzinfo=None) == wall else None


def series(
    day: date, opens: int, closes: int, every_minutes: int, duration_minutes: int, zone: ZoneInfo
) -> Iterator[datetime]:
    """Starts of windows from the local opening to the local closing time (minutes after midnight) of one day.

    Steps are elapsed time, so a day with 23 or 25 hours gets fewer or more windows, none missed and none doubled. The
    last window ends at or before the closing. A closing at or before the opening is the next day's.
    """
    start = shifted_forward(local(day, opens), zone)
    end = shifted_forward(local(day if closes > opens else day + ONE_DAY, closes), zone)
    last = end - timedelta(minutes=duration_minutes)
    while start <= last:
        yield start
        start += timedelta(minutes=every_minutes)
