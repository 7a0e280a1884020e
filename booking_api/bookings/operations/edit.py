"""Changing details: contact, names, answers, seats; extending a hold; settling on site."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from msgspec import UNSET, UnsetType

from booking_api.bookings import rules
from booking_api.bookings.operations.confirm import issue_passes
from booking_api.bookings.operations.drafting import check_answers
from booking_api.bookings.operations.facts import Facts
from booking_api.bookings.operations.hold import check_seats
from booking_api.bookings.operations.write import announce, save, save_items
from booking_api.bookings.refusals import HoldExpired
from booking_api.bookings.schemas import BookingEdit, BookingRow, ItemEdit, ItemRow, OnSitePayment
from booking_api.catalog.rules import admission_window
from booking_api.core.context import Context
from booking_api.core.errors import Conflict, VersionConflict, unprocessable
from booking_api.inventory import operations as inventory
from booking_api.inventory.schemas import SeatWish
from booking_api.payments import operations as payments


async def edit(ctx: Context, facts: Facts, booking: BookingRow, change: BookingEdit, expected: int | None) -> None:
    """Changes details of a booking on hold or confirmed, until its slot begins.

    Passes of confirmed items whose seat or name changed are reissued. Raises `VersionConflict`, `HoldExpired`,
    `Conflict`, `SeatTaken` and `Unprocessable`.
    """
    if expected is not None and expected != booking.version:
        raise VersionConflict
    status = rules.shown_status(facts.order, booking.status, ctx.now)
    if status == "expired":
        raise HoldExpired
    if status not in {"on_hold", "confirmed"}:
        raise Conflict(f"A booking that is {status} can't be changed.")
    if facts.slot(booking).starts_at <= ctx.now:
        raise Conflict("The slot has begun.")
    definition = facts.definition(booking)
    if not isinstance(change.contact, UnsetType):
        if change.contact is None and status == "confirmed":
            raise unprocessable("/contact", "A confirmed booking keeps a contact.")
        booking.contact = change.contact
    if not isinstance(change.answers, UnsetType):
        check_answers(definition, change.answers, "booking", "/answers")
        booking.answers = _merged(booking.answers, change.answers)
    changed: list[ItemRow] = []
    if not isinstance(change.items, UnsetType):
        changed = _edit_items(facts, booking, change.items)
        await _move_seats(ctx, facts, booking, change.items)
    if status == "confirmed" and (missing := rules.missing_details(booking, facts.items[booking.id], definition)):
        raise unprocessable(missing[0].pointer, "A confirmed booking needs this.")
    await save_items(ctx, changed)
    await save(ctx, facts, [booking])
    if status == "confirmed" and changed:
        await issue_passes(ctx, [(facts, booking)])
    if status == "confirmed":
        await announce(ctx, "booking.changed", [booking])


def _merged(answers: Mapping[str, Any] | None, change: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Answers after a change: null clears one, a null object clears all."""
    if change is None:
        return None
    return {code: value for code, value in {**(answers or {}), **change}.items() if value is not None} or None


def _edit_items(facts: Facts, booking: BookingRow, edits: list[ItemEdit]) -> list[ItemRow]:
    known = {item.id: item for item in facts.items[booking.id]}
    definition = facts.definition(booking)
    takes_seat = {unit.id for unit in definition.units if unit.takes_seat}
    changed: dict[object, ItemRow] = {}
    for position, change in enumerate(edits):
        item = known.get(change.id)
        if item is None or item.status != "active" or item.id in changed:
            raise unprocessable(f"/items/{position}/id", "The booking has no such active item, or it is named twice.")
        if not isinstance(change.name, UnsetType):
            item.name = change.name
        if not isinstance(change.answers, UnsetType):
            check_answers(definition, change.answers, "item", f"/items/{position}/answers")
            item.answers = _merged(item.answers, change.answers)
        if not isinstance(change.seat, UnsetType):
            if change.seat is not None and item.unit_id not in takes_seat:
                raise unprocessable(f"/items/{position}/seat", "This item takes no seat.")
            item.seat = change.seat
        changed[item.id] = item
    return list(changed.values())


async def _move_seats(ctx: Context, facts: Facts, booking: BookingRow, edits: list[ItemEdit]) -> None:
    """Frees every seat that is given up first, so that two of a party can swap theirs."""
    moved = [change for change in edits if change.seat is not UNSET]
    if not moved:
        return
    slot = facts.slot(booking)
    wishes = [SeatWish(change.id, change.seat) for change in moved if isinstance(change.seat, str)]
    await inventory.leave_seats(ctx.db, ctx.org_id, slot.id, [change.id for change in moved])
    if wishes:
        await check_seats(ctx, slot, wishes, "")
        await inventory.take_seats(ctx.db, ctx.org_id, slot.id, booking.id, wishes)


async def extend(ctx: Context, facts: Facts) -> None:
    """Gives a hold its full time again, up to its limit. Raises `HoldExpired` and `Conflict`."""
    order = facts.order
    if order.status == "expired" or rules.has_ended(order, ctx.now):
        raise HoldExpired
    if order.status != "on_hold" or order.expires_at is None:
        raise Conflict(f"An order that is {order.status} can't be extended.")
    until = min(ctx.now + timedelta(seconds=ctx.settings.hold_seconds), order.hold_limit_at)
    if until <= order.expires_at:
        return
    order.expires_at = until
    if not await inventory.extend(ctx.db, ctx.org_id, [booking.id for booking in facts.bookings], until):
        raise HoldExpired
    await save(ctx, facts)


async def settle_on_site(ctx: Context, facts: Facts, booking: BookingRow, payment: OnSitePayment) -> None:
    """Notes what staff took. Raises `Conflict` when nothing is due, `Unprocessable` for another amount."""
    if booking.status != "confirmed":
        raise Conflict(f"A booking that is {booking.status} has nothing to be paid.")
    due = booking.price.due_on_site.amount - facts.settled.get(booking.id, 0)
    if due <= 0:
        raise Conflict("Nothing is due on site.")
    if payment.amount.currency != booking.price.total.currency or not 0 < payment.amount.amount <= due:
        raise unprocessable("/amount", f"At most {due} {booking.price.total.currency} (minor units) are due.")
    await payments.add_settlement(ctx, booking.order_id, booking.id, payment.method, payment.amount)
    facts.settled = {**facts.settled, booking.id: facts.settled.get(booking.id, 0) + payment.amount.amount}
    await save(ctx, facts, [booking])
    await announce(ctx, "booking.changed", [booking])


async def follow_slot(ctx: Context, facts: Facts, slot_id: UUID) -> None:
    """Tells the locked order's customers that a slot changed: a new version, and new passes where the window moved."""
    moved = [booking for booking in facts.live if booking.slot_id == slot_id]
    for booking in moved:
        window = admission_window(
            facts.option(booking).admission, facts.slot(booking).starts_at, facts.slot(booking).ends_at
        )
        passes = [facts.passes[item.id] for item in facts.items[booking.id] if item.id in facts.passes]
        if any((row.valid_from, row.valid_until) != window for row in passes):
            await issue_passes(ctx, [(facts, booking)])
        booking.visit_ends_at = facts.slot(booking).ends_at
    await save(ctx, facts, moved)
    await announce(ctx, "booking.changed", moved)
