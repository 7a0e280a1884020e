"""Changing details: contact, names, answers, seats; extending a hold; settling on site."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from msgspec import UnsetType

from booking_api.bookings import gate_queries
from booking_api.bookings.details import missing_details
from booking_api.bookings.events import BookingChanged
from booking_api.bookings.operations.admitted import lock_admissions
from booking_api.bookings.operations.bounding import contact_digest
from booking_api.bookings.operations.drafting import check_answers
from booking_api.bookings.operations.facts import Facts, addresses_of
from booking_api.bookings.operations.holding import take_seats
from booking_api.bookings.operations.refusing import Seen, already_used, require_booking, require_order, require_version
from booking_api.bookings.operations.standing import ends_at, order_standing, standing_of
from booking_api.bookings.operations.write import announce, save, save_items
from booking_api.bookings.refusals import HoldExpired
from booking_api.bookings.rules import judge_booking, judge_item
from booking_api.bookings.schemas import BookingEdit, BookingRow, Contact, ItemEdit, ItemRow, OnSitePayment, Status
from booking_api.core.context import Context
from booking_api.core.errors import unprocessable
from booking_api.identity import audit
from booking_api.identity.me import tell_replaced
from booking_api.inventory import operations as inventory
from booking_api.inventory.schemas import SeatWish
from booking_api.payments import operations as payments


async def edit(
    ctx: Context, facts: Facts, booking: BookingRow, change: BookingEdit, expected: frozenset[int] | None
) -> None:
    """Changes details of a booking on hold or confirmed, for as long as the law allows it.

    What is as it was already changes nothing, whatever version the caller expects. No pass is issued anew, because
    none of this is in it. Raises `VersionConflict`, `HoldExpired`, `NotChangeable`, `AlreadyUsed`, `Conflict`,
    `SeatTaken` and `Unprocessable`.
    """
    await lock_admissions(ctx, facts)
    require_booking(ctx, facts, booking, "edit")
    status = booking.status
    before = _Details.of(booking, facts.items[booking.id])
    _edit_booking(facts, booking, change, status)
    edits = [] if isinstance(change.items, UnsetType) else change.items
    _edit_items(facts, booking, edits, status)
    after = _Details.of(booking, facts.items[booking.id])
    if after == before:
        return
    changed = [item for item in facts.items[booking.id] if after.items[item.id] != before.items[item.id]]
    reseated = [item for item in changed if item.seat != before.items[item.id].seat]
    used = [item.id for item in changed if item.id in facts.admitted]
    if reseated and facts.slot(booking).seat_layout_id is not None:
        _require_seat_choice(ctx, facts, booking)
    _require_unused(ctx, facts, change, used)
    require_version(facts, None if expected is None else Seen(expected, booking.id))
    if status == "confirmed":
        missing = missing_details(booking, facts.items[booking.id], facts.definition(booking))
        if missing:
            pointer = _within_request(missing[0].pointer, facts.items[booking.id], edits)
            raise unprocessable(pointer, "A confirmed booking needs this.")
    facts.contact_digest = contact_digest(ctx, facts.bookings[0].contact)
    await _move_seats(ctx, facts, booking, reseated, edits)
    await save_items(ctx, changed)
    if used and change.reason is not None:
        await gate_queries.note_change_reasons(ctx.db, ctx.org_id, used, change.reason)
        await audit.note(ctx, "booking.overridden", "booking", booking.id, "already_used")
    await save(ctx, facts, [booking])
    if status == "confirmed":
        await tell_replaced(ctx, booking.customer_id, addresses_of(before.contact), addresses_of(booking.contact))
    await announce(ctx, BookingChanged, [booking])


def _within_request(pointer: str, items: Sequence[ItemRow], edits: Sequence[ItemEdit]) -> str:
    """A pointer into the booking as one into the request, which may name its items in another order."""
    _, part, *rest = pointer.split("/")
    places = {edit.id: position for position, edit in enumerate(edits)}
    if part != "items" or (place := places.get(items[int(rest[0])].id)) is None:
        return pointer
    return "/".join(["/items", str(place), *rest[1:]])


def _require_seat_choice(ctx: Context, facts: Facts, booking: BookingRow) -> None:
    """Asks for no reason where none helps. That seats are used is said of the items, by `_require_unused`."""
    verdict = judge_booking("choose_seat", order_standing(ctx, facts), standing_of(ctx, facts, booking))
    if verdict.code != "already_used":
        require_booking(ctx, facts, booking, "choose_seat")


def _require_unused(ctx: Context, facts: Facts, change: BookingEdit, used: Sequence[UUID]) -> None:
    """Raises `AlreadyUsed` about items whose people were admitted, `Unprocessable` for a manager who doesn't say why."""
    if not used or isinstance(change.items, UnsetType):
        return
    if not judge_item(order_standing(ctx, facts), admitted=True).is_allowed:
        raise already_used([(place, edit.id) for place, edit in enumerate(change.items) if edit.id in used])
    if not (change.reason or "").strip():
        raise unprocessable("/reason", "Somebody was admitted already. Say why it is changed all the same.")


class _ItemDetails(NamedTuple):
    name: str | None
    seat: str | None
    answers: dict[str, Any] | None


