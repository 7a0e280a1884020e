"""Partitions by time: made before they are needed, and dropped whole when everything in them is old.

Deleting a row costs as much as inserting it and leaves the table as large as it was; dropping a partition costs
nothing. Definitions take no parameters, so that their text is made here, of names and bounds of this module alone.

Neither may hold up a sale. A new partition is made apart and attached, which doesn't lock the table against writers.
Dropping one does for a moment: it waits no longer than a fifth of a second for its turn, and else tries again later.
"""

import zlib
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import asyncpg

from booking_api.core.db import Connection, table_queries
from booking_api.core.log import log

DEFINITION_LOCK = 0x626F6F6B << 32
ATTACH_WAIT, DROP_WAIT = "1s", "200ms"
HOT = (
    "autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0, "
    "autovacuum_analyze_scale_factor = 0.05, vacuum_truncate = off"
)
"""For a partition whose rows are changed soon after they were inserted. It takes no options over from its table."""


def lock_of(table: str) -> int:
    """The advisory lock of those who make and drop partitions of a table: a hint that another worker is at it."""
    return DEFINITION_LOCK | zlib.crc32(table.encode())


class Span(NamedTuple):
    begins: datetime
    ends: datetime


def week_of(at: datetime) -> Span:
    """The week, from Monday in UTC."""
    day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    begins = day - timedelta(days=day.weekday())
    return Span(begins, begins + timedelta(weeks=1))


def month_of(at: datetime) -> Span:
    """The calendar month in UTC."""
    begins = at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return Span(begins, (begins + timedelta(days=31)).replace(day=1))


def first_id(at: datetime) -> UUID:
    """The lowest UUIDv7 of a moment (RFC 9562): its first 48 bits are milliseconds since 1970."""
    return UUID(int=int(at.timestamp() * 1000) << 80)


def partition_name(table: str, begins: datetime) -> str:
    return f"{table}_{begins:%Y%m%d}"


def begin_of(table: str, name: str) -> datetime | None:
    """When the partition of this name begins; None for another one, such as the default partition."""
    try:
        return datetime.strptime(name.removeprefix(f"{table}_"), "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        return None


async def begins_of(db: Connection, table: str) -> list[datetime]:
    """When each partition of a table begins, the oldest first."""
    found = [begin_of(table, row.name) for row in await table_queries.list_partitions(db, table)]
    return sorted(begins for begins in found if begins is not None)


async def make_partition(
    db: Connection, table: str, begins: datetime, first: object, end: object, options: str
) -> bool:
    """Makes the partition for keys from `first` to before `end`. False if it can't be made now, or another process did.

    Rows that are in the default partition already forbid it.
    """
    name = partition_name(table, begins)
    try:
        async with db.transaction():
            if not await table_queries.begin_definition(db, lock_of(table), ATTACH_WAIT):
                return False
            if begins in await begins_of(db, table):
                return False
            await db.execute(f"create table {name} (like {table} including all) with ({options})")
            await db.execute(f"alter table {table} attach partition {name} for values from ('{first}') to ('{end}')")
    except (asyncpg.LockNotAvailableError, asyncpg.CheckViolationError) as error:
        log.warning("partition.not_made", partition=name, error=type(error).__name__)
        return False
    return True


async def drop_partition(db: Connection, table: str, begins: datetime) -> None:
    """Drops a partition for good, in the caller's transaction. Raises `asyncpg.LockNotAvailableError`."""
    await db.execute(f"drop table {partition_name(table, begins)}")


async def lock_for_drop(db: Connection, table: str) -> bool:
    """Locks a table against everybody until the caller's transaction ends. False if another process is at it.

    The table before its partitions, as everybody who uses it does. Raises `asyncpg.LockNotAvailableError`.
    """
    if not await table_queries.begin_definition(db, lock_of(table), DROP_WAIT):
        return False
    await db.execute(f"lock table {table} in access exclusive mode")
    return True
