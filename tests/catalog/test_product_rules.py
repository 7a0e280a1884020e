"""What makes a product and a seat layout right, one mistake at a time."""

from collections import Counter
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking_api.catalog.layout_rules import define_layout, generate_layout
from booking_api.catalog.layout_schemas import LayoutInput, NewDeck, NewSeat, NewSeatRow
from booking_api.catalog.product_rules import check_place, define_product
from booking_api.catalog.write_schemas import NewPlace
from tests.catalog.described import ADULT, OPTION, PLACES, PRICE, product, refused


def problems(**more: Any) -> list[tuple[str, str]]:
    return refused(define_product, product(**more), PLACES, "EUR")


def charge(**more: Any) -> dict[str, Any]:
    return {"charges": [{"code": "c", "label": {"en": "C"}, **more}]}


def unit(**more: Any) -> dict[str, Any]:
    return {"units": [ADULT, {"code": "child", "title": {"en": "Child"}, **more}]}


def question(**more: Any) -> dict[str, Any]:
    return {"questions": [{"code": "q", "label": {"en": "Q"}, **more}]}


CHOICES = [{"value": "a", "label": {"en": "A"}}]
FLIGHT = {"kind": "departure", "venue": None, "origin": "A", "destination": "B"}
FINE: list[dict[str, Any]] = [
    {}, unit(requires={"unit": "adult", "per": 1}), unit(min_age=3, max_age=3), unit(min_age=3), unit(max_age=3),
    unit(min=2, max=2), {"prices": [{**PRICE, "valid_from": "2026-06-01", "valid_until": "2026-06-01"}]},
    charge(type="tax", rate_basis_points=0), charge(type="fee", amount=0), question(type="text"),
    question(type="choice", choices=CHOICES), {"title": {"en": "M", "de": "M", "pt-BR": "M"}}, FLIGHT,
]  # fmt: skip
WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"options": [OPTION, OPTION]}, "/options/1/code", "option 'day' is there twice"),
    ({"units": [ADULT, ADULT]}, "/units/1/code", "unit 'adult' is there twice"),
    ({"questions": question(type="text")["questions"] * 2}, "/questions/1/code", "question 'q' is there twice"),
    (unit(requires={"unit": "dog", "per": 1}), "/units/1/requires/unit", "requires the unit 'dog'"),
    (unit(requires={"unit": "child", "per": 1}), "/units/1/requires/unit", "requires the unit 'child'"),
    (unit(min_age=4, max_age=3), "/units/1/min_age", "min_age above"), (unit(min=3, max=2), "/units/1/min", "min above"),
    ({"prices": [PRICE, {**PRICE, "option": "x"}]}, "/prices/1/option", "prices[1] is for the option 'x'"),
    ({"prices": [PRICE, {**PRICE, "unit": "x"}]}, "/prices/1/unit", "prices[1] is for the unit 'x'"),
    ({"prices": [{**PRICE, "valid_from": "2026-06-02", "valid_until": "2026-06-01"}]}, "/prices/0/valid_until", "prices[0] ends before"),
    ({"options": [OPTION, {**OPTION, "code": "night"}]}, "/options/1", "option 'night' has no price"),
    (charge(type="tax"), "/charges/0", "tax 'c' needs"), (charge(type="tax", rate_basis_points=1, amount=1), "/charges/0", "tax 'c' needs"),
    (charge(type="fee"), "/charges/0", "fee 'c' needs"), (charge(type="fee", rate_basis_points=1, amount=1), "/charges/0", "fee 'c' needs"),
    (question(type="text", choices=CHOICES), "/questions/0/choices", "needs choices"),
    (question(type="choice"), "/questions/0/choices", "needs choices"),
    ({"title": {"en": "M", "xx": "M"}}, "/title/xx", "'xx' is not a language tag"),
    ({"title": {"EN": "M"}}, "/title/EN", "the language 'EN' is written 'en'"),
    ({"venue": None}, "/venue", "a product of kind entry needs venue"), ({"venue": "Z"}, "/venue", "no place 'Z'"),
    ({"origin": "B"}, "/origin", "has no origin"), ({**FLIGHT, "venue": "A"}, "/venue", "has no venue"),
    ({**FLIGHT, "destination": None}, "/destination", "needs destination"),
]  # fmt: skip


@pytest.mark.parametrize("more", FINE)
def test_what_is_consistent(more: dict[str, Any]):
    assert problems(**more) == []


@pytest.mark.parametrize(("more", "pointer", "said"), WRONG)
def test_one_mistake_is_one_sentence(more: dict[str, Any], pointer: str, said: str):
    found = problems(**more)
    assert len(found) == 1, found
    assert found[0][0] == pointer
    assert said in found[0][1]


