"""Who did what: one entry for each act of staff, keys and commands, in the transaction of the act.

    await audit.note(ctx, "key.revoked", "key", key_id)
    await audit.write(ctx.db, ctx.org_id, [audit.noted(case.ctx, "scan.overridden", "item", item_id) for case in cases])
    await audit.note_command(db, org_id, "signing_key.rotated", "signing_key", None, now)
    audit.count_failure(runtime, org_id, "sign_in.failed", "unknown_key", request_id)

An entry holds ids and codes, no text that anybody typed. What is refused has no transaction to be noted in, and
anybody can make it happen: it is counted, and leaves two entries a minute and process however often it happens.
"""

import asyncio
import dataclasses
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from booking_api.core.clock import utc_now
from booking_api.core.context import Context
from booking_api.core.db import Connection
from booking_api.core.db.partitions import first_id
from booking_api.core.errors import invalid
from booking_api.core.ids import new_id
from booking_api.core.log import log
from booking_api.core.paging import read_cursor, write_cursor
from booking_api.core.per_process import PerProcess
from booking_api.core.runtime import Runtime, acquire
from booking_api.identity import audit_queries
from booking_api.identity.audit_schemas import (
    AuditAction,
    AuditActor,
    AuditEntry,
    AuditList,
    AuditObject,
    AuditQuery,
    AuditRow,
    NewEntry,
    ObjectType,
)

WINDOW_SECONDS = 60.0
MOST_WINDOWS = 1_000
"""So many organisations and kinds of failure are counted at once; what is beyond is in the log alone."""
SLACK = timedelta(hours=1)
"""How far an entry's id may be from its time: a request keeps the moment in which it began."""
LOWEST, HIGHEST = UUID(int=0), UUID(int=(1 << 128) - 1)
FIRST_YEAR, LAST_YEAR = 1971, 2100


# acts -------------------------------------------------------------------------------------------------------------


def noted(
    ctx: Context, action: AuditAction, object_type: ObjectType | None = None, object_id: UUID | None = None,
    reason_code: str | None = None,
) -> NewEntry:  # fmt: skip
    """The entry of an act of the context's caller, to be written with others."""
    caller = ctx.caller
    named = caller.kind not in {"system", "command"}  # Neither has an id that leads to anybody.
    return NewEntry(
        action=action,
        actor_kind=caller.kind,
        actor_id=(caller.subject_id or caller.credential_id) if named else None,
        credential_id=caller.credential_id if named else None,
        object_type=object_type,
        object_id=object_id,
        reason_code=reason_code,
        request_id=ctx.request_id,
        created_at=ctx.now,
    )


async def note(
    ctx: Context, action: AuditAction, object_type: ObjectType | None = None, object_id: UUID | None = None,
    reason_code: str | None = None,
) -> None:  # fmt: skip
    """Notes an act of the context's caller, in its transaction. `reason_code` is a code such as `no_show`."""
    await write(ctx.db, ctx.org_id, [noted(ctx, action, object_type, object_id, reason_code)])


async def note_command(
    db: Connection, org_id: UUID, action: AuditAction, object_type: ObjectType | None, object_id: UUID | None, now: datetime,
    reason_code: str | None = None,
) -> None:  # fmt: skip
    """Notes what somebody at the installation's command line did, in the caller's transaction."""
    note = NewEntry(
        action=action,
        actor_kind="command",
        actor_id=None,
        credential_id=None,
        object_type=object_type,
        object_id=object_id,
        reason_code=reason_code,
        request_id="",
        created_at=now,
    )
    await write(db, org_id, [note])


async def write(db: Connection, org_id: UUID, notes: Sequence[NewEntry]) -> None:
    """Writes entries of one organisation with one statement, in the caller's transaction; none costs nothing."""
    if notes:
        await audit_queries.insert_notes(db, org_id, notes)


# what was refused -------------------------------------------------------------------------------------------------

AuditedAct = tuple[UUID, AuditAction, str]
"""Organisation, action, reason code."""


@dataclasses.dataclass(slots=True)
class _Counts:
    """What one process counts. A window begins with a first failure, which is written at once."""

    windows: dict[AuditedAct, int] = dataclasses.field(default_factory=dict)
    """How many more there were since."""
    timers: dict[AuditedAct, asyncio.TimerHandle] = dataclasses.field(default_factory=dict)
    tasks: set[asyncio.Task[None]] = dataclasses.field(default_factory=set)


