"""A confirmed booking whose slot was cancelled or moved: what its customer may choose, and what becomes of silence."""

from collections.abc import Sequence
from datetime import datetime

from booking_api.bookings import slot_rules
from booking_api.bookings.events import BookingChanged
from booking_api.bookings.operations.cancellation import cancel
from booking_api.bookings.operations.complete import issue_passes
from booking_api.bookings.operations.confirmation import agree_to_slot
from booking_api.bookings.operations.facts import Facts
from booking_api.bookings.operations.refusing import Seen, require_booking, require_version, slot_changed
from booking_api.bookings.operations.standing import effect_of, ends_at
from booking_api.bookings.operations.write import announce, save, save_agreed
from booking_api.bookings.schemas import BookingRow, Cancellation
from booking_api.bookings.slot_rules import SlotEffect
from booking_api.core.context import Context
from booking_api.identity import audit
from booking_api.inventory import operations as inventory
from booking_api.inventory.slot_rules import expected_times


async def follow_slot(ctx: Context, facts: Facts, slot_ids: Sequence[object]) -> None:
    """Tells the locked order's customers that slots changed: a new version, new passes where they moved, and what they
    may choose.
    """
    concerned = [booking for booking in facts.live if booking.slot_id in slot_ids]
    if not concerned:
        return
    await _shorten(ctx, facts)
    for booking in concerned:
        booking.visit_ends_at = expected_times(facts.slot(booking))[1]
    confirmed = [booking for booking in concerned if booking.status == "confirmed"]
    effects = [(booking, effect_of(ctx, facts, booking)) for booking in confirmed]
    for booking, one in effects:
        if await issue_passes(ctx, [(facts, booking)]):
            await audit.note(ctx, "pass.reissued", "booking", booking.id, "slot_changed")
        note_effect(facts, booking, one)
    await save(ctx, facts, concerned)
    await save_agreed(ctx, confirmed)
    of_choice = {booking.id for booking, one in effects if one.kind is not None}
    await announce(ctx, BookingChanged, [booking for booking in concerned if booking.id not in of_choice])
    for booking, one in effects:
        if one.kind is not None:
            await announce(ctx, BookingChanged, [booking], slot_change=one.kind)


async def _shorten(ctx: Context, facts: Facts) -> None:
    """Ends a hold with its slots where they are over earlier now."""
    order, until = facts.order, ends_at(facts)
    if order.status == "on_hold" and order.expires_at is not None and until < order.expires_at:
        order.expires_at = until
        await inventory.extend(ctx.db, ctx.org_id, [booking.id for booking in facts.bookings], until)


def note_effect(facts: Facts, booking: BookingRow, effect: SlotEffect) -> None:
    """Notes on a confirmed booking what its slot's change means to it. Who calls saves it."""
    slot = facts.slot(booking)
    if effect.kind is not None:
        booking.slot_change, booking.decide_by, booking.offered_starts_at = (
            effect.kind,
            effect.decide_by,
            slot.starts_at,
        )
        return
    booking.decide_by = booking.offered_starts_at = None
    if booking.slot_change != "kept":
        booking.slot_change = None
    if effect.is_agreed:
        agree_to_slot(booking, slot)


async def keep(
    ctx: Context, facts: Facts, booking: BookingRow, expected_starts_at: datetime | None, seen: Seen | None = None
) -> None:
    """Keeps the locked order's booking at the time to which its slot moved. Repeating it changes nothing.

    Raises `Conflict` where there is nothing to decide, `SlotChanged` where the slot isn't at the time that the customer
    was shown, and `VersionConflict`.
    """
    is_left = require_booking(ctx, facts, booking, "keep")
    if expected_starts_at is not None and expected_starts_at != facts.slot(booking).starts_at:
        raise slot_changed(facts, [booking])
    if is_left:
        require_version(facts, seen)
        await _keep(ctx, facts, booking)


async def _keep(ctx: Context, facts: Facts, booking: BookingRow) -> None:
    agree_to_slot(booking, facts.slot(booking))
    booking.slot_change, booking.decide_by, booking.offered_starts_at = "kept", None, None
    await save(ctx, facts, [booking])
    await save_agreed(ctx, [booking])
    await announce(ctx, BookingChanged, [booking])


async def decide_for_silent(ctx: Context, facts: Facts) -> None:
    """Serves those of a locked order's customers who haven't chosen in time: cancelled → refunded, moved → kept.

    By the slot as it is now: one that takes place again, or that moved once more, isn't decided about here.
    """
    for booking in facts.bookings:
        if booking.status != "confirmed" or booking.decide_by is None or booking.decide_by > ctx.now:
            continue
        effect = effect_of(ctx, facts, booking)
        if effect.kind is None or effect.decide_by is None or effect.decide_by > ctx.now:
            await follow_slot(ctx, facts, [booking.slot_id])
        elif effect.kind == "moved":
            await _keep(ctx, facts, booking)
        else:
            await _refund(ctx, facts, booking)


async def _refund(ctx: Context, facts: Facts, booking: BookingRow) -> None:
    """Cancels the booking of a slot that doesn't take place, and says why."""
    booking.status_reason = slot_rules.SLOT_CANCELLED
    if facts.live == [booking]:
        facts.order.status_reason = slot_rules.SLOT_CANCELLED
    await cancel(ctx, facts, Cancellation(), only=booking)
