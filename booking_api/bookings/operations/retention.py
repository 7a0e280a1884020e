"""Answers to sensitive questions are of use until the visit is over, and are erased before everything else."""

from collections.abc import Sequence

from booking_api.bookings.details import holds_sensitive, without_sensitive
from booking_api.bookings.operations.facts import Facts
from booking_api.bookings.operations.write import save, save_items
from booking_api.bookings.rules import HOLDS_PLACES
from booking_api.bookings.schemas import BookingRow
from booking_api.core.context import Context


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
            done += 1
    return done


def _is_over(ctx: Context, facts: Facts, booking: BookingRow) -> bool:
    """By the slot as it is now where the booking stands: it may have been moved a moment ago."""
    stands = booking.status in HOLDS_PLACES
    return booking.visit_ends_at <= ctx.now and (not stands or facts.slot(booking).expected_times[1] <= ctx.now)
