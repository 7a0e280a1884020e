"""What is missing, which answers fit, who travels with whom: the decisions about what a customer tells, at their edges."""

from typing import Any
from uuid import UUID

import msgspec
import pytest

from booking_api.bookings import details
from booking_api.bookings.schemas import Contact, ItemRow
from booking_api.catalog.schemas import Choice, Place, QuestionDefinition
from booking_api.core.ids import new_id
from tests.bookings.test_slot_rules import booking_of
from tests.world import make_flight, make_tower

PLACE = Place(id=UUID(int=7), code="X", name="X", time_zone="UTC")
FLIGHT, TOWER = make_flight(PLACE, PLACE), make_tower(PLACE)
ADA = Contact(name="Ada", email="ada@example.org")
UNSEEN = "\u200b "
"""Shows nothing, as it may have been kept before texts were cleaned."""


def question(code: str, kind: Any = "text", per: Any = "booking", **more: Any) -> QuestionDefinition:
    return QuestionDefinition(
        id=new_id(), code=code, type=kind, required=more.pop("required", True), per=per, label={"en": "Q"}, **more
    )


def item(name: str | None = "Ada", answers: dict[str, Any] | None = None) -> ItemRow:
    values: dict[str, Any] = dict.fromkeys(ItemRow.__struct_fields__)
    return ItemRow(**{**values, "name": name, "answers": answers})


def missing(
    *items: ItemRow, questions: Any = (), names: bool = False, moved: bool = False, **booking: Any
) -> list[tuple[str, str]]:
    definition = msgspec.structs.replace(TOWER, questions=list(questions), requires_names=names)
    row = booking_of(**{"contact": ADA, "answers": None, **booking})
    return [(one.pointer, one.code) for one in details.missing_details(row, items, definition, is_moved=moved)]


def test_nothing_is_missing_where_nothing_is_asked():
    assert (
        missing(item(None), questions=[question("a", required=False), question("b", per="item", required=False)]) == []
    )


def test_a_new_time_is_to_be_agreed_before_all():
    assert missing(moved=True, contact=None) == [
        ("/expected_starts_at", "agreement_required"), ("/contact", "contact_required"),
    ]  # fmt: skip


def test_a_time_is_agreed_unless_it_is_said_to_have_moved():
    assert details.missing_details(booking_of(contact=ADA), [], TOWER) == []


@pytest.mark.parametrize(
    ("contact", "pointers"),
    [
        (ADA, []), (Contact(name="Ada", phone="+49301234567"), []), (None, ["/contact"]),
        (Contact(email="ada@example.org"), ["/contact/name"]),
        (Contact(name=UNSEEN, email="ada@example.org"), ["/contact/name"]),
        (Contact(name="Ada"), ["/contact/email"]), (Contact(), ["/contact/name", "/contact/email"]),
        (Contact(name="Ada", email="", phone="+49301234567"), []),
    ],
)  # fmt: skip
def test_a_contact_has_a_name_and_one_address(contact: Contact | None, pointers: list[str]):
    assert [one.pointer for one in details.missing_of_contact(contact)] == pointers


def test_questions_are_asked_where_they_belong():
    questions = [question("whole"), question("each", per="item")]
    assert missing(item(), item(answers={"each": "x"}), questions=questions) == [
        ("/answers/whole", "answer_required"), ("/items/0/answers/each", "answer_required"),
    ]  # fmt: skip
    # An answer to the booking is none to an item, and the other way round.
    assert missing(item(answers={"whole": "x"}), questions=questions[:1]) == [("/answers/whole", "answer_required")]
    assert missing(item(), questions=questions[1:], answers={"each": "x"}) == [
        ("/items/0/answers/each", "answer_required")
    ]
    assert missing(item(answers={"each": "x"}), questions=questions, answers={"whole": "x"}) == []


@pytest.mark.parametrize(
    ("answer", "given"),
    [("x", True), (0, True), (False, True), (None, False), ("", False), (UNSEEN, False), (["x"], True)],
)
def test_what_is_an_answer(answer: Any, given: bool):
    assert missing(questions=[question("a")], answers={"a": answer}) == (
        [] if given else [("/answers/a", "answer_required")]
    )


def test_names_are_missing_only_where_they_are_needed():
    people = [item(), item(None), item(UNSEEN)]
    assert missing(*people) == []
    assert missing(*people, names=True) == [("/items/1/name", "name_required"), ("/items/2/name", "name_required")]


def test_a_booking_is_found_by_its_contact():
    assert details.contact_words(None) is None
    assert details.contact_words(Contact(email="ada@example.org")) is None
    assert details.contact_words(Contact(name="Ada Lovelace")) == "ada adalovelace lovelace"


# sensitive answers ------------------------------------------------------------------------------------------------

ASKING = msgspec.structs.replace(TOWER, questions=[question("health", sensitive=True), question("shirt")])


