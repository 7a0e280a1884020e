"""Pure decisions about what a change of a slot means to those who booked it."""

from datetime import datetime, timedelta
from typing import Literal

import msgspec

from booking_api.bookings.schemas import BookingRow, StatusReasonCode
from booking_api.catalog.schemas import Admission
from booking_api.inventory.schemas import SlotRow
from booking_api.inventory.slot_rules import admission_window, expected_times
from booking_api.passes.rules import whole_seconds
from booking_api.passes.schemas import PassRequest, PassRow

SHOWN_IN_BOOKINGS = {"status", "starts_at", "ends_at", "gate", "resource", "delay"}
"""What of a slot its bookings show, so that they are other ones once it changes."""


def concerns_bookings(changed: object) -> bool:
    """Whether a change of a slot is one of its bookings as well. Where it isn't said what changed, they may be."""
    return not isinstance(changed, list) or not SHOWN_IN_BOOKINGS.isdisjoint(map(str, changed))


# choices ----------------------------------------------------------------------------------------------------------

SLOT_CANCELLED: StatusReasonCode = "slot_cancelled"
DECISION_TIME = timedelta(days=7)
"""The longest time in which customers choose."""
SHORTEST_TIME = timedelta(days=1)
"""The time in which they choose where the slot itself leaves none."""


class SlotEffect(msgspec.Struct, frozen=True):
    """What a slot means to a confirmed booking as it is now: nothing, or that its customer may choose."""

    kind: Literal["cancelled", "moved"] | None = None
    decide_by: datetime | None = None
    is_agreed: bool = False
    """It moved by so little that its new time counts as agreed."""


NO_EFFECT = SlotEffect()


def is_moved(booking: BookingRow, slot: SlotRow) -> bool:
    """Whether a slot isn't at the time and place any more that its customer agreed to."""
    return booking.agreed_starts_at is not None and (
        booking.agreed_starts_at, booking.agreed_ends_at, booking.agreed_origin_id, booking.agreed_destination_id
    ) != (slot.starts_at, slot.ends_at, slot.origin_id, slot.destination_id)  # fmt: skip


def is_another(booking: BookingRow, slot: SlotRow, later: timedelta, earlier: timedelta) -> bool:
    """Whether a slot moved beyond what its customers have to put up with, or to another place.

    It may begin or end `later` by so much, and begin `earlier`: whoever comes as agreed would be too late.
    """
    if (booking.agreed_origin_id, booking.agreed_destination_id) != (slot.origin_id, slot.destination_id):
        return True
    begun = slot.starts_at - (booking.agreed_starts_at or slot.starts_at)
    ended = slot.ends_at - (booking.agreed_ends_at or slot.ends_at)
    return begun > later or ended > later or begun < -earlier


def decide_by(kind: str, agreed_starts_at: datetime, starts_at: datetime, now: datetime) -> datetime:
    """Until when customers choose: a week, but no longer than they may still be waiting for it; never in the past.

    That is until the later of the start that was agreed and the new one: whoever doesn't know better comes as agreed.
    A cancelled slot leaves a day at least.
    """
    if kind == "cancelled":
        return max(min(agreed_starts_at, now + DECISION_TIME), now + SHORTEST_TIME)
    until = min(max(agreed_starts_at, starts_at), now + DECISION_TIME)
    return until if until > now else now + SHORTEST_TIME


def effect_of(booking: BookingRow, slot: SlotRow, later: timedelta, earlier: timedelta, now: datetime) -> SlotEffect:
    """What a slot means to a confirmed booking now. An offer that was made stands, until it is another one.

    Who was confirmed for a new time because the payment was under way was never asked: any move lets them choose.
    """
    if booking.status != "confirmed":
        return NO_EFFECT
    kind: Literal["cancelled", "moved"]
    if slot.status == "cancelled":
        kind = "cancelled"
    elif not is_moved(booking, slot):
        return NO_EFFECT
    elif booking.moved_while_paying or is_another(booking, slot, later, earlier):
        kind = "moved"
    else:
        return SlotEffect(is_agreed=True)
    until = decide_by(kind, booking.agreed_starts_at or slot.starts_at, slot.starts_at, now)
    if booking.slot_change == kind and booking.decide_by is not None:
        is_same = kind == "cancelled" or booking.offered_starts_at == slot.starts_at
        until = booking.decide_by if is_same else max(until, booking.decide_by)
    return SlotEffect(kind, until)


# passes -----------------------------------------------------------------------------------------------------------


def pass_window(admission: Admission, slot: SlotRow, now: datetime) -> tuple[datetime, datetime]:
    """When a pass that is issued now is valid: as scheduled, whatever a delay estimates.

    One that is issued when the scheduled window is over, because the slot is delayed, lasts as long as the gate admits.
    """
    scheduled = admission_window(admission, slot.starts_at, slot.ends_at)
    if now < scheduled[1]:
        return scheduled
    return admission_window(admission, slot.starts_at, slot.ends_at, expected_times(slot))


def still_fits(current: PassRow | None, request: PassRequest, admission: Admission, slot: SlotRow) -> bool:
    """Whether an item's pass is as good as a new one for the same slot and holder: a delay never makes another of it.

    One that was issued when the scheduled window was over says how long the delay was then.
    """
    if current is None or (current.slot_id, current.customer_id) != (request.slot_id, request.customer_id):
        return False
    valid_from, valid_until = (whole_seconds(at) for at in admission_window(admission, slot.starts_at, slot.ends_at))
    if current.valid_from != valid_from:
        return False
    return current.valid_until == valid_until or valid_until <= current.issued_at