COUNTS = PerProcess(_Counts)


def count_failure(runtime: Runtime, org_id: UUID, action: AuditAction, reason_code: str, request_id: str = "") -> None:
    """Notes what was refused, without waiting: the first of a minute with its request, the others as a number.

    It has a transaction of its own, because that of the refusal comes to nothing.
    """
    counts = COUNTS.of(runtime.caches)
    kind: AuditedAct = (org_id, action, reason_code)
    if kind in counts.windows:
        counts.windows[kind] += 1
    elif len(counts.windows) >= MOST_WINDOWS:
        log.warning("audit.not_counted", action=action, reason=reason_code)
    else:
        counts.windows[kind] = 0
        _start(counts, _begin(runtime, counts, kind, request_id))


def _start(counts: _Counts, work: Any) -> None:
    task = asyncio.get_running_loop().create_task(work)
    counts.tasks.add(task)
    task.add_done_callback(counts.tasks.discard)


async def _begin(runtime: Runtime, counts: _Counts, kind: AuditedAct, request_id: str) -> None:
    if await _insert(runtime, kind, request_id, 1):
        loop = asyncio.get_running_loop()
        counts.timers[kind] = loop.call_later(
            WINDOW_SECONDS, lambda: _start(counts, _end(runtime, counts, kind))
        )  # fmt: skip
    else:  # There is no such organisation, so that there is nobody to tell.
        counts.windows.pop(kind, None)


async def _end(runtime: Runtime, counts: _Counts, kind: AuditedAct) -> None:
    counts.timers.pop(kind, None)
    if more := counts.windows.pop(kind, 0):
        await _insert(runtime, kind, "", more)


async def _insert(runtime: Runtime, kind: AuditedAct, request_id: str, occurrences: int) -> bool:
    org_id, action, reason_code = kind
    try:
        async with acquire(runtime) as db:
            return await audit_queries.insert_count(
                db, org_id, new_id(), action, reason_code, request_id, utc_now(), occurrences
            )
    except Exception as error:  # noqa: BLE001 - whatever keeps the entry from being written, the log has it
        log.warning(
            "audit.not_written", action=action, org_id=org_id.hex, reason=reason_code, occurrences=occurrences,
            error=type(error).__name__,
        )  # fmt: skip
        return False


async def write_counts(runtime: Runtime) -> None:
    """Writes what is counted and not written yet: when a process ends."""
    counts = COUNTS.of(runtime.caches)
    while counts.tasks:
        await asyncio.gather(*counts.tasks, return_exceptions=True)
    for kind, timer in list(counts.timers.items()):
        timer.cancel()
        await _end(runtime, counts, kind)


# reading ----------------------------------------------------------------------------------------------------------


async def list_entries(ctx: Context, query: AuditQuery) -> AuditList:
    """A page of what was done, the newest first. Raises `Invalid` for a cursor of another list and for odd years."""
    for name, at in (("from", query.from_), ("to", query.to)):
        if at is not None and not FIRST_YEAR <= at.year <= LAST_YEAR:
            raise invalid(f"/query/{name}", f"The year must be between {FIRST_YEAR} and {LAST_YEAR}.")
    after = None if query.cursor is None else read_cursor(query.cursor, tuple[UUID])[0]
    rows = await audit_queries.list_entries(
        ctx.db, ctx.org_id, after, LOWEST if query.from_ is None else first_id(query.from_ - SLACK),
        HIGHEST if query.to is None else first_id(query.to + SLACK), query.from_, query.to, query.action, query.actor,
        query.limit + 1,
    )  # fmt: skip
    following = write_cursor(rows[query.limit - 1].id) if len(rows) > query.limit else None
    return AuditList(items=[_entry(row) for row in rows[: query.limit]], next_cursor=following)


def _entry(row: AuditRow) -> AuditEntry:
    return AuditEntry(
        id=row.id, created_at=row.created_at, action=row.action,
        actor=AuditActor(kind=row.actor_kind, id=row.actor_id, credential_id=row.credential_id),
        object=None if row.object_type is None else AuditObject(type=row.object_type, id=row.object_id),
        reason_code=row.reason_code, request_id=row.request_id or None, occurrences=row.occurrences,
    )  # fmt: skip
