"""Giving back what is held on a slot, because the organiser wants it: safe to repeat, and beside any sale."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from booking_api.bookings import queries
from booking_api.bookings.operations.cancellation import end_holds
from booking_api.bookings.operations.facts import load
from booking_api.core.runtime import Runtime, acquire
from booking_api.identity.system import system_context

BATCH = 100


async def release_holds(runtime: Runtime, org_id: UUID, slot_id: UUID, made_before: datetime) -> int:
    """Ends the unpaid holds on a slot that were made before a moment; the number of orders.

    Never in the transaction that changed the slot: who sells or cancels locks orders before slots, and so does this.
    A payment that is under way goes on: it settles, or comes back by itself. An order of several is ended as a whole.
    """
    done, after = 0, UUID(int=0)
    async with acquire(runtime) as db:
        while found := await queries.list_holds_on_slot(db, org_id, slot_id, made_before, after, BATCH):
            orders = [row.order_id for row in found]
            free = await _end(runtime, org_id, orders, wait=False)
            done += len(free)
            for order_id in orders:
                if order_id not in free:
                    done += len(await _end(runtime, org_id, [order_id], wait=True))
            after = orders[-1]
    return done


async def _end(runtime: Runtime, org_id: UUID, order_ids: Sequence[UUID], *, wait: bool) -> set[UUID]:
    """Those of the orders that were on hold still. One that somebody works on is left out, or waited for."""
    async with acquire(runtime) as db, db.transaction():
        ctx = await system_context(runtime, db, org_id)
        if ctx is None:
            return set()
        if wait:
            locked = [order for order_id in order_ids if (order := await queries.lock_order(db, org_id, order_id))]
        else:
            locked = await queries.lock_orders(db, org_id, order_ids)
        held = [order for order in locked if order.status == "on_hold"]
        for order in held:
            order.expires_at = ctx.now
        await end_holds(ctx, await load(ctx, held), "released")
        return {order.id for order in held}
