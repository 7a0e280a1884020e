"""What makes a catalogue's elements consistent, one mistake at a time."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from booking_api.catalog.schemas import Place
from booking_api.catalog.write_schemas import NewDeck, NewSeat, NewSeatRow
from booking_api.importing import catalogue_rules as rules
from booking_api.importing.formats import LayoutElement, ProductElement, ScheduleElement, SlotElement

PLACES = {code: Place(id=UUID(int=n), code=code, name=code, time_zone="Europe/Berlin") for n, code in enumerate("ABC")}
LAYOUTS = {"hall": (UUID(int=9), 40)}
OPTION = {
    "code": "day", "title": {"en": "Day"}, "conditions": {"refundable": True, "changeable": True}, "quota": 8,
    "admission": {
        "opens_before_minutes": 5, "closes_after_minutes": 5, "closes_relative_to": "start", "reentry": False,
    },
}  # fmt: skip
ADULT = {"code": "adult", "title": {"en": "Adult"}}
PRICE = {"option": "day", "unit": "adult", "amount": 100}
SCHEDULE = {
    "days": ["mon", "sun"], "valid_from": "2026-06-01", "valid_until": "2026-06-08", "times": ["09:30"], "capacity": 4,
}  # fmt: skip
SERIES = {
    **{name: SCHEDULE[name] for name in ("days", "valid_from", "valid_until", "capacity")},
    "duration_minutes": 30,
}


def product(**more: Any) -> ProductElement:
    given = {
        "code": "museum", "kind": "entry", "title": {"en": "Museum"}, "venue": "A", "duration_minutes": 60,
        "options": [OPTION], "units": [ADULT], "prices": [PRICE],
    }  # fmt: skip
    return msgspec.convert({**given, **more}, ProductElement)


def problems(**more: Any) -> list[str]:
    return rules.product_problems(product(**more), PLACES, LAYOUTS)


def charge(**more: Any) -> dict[str, Any]:
    return {"charges": [{"code": "c", "label": {"en": "C"}, **more}]}


def unit(**more: Any) -> dict[str, Any]:
    return {"units": [ADULT, {"code": "child", "title": {"en": "Child"}, **more}]}


def scheduled(base: dict[str, Any] = SCHEDULE, **more: Any) -> dict[str, Any]:
    return {"schedules": [{**base, **more}]}


def question(**more: Any) -> dict[str, Any]:
    return {"questions": [{"code": "q", "label": {"en": "Q"}, **more}]}


CHOICES = [{"value": "a", "label": {"en": "A"}}]
FINE: list[dict[str, Any]] = [
    {}, unit(requires={"unit": "adult", "per": 1}), unit(min_age=3, max_age=3), unit(min_age=3), unit(max_age=3),
    unit(min=2, max=2), {"prices": [{**PRICE, "valid_from": "2026-06-01", "valid_until": "2026-06-01"}]},
    charge(type="tax", rate_basis_points=0), charge(type="fee", amount=0), scheduled(),
    scheduled(SERIES, **{"from": "09:00", "to": "10:00", "every_minutes": 30}),
    scheduled(valid_from="2026-06-08"), scheduled(valid_until="2029-06-05"), scheduled(quotas={"day": 1}),
    scheduled(valid_from="2000-01-01", valid_until="2000-01-01"),
    scheduled(valid_from="2100-12-31", valid_until="2100-12-31"),
    scheduled(seat_layout="hall"), {"seat_layout": "hall"}, question(type="text"),
    question(type="choice", choices=CHOICES), {"title": {"en": "M", "de": "M", "pt-BR": "M"}},
    {"kind": "departure", "venue": None, "origin": "A", "destination": "B"},
]  # fmt: skip
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"options": [OPTION, OPTION]}, "option 'day' is there twice"), ({"units": [ADULT, ADULT]}, "unit 'adult' is there twice"),
    (unit(requires={"unit": "dog", "per": 1}), "requires the unit 'dog'"),
    (unit(requires={"unit": "child", "per": 1}), "requires the unit 'child'"),
    (unit(min_age=4, max_age=3), "min_age above"), (unit(min=3, max=2), "min above"),
    ({"prices": [PRICE, {**PRICE, "option": "x"}]}, "prices[1] is for the option 'x'"),
    ({"prices": [PRICE, {**PRICE, "unit": "x"}]}, "prices[1] is for the unit 'x'"),
    ({"prices": [{**PRICE, "valid_from": "2026-06-02", "valid_until": "2026-06-01"}]}, "prices[0] ends before"),
    ({"options": [OPTION, {**OPTION, "code": "night"}]}, "option 'night' has no price"),
    (charge(type="tax"), "tax 'c' needs"), (charge(type="tax", rate_basis_points=1, amount=1), "tax 'c' needs"),
    (charge(type="fee"), "fee 'c' needs"), (charge(type="fee", rate_basis_points=1, amount=1), "fee 'c' needs"),
    (scheduled(SERIES), "needs either times"), (scheduled(SERIES, **{"from": "09:00", "to": "10:00"}), "needs either times"),
    (scheduled(SERIES, to="10:00"), "needs either times"), (scheduled(every_minutes=30), "needs either times"),
    ({**scheduled(), "duration_minutes": None}, "needs duration_minutes"), (scheduled(valid_from="2026-06-09"), "ends before"),
    (scheduled(valid_until="2029-06-06"), "more than 1100 days"), (scheduled(quotas={"x": 1}), "the option 'x'"),
    (scheduled(valid_from="1999-12-31", valid_until="2000-01-01"), "between 2000 and 2100"),
    (scheduled(valid_from="2100-12-31", valid_until="2101-01-01"), "between 2000 and 2100"),
    (scheduled(seat_layout="x"), "no seat layout 'x'"), ({"seat_layout": "x"}, "no seat layout 'x'"),
    (question(type="text", choices=CHOICES), "needs choices"), (question(type="choice"), "needs choices"),
    ({"title": {"en": "M", "xx": "M"}}, "'xx' is not a language tag"), ({"title": {"EN": "M"}}, "is written 'en'"),
    ({"venue": None}, "needs venue"), ({"venue": "Z"}, "no place 'Z'"), ({"origin": "B"}, "has no origin"),
]  # fmt: skip


@pytest.mark.parametrize("more", FINE)
def test_what_is_consistent(more: dict[str, Any]):
    assert problems(**more) == []


@pytest.mark.parametrize(("more", "said"), WRONG)
def test_one_mistake_is_one_sentence(more: dict[str, Any], said: str):
    found = problems(**more)
    assert len(found) == 1, found
    assert said in found[0]


def offered(seat_layout: str | None = None, **more: Any) -> rules.Offered:
    return rules.Offered(rules.make_definition(product(**more), PLACES, "EUR"), seat_layout)


def slot(seat_layout: str | None = None, /, **more: Any) -> Any:
    given = {"product": "museum", "starts_at": "2026-06-01T09:30", "capacity": 40, **more}
    return rules.explicit_slot(offered(seat_layout), msgspec.convert(given, SlotElement), LAYOUTS)


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
    "more",
    [
        {"ends_at": "2026-06-01T09:29"}, {"seat_layout": "x"}, {"seat_layout": "hall", "capacity": 41},
        {"quotas": {"x": 1}}, {"starts_at": "soon"}, {"starts_at": "1999-12-31T09:30"}, {"starts_at": "2101-01-01T09:30"},
        {"starts_at": "2026-06-01T09:30:01"}, {"starts_at": "2026-06-01T09:30:00.5"}, {"starts_at": "2026-03-29T02:30"},
    ],
)  # fmt: skip
def test_a_slot_that_does_not_fit(more: dict[str, Any]):
    with pytest.raises(rules.SlotUnfit):
        slot(**more)


def test_the_slots_of_a_schedule():
    def starts(**more: Any) -> list[str]:
        schedule = msgspec.convert({**SCHEDULE, **more}, ScheduleElement)
        return [f"{one.starts_at:%d %H:%M}" for one in rules.scheduled_slots(offered(), schedule, LAYOUTS)]

    assert starts() == ["01 07:30", "07 07:30", "08 07:30"]
    assert starts(times=["09:30", "09:30", "23:05"], valid_until="2026-06-01") == ["01 07:30", "01 21:05"]
    series = {"times": None, "from": "09:10", "to": "11:10", "every_minutes": 30, "valid_until": "2026-06-01"}
    assert starts(**series) == ["01 07:10", "01 07:40", "01 08:10"]
    assert starts(**series, duration_minutes=90) == ["01 07:10", "01 07:40"]


def test_a_schedule_that_is_not_whole_makes_nothing():
    broken = msgspec.convert({**SERIES, "from": "09:00"}, ScheduleElement)
    assert list(rules.scheduled_slots(offered(), broken, LAYOUTS)) == []


def test_a_schedule_makes_only_so_many_slots(monkeypatch: pytest.MonkeyPatch):
    schedule = msgspec.convert(SCHEDULE, ScheduleElement)
    for most, made in ((2, 2), (3, 3)):
        monkeypatch.setattr(rules, "MOST_SLOTS", most)
        slots = rules.scheduled_slots(offered(), schedule, LAYOUTS)
        assert [next(slots).local_date.day for _ in range(made)] == [1, 7, 8][:made]
        if most == 2:
            with pytest.raises(rules.SlotUnfit, match="more than 2 slots"):
                next(slots)
        else:
            assert next(slots, None) is None


def deck(*rows: str) -> NewDeck:
    return NewDeck(
        ["A"], [NewSeatRow(number, [NewSeat(code, []) for code in row.split()]) for number, row in enumerate(rows)]
    )


def test_a_seat_is_there_once():
    assert rules.layout_problem(LayoutElement(code="x", decks=[deck("1A 1B", "2A"), deck("3A")])) is None
    for decks in ([deck("1A 1A")], [deck("1A", "1A")], [deck("1A"), deck("2A", "1A")]):
        assert rules.layout_problem(LayoutElement(code="x", decks=decks)) == "a seat is there twice"
    assert rules.layout_problem(LayoutElement(code="x", seats=3, decks=[deck("1A")])) is not None


def test_a_layout_has_seats_or_decks():
    assert rules.layout_problem(LayoutElement(code="x")) is not None
    assert rules.layout_problem(LayoutElement(code="x", seats=3)) is None
    assert (rules.MOST_DAYS, rules.MOST_SLOTS) == (1_100, 100_000)
