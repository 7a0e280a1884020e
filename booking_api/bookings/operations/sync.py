"""Sync: everything a phone needs to show bookings and passes without a network, and what changed since.

A change carries the moment at which its transaction began, and appears when that commits, in another order. So a
position is not only a place in that order but also a floor: the moment before which nothing can appear any more. What
lies between the floor and the place may be joined by something late; one number in the position stands for all that
was sent of it. Is it still the same, the phone has it, and gets what comes after the place; else it gets everything
after the floor again. See docs/adr/0021.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Literal, NamedTuple
from uuid import UUID

import msgspec

from booking_api.bookings import queries, sync_queries
from booking_api.bookings.operations.facts import hide_unseen, load
from booking_api.bookings.operations.show import show_booking
from booking_api.bookings.refusals import SyncExpired
from booking_api.bookings.schemas import Booking, DeletedBooking, SyncedBooking, SyncItem, SyncPage, SyncQuery
from booking_api.core.clock import CLOCKS_APART, LONGEST_TRANSACTION
from booking_api.core.context import Context
from booking_api.core.errors import Invalid
from booking_api.core.paging import read_cursor, write_cursor
from booking_api.identity import reach

TOMBSTONE_DAYS = 90
OVERLAP = LONGEST_TRANSACTION + CLOCKS_APART
"""What is older than this has appeared, or never will."""
NOTHING = UUID(int=0)
EVERYTHING = UUID(int=2**128 - 1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
Microseconds = Annotated[int, msgspec.Meta(ge=0, lt=253_370_764_800_000_000)]
"""Microseconds since 1970, as exact as PostgreSQL counts, until the year 9999."""


class SyncPosition(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Where a phone is, as `next_since` holds it."""

    kind: Literal["moment"]
    system: int
    """Which database cluster answered."""
    issued: Microseconds
    floor: Microseconds
    """Nothing that isn't after it can appear any more; while paging, since the paging began."""
    at: Microseconds
    id: UUID
    """With `at` the place after which to go on."""
    sent: int
    """What was sent from the floor to this place: its marks, combined."""
    is_paging: bool
    scope: int
    """Whose it is: a customer's, as far as their session sees."""


EARLIER_POSITIONS = tuple[int, int, int, UUID, int, int], tuple[int, int, int, UUID, int]
"""As they were when transactions were compared by their ids."""


class Source(NamedTuple):
    """Whose changes are read: what combines their marks, and what lists them."""

    combine: Callable[[datetime, datetime, UUID, datetime], Awaitable[sync_queries.Sent]]
    list_changes: Callable[[datetime, UUID, int], Awaitable[list[sync_queries.Change]]]


async def sync(ctx: Context, query: SyncQuery, customer_id: UUID) -> SyncPage:
    """One page of a customer's changes. Raises as `sync_of` does."""
    source = Source(
        partial(sync_queries.combine_marks, ctx.db, ctx.org_id, customer_id),
        partial(sync_queries.list_changes, ctx.db, ctx.org_id, customer_id),
    )
    return await sync_of(ctx, query, source, reach.scope_of(ctx.caller))


async def sync_of(ctx: Context, query: SyncQuery, source: Source, scope: int) -> SyncPage:
    """One page of changes. Raises `SyncExpired` for a position from which nothing can be said, `Invalid` for another."""
    horizon = await sync_queries.transaction_horizon(ctx.db)  # Before anything is read that it is about.
    start = SyncPosition("moment", horizon.system, count(ctx.now), 0, 0, NOTHING, 0, False, scope)
    since = start if query.since is None else _read(query.since)
    if since.system != horizon.system or since.scope != scope or not is_recent(since.issued, ctx.now):
        raise SyncExpired
    since = await _look_back(source, since, floor_of(ctx.now, horizon.oldest))
    changes = await source.list_changes(_moment(since.at), since.id, query.limit + 1)
    page = changes[: query.limit]
    shown = await _show(ctx, [change for change in page if change.type == "booking"])
    items: list[SyncItem] = [
        SyncedBooking(type="booking", id=change.id, data=shown[change.id])
        if change.id in shown
        else DeletedBooking(type="booking", id=change.id, deleted=True)
        for change in page
        # A restricted session isn't told of what it doesn't see, not even that it is gone.
        if ctx.caller.restriction is None or change.id in shown
    ]
    has_more = len(changes) > query.limit
    following = msgspec.structs.replace(_go_on(since, page), issued=count(ctx.now), is_paging=has_more)
    return SyncPage(items=items, next_since=write_cursor(*msgspec.structs.astuple(following)), has_more=has_more)


async def _look_back(source: Source, since: SyncPosition, floor: int) -> SyncPosition:
    """From where to go on. While paging, from the same place; what came late meanwhile is found when that is over."""
    if since.is_paging:
        return since
    floor = max(since.floor, floor)
    if since.at <= since.floor:
        return msgspec.structs.replace(since, floor=floor, sent=0)
    now = await source.combine(_moment(since.floor), _moment(since.at), since.id, _moment(floor))
    if now.whole == since.sent:
        return msgspec.structs.replace(since, floor=floor, sent=now.late)
    return msgspec.structs.replace(since, floor=floor, at=since.floor, id=EVERYTHING, sent=0)


def _go_on(since: SyncPosition, page: list[sync_queries.Change]) -> SyncPosition:
    if not page:
        return since
    sent = since.sent
    for change in page:
        if count(change.changed_at) > since.floor:
            sent ^= change.mark
    return msgspec.structs.replace(since, at=count(page[-1].changed_at), id=page[-1].id, sent=sent)


def floor_of(now: datetime, oldest: datetime | None) -> int:
    """The moment before which nothing can appear any more."""
    earliest = now - OVERLAP
    return count(earliest if oldest is None else min(earliest, oldest - CLOCKS_APART))


def is_recent(issued: int, now: datetime) -> bool:
    """Whether all tombstones since are still there, and no clock went wrong by more than is allowed for."""
    return now - timedelta(days=TOMBSTONE_DAYS) <= _moment(issued) <= now + CLOCKS_APART


def count(moment: datetime) -> int:
    return (moment - EPOCH) // MICROSECOND


def _moment(count: int) -> datetime:
    return EPOCH + count * MICROSECOND


def _read(since: str) -> SyncPosition:
    """Raises `SyncExpired` for a position of an earlier version of this server, `Invalid` for what never was one."""
    try:
        return read_cursor(since, SyncPosition, "/query/since")
    except Invalid:
        for earlier in EARLIER_POSITIONS:
            with suppress(Invalid):
                read_cursor(since, earlier, "/query/since")
                raise SyncExpired from None
        raise


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
