"""Joining a guest's bookings on another phone to one's own, once an address is proven, and undoing that.

Moved are the orders all of whose bookings have that address as their contact, and no others. Who had them is told, on
their phones and at the address that they are known by, and can take them back for as long as whoever has them now.
Passes are issued anew, so that what is saved on the other phone admits nobody any more.
"""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from booking_api.bookings import claiming_queries, queries
from booking_api.bookings.claiming_schemas import ClaimedOrder, ClaimedOrders, ClaimList, ClaimRow, ClaimsQuery
from booking_api.bookings.events import BookingChanged
from booking_api.bookings.operations.admitted import lock_admissions
from booking_api.bookings.operations.complete import issue_passes
from booking_api.bookings.operations.facts import Facts, addresses_of, load
from booking_api.bookings.operations.write import announce
from booking_api.core.context import Context
from booking_api.core.errors import Conflict, Forbidden, NotFound, unprocessable
from booking_api.core.paging import read_cursor, write_cursor
from booking_api.core.queue.events import publish
from booking_api.identity import audit, reach
from booking_api.identity import operations as identity
from booking_api.identity.events import BookingsClaimed
from booking_api.identity.session_schemas import Redeemed
from booking_api.inventory import operations as inventory

MOST_ORDERS = 200
UNDONE_WITHIN = timedelta(days=30)


async def claim(ctx: Context, redeemed: Redeemed) -> ClaimedOrders:
    """Joins the orders of whom a code was made for, as far as its address opens them. Raises `Forbidden` for a session
    that sees only some bookings itself, and `Unprocessable` for a code that proves no address."""
    customer_id, digest, from_id = _whole(ctx), redeemed.address_digest, redeemed.subject_id
    if redeemed.purpose != "recover" or digest is None:
        raise unprocessable("/code", "This code proves no address. Use one from POST /v1/tokens/recover.")
    if from_id == customer_id:
        return ClaimedOrders(items=[], left=0)
    wanted = await claiming_queries.list_orders_of(ctx.db, ctx.org_id, from_id, MOST_ORDERS)
    orders = await queries.lock_orders(ctx.db, ctx.org_id, [row.id for row in wanted])
    theirs = await load(ctx, [order for order in orders if order.customer_id == from_id])
    moved = [facts for facts in theirs if facts.order.status != "pending" and _has_address(ctx, facts, digest)]
    await _hand_over(ctx, moved, from_id, customer_id, claimed_from=from_id)
    items = [_shown(ctx, ClaimRow(facts.order.id, customer_id, from_id, ctx.now)) for facts in moved]
    return ClaimedOrders(items=items, left=len(wanted) - len(moved))


async def undo(ctx: Context, order_id: UUID) -> None:
    """Gives an order back to whom it was claimed from, for whoever has it or had it; again changes nothing.

    Raises `NotFound` for everybody else, for a session that sees only some bookings, and once the time is over, and
    `Conflict` while it is being paid.
    """
    customer_id = ctx.caller.subject_id
    if ctx.caller.restriction is not None:
        raise NotFound
    order = await queries.lock_order(ctx.db, ctx.org_id, order_id)
    found = None if order is None else await claiming_queries.find_claim(ctx.db, ctx.org_id, order_id)
    if order is not None and found is None and order.customer_id == customer_id:
        return
    if order is None or found is None or customer_id not in {found.customer_id, found.claimed_from}:
        raise NotFound
    if found.claimed_at + UNDONE_WITHIN <= ctx.now:
        raise NotFound("It was joined too long ago.")
    if order.status == "pending":
        raise Conflict("A payment is under way.")
    await _hand_over(ctx, await load(ctx, [order]), found.customer_id, found.claimed_from, claimed_from=None)


async def list_claims(ctx: Context, query: ClaimsQuery) -> ClaimList:
    """What was claimed by the caller and from them. Raises `Forbidden` for a session that sees only some bookings."""
    before = read_cursor(query.cursor, tuple[UUID])[0] if query.cursor else None
    rows = await claiming_queries.list_claims(ctx.db, ctx.org_id, _whole(ctx), before, query.limit + 1)
    page = rows[: query.limit]
    return ClaimList(
        items=[_shown(ctx, row) for row in page],
        next_cursor=write_cursor(page[-1].id) if len(rows) > query.limit else None,
    )


def _whole(ctx: Context) -> UUID:
    """The customer of a session that sees all that is theirs."""
    assert ctx.caller.subject_id is not None, "only customers are admitted"
    if ctx.caller.restriction is not None:
        raise Forbidden("This session sees only some bookings, so that none can be joined to it.")
    return ctx.caller.subject_id


def _has_address(ctx: Context, facts: Facts, digest: bytes) -> bool:
    """Whether every booking of an order has the proven address as its contact."""
    return all(reach.matches(ctx.vault, ctx.org, digest, *addresses_of(booking.contact)) for booking in facts.bookings)


def _shown(ctx: Context, row: ClaimRow) -> ClaimedOrder:
    is_recent = row.claimed_at + UNDONE_WITHIN > ctx.now
    return ClaimedOrder(
        order_id=row.id, claimed_at=row.claimed_at, yours=row.customer_id == ctx.caller.subject_id,
        available_actions=["undo"] if is_recent else [],
    )  # fmt: skip


async def _hand_over(
    ctx: Context, orders: Sequence[Facts], from_id: UUID, to_id: UUID, *, claimed_from: UUID | None
) -> None:
    """Makes locked orders another customer's, with their places and passes."""
    if not orders:
        return
    order_ids = [facts.order.id for facts in orders]
    bookings = [booking for facts in orders for booking in facts.bookings]
    booking_ids = [booking.id for booking in bookings]
    for facts in orders:
        await lock_admissions(ctx, facts)
    await inventory.hand_over(ctx.db, ctx.org_id, booking_ids, to_id)
    await claiming_queries.hand_over_orders(ctx.db, ctx.org_id, order_ids, to_id, claimed_from, ctx.now)
    await claiming_queries.move_tombstones(ctx.db, ctx.org_id, booking_ids, from_id, to_id, ctx.now)
    for booking in bookings:
        booking.customer_id = to_id
    confirmed = [(facts, one) for facts in orders for one in facts.bookings if one.status == "confirmed"]
    await issue_passes(ctx, confirmed)
    await identity.narrow_sessions(ctx.db, ctx.org_id, {from_id}, ctx.now)
    for order_id in order_ids:
        if claimed_from:
            await audit.note(ctx, "order.claimed", "order", order_id)
        else:
            await audit.note(ctx, "order.claim_undone", "order", order_id)
    await announce(ctx, BookingChanged, bookings)
    told = BookingsClaimed(undone=claimed_from is None, language=ctx.language)
    await publish(ctx.db, [told.event(ctx.org_id, from_id, ctx.now)])
