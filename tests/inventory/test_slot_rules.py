"""What a request makes of a slot, at the edges of what it may."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from booking_api.core.errors import Unprocessable
from booking_api.inventory import slot_rules
from booking_api.inventory.schemas import NewDelay, SlotChange, SlotState

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
MINUTE, HOUR, DAY, TICK = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1), timedelta(microseconds=1)
STARTS, ENDS = NOW + 10 * DAY, NOW + 10 * DAY + 2 * HOUR
SLOT = SlotState(
    id=UUID(int=1), local_date=date(2026, 6, 12), starts_at=STARTS, ends_at=ENDS, time_zone="Pacific/Auckland", capacity=10,
    taken=4, status="open", booking_closes_at=STARTS - HOUR, gate="A", resource="R", version=1,
    estimated_starts_at=None, estimated_ends_at=None, delay_note=None, delay_updated_at=None,
)  # fmt: skip
LATE = msgspec.structs.replace(
    SLOT, estimated_starts_at=STARTS + HOUR, estimated_ends_at=ENDS + HOUR, delay_note="Fog", delay_updated_at=NOW
)
ON_TIME: dict[str, Any] = {
    "estimated_starts_at": None, "estimated_ends_at": None, "delay_note": None, "delay_updated_at": None,
}  # fmt: skip


def become(slot: SlotState = SLOT, **change: Any) -> SlotState:
    return slot_rules.changed_slot(slot, SlotChange(**change), NOW)


def pointer(slot: SlotState = SLOT, **change: Any) -> str | None:
    try:
        become(slot, **change)
    except Unprocessable as refused:
        return (refused.errors or [])[0].pointer
    return None


def delay(begins: timedelta, ends: timedelta | None = None, note: str | None = None) -> NewDelay:
    return NewDelay(
        estimated_starts_at=STARTS + begins, estimated_ends_at=None if ends is None else ENDS + ends, note=note
    )


def test_what_a_request_says_anything_about():
    assert slot_rules.wished(SlotChange()) == set()
    assert slot_rules.wished(SlotChange(gate=None, capacity=0)) == {"gate", "capacity"}
    assert slot_rules.wished(SlotChange(release_holds=True, status="closed")) == {"release_holds", "status"}


def test_nothing_is_changed_by_nothing():
    for slot in (SLOT, LATE):
        assert become(slot) == slot
        assert become(slot, starts_at=STARTS, ends_at=ENDS, capacity=10, gate="A") == slot
    # What takes place already stays as it was, whenever that is.
    begun = msgspec.structs.replace(SLOT, starts_at=NOW - HOUR, ends_at=NOW + HOUR, local_date=date(2026, 6, 1))
    assert become(begun, gate="B").gate == "B"
    assert become(SLOT, gate=None, resource=None) == msgspec.structs.replace(SLOT, gate=None, resource=None)


def test_what_is_not_named_keeps_its_distance():
    by = 3 * DAY
    assert become(starts_at=STARTS + by) == msgspec.structs.replace(
        SLOT,
        starts_at=STARTS + by,
        ends_at=ENDS + by,
        booking_closes_at=STARTS - HOUR + by,
        local_date=date(2026, 6, 15),
    )
    assert become(starts_at=STARTS - by, ends_at=ENDS, booking_closes_at=NOW) == msgspec.structs.replace(
        SLOT, starts_at=STARTS - by, booking_closes_at=NOW, local_date=date(2026, 6, 9)
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"starts_at": NOW}, "/starts_at"), ({"starts_at": NOW + TICK}, None), ({"starts_at": NOW - DAY}, "/starts_at"),
        ({"ends_at": STARTS}, None), ({"ends_at": STARTS - TICK}, "/ends_at"),
        ({"ends_at": STARTS + 366 * DAY}, None), ({"ends_at": STARTS + 366 * DAY + TICK}, "/ends_at"),
        ({"capacity": 4}, None), ({"capacity": 3}, "/capacity"), ({"capacity": 5}, None),
        ({"starts_at": datetime(2101, 1, 1, tzinfo=UTC)}, "/starts_at"),
        ({"starts_at": datetime(2100, 12, 31, tzinfo=UTC)}, None),
        ({"ends_at": datetime(2101, 1, 1, tzinfo=UTC)}, "/ends_at"),
        ({"booking_closes_at": datetime(1970, 1, 1, tzinfo=UTC)}, None),
        ({"booking_closes_at": datetime(1969, 12, 31, tzinfo=UTC)}, "/booking_closes_at"),
        ({"booking_closes_at": datetime(2100, 12, 31, tzinfo=UTC)}, None),
        ({"booking_closes_at": datetime(2101, 1, 1, tzinfo=UTC)}, "/booking_closes_at"),
    ],
)  # fmt: skip
def test_what_may_not_be(change: dict[str, Any], said: str | None):
    assert pointer(**change) == said


def test_an_end_that_is_too_far_names_what_moved():
    long = msgspec.structs.replace(SLOT, ends_at=STARTS + 366 * DAY + HOUR)
    assert pointer(long, starts_at=STARTS + HOUR) == "/starts_at"


@pytest.mark.parametrize(
    ("begins", "ends", "said"),
    [
        (HOUR, None, None), (-TICK, None, "begins"), (timedelta(0), HOUR, None), (24 * HOUR, None, None),
        (24 * HOUR + TICK, None, "begins"), (HOUR, 24 * HOUR, None), (HOUR, 24 * HOUR + TICK, "ends"),
        (3 * HOUR, HOUR, None), (3 * HOUR, HOUR - TICK, "ends"), (HOUR, -HOUR, None),
    ],
)  # fmt: skip
def test_what_a_delay_may_be(begins: timedelta, ends: timedelta | None, said: str | None):
    pointers = {None: None, "begins": "/delay/estimated_starts_at", "ends": "/delay/estimated_ends_at"}
    given = delay(begins, ends, " Fog ")
    assert pointer(delay=given) == pointers[said]
    if said is None:
        assert become(delay=given) == msgspec.structs.replace(
            SLOT, estimated_starts_at=given.estimated_starts_at, estimated_ends_at=given.estimated_ends_at,
            delay_note="Fog", delay_updated_at=NOW,
        )  # fmt: skip


def test_the_years_of_a_delay():
    for ahead in (DAY, 2 * DAY):
        last = datetime(2101, 1, 1, tzinfo=UTC) - ahead
        slot = msgspec.structs.replace(SLOT, starts_at=last, ends_at=last + HOUR, booking_closes_at=last)
        begins = NewDelay(estimated_starts_at=last + DAY)
        ends = NewDelay(estimated_starts_at=last, estimated_ends_at=last + DAY + HOUR)
        too_late = ahead == DAY
        assert pointer(slot, delay=begins) == ("/delay/estimated_starts_at" if too_late else None)
        assert pointer(slot, delay=ends) == ("/delay/estimated_ends_at" if too_late else None)


def test_a_delay_that_is_as_scheduled_is_none():
    for slot in (SLOT, LATE):
        for ends in (None, timedelta(0), -HOUR):
            assert become(slot, delay=delay(timedelta(0), ends, "Fog")) == SLOT
    assert become(delay=delay(timedelta(0), TICK)).estimated_ends_at == ENDS + TICK


def test_the_same_delay_again_changes_nothing():
    at = NOW + HOUR
    same = SlotChange(delay=delay(HOUR, HOUR, " Fog"))
    assert slot_rules.changed_slot(LATE, same, at) == LATE
    for other in (delay(HOUR + TICK, HOUR, "Fog"), delay(HOUR, 2 * HOUR, "Fog"), delay(HOUR, HOUR, "Ice"), delay(HOUR)):
        assert slot_rules.changed_slot(LATE, SlotChange(delay=other), at).delay_updated_at == at
    assert become(delay=delay(HOUR, None, "  ")).delay_note is None


def test_what_ends_a_delay():
    assert become(LATE, delay=None) == SLOT
    assert become(LATE, starts_at=STARTS + HOUR).delay_note is None
    assert become(LATE, ends_at=ENDS + HOUR) == msgspec.structs.replace(SLOT, ends_at=ENDS + HOUR)
    assert become(LATE, status="cancelled") == msgspec.structs.replace(SLOT, status="cancelled")
    assert become(LATE, status="closed") == msgspec.structs.replace(LATE, status="closed")
    assert become(LATE, capacity=20) == msgspec.structs.replace(LATE, capacity=20)
    # A slot that was cancelled before stays what it is.
    gone = msgspec.structs.replace(LATE, status="cancelled")
    assert become(gone, status="cancelled") == gone
    assert become(gone, gate="B") == msgspec.structs.replace(gone, gate="B")
    assert become(gone, status="open") == LATE
    assert pointer(gone, delay=delay(HOUR)) == "/delay"
    assert pointer(SLOT, status="cancelled", delay=delay(HOUR)) == "/delay"
    assert pointer(gone, status="open", delay=delay(HOUR)) is None


def test_what_of_a_slot_is_another():
    assert slot_rules.differences(SLOT, SLOT) == []
    assert slot_rules.differences(SLOT, LATE) == ["delay"]
    assert slot_rules.differences(SLOT, msgspec.structs.replace(LATE, gate="B", status="closed")) == [
        "status", "gate", "delay",
    ]  # fmt: skip
    assert set(ON_TIME) == {name for name in SLOT.__struct_fields__ if getattr(SLOT, name) != getattr(LATE, name)}
