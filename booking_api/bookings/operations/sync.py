"""Sync: everything a phone needs to show bookings and passes without a network, and what changed since.

A position is a transaction id, because commits come out of order: a row that committed late has an older time and
would be missed by a watermark of times. `floor` is the oldest transaction that was still under way when the paging
began; the next sync starts there, so that a few rows come twice and none is lost. See docs/adr/0004.
"""

from datetime import timedelta
from uuid import UUID

from booking_api.bookings import queries, sync_queries
from booking_api.bookings.operations.facts import hide_unseen, load
from booking_api.bookings.operations.show import show_booking
from booking_api.bookings.refusals import SyncExpired
from booking_api.bookings.schemas import Booking, SyncItem, SyncPage, SyncQuery
from booking_api.core.context import Context
from booking_api.core.errors import Invalid
from booking_api.core.paging import read_cursor, write_cursor
from booking_api.identity import reach

TOMBSTONE_DAYS = 90
NOTHING = UUID(int=0)
EVERYTHING = UUID(int=2**128 - 1)
Position = tuple[int, int, int, UUID, int, int]
"""Which cluster counted, when it was given out (Unix seconds), the transaction and id after which to go on, the
floor of this paging, 0 between pagings, and whose it is: a customer's, as far as their session sees."""
EarlierPosition = tuple[int, int, int, UUID, int]
"""As positions were before sessions could be restricted."""


async def sync(ctx: Context, query: SyncQuery, customer_id: UUID) -> SyncPage:
    """One page of changes. Raises `SyncExpired` for a position older than the tombstones, `Invalid` for another."""
    horizon = await sync_queries.transaction_horizon(ctx.db)
    caller, scope = ctx.caller, reach.scope_of(ctx.caller)
    system, issued, after_xid, after_id, floor, of = (
        (horizon.system, int(ctx.now.timestamp()), 0, NOTHING, 0, scope)
        if query.since is None
        else _read(query.since, caller.restriction is None, scope)
    )
    oldest_allowed = ctx.now - timedelta(days=TOMBSTONE_DAYS)
    if system != horizon.system or of != scope or issued < oldest_allowed.timestamp():
        raise SyncExpired
    changes = await sync_queries.list_changes(ctx.db, ctx.org_id, customer_id, after_xid, after_id, query.limit + 1)
    has_more, page = len(changes) > query.limit, changes[: query.limit]
    floor = min(floor, horizon.oldest) if floor else horizon.oldest
    shown = await _show(ctx, [change for change in page if change.type == "booking"])
    items = [
        SyncItem(type="booking", id=change.id, data=shown[change.id])
        if change.id in shown
        else SyncItem(type=change.type, id=change.id, deleted=True)
        for change in page
        # A restricted session isn't told of what it doesn't see, not even that it is gone.
        if caller.restriction is None or change.id in shown
    ]
    issued = int(ctx.now.timestamp())
    if has_more:
        following = (horizon.system, issued, page[-1].changed_xid, page[-1].id, floor, scope)
    else:
        following = (horizon.system, issued, max(floor - 1, 0), EVERYTHING, 0, scope)
    return SyncPage(items=items, next_since=write_cursor(*following), has_more=has_more)


def _read(since: str, unrestricted: bool, scope: int) -> Position:
    """A position, or one of an earlier version of this server, which only unrestricted sessions can have."""
    try:
        return read_cursor(since, Position, "/query/since")
    except Invalid:
        if not unrestricted:
            raise
        return (*read_cursor(since, EarlierPosition, "/query/since"), scope)


async def _show(ctx: Context, changes: list[sync_queries.Change]) -> dict[UUID, Booking]:
    order_ids = list({change.order_id for change in changes if change.order_id is not None})
    orders = await queries.list_orders(ctx.db, ctx.org_id, order_ids) if order_ids else []
    wanted = {change.id for change in changes}
    return {
        booking.id: show_booking(ctx, facts, booking)
        for facts in await load(ctx, orders)
        for booking in hide_unseen(ctx, facts).shown
        if booking.id in wanted
    }
