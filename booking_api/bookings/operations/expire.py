"""Ending holds on demand, for buyers who would otherwise be refused.

Those who find a slot full at the same time share one look: it begins after each of them was told that there is no room,
ends the holds on the slot that are over, and lets all of them try again if there were any. Ending what is over does no
harm, however often it is done.
"""

from collections.abc import Sequence
from uuid import UUID

from booking_api.bookings import queries
from booking_api.bookings.operations import cancellation
from booking_api.core.per_process import PerProcess
from booking_api.core.queue.coalescing import Coalescer, seconds_of
from booking_api.core.runtime import Runtime, acquire
from booking_api.identity.system import system_context

BATCH = 100
FullSlots = tuple[UUID, frozenset[UUID]]
"""The organisation and the slots."""


async def end_holds_on(runtime: Runtime, org_id: UUID, slot_ids: Sequence[UUID]) -> int:
    """Ends holds on these slots that are over, in a transaction of its own; the number of orders."""
    return await ENDINGS.of(runtime.caches, runtime).ask((org_id, frozenset(slot_ids)), None)


async def _end_holds(runtime: Runtime, full: FullSlots) -> int:
    org_id, slot_ids = full
    async with acquire(runtime) as db, db.transaction():
        ctx = await system_context(runtime, db, org_id)
        if ctx is None:
            return 0
        due = await queries.lock_ended_holds_on(db, org_id, sorted(slot_ids), ctx.now, BATCH)
        return await cancellation.expire(ctx, [order.id for order in due])


def _coalescer(runtime: Runtime) -> Coalescer[FullSlots, None, int]:
    return Coalescer(lambda full, _: _end_holds(runtime, full), seconds=seconds_of(runtime))


ENDINGS = PerProcess(_coalescer)
