"""Sync for integrators: everybody's bookings, and then what changed.

The first pass goes by id, which costs the same on every page however much there is, and remembers the moment before
which nothing can appear any more as it was when the pass began. All that changed since, also behind it, comes after it
as changes do for customers (`operations.sync`).
"""

from functools import partial
from typing import Literal
from uuid import UUID

import msgspec

from booking_api.bookings import sync_queries
from booking_api.bookings.label_schemas import BookingFilters
from booking_api.bookings.operations import sync
from booking_api.bookings.operations.listing import list_page
from booking_api.bookings.refusals import SyncExpired
from booking_api.bookings.schemas import SyncedBooking, SyncItem, SyncPage, SyncQuery
from booking_api.core.context import Context
from booking_api.core.errors import Invalid
from booking_api.core.paging import read_cursor, write_cursor

EVERYBODY = -1
"""The scope of a position of all bookings; a customer's is never negative."""
NO_FILTER = BookingFilters()


class PassPosition(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """How far the first pass has come."""

    kind: Literal["pass"]
    system: int
    issued: sync.Microseconds
    floor: sync.Microseconds
    id: UUID


async def sync_everybody(ctx: Context, query: SyncQuery) -> SyncPage:
    """One page. Raises `SyncExpired` for a position from which nothing can be said, `Invalid` for another."""
    position = None if query.since is None else _read_pass(query.since)
    if position is None and query.since is not None:
        source = sync.Source(
            partial(sync_queries.combine_all_marks, ctx.db, ctx.org_id),
            partial(sync_queries.list_all_changes, ctx.db, ctx.org_id),
        )
        return await sync.sync_of(ctx, query, source, EVERYBODY)
    horizon = await sync_queries.transaction_horizon(ctx.db)
    if position is None:
        floor = sync.floor_of(ctx.now, horizon.oldest)
        position = PassPosition("pass", horizon.system, sync.count(ctx.now), floor, sync.NOTHING)
    if position.system != horizon.system or not sync.is_recent(position.issued, ctx.now):
        raise SyncExpired
    bookings, following = await list_page(ctx, NO_FILTER, position.id, query.limit)
    items: list[SyncItem] = [SyncedBooking(type="booking", id=booking.id, data=booking) for booking in bookings]
    if following is not None:
        # The moment of the first page stays: tombstones since then are what the changes after the pass need.
        further = msgspec.structs.replace(position, id=following)
        return SyncPage(items=items, next_since=write_cursor(*msgspec.structs.astuple(further)), has_more=True)
    after = sync.SyncPosition(
        "moment", position.system, position.issued, position.floor, position.floor, sync.EVERYTHING, 0, False, EVERYBODY
    )
    return SyncPage(items=items, next_since=write_cursor(*msgspec.structs.astuple(after)), has_more=False)


def _read_pass(since: str) -> PassPosition | None:
    try:
        return read_cursor(since, PassPosition, "/query/since")
    except Invalid:
        return None
