"""The only place that reads the clock."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """The current moment in UTC."""
    return datetime.now(UTC)
