"""Pure decisions about what a customer tells of a booking: what is missing, which answers fit, who travels with whom."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from booking_api.bookings.schemas import BookingRow, Contact, ItemRow, Missing
from booking_api.catalog.schemas import ProductDefinition
from booking_api.core.errors import pointer_to
from booking_api.core.text.cleaning import clean_text, shows_something
from booking_api.core.text.folding import words_of


def missing_details(
    booking: BookingRow, items: Sequence[ItemRow], definition: ProductDefinition, *, is_moved: bool = False,
    of_several: bool = False,
) -> list[Missing]:  # fmt: skip
    """What must be given before the booking can be confirmed, payment aside. `is_moved`: the new time is to be agreed,
    which confirming an order `of_several` bookings says slot by slot."""
    missing: list[Missing] = []
    if is_moved:
        pointer = "/expected_slots" if of_several else "/expected_starts_at"
        missing.append(Missing(pointer, "agreement_required"))
    missing += missing_of_contact(booking.contact)
    for question in definition.questions:
        if question.required and question.per == "booking" and not _answered(booking.answers, question.code):
            missing.append(Missing(pointer_to("answers", question.code), "answer_required"))
    for index, item in enumerate(items):
        if definition.requires_names and not shows_something(item.name):
            missing.append(Missing(f"/items/{index}/name", "name_required"))
        for question in definition.questions:
            if question.required and question.per == "item" and not _answered(item.answers, question.code):
                missing.append(Missing(pointer_to("items", index, "answers", question.code), "answer_required"))
    return missing


def missing_of_contact(contact: Contact | None) -> list[Missing]:
    """What a contact needs to be one: a name, and somewhere to reach it. What was kept before texts were cleaned may
    still be blank."""
    if contact is None:
        return [Missing("/contact", "contact_required")]
    missing = [] if shows_something(contact.name) else [Missing("/contact/name", "name_required")]
    if not contact.email and not contact.phone:
        missing.append(Missing("/contact/email", "address_required"))
    return missing


def contact_words(contact: Contact | None) -> str | None:
    """The words that a booking is found by at the gate: those of its contact's name."""
    return None if contact is None else words_of(contact.name)


def _answered(answers: Mapping[str, object] | None, code: str) -> bool:
    answer = None if answers is None else answers.get(code)
    return shows_something(answer) if isinstance(answer, str) else answer is not None


def without_sensitive(definition: ProductDefinition, answers: dict[str, Any] | None) -> dict[str, Any] | None:
    """The answers that may stand in lists; None where none is left. The given ones are left as they are."""
    if not answers or not definition.sensitive_codes:
        return answers
    return {code: value for code, value in answers.items() if code not in definition.sensitive_codes} or None


def holds_sensitive(definition: ProductDefinition, booking: BookingRow, items: Sequence[ItemRow]) -> bool:
    """Whether something sensitive was said about the booking or about one of its people."""
    codes = definition.sensitive_codes
    return bool(codes) and any(
        not codes.isdisjoint(answers) for answers in (booking.answers, *(item.answers for item in items)) if answers
    )


def check_answer(definition: ProductDefinition, code: str, value: object, per: str) -> str | None:
    """What is wrong with an answer, None when it fits its question."""
    question = next((q for q in definition.questions if q.code == code and q.per == per), None)
    if question is None:
        return f"The product asks no question {code!r} per {per}."
    if value is None:
        return None
    match question.type:
        case "number" if isinstance(value, bool) or not isinstance(value, int | float):
            return "The answer must be a number."
        case "boolean" if not isinstance(value, bool):
            return "The answer must be true or false."
        case "text" | "date" | "choice" if not isinstance(value, str):
            return "The answer must be a string."
        case "date":
            if not is_date(str(value)):
                return "The answer must be a date like 2026-11-21."
        case "choice":
            offered = [choice.value for choice in question.choices or []]
            if value not in offered and str(value) not in [clean_text(choice) for choice in offered]:
                return f"The answer must be one of {', '.join(offered)}."
        case _:
            pass
    return None


_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def is_date(text: str) -> bool:
    """Whether a text is a calendar date of ISO 8601, extended format, in ASCII digits."""
    if not _DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def companions(units: Sequence[str], definition: ProductDefinition) -> list[int | None]:
    """For each item the index of the one it travels with: dependants are dealt out to their companions in turn."""
    found: list[int | None] = [None] * len(units)
    for code in dict.fromkeys(units):
        unit = definition.unit_by_code(code)
        if unit is None or unit.requires is None:
            continue
        hosts = [index for index, other in enumerate(units) if other == unit.requires.unit]
        dependants = [index for index, other in enumerate(units) if other == code]
        for turn, index in enumerate(dependants):
            if hosts:
                found[index] = hosts[turn % len(hosts)]
    return found
