"""Pure decisions about a slot: when its gate and its sales close, what a change makes of it, and what it may not."""

from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UNSET, UnsetType

from booking_api.catalog.schemas import Admission, OptionDefinition
from booking_api.core.cache import remembered
from booking_api.core.errors import unprocessable
from booking_api.inventory.schemas import NewDelay, SlotChange, SlotRow, SlotState

FIRST_YEAR, LAST_YEAR = 1970, 2100
LONGEST_SLOT = timedelta(days=366)
LONGEST_DELAY = timedelta(hours=24)
"""What begins later than that takes place on another day: that is a move, about which customers choose."""
OF_THE_DAY = {"delay"}
"""What whoever stands at the gate may change; all else is for managers."""

T = TypeVar("T")


# times ------------------------------------------------------------------------------------------------------------


def delayed_times(
    starts_at: datetime, ends_at: datetime, estimated_starts_at: datetime | None, estimated_ends_at: datetime | None
) -> tuple[datetime, datetime]:
    """When a slot with these scheduled times is expected to begin and to end, neither earlier than scheduled."""
    if estimated_starts_at is None:
        return starts_at, ends_at
    begins = max(starts_at, estimated_starts_at)
    return begins, max(ends_at, estimated_ends_at or ends_at + (begins - starts_at))


def expected_times(slot: SlotRow) -> tuple[datetime, datetime]:
    """When it begins and ends as far as is known now: as scheduled, or as its delay estimates."""
    delay = slot.delay
    if delay is None:
        return slot.starts_at, slot.ends_at
    return delayed_times(slot.starts_at, slot.ends_at, delay.estimated_starts_at, delay.estimated_ends_at)


@remembered
def minutes(number: int) -> timedelta:
    """So many minutes: products have few different ones, and each answer about a slot asks for several."""
    return timedelta(minutes=number)


def admission_window(
    admission: Admission, starts_at: datetime, ends_at: datetime, expected: tuple[datetime, datetime] | None = None
) -> tuple[datetime, datetime]:
    """From when to when the gate admits for a slot with these scheduled times.

    It opens as scheduled. It closes by the times that are `expected`, later ones where the slot is delayed.
    """
    begins, ends = expected or (starts_at, ends_at)
    reference = begins if admission.closes_relative_to == "start" else ends
    opens_at = starts_at - minutes(admission.opens_before_minutes)
    return opens_at, max(opens_at, reference + minutes(admission.closes_after_minutes))


def over_at(kind: str, begins_at: datetime, admit_until: datetime) -> datetime:
    """From when nothing can be begun with a slot any more: its gate has closed or, a departure, it has left."""
    return min(begins_at, admit_until) if kind == "departure" else admit_until


def sales_close_minutes(option: OptionDefinition, kind: str) -> tuple[int, int | None]:
    """How many minutes before the start the sales of an option end, and after the end where that may be earlier.

    They end by the option's own conditions, never later than its gate closes, and when a departure leaves.
    """
    closes, admission = option.conditions.booking_closes_minutes, option.admission
    if kind == "departure":
        closes = max(closes, 0)
    if admission.closes_relative_to == "start":
        return max(closes, min(admission.opens_before_minutes, -admission.closes_after_minutes)), None
    return closes, admission.closes_after_minutes if admission.closes_after_minutes < -closes else None


def sales_close_at(
    option: OptionDefinition, kind: str, starts_at: datetime, ends_at: datetime, slot_closes_at: datetime,
    expected: tuple[datetime, datetime] | None = None,
) -> datetime:  # fmt: skip
    """When the sales of an option end: with the slot's, earlier by its own conditions, or when its gate closes.

    The other times are as scheduled; as much later as the slot is `expected` to begin, sales go on.
    """
    begins, ends = expected or (starts_at, ends_at)
    before_start, after_end = sales_close_minutes(option, kind)
    closes_at = min(slot_closes_at + (begins - starts_at), begins - minutes(before_start))
    return closes_at if after_end is None else min(closes_at, ends + minutes(after_end))


class SlotTimes(NamedTuple):
    """When a slot is what to those who book it under one of its options, by the times that are expected now."""

    ends_at: datetime
    admit_from: datetime
    admit_until: datetime
    over_at: datetime
    """From when nothing can be begun with it any more."""
    sales_close_at: datetime


def slot_times(slot: SlotRow, option: OptionDefinition) -> SlotTimes:
    """What of a slot depends on the option, found out at once."""
    begins, ends = expected = expected_times(slot)
    admit_from, admit_until = admission_window(option.admission, slot.starts_at, slot.ends_at, expected)
    return SlotTimes(
        ends, admit_from, admit_until,
        over_at(slot.kind, begins, admit_until),
        sales_close_at(option, slot.kind, slot.starts_at, slot.ends_at, slot.booking_closes_at, expected),
    )  # fmt: skip


# changes ----------------------------------------------------------------------------------------------------------


