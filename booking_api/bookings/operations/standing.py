"""What the law is asked about orders: how they, their slots and their customers stand at this moment."""

from datetime import datetime
from typing import Literal

from booking_api.bookings import rules, slot_rules
from booking_api.bookings.operations.facts import Facts
from booking_api.bookings.rules import Asker, BookingStanding, OrderStanding
from booking_api.bookings.schemas import (
    BookingRow,
)
from booking_api.bookings.slot_rules import SlotEffect, is_moved
from booking_api.core.context import Context
from booking_api.inventory.slot_rules import minutes


def asker_of(ctx: Context) -> Asker:
    """For whom the law is asked. An app asks for the customer whom it makes."""
    match ctx.caller.kind:
        case "staff":
            return "manager" if ctx.caller.has_role("manager") else "agent"
        case "key" | "system":
            return ctx.caller.kind
        case "command":
            return "system"
        case _:
            return "customer"


def effect_of(ctx: Context, facts: Facts, booking: BookingRow) -> SlotEffect:
    """What its slot means to a booking now, whether that was brought to it yet or not."""
    if booking.status != "confirmed":
        return slot_rules.NO_EFFECT
    later, earlier = minutes(ctx.org.moved_later_minutes), minutes(ctx.org.moved_earlier_minutes)
    return slot_rules.effect_of(booking, facts.slot(booking), later, earlier, ctx.now)


def free_until(ctx: Context, facts: Facts, booking: BookingRow) -> datetime | None:
    """Until when cancelling gives everything back whatever the conditions, because the slot moved."""
    effect = effect_of(ctx, facts, booking)
    return effect.decide_by if undecided(effect, ctx.now) == "moved" else None


def undecided(effect: SlotEffect, now: datetime) -> Literal["cancelled", "moved"] | None:
    """What the customer may choose about. A cancelled slot is to be refunded, however late it becomes."""
    return (
        effect.kind if effect.kind == "cancelled" or (effect.decide_by is not None and now < effect.decide_by) else None
    )


def due_on_site(facts: Facts, booking: BookingRow) -> int:
    """What is to be paid for a booking on site still, in minor units: nothing for what was cancelled or called off."""
    if booking.status == "cancelled" or facts.slot(booking).status == "cancelled":
        return 0
    return max(booking.price.due_on_site.amount - facts.settled.get(booking.id, 0), 0)


def ends_at(facts: Facts) -> datetime:
    """When the first of an order's slots is over: no hold outlives that."""
    return min([facts.times(booking).over_at for booking in facts.bookings])


def standing_of(ctx: Context, facts: Facts, booking: BookingRow) -> BookingStanding:
    """What the law looks at of a booking at this moment."""
    slot, times = facts.slot(booking), facts.times(booking)
    admitted, seats_used = _admitted(facts, booking) if facts.admitted else (False, False)
    return BookingStanding(
        status=rules.shown_status(facts.order, booking.status, ctx.now),
        condition=rules.condition_of(slot, times, ctx.now),
        begun=slot.starts_at <= ctx.now,
        moved=booking.id in facts.disputed or is_moved(booking, slot),
        undecided=undecided(effect_of(ctx, facts, booking), ctx.now),
        kept=booking.slot_change == "kept",
        seated=slot.seat_layout_id is not None,
        admitted=admitted,
        owing=booking.price.due_on_site.amount > facts.settled.get(booking.id, 0),
        seats_used=seats_used,
    )


def order_standing(ctx: Context, facts: Facts) -> OrderStanding:
    """What the law looks at of an order at this moment. Its bookings stand in their order."""
    order, bookings = facts.order, tuple([standing_of(ctx, facts, booking) for booking in facts.bookings])
    return OrderStanding(
        status=rules.shown_status(order, order.status, ctx.now),
        bookings=bookings,
        asker=asker_of(ctx),
        may_overrule=ctx.caller.kind == "system" or ctx.caller.may("scan:override", "manager"),
        at_limit=order.expires_at is None or order.expires_at >= min(order.hold_limit_at, ends_at(facts)),
    )


def _admitted(facts: Facts, booking: BookingRow) -> tuple[bool, bool]:
    """Whether somebody of a booking was admitted, and whether everybody of it who takes a seat was."""
    takes_seat = {unit.id for unit in facts.definition(booking).units if unit.takes_seat}
    active = [item for item in facts.items[booking.id] if item.status == "active"]
    seated = [item for item in active if item.unit_id in takes_seat]
    return (
        any(item.id in facts.admitted for item in active),
        bool(seated) and all(item.id in facts.admitted for item in seated),
    )