def test_what_is_sensitive_stays_out_of_lists():
    said = {"health": "x", "shirt": "m"}
    assert details.without_sensitive(ASKING, said) == {"shirt": "m"}
    assert said == {"health": "x", "shirt": "m"}
    assert details.without_sensitive(ASKING, {"health": "x"}) is None
    assert details.without_sensitive(ASKING, {}) == {}
    assert details.without_sensitive(ASKING, None) is None
    assert details.without_sensitive(TOWER, said) is said


@pytest.mark.parametrize(
    ("answers", "of_items", "holds"),
    [
        (None, [], False), ({"shirt": "m"}, [None, {"shirt": "m"}], False), ({"health": "x"}, [None], True),
        (None, [None, {"health": "x"}], True), ({"shirt": "m", "health": None}, [], True), ({}, [{}], False),
    ],
)  # fmt: skip
def test_something_sensitive_was_said_about_somebody(answers: Any, of_items: list[Any], holds: bool):
    items = [item(answers=one) for one in of_items]
    assert details.holds_sensitive(ASKING, booking_of(answers=answers), items) is holds
    assert not details.holds_sensitive(TOWER, booking_of(answers=answers), items)


# answers ----------------------------------------------------------------------------------------------------------

CHOICES = [Choice("en", {"en": "E"}), Choice("Mon\u00a0Fri", {"en": "M"})]
TYPED = msgspec.structs.replace(
    TOWER,
    questions=[
        *(question(kind, kind, per) for kind in ("text", "number", "date", "boolean") for per in ("booking", "item")),
        question("choice", "choice", choices=CHOICES), question("open", "choice"),
    ],
)  # fmt: skip


@pytest.mark.parametrize(
    ("code", "value", "wrong"),
    [
        ("number", 1, None), ("number", 1.5, None), ("number", 0, None), ("number", True, "a number"),
        ("number", "1", "a number"), ("number", [1], "a number"),
        ("boolean", True, None), ("boolean", False, None), ("boolean", 1, "true or false"), ("boolean", "true", "true or false"),
        ("text", "x", None), ("text", "", None), ("text", 1, "a string"), ("text", True, "a string"),
        ("date", "2026-02-28", None), ("date", "2026-02-29", "a date"), ("date", 20260228, "a string"),
        ("choice", "en", None), ("choice", "EN", "one of en, "), ("choice", 1, "a string"),
        # A choice may be written as the catalogue has it, or as a text becomes once it is in.
        ("choice", "Mon\u00a0Fri", None), ("choice", "Mon Fri", None), ("open", "en", "one of"),
        *((code, None, None) for code in ("number", "boolean", "text", "date", "choice")),
    ],
)  # fmt: skip
def test_answers_fit_their_question(code: str, value: Any, wrong: str | None):
    said = details.check_answer(TYPED, code, value, "booking")
    assert (said is None) == (wrong is None), said
    assert wrong is None or wrong in (said or "")


def test_a_question_is_asked_of_the_booking_or_of_each_item():
    assert details.check_answer(TYPED, "choice", "en", "item") == "The product asks no question 'choice' per item."
    assert details.check_answer(TYPED, "other", None, "booking") == "The product asks no question 'other' per booking."
    assert details.check_answer(TYPED, "number", 1, "item") is None
    # Two questions may have one code, where one is of the booking and the other of its items.
    both = msgspec.structs.replace(TOWER, questions=[question("q", "number"), question("q", "boolean", "item")])
    assert details.check_answer(both, "q", True, "item") is None
    assert details.check_answer(both, "q", True, "booking") is not None


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ("2026-11-21", True), ("0001-01-01", True), ("9999-12-31", True), ("0000-01-01", False), ("2024-02-29", True),
        ("2026-13-01", False), ("2026-W01-1", False), ("20261121", False), ("2026-11-21\n", False), ("٢٠٢٦-١١-٢١", False),
        (" 2026-11-21", False), ("2026-1-1", False), ("", False),
    ],
)  # fmt: skip
def test_dates_are_iso_8601_in_ascii_digits(text: str, fine: bool):
    assert details.is_date(text) is fine


# companions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("units", "found"),
    [
        (["adult"], [None]), (["infant", "adult"], [1, None]), (["adult", "infant", "infant"], [None, 0, 0]),
        (["infant", "adult", "infant", "adult", "infant"], [1, None, 3, None, 1]),
        # Each kind of dependant is dealt out from the first companion on.
        (["adult", "adult", "infant", "child", "infant", "child"], [None, None, 0, 0, 1, 1]),
        (["infant"], [None]), (["infant", "dog", "adult"], [2, None, None]), ([], []),
    ],
)  # fmt: skip
def test_dependants_are_dealt_out_in_turn(units: list[str], found: list[int | None]):
    assert details.companions(units, FLIGHT) == found
