"""Erasing what people said of their bookings: after the visit, and when somebody asks for it.

Answers to sensitive questions are of use until the visit is over, and are erased before everything else.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from booking_api.bookings import retention_queries
from booking_api.bookings.details import holds_sensitive, without_sensitive
from booking_api.bookings.events import BookingErased
from booking_api.bookings.operations.facts import Facts
from booking_api.bookings.operations.write import announce, events_about, save, save_items
from booking_api.bookings.rules import HOLDS_PLACES
from booking_api.bookings.schemas import BookingRow
from booking_api.core.context import Context
from booking_api.core.db import Connection
from booking_api.core.queue.events import publish
from booking_api.identity import operations as identity
from booking_api.inventory.slot_rules import expected_times
from booking_api.payments import queries as payment_queries


class Erasure(NamedTuple):
    """How much was erased; again, it is nothing."""

    bookings: int
    customers: int
    """Whose contact went with their last booking."""


async def lock_ahead(
    db: Connection, org_id: UUID, booking_ids: Sequence[UUID], now: datetime, limit: int
) -> list[UUID]:
    """Locks the orders of bookings that are to be erased; those of the bookings that stand and aren't over."""
    await retention_queries.lock_orders_of(db, org_id, booking_ids)
    return [row.id for row in await retention_queries.list_ahead(db, org_id, booking_ids, now, limit)]


async def erase(db: Connection, org_id: UUID, booking_ids: Sequence[UUID], now: datetime) -> Erasure:
    """Erases what was said about bookings whose orders the caller has locked: contacts, names, answers, typed reasons,
    and of customers who have no other booking left how to reach them. The prices stay.

    Restricted sessions are told to look anew: the erased bookings have left those of an address.
    """
    erased = await retention_queries.erase_bookings(db, org_id, booking_ids, now)
    # The names of those that were erased before as well: a person is nowhere, whatever came after.
    await retention_queries.erase_items(db, org_id, booking_ids)
    customers = {row.customer_id for row in erased}
    orders = sorted({row.order_id for row in erased})
    await retention_queries.raise_orders(db, org_id, orders)
    await payment_queries.forget_links(db, org_id, orders)
    idle = await retention_queries.list_idle_customers(db, org_id, sorted(customers))
    forgotten = await identity.forget_contacts(db, org_id, [row.customer_id for row in idle], now)
    await identity.narrow_sessions(db, org_id, customers, now)
    await publish(db, events_about(org_id, BookingErased, erased, now))
    return Erasure(len(erased), forgotten)


async def silence(ctx: Context, orders: Sequence[Facts]) -> int:
    """Erases the sensitive answers of those bookings of these locked orders whose visit is over, and keeps the others.

    Repeating it changes nothing. The number of orders that had some.
    """
    done = 0
    for facts in orders:
        over = [
            booking
            for booking in facts.bookings
            if _is_over(ctx, facts, booking)
            and holds_sensitive(facts.definition(booking), booking, facts.items[booking.id])
        ]
        for booking in over:
            definition = facts.definition(booking)
            booking.answers = without_sensitive(definition, booking.answers)
            said = [item for item in facts.items[booking.id] if item.answers]
            for item in said:
                item.answers = without_sensitive(definition, item.answers)
            await save_items(ctx, said)
        if over:
            await save(ctx, facts, over)
            await announce(ctx, BookingErased, over)
            done += 1
    return done


def _is_over(ctx: Context, facts: Facts, booking: BookingRow) -> bool:
    """By the slot as it is now where the booking stands: it may have been moved a moment ago."""
    stands = booking.status in HOLDS_PLACES
    return booking.visit_ends_at <= ctx.now and (not stands or expected_times(facts.slot(booking))[1] <= ctx.now)
