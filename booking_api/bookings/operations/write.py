"""Writing facts back: what every verb ends with."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from booking_api.bookings import queries
from booking_api.bookings.details import contact_words, holds_sensitive
from booking_api.bookings.events import OfBooking
from booking_api.bookings.operations.bounding import unpaid
from booking_api.bookings.operations.facts import Facts
from booking_api.bookings.rules import Action, next_status
from booking_api.bookings.schemas import BookingRow, ItemRow
from booking_api.bookings.write_schemas import ChangedBooking, ChangedItem, ChangedOrder
from booking_api.core.context import Context
from booking_api.core.db.event_queries import Event
from booking_api.core.db.rows import row_from
from booking_api.core.errors import Conflict
from booking_api.core.queue.events import publish
from booking_api.core.text.folding import words_of
from booking_api.identity import operations as identity


def move(facts: Facts, action: Action) -> None:
    """Moves an order and those of its bookings that are where it is. Raises `Conflict` where the table has no way."""
    before = facts.order.status
    after = next_status(before, action)
    if after is None:
        raise Conflict(f"An order that is {before} can't {action}.")
    for booking in facts.bookings:
        if booking.status == before:
            booking.status = after
    facts.order.status = after


def mark_confirmed(facts: Facts, action: Action, now: datetime) -> None:
    """Moves an order that keeps its places for good."""
    move(facts, action)
    facts.order.expires_at = facts.order.pending_until = None
    for booking in facts.bookings:
        booking.confirmed_at = now


async def save(ctx: Context, facts: Facts, bookings: Sequence[BookingRow] | None = None) -> None:
    """Writes the order and these bookings (by default all), raising the bookings' versions."""
    await _write(ctx, [facts], facts.bookings if bookings is None else bookings)


async def save_all(ctx: Context, many: Sequence[Facts]) -> None:
    """Writes these orders with all their bookings, raising the bookings' versions."""
    await _write(ctx, many, [booking for facts in many for booking in facts.bookings])


async def _write(ctx: Context, many: Sequence[Facts], changed: Sequence[BookingRow]) -> None:
    facts_of = {booking.id: facts for facts in many for booking in facts.bookings}
    await queries.update_orders(
        ctx.db,
        ctx.org_id,
        [_changed_order(facts) for facts in many],
        [_changed_booking(facts_of[booking.id], booking) for booking in changed],
        ctx.now,
    )
    for facts in many:
        facts.order.version += 1
    if left := {facts.order.customer_id for facts in many if facts.leaves_sessions}:
        await identity.narrow_sessions(ctx.db, ctx.org_id, left, ctx.now)
    for booking in changed:
        booking.version += 1
        booking.updated_at = ctx.now


def _changed_order(facts: Facts) -> ChangedOrder:
    until, places = unpaid(facts)
    return row_from(
        facts.order, ChangedOrder, unpaid_until=until, unpaid_places=places, contact_digest=facts.contact_digest
    )


def _changed_booking(facts: Facts, booking: BookingRow) -> ChangedBooking:
    return row_from(
        booking,
        ChangedBooking,
        words=contact_words(booking.contact),
        holds_sensitive=holds_sensitive(facts.definition(booking), booking, facts.items[booking.id]),
    )


async def save_agreed(ctx: Context, bookings: Sequence[BookingRow]) -> None:
    """Writes what these bookings' customers have agreed to. Who changes that saves the order as well."""
    if bookings:
        await queries.update_agreed(ctx.db, ctx.org_id, bookings)


async def save_items(ctx: Context, items: Sequence[ItemRow]) -> None:
    if items:
        changed = [row_from(item, ChangedItem, words=words_of(item.name)) for item in items]
        await queries.update_items(ctx.db, ctx.org_id, changed)


async def announce(ctx: Context, of: type[OfBooking], bookings: Sequence[BookingRow], **more: Any) -> None:
    """Publishes one event per booking; `more` is what its type says besides."""
    await publish(ctx.db, events_of(ctx, of, bookings, **more))


def events_of(ctx: Context, of: type[OfBooking], bookings: Sequence[BookingRow], **more: Any) -> list[Event]:
    """One event per booking, to be published."""
    return events_about(ctx.org_id, of, bookings, ctx.now, **more)


class Bookinglike(Protocol):
    """What an event says of any booking."""

    @property
    def id(self) -> UUID: ...
    @property
    def order_id(self) -> UUID: ...
    @property
    def slot_id(self) -> UUID: ...
    @property
    def customer_id(self) -> UUID: ...


def events_about(
    org_id: UUID, of: type[OfBooking], bookings: Sequence[Bookinglike], now: datetime, **more: Any
) -> list[Event]:
    """One event per booking, where nobody asks for it, as of rows that are gone."""
    return [
        of(order_id=b.order_id, slot_id=b.slot_id, customer_id=b.customer_id, **more).event(org_id, b.id, now)
        for b in bookings
    ]