class _Details(NamedTuple):
    """All that an edit can change, to be compared."""

    contact: Contact | None
    answers: dict[str, Any] | None
    items: dict[UUID, _ItemDetails]

    @classmethod
    def of(cls, booking: BookingRow, items: Sequence[ItemRow]) -> "_Details":
        details = {item.id: _ItemDetails(item.name, item.seat, item.answers or None) for item in items}
        return cls(booking.contact, booking.answers or None, details)


def _edit_booking(facts: Facts, booking: BookingRow, change: BookingEdit, status: Status) -> None:
    if not isinstance(change.contact, UnsetType):
        if change.contact is None and status == "confirmed":
            raise unprocessable("/contact", "A confirmed booking keeps a contact.")
        facts.set_contact(booking, change.contact)
    if not isinstance(change.answers, UnsetType):
        check_answers(facts.definition(booking), change.answers, "booking", "/answers")
        booking.answers = _merged(booking.answers, change.answers)


def _merged(answers: Mapping[str, Any] | None, change: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Answers after a change: null clears one, a null object clears all."""
    if change is None:
        return None
    return {code: value for code, value in {**(answers or {}), **change}.items() if value is not None} or None


def _edit_items(facts: Facts, booking: BookingRow, edits: list[ItemEdit], status: Status) -> None:
    known = {item.id: item for item in facts.items[booking.id]}
    definition = facts.definition(booking)
    takes_seat = {unit.id for unit in definition.units if unit.takes_seat}
    named: set[UUID] = set()
    wished: set[str] = set()
    for position, change in enumerate(edits):
        item = known.get(change.id)
        if item is None or item.status != "active" or item.id in named:
            raise unprocessable(f"/items/{position}/id", "The booking has no such active item, or it is named twice.")
        if not isinstance(change.name, UnsetType):
            item.name = change.name
        if not isinstance(change.answers, UnsetType):
            check_answers(definition, change.answers, "item", f"/items/{position}/answers")
            item.answers = _merged(item.answers, change.answers)
        if not isinstance(change.seat, UnsetType):
            if change.seat is not None and item.unit_id not in takes_seat:
                raise unprocessable(f"/items/{position}/seat", "This item takes no seat.")
            if change.seat is None and item.seat is not None and status == "confirmed":
                raise unprocessable(
                    f"/items/{position}/seat", "A confirmed booking keeps its seats. Choose another one."
                )
            if change.seat in wished:
                raise unprocessable(f"/items/{position}/seat", "One seat is wished twice.")
            if change.seat is not None:
                wished.add(change.seat)
            item.seat = change.seat
        named.add(item.id)


async def _move_seats(
    ctx: Context, facts: Facts, booking: BookingRow, moved: Sequence[ItemRow], edits: Sequence[ItemEdit]
) -> None:
    """Frees every seat that is given up first, so that two of a party can swap theirs."""
    if not moved:
        return
    slot = facts.slot(booking)
    places = {edit.id: position for position, edit in enumerate(edits)}
    wishes = {f"/items/{places[item.id]}/seat": SeatWish(item.id, item.seat) for item in moved if item.seat is not None}
    await inventory.leave_seats(ctx.db, ctx.org_id, slot.id, [item.id for item in moved])
    if wishes:
        await take_seats(ctx, slot, booking.id, wishes)


async def extend(ctx: Context, facts: Facts, seen: Seen | None = None) -> None:
    """Gives a hold its full time again, up to its limit and to the end of its slots.

    Raises `HoldExpired`, `SalesClosed`, `VersionConflict` and `Conflict`.
    """
    if not require_order(ctx, facts, "extend"):
        return
    order = facts.order
    assert order.expires_at is not None
    until = min(ctx.now + timedelta(seconds=ctx.settings.hold_seconds), order.hold_limit_at, ends_at(facts))
    if until <= order.expires_at:
        return
    require_version(facts, seen)
    order.expires_at = until
    if not await inventory.extend(ctx.db, ctx.org_id, [booking.id for booking in facts.bookings], until):
        raise HoldExpired
    await save(ctx, facts)
    await announce(ctx, BookingChanged, facts.bookings)


async def settle_on_site(ctx: Context, facts: Facts, booking: BookingRow, payment: OnSitePayment) -> None:
    """Notes what staff took. Raises `Conflict` when nothing is due, as where the slot was cancelled, and
    `Unprocessable` for another amount."""
    require_booking(ctx, facts, booking, "settle_on_site")
    due = booking.price.due_on_site.amount - facts.settled.get(booking.id, 0)
    if payment.amount.currency != booking.price.total.currency or not 0 < payment.amount.amount <= due:
        raise unprocessable("/amount", f"At most {due} {booking.price.total.currency} (minor units) are due.")
    await payments.add_settlement(ctx, booking.order_id, booking.id, payment.method, payment.amount)
    await audit.note(ctx, "booking.settled", "booking", booking.id, payment.method)
    facts.settled = {**facts.settled, booking.id: facts.settled.get(booking.id, 0) + payment.amount.amount}
    await save(ctx, facts, [booking])
    await announce(ctx, BookingChanged, [booking])
