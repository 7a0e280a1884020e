"""What makes a slot and a schedule right, one mistake at a time, and the slots that they become."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest

from booking_api.catalog.product_rules import define_product
from booking_api.core.errors import Unprocessable
from booking_api.inventory import offer_rules as rules
from booking_api.inventory.write_schemas import Offered, ScheduleInput, SlotInput
from tests.catalog.described import LAYOUTS, PLACES, product, refused

SCHEDULE = {
    "days": ["mon", "sun"], "valid_from": "2026-06-01", "valid_until": "2026-06-08", "times": ["09:30"], "capacity": 4,
}  # fmt: skip
SERIES = {
    **{name: SCHEDULE[name] for name in ("days", "valid_from", "valid_until", "capacity")},
    "duration_minutes": 30,
}


def problems(*schedules: dict[str, Any], seat_layout: str | None = None, **more: Any) -> list[tuple[str, str]]:
    given = msgspec.convert(schedules, list[ScheduleInput])
    return refused(rules.check_schedules, given, seat_layout, product(**more), LAYOUTS)


FINE: list[dict[str, Any]] = [
    SCHEDULE, {**SERIES, "from": "09:00", "to": "10:00", "every_minutes": 30}, {**SCHEDULE, "valid_from": "2026-06-08"},
    {**SCHEDULE, "valid_until": "2029-06-05"}, {**SCHEDULE, "quotas": {"day": 1}},
    {**SCHEDULE, "valid_from": "2000-01-01", "valid_until": "2000-01-01"},
    {**SCHEDULE, "valid_from": "2100-12-31", "valid_until": "2100-12-31"}, {**SCHEDULE, "seat_layout": "hall"},
]  # fmt: skip
WRONG: list[tuple[dict[str, Any], str, str]] = [
    (SERIES, "", "needs either times"), ({**SERIES, "from": "09:00", "to": "10:00"}, "", "needs either times"),
    ({**SERIES, "to": "10:00"}, "", "needs either times"), ({**SCHEDULE, "every_minutes": 30}, "", "needs either times"),
    ({**SCHEDULE, "valid_from": "2026-06-09"}, "/valid_until", "schedules[0] ends before it begins"),
    ({**SCHEDULE, "valid_until": "2029-06-06"}, "/valid_until", "more than 1100 days"),
    ({**SCHEDULE, "quotas": {"x": 1}}, "/quotas", "schedules[0] has a quota for the option 'x', which this product hasn't"),
    ({**SCHEDULE, "valid_from": "1999-12-31", "valid_until": "2000-01-01"}, "/valid_from", "between 2000 and 2100"),
    ({**SCHEDULE, "valid_from": "2100-12-31", "valid_until": "2101-01-01"}, "/valid_from", "between 2000 and 2100"),
    ({**SCHEDULE, "seat_layout": "x"}, "/seat_layout", "there is no seat layout 'x'"),
]  # fmt: skip


@pytest.mark.parametrize("schedule", FINE)
def test_what_is_consistent(schedule: dict[str, Any]):
    assert problems(schedule) == []
    assert problems(schedule, seat_layout="hall") == []


@pytest.mark.parametrize(("schedule", "pointer", "said"), WRONG)
def test_one_mistake_is_one_sentence(schedule: dict[str, Any], pointer: str, said: str):
    found = problems(schedule)
    assert len(found) == 1, found
    assert found[0][0] == f"/schedules/0{pointer}"
    assert said in found[0][1]


def test_a_schedule_or_its_product_has_a_duration():
    assert problems({**SCHEDULE, "duration_minutes": 5}, duration_minutes=None) == []
    (found,) = problems(SCHEDULE, duration_minutes=None)
    assert found == ("/schedules/0", "schedules[0] needs duration_minutes, because its product has none")


def test_each_layout_that_is_not_there_is_named_once_where_it_stands_first():
    first, second = {**SCHEDULE, "seat_layout": "y"}, {**SCHEDULE, "seat_layout": "x"}
    assert problems(SCHEDULE, first, second, first, seat_layout="x") == [
        ("/seat_layout", "there is no seat layout 'x'"), ("/schedules/1/seat_layout", "there is no seat layout 'y'"),
    ]  # fmt: skip


def offered(seat_layout: str | None = None, **more: Any) -> Offered:
    return Offered.of(define_product(product(**more), PLACES, "EUR"), seat_layout)


def slot(seat_layout: str | None = None, /, **more: Any) -> Any:
    given = {"starts_at": "2026-06-01T09:30", "capacity": 40, **more}
    return rules.define_slot(offered(seat_layout), msgspec.convert(given, SlotInput), LAYOUTS)


def test_an_explicit_slot():
    found = slot()
    assert (found.starts_at, found.ends_at) == (
        datetime(2026, 6, 1, 7, 30, tzinfo=UTC), datetime(2026, 6, 1, 8, 30, tzinfo=UTC),
    )  # fmt: skip
    assert (found.code, found.local_date, found.seat_layout_id) == ("museum@2026-06-01T07:30Z", date(2026, 6, 1), None)
    assert [places for _, places in found.quotas] == [8]
    assert slot(code="x").code == "x"
    assert slot(resource="r").code == "museum@2026-06-01T07:30Z@r"
    assert slot(duration_minutes=5).ends_at - found.starts_at == timedelta(minutes=5)
    assert slot(ends_at="2026-06-01T09:30").ends_at == found.starts_at
    assert slot(starts_at="2026-06-01T00:30+02:00").local_date == date(2026, 6, 1)
    assert [places for _, places in slot(quotas={"day": 3}).quotas] == [3]
    assert slot("hall").seat_layout_id == slot(seat_layout="hall").seat_layout_id == UUID(int=9)
    for year in (2000, 2100):
        assert slot(starts_at=f"{year}-06-01T09:30").local_date.year == year


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"ends_at": "2026-06-01T09:29"}, "/ends_at"), ({"seat_layout": "x"}, "/seat_layout"),
        ({"seat_layout": "hall", "capacity": 41}, "/capacity"), ({"quotas": {"x": 1}}, "/quotas"),
        ({"starts_at": "soon"}, "/starts_at"), ({"starts_at": "1999-12-31T09:30"}, "/starts_at"),
        ({"starts_at": "2101-01-01T09:30"}, "/starts_at"), ({"starts_at": "2026-06-01T09:30:01"}, "/starts_at"),
        ({"starts_at": "2026-06-01T09:30:00.5"}, "/starts_at"), ({"starts_at": "2026-03-29T02:30"}, "/starts_at"),
        ({"ends_at": "late"}, "/ends_at"),
    ],
)  # fmt: skip
def test_a_slot_that_does_not_fit(more: dict[str, Any], pointer: str):
    with pytest.raises(Unprocessable) as refusal:
        slot(**more)
    assert [error.pointer for error in refusal.value.errors or ()] == [pointer]


def test_a_slot_or_its_product_says_when_it_ends():
    described = SlotInput(starts_at="2026-06-01T09:30", capacity=4)
    found = refused(rules.define_slot, offered(duration_minutes=None), described, LAYOUTS)
    assert found == [
        ("/ends_at", "it needs ends_at or duration_minutes, because its product has no duration_minutes"),
    ]  # fmt: skip


def test_sales_end_with_those_of_the_last_option():
    given = product().options[0]
    options = [
        {**msgspec.to_builtins(given), "code": code, "conditions": {"refundable": True, "changeable": True, "booking_closes_minutes": minutes}}
        for code, minutes in (("day", 30), ("late", -10), ("early", 90))
    ]  # fmt: skip
    prices = [{"option": code, "unit": "adult", "amount": 1} for code in ("day", "late", "early")]
    made = rules.define_slot(
        offered(options=options, prices=prices), SlotInput(starts_at="2026-06-01T09:30", capacity=4), LAYOUTS
    )
    assert made.booking_closes_at == made.starts_at + timedelta(minutes=10)


def test_the_slots_of_a_schedule():
    def starts(**more: Any) -> list[str]:
        schedule = msgspec.convert({**SCHEDULE, **more}, ScheduleInput)
        return [f"{one.starts_at:%d %H:%M}" for one in rules.scheduled_slots(offered(), schedule, LAYOUTS)]

    assert starts() == ["01 07:30", "07 07:30", "08 07:30"]
    assert starts(times=["09:30", "09:30", "23:05"], valid_until="2026-06-01") == ["01 07:30", "01 21:05"]
    series = {"times": None, "from": "09:10", "to": "11:10", "every_minutes": 30, "valid_until": "2026-06-01"}
    assert starts(**series) == ["01 07:10", "01 07:40", "01 08:10"]
    assert starts(**series, duration_minutes=90) == ["01 07:10", "01 07:40"]


def test_a_schedule_that_is_not_whole_makes_nothing():
    broken = msgspec.convert({**SERIES, "from": "09:00"}, ScheduleInput)
    assert list(rules.scheduled_slots(offered(), broken, LAYOUTS)) == []


def test_a_schedule_makes_only_so_many_slots(monkeypatch: pytest.MonkeyPatch):
    schedule = msgspec.convert(SCHEDULE, ScheduleInput)
    for most, made in ((2, 2), (3, 3)):
        monkeypatch.setattr(rules, "MOST_SLOTS", most)
        slots = rules.scheduled_slots(offered(), schedule, LAYOUTS)
        assert [next(slots).local_date.day for _ in range(made)] == [1, 7, 8][:made]
        if most == 2:
            with pytest.raises(Unprocessable, match="more than 2 slots"):
                next(slots)
        else:
            assert next(slots, None) is None


def test_the_bounds_of_a_schedule():
    assert (rules.MOST_DAYS, rules.MOST_SLOTS) == (1_100, 100_000)


# moments ----------------------------------------------------------------------------------------------------------

ZONE = ZoneInfo("Europe/Zurich")


@pytest.mark.parametrize(
    "text",
    [
        "2027-07-01T10:00",
        "2027-07-01 10:00:00",
        "2027-07-01T08:00Z",
        "2027-07-01T10:00+02:00",
        "2027-07-01T10:00:00.000+0200",
    ],
)
def test_moments_in_iso_8601(text):
    assert rules.read_moment("starts_at", text, ZONE) == datetime(2027, 7, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["2027-W26-4T10:00", "20270701T1000", "2027-182T10:00", "2027-07-01x10:00", "２０２７-07-01T10:00", "٢٠٢٧-٠٧-٠١T10:00", "2027-07-01T24:00", "2027-07-01T10", "2027-7-1T10:00",
     "2027-07-01T10:00 CET", "2027-07-01T10:00\u200b", "2027-02-29T10:00", "0000-01-01T00:00", "01/07/2027 10:00", "2027-07-01T10:60", "2027-07-01T10:00:60", ""],
)  # fmt: skip
def test_other_dates_are_refused(text):
    found = refused(rules.read_moment, "starts_at", text, ZONE)
    assert [pointer for pointer, _ in found] == ["/starts_at"]
    assert found[0][1].startswith("starts_at ")
