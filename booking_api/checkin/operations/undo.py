"""Taking a scan back."""

from booking_api.bookings.operations.admitted import lock_order_of, take_admissions_back
from booking_api.checkin import archive_queries, queries, rules
from booking_api.checkin.operations.scanning import actor_of
from booking_api.checkin.rules import LaterScan
from booking_api.checkin.schemas import Presence, UndoneScan
from booking_api.core.context import Context
from booking_api.core.errors import Forbidden, NotFound
from booking_api.identity import audit
from booking_api.passes import operations as passes
from booking_api.passes.schemas import AttendanceBefore


async def undo(ctx: Context, nonce: str) -> UndoneScan:
    """Takes a scan back: who was inside before is again. The scan stays on record, with who undid it and when.

    An agent or key may undo their own within ten minutes, a manager any. Undoing twice is undoing once.
    Raises `NotFound`, `Forbidden` (also for a scan in the archive), or `LaterScan` once another scan let one of its items through.
    """
    found = await queries.find_scan_to_undo(ctx.db, ctx.org_id, nonce) if rules.is_nonce(nonce) else None
    if found is None:
        if rules.is_nonce(nonce) and await archive_queries.is_archived(ctx.db, ctx.org_id, nonce):
            raise Forbidden("This scan is so old that it is only kept on record.")
        raise NotFound
    own = found.scanned_by == actor_of(ctx) and rules.may_undo_own(found.received_at, ctx.now)
    if found.undone_at is None and not own and not ctx.caller.may("scan:override", "manager"):
        raise Forbidden("You may undo your own scans within ten minutes; for others ask a manager.")
    if found.item_id is not None:
        await lock_order_of(ctx, found.item_id)
        await queries.lock_bookings_of(ctx.db, ctx.org_id, [found.item_id])
    outcomes = await queries.find_outcomes(ctx.db, ctx.org_id, nonce)
    if not await queries.mark_undone(ctx.db, ctx.org_id, nonce, ctx.now, actor_of(ctx)):
        found = await queries.find_scan_to_undo(ctx.db, ctx.org_id, nonce)
        assert found is not None
        assert found.undone_at is not None
        items = [Presence(row.item_id, row.inside, row.entries) for row in outcomes]
        return UndoneScan(nonce=nonce, undone_at=found.undone_at, items=items)
    changed = [row for row in outcomes if row.admit and (row.last_nonce is not None or row.nonce_before is not None)]
    if any(row.last_nonce != nonce for row in changed):
        raise LaterScan
    await passes.restore_attendance(
        ctx, [AttendanceBefore(row.item_id, row.inside_before, row.entries_before, row.nonce_before) for row in changed]
    )
    await audit.note(ctx, "scan.undone", "item", found.item_id, None if own else "by_another")
    if never_here := [row.item_id for row in changed if row.nonce_before is None]:
        await take_admissions_back(ctx, never_here)
    restored = {row.item_id for row in changed}
    items = [
        Presence(row.item_id, row.inside_before, row.entries_before)
        if row.item_id in restored
        else Presence(row.item_id, row.inside, row.entries)
        for row in outcomes
    ]
    return UndoneScan(nonce=nonce, undone_at=ctx.now, items=items)
