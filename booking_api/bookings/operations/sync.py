"""Sync: everything a phone needs to show bookings and passes without a network, and what changed since.

A position is a transaction id, because commits come out of order: a row that committed late has an older time and
would be missed by a watermark of times. `floor` is the oldest transaction that was still under way when the paging
began; the next sync starts there, so that a few rows come twice and none is lost. See docs/adr/0004.
"""

from datetime import datetime, timedelta
from uuid import UUID

from booking_api.bookings import queries, sync_queries
from booking_api.bookings.operations.facts import load, show_booking
from booking_api.bookings.refusals import SyncExpired
from booking_api.bookings.schemas import Booking, SyncItem, SyncPage, SyncQuery
from booking_api.core.context import Context
from booking_api.core.paging import read_cursor, write_cursor

TOMBSTONE_DAYS = 90
NOTHING = UUID(int=0)
EVERYTHING = UUID(int=2**128 - 1)
Position = tuple[int, int, int, UUID, int]
"""Which cluster counted, when it was given out (Unix seconds), the transaction and id after which to go on, and the
floor of this paging, 0 between pagings."""


async def sync(ctx: Context, query: SyncQuery, customer_id: UUID) -> SyncPage:
    """One page of changes. Raises `SyncExpired` for a position older than the tombstones, `Invalid` for another."""
    horizon = await sync_queries.transaction_horizon(ctx.db)
    system, issued, after_xid, after_id, floor = (
        (horizon.system, int(ctx.now.timestamp()), 0, NOTHING, 0)
        if query.since is None
        else read_cursor(query.since, Position, "/query/since")
    )
    oldest_allowed = ctx.now - timedelta(days=TOMBSTONE_DAYS)
    if system != horizon.system or issued < oldest_allowed.timestamp():
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
    ]
    return SyncPage(
        items=items, next_since=_position(horizon, ctx.now, page, floor, has_more=has_more), has_more=has_more
    )


def _position(
    horizon: sync_queries.Horizon, now: datetime, page: list[sync_queries.Change], floor: int, *, has_more: bool
) -> str:
    issued = int(now.timestamp())
    if has_more:
        return write_cursor(horizon.system, issued, page[-1].changed_xid, page[-1].id, floor)
    return write_cursor(horizon.system, issued, max(floor - 1, 0), EVERYTHING, 0)


async def _show(ctx: Context, changes: list[sync_queries.Change]) -> dict[UUID, Booking]:
    order_ids = list({change.order_id for change in changes if change.order_id is not None})
    orders = await queries.list_orders(ctx.db, ctx.org_id, order_ids) if order_ids else []
    wanted = {change.id for change in changes}
    return {
        booking.id: show_booking(ctx, facts, booking)
        for facts in await load(ctx, orders)
        for booking in facts.bookings
        if booking.id in wanted
    }
