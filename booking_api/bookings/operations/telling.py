"""Bookings as others are told of them: without what lets somebody in, and without what pays."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from booking_api.bookings import queries
from booking_api.bookings.operations.facts import load
from booking_api.bookings.operations.show import show_booking
from booking_api.bookings.schemas import Booking
from booking_api.core.context import Context


async def bookings_to_tell(ctx: Context, booking_ids: Sequence[UUID]) -> dict[UUID, Booking]:
    """Those of these bookings that there are, as they are now."""
    found = await queries.find_orders_of(ctx.db, ctx.org_id, booking_ids)
    orders = await queries.list_orders(ctx.db, ctx.org_id, sorted({row.order_id for row in found}))
    wanted = set(booking_ids)
    return {
        booking.id: _without_credentials(show_booking(ctx, facts, booking))
        for facts in await load(ctx, orders)
        for booking in facts.bookings
        if booking.id in wanted
    }


def _without_credentials(booking: Booking) -> Booking:
    return msgspec.structs.replace(
        booking,
        items=[msgspec.structs.replace(item, pass_=None) for item in booking.items],
        payment=msgspec.structs.replace(booking.payment, next_action=None, methods=None),
        available_actions=[],
    )
