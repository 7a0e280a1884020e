"""The rules about changed slots by themselves, at their edges."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking_api.bookings import slot_rules
from booking_api.bookings.schemas import BookingRow
from booking_api.bookings.slot_rules import (
    DECISION_TIME,
    NO_EFFECT,
    SHORTEST_TIME,
    SlotEffect,
    decide_by,
    effect_of,
    is_another,
)
from booking_api.catalog.schemas import Admission, Price
from booking_api.core.ids import new_id
from booking_api.core.money import Money
from booking_api.inventory.schemas import Delay, SlotRow
from booking_api.inventory.slot_rules import delayed_times
from booking_api.passes.schemas import PassRequest, PassRow

NOW = datetime(2027, 3, 14, 6, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LATER, EARLIER = 60 * MINUTE, 10 * MINUTE
ORIGIN, DESTINATION = new_id(), new_id()
NONE = Money(0, "EUR")
ADMISSION = Admission(opens_before_minutes=60, closes_after_minutes=-10, closes_relative_to="start", reentry=False)


def slot_of(**more: Any) -> SlotRow:
    given: dict[str, Any] = {
        "id": new_id(), "code": "S", "product_id": new_id(), "product_version": 1, "on_sale": True, "kind": "departure",
        "origin_id": ORIGIN, "destination_id": DESTINATION, "local_date": NOW.date(), "starts_at": NOW + 3 * DAY,
        "ends_at": NOW + 3 * DAY + HOUR, "time_zone": "UTC", "end_time_zone": "UTC", "capacity": 5, "taken": 1,
        "status": "open", "booking_closes_at": NOW + 3 * DAY, "gate": None, "resource": None, "seat_layout_id": None,
        "version": 1, "delay": None,
    }  # fmt: skip
    return SlotRow(**{**given, **more})


def booking_of(**more: Any) -> BookingRow:
    values: dict[str, Any] = dict.fromkeys(BookingRow.__struct_fields__)
    price = Price(total=NONE, tax_included=NONE, due_now=NONE, due_on_site=NONE, lines=[])
    values |= {
        "status": "confirmed", "price": price, "agreed_starts_at": NOW + 3 * DAY, "agreed_ends_at": NOW + 3 * DAY + HOUR,
        "agreed_origin_id": ORIGIN, "agreed_destination_id": DESTINATION, "moved_while_paying": False,
    }  # fmt: skip
    return BookingRow(**{**values, **more})


def moved(by: timedelta, ends_by: timedelta | None = None, **more: Any) -> SlotRow:
    slot = slot_of(**more)
    return msgspec.structs.replace(
        slot, starts_at=slot.starts_at + by, ends_at=slot.ends_at + (by if ends_by is None else ends_by)
    )


@pytest.mark.parametrize(
    ("slot", "another"),
    [
        (moved(LATER), False), (moved(LATER + timedelta(microseconds=1)), True),
        (moved(-EARLIER), False), (moved(-EARLIER - timedelta(microseconds=1)), True),
        (moved(timedelta(0), LATER), False), (moved(timedelta(0), LATER + MINUTE), True),
        (moved(timedelta(0), -HOUR), False), (moved(timedelta(0), origin_id=new_id()), True),
        (moved(timedelta(0), destination_id=None), True), (moved(timedelta(0)), False),
    ],
)  # fmt: skip
def test_what_a_move_is(slot: SlotRow, another: bool):
    assert is_another(booking_of(), slot, LATER, EARLIER) is another


def test_only_confirmed_bookings_have_something_to_choose():
    for status in ("on_hold", "pending", "cancelled", "expired", "rejected"):
        for slot in (slot_of(status="cancelled"), moved(5 * HOUR)):
            assert effect_of(booking_of(status=status), slot, LATER, EARLIER, NOW) == NO_EFFECT


def test_what_was_never_agreed_has_not_moved():
    """Bookings from before times were noted."""
    old = booking_of(agreed_starts_at=None, agreed_ends_at=None, agreed_origin_id=None, agreed_destination_id=None)
    assert effect_of(old, moved(5 * HOUR), LATER, EARLIER, NOW) == NO_EFFECT
    assert effect_of(old, slot_of(status="cancelled"), LATER, EARLIER, NOW).kind == "cancelled"


def test_closing_is_no_news():
    assert effect_of(booking_of(), slot_of(status="closed"), LATER, EARLIER, NOW) == NO_EFFECT


def test_a_small_move_is_agreed_unless_nobody_was_asked():
    assert effect_of(booking_of(), moved(MINUTE), LATER, EARLIER, NOW) == SlotEffect(is_agreed=True)
    paying = booking_of(moved_while_paying=True)
    assert effect_of(paying, moved(MINUTE), LATER, EARLIER, NOW).kind == "moved"


def test_an_offer_stands_until_it_is_another_one():
    until = NOW + 5 * MINUTE
    offered = booking_of(slot_change="moved", decide_by=until, offered_starts_at=NOW + 3 * DAY + 5 * HOUR)
    assert effect_of(offered, moved(5 * HOUR), LATER, EARLIER, NOW) == SlotEffect("moved", until)
    assert effect_of(offered, moved(6 * HOUR), LATER, EARLIER, NOW) == SlotEffect("moved", NOW + 3 * DAY + 6 * HOUR)
    assert effect_of(offered, slot_of(status="cancelled"), LATER, EARLIER, NOW) == SlotEffect(
        "cancelled", NOW + 3 * DAY
    )
    longer = msgspec.structs.replace(offered, decide_by=NOW + 6 * DAY)
    assert effect_of(longer, moved(6 * HOUR), LATER, EARLIER, NOW).decide_by == NOW + 6 * DAY
    gone = booking_of(slot_change="cancelled", decide_by=until, offered_starts_at=NOW)
    assert effect_of(gone, moved(9 * HOUR, status="cancelled"), LATER, EARLIER, NOW) == SlotEffect("cancelled", until)


@pytest.mark.parametrize(
    ("kind", "agreed", "new", "expected"),
    [
        ("moved", 2 * DAY, 3 * DAY, 3 * DAY), ("moved", 3 * DAY, 2 * DAY, 3 * DAY),
        ("moved", 20 * DAY, 30 * DAY, DECISION_TIME), ("moved", HOUR, -HOUR, HOUR),
        ("moved", -2 * HOUR, -HOUR, SHORTEST_TIME), ("moved", timedelta(0), timedelta(0), SHORTEST_TIME),
        ("cancelled", 3 * DAY, 3 * DAY, 3 * DAY), ("cancelled", 30 * DAY, 30 * DAY, DECISION_TIME),
        ("cancelled", HOUR, HOUR, SHORTEST_TIME), ("cancelled", -DAY, -DAY, SHORTEST_TIME),
    ],
)  # fmt: skip
def test_until_when_customers_choose(kind: str, agreed: timedelta, new: timedelta, expected: timedelta):
    assert decide_by(kind, NOW + agreed, NOW + new, NOW) == NOW + expected


def test_customers_have_a_week_and_a_day_at_least():
    assert decide_by("moved", NOW + 20 * DAY, NOW + 30 * DAY, NOW) == NOW + 7 * DAY
    assert decide_by("cancelled", NOW + 20 * DAY, NOW + 20 * DAY, NOW) == NOW + 7 * DAY
    assert decide_by("cancelled", NOW, NOW, NOW) == decide_by("moved", NOW, NOW, NOW) == NOW + DAY


def test_what_is_news_is_not_agreed():
    assert SlotEffect(None, None, is_agreed=False) == NO_EFFECT
    assert effect_of(booking_of(), moved(5 * HOUR), LATER, EARLIER, NOW).is_agreed is False


minutes = st.integers(-60 * 24 * 30, 60 * 24 * 30).map(lambda n: n * MINUTE)


@given(st.sampled_from(["moved", "cancelled"]), minutes, minutes)
def test_nobody_has_to_choose_in_the_past(kind: str, agreed: timedelta, new: timedelta):
    until = decide_by(kind, NOW + agreed, NOW + new, NOW)
    assert NOW < until <= NOW + DECISION_TIME


@given(st.integers(0, 1440), st.none() | st.integers(-300, 1440), st.integers(0, 600))
def test_a_delay_never_brings_anything_forward(late: int, end: int | None, length: int):
    ends_at = NOW + length * MINUTE
    begins, ends = delayed_times(NOW, ends_at, NOW + late * MINUTE, None if end is None else ends_at + end * MINUTE)
    assert begins == NOW + late * MINUTE
    assert ends == max(ends_at, ends_at + (late if end is None else end) * MINUTE)
    assert delayed_times(NOW, ends_at, None, None) == (NOW, ends_at)


def pass_of(slot: SlotRow, issued_at: datetime, valid_until: datetime, customer_id: Any) -> PassRow:
    return PassRow(
        new_id(), new_id(), slot.id, customer_id, "kid", "code", issued_at, slot.starts_at - HOUR, valid_until, None
    )


def test_which_pass_is_as_good_as_a_new_one():
    me = new_id()
    slot = slot_of(delay=Delay(estimated_starts_at=NOW + 3 * DAY + HOUR, updated_at=NOW))
    closes = slot.starts_at - 10 * MINUTE
    request = PassRequest(new_id(), slot.id, me, slot.starts_at - HOUR, closes)
    fits = lambda row: slot_rules.still_fits(row, request, ADMISSION, slot)  # noqa: E731
    assert not fits(None)
    assert fits(pass_of(slot, NOW, closes, me))
    assert not fits(pass_of(slot, NOW, closes, new_id()))
    assert not fits(pass_of(slot_of(), NOW, closes, me))
    assert not fits(pass_of(slot, NOW, closes + HOUR, me)), "it says too much"
    assert fits(pass_of(slot, closes, closes + HOUR, me)), "issued when the scheduled gate had closed"
    assert not fits(msgspec.structs.replace(pass_of(slot, NOW, closes, me), valid_from=NOW))


def test_a_pass_lasts_as_scheduled_while_that_is_of_use():
    slot = slot_of(delay=Delay(estimated_starts_at=NOW + 3 * DAY + HOUR, updated_at=NOW))
    opens, closes = slot.starts_at - HOUR, slot.starts_at - 10 * MINUTE
    assert slot_rules.pass_window(ADMISSION, slot, closes - MINUTE) == (opens, closes)
    assert slot_rules.pass_window(ADMISSION, slot, closes) == (opens, closes + HOUR)


def test_what_bookings_hear_of():
    for names in (["delay"], ["capacity", "gate"], ["status"], None, "anything"):
        assert slot_rules.concerns_bookings(names), names
    for names in (["capacity"], ["booking_closes_at", "capacity"], []):
        assert not slot_rules.concerns_bookings(names), names
