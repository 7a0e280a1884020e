"""Upkeep of the gate's records."""

from collections import defaultdict
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from booking_api.checkin import archive_queries, queries
from booking_api.core.clock import utc_now
from booking_api.core.db import Connection
from booking_api.core.db.partitions import begins_of, drop_partition, lock_for_drop, make_partition, month_of
from booking_api.core.log import log
from booking_api.core.rounds import one_by_one
from booking_api.core.runtime import Runtime, acquire
from booking_api.identity.queries import list_organisations

ANSWERS_KEPT = timedelta(days=2)
"""How long the full answer of a scan can be had again with its nonce; after that its verdict alone."""
BATCH = 200
ARCHIVE = "scan_archive"
NEVER_CHANGED = "fillfactor = 100"


async def sweep_scan_answers(runtime: Runtime) -> int:
    """Erases the stored answers of old scans, which hold names; how many there were."""
    async with acquire(runtime) as db:
        old = await queries.list_old_answers(db, utc_now() - ANSWERS_KEPT, BATCH)
        return sum(await one_by_one(old, lambda one: queries.erase_answers(db, one.org_id, one.nonces)))


async def archive_scans(runtime: Runtime, now: datetime | None = None) -> int:
    """Moves a batch of scans that are past their time into the archive, and drops its oldest months; how many moved.

    It may be interrupted anywhere: a scan is copied and deleted in one transaction, and copying it twice copies once.
    """
    now = now or utc_now()
    before = now - timedelta(days=runtime.settings.scan_retention_days)
    async with acquire(runtime) as db:
        due = await archive_queries.list_old_scans(db, before, BATCH)
        months = await _months(db, {month_of(scan.received_at).begins for scan in due})
        by_org: dict[UUID, list[str]] = defaultdict(list)
        for scan in due:
            if month_of(scan.received_at).begins in months:
                by_org[scan.org_id].append(scan.nonce)
        moved = sum([await _move(db, org_id, nonces) for org_id, nonces in by_org.items()])
        if runtime.settings.scan_archive_days > 0:
            await _drop_months(db, before - timedelta(days=runtime.settings.scan_archive_days))
    return moved


async def _months(db: Connection, wanted: set[datetime]) -> set[datetime]:
    """The months that the archive has room for; those that are wanted are made."""
    months = set(await begins_of(db, ARCHIVE))
    for begins in sorted(wanted - months):
        span = month_of(begins)
        if await make_partition(db, ARCHIVE, span.begins, span.begins, span.ends, NEVER_CHANGED):
            months.add(begins)
    return months


async def _move(db: Connection, org_id: UUID, nonces: list[str]) -> int:
    async with db.transaction():
        free = [row.nonce for row in await archive_queries.lock_scans(db, org_id, nonces)]
        await archive_queries.copy_scans(db, org_id, free)
        await archive_queries.delete_outcomes(db, org_id, free)
        return await archive_queries.delete_scans(db, org_id, free)


async def _drop_months(db: Connection, before: datetime) -> None:
    old = [begins for begins in await begins_of(db, ARCHIVE) if month_of(begins).ends <= before]
    for begins in old:
        try:
            async with db.transaction():
                if await lock_for_drop(db, ARCHIVE):
                    await drop_partition(db, ARCHIVE, begins)
        except asyncpg.LockNotAvailableError:
            log.info("partition.busy", table=ARCHIVE, begins=begins.date().isoformat())


async def erase_reasons(runtime: Runtime, now: datetime | None = None) -> int:
    """Erases what was typed for overrides, as many days after it as each organisation or the installation has set."""
    now, erased = now or utc_now(), 0
    async with acquire(runtime) as db:
        for org in await list_organisations(db):
            if (days := org.retention_days or runtime.settings.retention_days) > 0:
                before = now - timedelta(days=days)
                erased += await archive_queries.erase_old_reasons(db, org.org_id, before, BATCH)
    return erased
