"""When a slot's gate and its sales open and close."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking_api.catalog.schemas import Admission, Conditions, OptionDefinition
from booking_api.core.ids import new_id
from booking_api.inventory.slot_rules import admission_window, over_at, sales_close_at, sales_close_minutes


@given(st.integers(0, 600), st.integers(-600, 600), st.sampled_from(["start", "end"]), st.integers(0, 1440))
def test_an_admission_window_never_ends_before_it_opens(opens: int, closes: int, relative: str, minutes: int):
    admission = Admission(
        opens_before_minutes=opens, closes_after_minutes=closes, closes_relative_to=relative, reentry=False
    )  # pyright: ignore[reportArgumentType]
    starts_at = datetime(2027, 3, 14, 6, tzinfo=UTC)
    admit_from, admit_until = admission_window(admission, starts_at, starts_at + timedelta(minutes=minutes))
    assert admit_from == starts_at - timedelta(minutes=opens)
    assert admit_until >= admit_from


def test_sales_of_an_option_end_with_the_slot_or_before():
    starts_at = datetime(2027, 3, 14, 6, tzinfo=UTC)
    ends_at = starts_at + timedelta(hours=6)
    light = sold_until(60, gate(60, -10, "start"))
    assert light.conditions == Conditions(refundable=False, changeable=False, booking_closes_minutes=60)
    assert sales_close_at(light, "departure", starts_at, ends_at, starts_at) == starts_at - timedelta(minutes=60)
    assert sales_close_at(
        light, "departure", starts_at, ends_at, starts_at - timedelta(hours=2)
    ) == starts_at - timedelta(hours=2)


START, END = datetime(2026, 5, 1, 12, tzinfo=UTC), datetime(2026, 5, 1, 14, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def gate(opens: int, closes: int, relative: str) -> Admission:
    return Admission(
        opens_before_minutes=opens, closes_after_minutes=closes, closes_relative_to=relative, reentry=False
    )


def sold_until(closes_before: int, admission: Admission) -> OptionDefinition:
    conditions = Conditions(refundable=False, changeable=False, booking_closes_minutes=closes_before)
    return OptionDefinition(id=new_id(), code="x", title={"en": "X"}, conditions=conditions, admission=admission)


@pytest.mark.parametrize(
    ("admission", "opens", "closes"),
    [
        (gate(30, 10, "start"), -30, 10), (gate(30, -10, "start"), -30, -10), (gate(30, -40, "start"), -30, -30),
        (gate(30, 10, "end"), -30, 130), (gate(0, -120, "end"), 0, 0), (gate(0, -130, "end"), 0, 0),
    ],
)  # fmt: skip
def test_the_window_of_a_gate(admission: Admission, opens: int, closes: int):
    assert admission_window(admission, START, END) == (START + opens * MINUTE, START + closes * MINUTE)
    late = (START + 7 * MINUTE, END + 9 * MINUTE)
    after = 7 if admission.closes_relative_to == "start" else 9
    reference = late[0] if after == 7 else late[1]
    until = max(START + opens * MINUTE, reference + admission.closes_after_minutes * MINUTE)
    assert admission_window(admission, START, END, late) == (START + opens * MINUTE, until)


@pytest.mark.parametrize(
    ("kind", "admission", "over"),
    [
        ("departure", gate(30, 10, "start"), 0), ("departure", gate(30, -10, "start"), -10),
        ("departure", gate(30, 10, "end"), 0), ("entry", gate(30, 10, "start"), 10), ("entry", gate(30, 10, "end"), 130),
        ("appointment", gate(30, -10, "start"), -10),
    ],
)  # fmt: skip
def test_when_a_slot_is_over(kind: str, admission: Admission, over: int):
    assert over_at(kind, START, admission_window(admission, START, END)[1]) == START + over * MINUTE
    late = (START + 60 * MINUTE, END + 60 * MINUTE)
    assert over_at(kind, late[0], admission_window(admission, START, END, late)[1]) == START + (over + 60) * MINUTE


@pytest.mark.parametrize(
    ("kind", "closes", "admission", "expected"),
    [
        ("departure", 20, gate(30, 10, "start"), (20, None)), ("departure", -20, gate(30, 30, "start"), (0, None)),
        ("entry", -20, gate(30, 30, "start"), (-20, None)), ("entry", -20, gate(30, 10, "start"), (-10, None)),
        # Where the gate would close before it opens, it closes as it opens.
        ("entry", 0, gate(30, -40, "start"), (30, None)), ("entry", 45, gate(30, -40, "start"), (45, None)),
        ("entry", 0, gate(30, -20, "start"), (20, None)), ("departure", -20, gate(30, 10, "end"), (0, None)),
        ("entry", -20, gate(30, 10, "end"), (-20, 10)), ("entry", -20, gate(30, 20, "end"), (-20, None)),
        ("entry", -20, gate(30, 19, "end"), (-20, 19)),
        # The gate closes after the end, and sales would go on for longer.
        ("entry", -150, gate(30, 10, "end"), (-150, 10)), ("entry", -150, gate(30, -10, "end"), (-150, -10)),
        ("entry", 20, gate(30, -20, "end"), (20, None)),
        ("entry", 20, gate(30, -21, "end"), (20, -21)),
    ],
)  # fmt: skip
def test_when_sales_close(kind: str, closes: int, admission: Admission, expected: tuple[int, int | None]):
    option = sold_until(closes, admission)
    assert sales_close_minutes(option, kind) == expected
    before, after = expected
    for slot_closes in (START - 90 * MINUTE, START + 300 * MINUTE):
        for late in (0, 60):
            moved = (START + late * MINUTE, END + 2 * late * MINUTE)
            ends = [slot_closes + late * MINUTE, moved[0] - before * MINUTE]
            ends += [] if after is None else [moved[1] + after * MINUTE]
            assert sales_close_at(option, kind, START, END, slot_closes, moved) == min(ends)
            if not late:
                assert sales_close_at(option, kind, START, END, slot_closes) == min(ends)
