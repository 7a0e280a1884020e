"""What an export says of a booking: what is sensitive is named and not told."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from booking_api.catalog.schemas import Place, QuestionDefinition
from booking_api.persons.rules import key_of, known_booking, wholly_theirs
from booking_api.persons.schemas import Address, BookingOf
from tests.world import make_tower

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def question(number: int, code: str, *, sensitive: bool) -> QuestionDefinition:
    return QuestionDefinition(
        id=UUID(int=number), code=code, type="text", required=False, per="item", label={"en": "Q"}, sensitive=sensitive
    )


TOWER = msgspec.structs.replace(
    make_tower(Place(id=UUID(int=7), code="X", name="X", time_zone="UTC")),
    questions=[question(1, "health", sensitive=True), question(2, "diet", sensitive=True), question(3, "shirt", sensitive=False)],
)  # fmt: skip


def known(answers: Any, *items: dict[str, Any]) -> Any:
    values = dict.fromkeys(BookingOf.__struct_fields__)
    return known_booking(BookingOf(**{**values, "answers": answers, "items": list(items), "created_at": NOW}), TOWER)


def test_answers_that_are_sensitive_are_withheld_and_named():
    found = known(
        {"diet": "x", "shirt": "m"}, {"name": "Ada", "answers": {"health": "x", "shirt": "l"}}, {"name": "Bob"}
    )
    assert (found.answers, found.withheld_answers) == ({"shirt": "m"}, ["diet", "health"])
    assert found.items == [{"name": "Ada", "answers": {"shirt": "l"}}, {"name": "Bob"}]


def test_an_item_without_open_answers_has_none():
    found = known(None, {"name": "Ada", "answers": {"health": "x"}}, {"name": "Bob", "answers": None})
    assert (found.answers, found.withheld_answers) == (None, ["health"])
    assert found.items == [{"name": "Ada"}, {"name": "Bob"}]


def test_an_address_is_one_however_it_is_written():
    assert key_of("email", "Ada@EXAMPLE.org ", None) == key_of("email", "ada@example.org", "DE")
    assert key_of("phone", "030 1234567", "DE") == key_of("phone", "+49 30 1234567", None) == "+49301234567"


def test_who_books_for_others_is_none_of_them():
    one, other = UUID(int=1), UUID(int=2)
    known = [Address(one, "ADA@example.org"), Address(one, "ada@example.org"), Address(other, "ada@example.org")]
    assert wholly_theirs("email", "ada@example.org", None, known) == {one, other}
    assert wholly_theirs("email", "ada@example.org", None, [*known, Address(other, "bob@example.org")]) == {one}
    assert wholly_theirs("email", "eve@example.org", None, known) == set()