def wished(change: SlotChange) -> set[str]:
    """The names of what a request says anything about."""
    named = {name for name in change.__struct_fields__ if getattr(change, name) is not UNSET}
    return named if change.release_holds else named - {"release_holds"}


def _given(value: T | UnsetType, present: T) -> T:
    return present if isinstance(value, UnsetType) else value


def _check_year(pointer: str, moment: datetime | None | UnsetType) -> None:
    if isinstance(moment, datetime) and not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise unprocessable(pointer, f"The year must be between {FIRST_YEAR} and {LAST_YEAR}.")


def changed_slot(slot: SlotState, change: SlotChange, now: datetime) -> SlotState:
    """The slot as it would be; equal to what it is where nothing changes. Raises `Unprocessable` with a pointer.

    Where only the start moves, the end and the end of sales keep their distance from it. A slot that gets other times
    or is cancelled loses the delay that was estimated for the earlier ones.
    """
    for name in ("starts_at", "ends_at", "booking_closes_at"):
        _check_year(f"/{name}", getattr(change, name))
    starts_at = _given(change.starts_at, slot.starts_at)
    shift = starts_at - slot.starts_at
    ends_at = _given(change.ends_at, slot.ends_at + shift)
    closes_at = _given(change.booking_closes_at, slot.booking_closes_at + shift)
    if starts_at != slot.starts_at and starts_at <= now:
        raise unprocessable("/starts_at", "A slot can't be moved into the past.")
    if not starts_at <= ends_at <= starts_at + LONGEST_SLOT:
        pointer = "/starts_at" if isinstance(change.ends_at, UnsetType) else "/ends_at"
        raise unprocessable(pointer, "A slot ends at or after its start, and within 366 days.")
    capacity = _given(change.capacity, slot.capacity)
    if capacity < slot.taken:
        raise unprocessable("/capacity", f"{slot.taken} places are taken, more than that.")
    status = _given(change.status, slot.status)
    of_other_times = (starts_at, ends_at) != (slot.starts_at, slot.ends_at)
    changed = msgspec.structs.replace(
        slot, status=status, starts_at=starts_at, ends_at=ends_at, booking_closes_at=closes_at, capacity=capacity,
        gate=_given(change.gate, slot.gate), resource=_given(change.resource, slot.resource),
        local_date=starts_at.astimezone(ZoneInfo(slot.time_zone)).date(),
    )  # fmt: skip
    if isinstance(change.delay, NewDelay):
        if status == "cancelled":
            raise unprocessable("/delay", "A cancelled slot has no delay.")
        return _delayed(changed, change.delay, now)
    if change.delay is None or of_other_times or (status == "cancelled" and slot.status != "cancelled"):
        return _on_time(changed)
    return changed


def _on_time(slot: SlotState) -> SlotState:
    return msgspec.structs.replace(
        slot, estimated_starts_at=None, estimated_ends_at=None, delay_note=None, delay_updated_at=None
    )


def _delayed(slot: SlotState, delay: NewDelay, now: datetime) -> SlotState:
    """With an estimate beside the scheduled times. One that is as scheduled is no delay."""
    begins, ends = delay.estimated_starts_at, delay.estimated_ends_at
    _check_year("/delay/estimated_starts_at", begins)
    _check_year("/delay/estimated_ends_at", ends)
    if begins < slot.starts_at:
        detail = "Whoever comes as scheduled must find it: a delay begins no earlier. Move the slot instead."
        raise unprocessable("/delay/estimated_starts_at", detail)
    if begins > slot.starts_at + LONGEST_DELAY:
        detail = "A delay is at most 24 hours. Move the slot, so that its customers can choose, or cancel it."
        raise unprocessable("/delay/estimated_starts_at", detail)
    if ends is not None and not begins <= ends <= slot.ends_at + LONGEST_DELAY:
        detail = "It ends at or after its estimated start, and at most 24 hours later than scheduled."
        raise unprocessable("/delay/estimated_ends_at", detail)
    if begins == slot.starts_at and (ends is None or ends <= slot.ends_at):
        return _on_time(slot)
    note = (delay.note or "").strip() or None
    if (begins, ends, note) == (slot.estimated_starts_at, slot.estimated_ends_at, slot.delay_note):
        return slot
    return msgspec.structs.replace(
        slot, estimated_starts_at=begins, estimated_ends_at=ends, delay_note=note, delay_updated_at=now
    )


def differences(before: SlotState, after: SlotState) -> list[str]:
    """What of a slot is another by now, as its answers name it."""
    names = {
        "estimated_starts_at": "delay", "estimated_ends_at": "delay", "delay_note": "delay", "delay_updated_at": "delay",
    }  # fmt: skip
    changed = [name for name in before.__struct_fields__ if getattr(before, name) != getattr(after, name)]
    return list(dict.fromkeys(names.get(name, name) for name in changed))
