"""Ending holds on demand, for a buyer who would otherwise be refused."""

from collections.abc import Sequence
from uuid import UUID

from booking_api.bookings import queries
from booking_api.bookings.operations import cancellation
from booking_api.core.runtime import Runtime, acquire
from booking_api.identity.system import system_context

BATCH = 100


async def end_holds_on(runtime: Runtime, org_id: UUID, slot_ids: Sequence[UUID]) -> int:
    """Ends holds on these slots that are over, in a transaction of its own; the number of orders."""
    async with acquire(runtime) as db, db.transaction():
        ctx = await system_context(runtime, db, org_id)
        if ctx is None:
            return 0
        due = await queries.lock_ended_holds_on(db, org_id, slot_ids, ctx.now, BATCH)
        return await cancellation.expire(ctx, [order.id for order in due])
