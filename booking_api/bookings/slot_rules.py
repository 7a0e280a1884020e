"""Pure decisions about what a change of a slot means to those who booked it."""

from datetime import datetime

from booking_api.catalog.rules import admission_window
from booking_api.catalog.schemas import Admission
from booking_api.inventory.schemas import SlotRow
from booking_api.passes.rules import whole_seconds
from booking_api.passes.schemas import PassRequest, PassRow

SHOWN_IN_BOOKINGS = {"status", "starts_at", "ends_at", "gate", "resource", "delay"}
"""What of a slot its bookings show, so that they are other ones once it changes."""


def concerns_bookings(changed: object) -> bool:
    """Whether news of a slot are news to who booked it. Where it isn't said what changed, they may be."""
    return not isinstance(changed, list) or not SHOWN_IN_BOOKINGS.isdisjoint(map(str, changed))


# passes -----------------------------------------------------------------------------------------------------------


def pass_window(admission: Admission, slot: SlotRow, now: datetime) -> tuple[datetime, datetime]:
    """When a pass that is issued now is valid: as scheduled, whatever a delay estimates.

    One that is issued when the scheduled window is over, because the slot is delayed, lasts as long as the gate admits.
    """
    scheduled = admission_window(admission, slot.starts_at, slot.ends_at)
    if now < scheduled[1]:
        return scheduled
    return admission_window(admission, slot.starts_at, slot.ends_at, slot.expected_times)


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
