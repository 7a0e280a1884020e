"""What identity deletes when it is old. What it writes to people is in `letter_jobs`."""

from datetime import datetime, timedelta

import asyncpg

from booking_api.core.clock import utc_now
from booking_api.core.db import Connection
from booking_api.core.db.partitions import (
    Span,
    begins_of,
    drop_partition,
    first_id,
    lock_for_drop,
    make_partition,
    month_of,
)
from booking_api.core.log import log
from booking_api.core.rounds import one_by_one
from booking_api.core.runtime import Runtime, acquire
from booking_api.identity import (
    audit_queries,
    code_queries,
    contact_queries,
    queries,
    session_queries,
)

BATCH = 200
KEPT = timedelta(days=1)
"""How long a spent code and a message in the mailbox are kept, for whoever is asked why it didn't work."""
AUDIT = "audit"
MONTHS_AHEAD = 2
"""So many months a worker may be away before entries fall into the default partition."""
NEVER_CHANGED = "fillfactor = 100"


async def sweep_credentials(runtime: Runtime) -> int:
    """Deletes one batch each of expired codes, of old messages, and of sessions that no token can belong to any more."""
    now = utc_now()
    sessions_before = now - timedelta(days=runtime.settings.refresh_token_days) - KEPT
    async with acquire(runtime) as db:
        codes = await code_queries.list_old_codes(db, now - KEPT, BATCH)
        deleted = await one_by_one(codes, lambda one: code_queries.delete_codes(db, one.org_id, one.code_hashes))
        mail = await contact_queries.list_old_mail(db, now - KEPT, BATCH)
        deleted += await one_by_one(mail, lambda one: contact_queries.delete_mail(db, one.org_id, one.ids))
        sessions = await session_queries.list_old_sessions(db, sessions_before, BATCH)
        deleted += await one_by_one(
            sessions, lambda one: session_queries.delete_sessions(db, one.org_id, one.ids, sessions_before)
        )
    return sum(deleted)


async def keep_audit_partitions(runtime: Runtime, now: datetime | None = None) -> int:
    """Makes the audit's partitions of this month and the coming ones and drops those that are old. How many of both."""
    now = now or utc_now()
    done = 0
    async with acquire(runtime) as db:
        begins, span = await begins_of(db, AUDIT), month_of(now)
        for _ in range(MONTHS_AHEAD + 1):
            if span.begins not in begins:
                done += await _make_month(db, span)
            span = month_of(span.ends)
        if runtime.settings.audit_retention_days > 0:
            before = now - timedelta(days=runtime.settings.audit_retention_days)
            for old in (month_of(one) for one in begins):
                if old.ends <= before:
                    done += await _drop_month(db, old)
            # The month in which the installation began, and what no partition was made for.
            for org in await queries.list_organisations(db):
                done += await audit_queries.delete_rest(db, org.org_id, first_id(before), BATCH)
    return done


async def _make_month(db: Connection, span: Span) -> bool:
    first, end = first_id(span.begins), first_id(span.ends)
    if await audit_queries.rest_holds_entries(db, first, end):
        return False
    return await make_partition(db, AUDIT, span.begins, first, end, NEVER_CHANGED)


async def _drop_month(db: Connection, span: Span) -> bool:
    try:
        async with db.transaction():
            if not await lock_for_drop(db, AUDIT):
                return False
            await drop_partition(db, AUDIT, span.begins)
    except asyncpg.LockNotAvailableError:
        log.info("partition.busy", table=AUDIT, begins=span.begins.date().isoformat())
        return False
    return True