def test_every_mistake_is_named():
    found = problems(**unit(min=3, max=2, title={"xx": "Child"}), options=[OPTION, {**OPTION, "code": "b"}], venue=None)
    assert [pointer for pointer, _ in found] == ["/units/1/min", "/options/1", "/units/1/title/xx", "/venue"]


EN, XX = {"en": "A"}, {"en": "A", "xx": "A"}
MEDIA = {"url": "https://example.org/a.jpg", "type": "image/jpeg"}


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"summary": XX}, "/summary/xx"), ({"options": [{**OPTION, "title": XX}]}, "/options/0/title/xx"),
        ({"options": [{**OPTION, "conditions": {"refundable": True, "changeable": True, "summary": XX}}]}, "/options/0/conditions/summary/xx"),
        (unit(title=XX), "/units/1/title/xx"), (charge(type="fee", amount=1, label=XX), "/charges/0/label/xx"),
        (question(type="text", label=XX), "/questions/0/label/xx"),
        (question(type="choice", choices=[*CHOICES, {"value": "b", "label": XX}]), "/questions/0/choices/1/label/xx"),
        ({"media": [{**MEDIA, "alt": EN}, {**MEDIA, "alt": XX}]}, "/media/1/alt/xx"),
    ],
)  # fmt: skip
def test_a_language_is_looked_for_wherever_there_are_texts(more: dict[str, Any], pointer: str):
    assert [at for at, _ in problems(**more)] == [pointer]


def test_the_document_of_a_product():
    described = product(**question(type="choice", choices=CHOICES), on_sale=False)
    made, again = (define_product(described, PLACES, "EUR") for _ in range(2))
    assert (made.venue, made.origin, made.currency, made.duration_minutes) == (PLACES["A"], None, "EUR", 60)
    assert made.options[0].conditions.refundable
    assert made.questions[0].choices[0].label == {"en": "A"}
    ids = [one.id for doc in (made, again) for one in (doc, *doc.options, *doc.units, *doc.questions)]
    assert len(set(ids)) == len(ids) == 8
    assert all(isinstance(one, UUID) for one in ids)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "posix/Europe/Berlin", "", "../etc/passwd", "europe/berlin"])
def test_a_place_has_a_zone_that_there_is(zone: str):
    found = refused(check_place, NewPlace(code="P", name="P", time_zone=zone))
    assert found == [("/time_zone", f"{zone!r} is not an IANA time zone")]
    assert refused(check_place, NewPlace(code="P", name="P", time_zone="Europe/Berlin")) == []


def deck(*rows: str) -> NewDeck:
    return NewDeck(
        ["A"], [NewSeatRow(number, [NewSeat(code, []) for code in row.split()]) for number, row in enumerate(rows)]
    )


def test_a_seat_is_there_once():
    assert define_layout(LayoutInput(code="x", decks=[deck("1A 1B", "2A"), deck("3A")])).seats == 4
    for decks in ([deck("1A 1A")], [deck("1A", "1A")], [deck("1A"), deck("2A", "1A")]):
        assert refused(define_layout, LayoutInput(code="x", decks=decks)) == [("/decks", "a seat is there twice")]


def test_a_layout_has_seats_or_decks():
    for neither_or_both in (LayoutInput(code="x"), LayoutInput(code="x", seats=3, decks=[deck("1A")])):
        found = refused(define_layout, neither_or_both)
        assert found == [("/seats", "a seat layout has either seats or decks")]
    assert define_layout(LayoutInput(code="x", seats=3)).seats == 3


@given(st.integers(1, 1_000))
def test_a_layout_has_exactly_the_seats(seats: int) -> None:
    layout = generate_layout(f"seats-{seats}", seats)
    codes = [seat.code for deck in layout.decks for row in deck.rows for seat in row.seats]
    assert len(codes) == len(set(codes)) == layout.seats == seats
    columns = layout.decks[0].columns
    assert all(
        seat.code == f"{row.number}{letter}"
        for row in layout.decks[0].rows
        for seat, letter in zip(row.seats, columns, strict=False)
    )


def test_a_row_of_a_usual_aircraft() -> None:
    row = generate_layout("a", 180).decks[0].rows[4]
    assert Counter(feature for seat in row.seats for feature in seat.features) == {"window": 2, "middle": 2, "aisle": 2}


def rows_with(seats: int, feature: str) -> list[int]:
    (only,) = generate_layout("a", seats).decks
    return [row.number for row in only.rows if all(feature in seat.features for seat in row.seats)]


@pytest.mark.parametrize(("seats", "exits"), [(180, [15]), (40, [7]), (41, [7]), (39, [])])
def test_the_exit_is_in_the_middle_of_a_large_cabin_and_the_front_is_the_first_row(seats: int, exits: list[int]):
    assert rows_with(seats, "exit_row") == exits
    assert rows_with(seats, "front") == [1]
