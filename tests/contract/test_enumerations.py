"""The open enumerations of answers list exactly what the code says."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

import booking_api
from booking_api.bookings.rules import BookingVerb, OrderVerb
from booking_api.bookings.schemas import Status, StatusReasonCode
from booking_api.catalog.schemas import Admission, ProductKind, QuestionDefinition
from booking_api.checkin.rules import NOTICES, REASONS
from booking_api.checkin.schemas import Direction
from booking_api.core.context import CallerKind, Role
from booking_api.feedback.schemas import QuestionKind, Step
from booking_api.feedback.summary_schemas import Grouping
from booking_api.identity.key_schemas import Channel, KeyKind
from booking_api.identity.session_schemas import Purpose
from booking_api.inventory.write_schemas import SlotStatus
from booking_api.payments.refund_schemas import SettledMethod
from booking_api.payments.rules import SHOWN_REFUND
from booking_api.payments.schemas import Method
from tests.contract.test_openapi import DOCUMENT

PACKAGE = Path(booking_api.__file__).parent
QUESTION = get_type_hints(QuestionDefinition)
EXACT: dict[str, set[str]] = {
    "Booking.status": set(get_args(Status)),
    "Order.status": set(get_args(Status)),
    "GateBooking.status": set(get_args(Status)),
    "LookupBooking.status": set(get_args(Status)),
    "StatusReason.code": set(get_args(StatusReasonCode)),
    "Booking.available_actions": set(get_args(BookingVerb)),
    "Order.available_actions": set(get_args(OrderVerb)),
    "ProductAnswer.kind": set(get_args(ProductKind)),
    "ProductBrief.kind": set(get_args(ProductKind)),
    "ProductSummary.kind": set(get_args(ProductKind)),
    "ProductQuestion.type": set(get_args(QUESTION["type"])),
    "ProductQuestion.per": set(get_args(QUESTION["per"])),
    "AdmissionAnswer.closes_relative_to": set(get_args(get_type_hints(Admission)["closes_relative_to"])),
    "PreviousScan.direction": set(get_args(Direction)),
    "AuditActor.kind": set(get_args(CallerKind)),
    "StaffAnswer.role": set(get_args(Role)),
    "KeyAnswer.kind": set(get_args(KeyKind)),
    "KeyAnswer.channel": set(get_args(Channel)),
    "SessionAnswer.channel": set(get_args(Channel)),
    "SessionAnswer.opened_by": {*get_args(Purpose), "order", "handed"},
    "Feedback.channel": set(get_args(Channel)),
    "Feedback.step": set(get_args(Step)),
    "Feedback.kind": set(get_args(QuestionKind)),
    "FeedbackPrompt.step": set(get_args(Step)),
    "FeedbackPrompt.kind": set(get_args(QuestionKind)),
    "Prompt.step": set(get_args(Step)),
    "Prompt.kind": set(get_args(QuestionKind)),
    "FeedbackSummary.by": set(get_args(Grouping)),
    "SlotAnswer.status": set(get_args(SlotStatus)),
    "GateSlot.status": set(get_args(SlotStatus)),
    "PaymentMethod.method": set(get_args(Method)),
    "Refund.method": set(get_args(Method)),
    "Refund.settled_by": set(get_args(SettledMethod)),
    "Refund.status": set(SHOWN_REFUND.values()),
    "RefundPart.status": set(SHOWN_REFUND.values()),
    "ScanAnswer.verdict": set(REASONS),
    "ScanItem.verdict": set(REASONS),
    "Attention.code": set(NOTICES),
}
"""Where the code has all values of a member in one place."""


AHEAD = {"ChangeOfSlot.choices: move", "PriceLine.type: discount"}
"""What apps are told to expect although nothing says it yet."""


def enumerations() -> Iterator[tuple[str, set[str]]]:
    for name, schema in DOCUMENT["components"]["schemas"].items():
        for member, part in schema.get("properties", {}).items():
            if values := part.get("x-extensible-enum") or part.get("items", {}).get("x-extensible-enum"):
                yield f"{name}.{member}", set(values)


FOUND = dict(enumerations())


def test_the_table_names_nothing_else():
    assert set(EXACT) <= set(FOUND)
    assert len(FOUND) > 60


@pytest.mark.parametrize("member", EXACT)
def test_an_enumeration_lists_what_the_code_may_say(member):
    assert FOUND[member] == EXACT[member]


def said(node: ast.AST) -> Iterator[str]:
    """The texts of a module that are values: neither docstrings nor descriptions. SQL and JSON say what stands in quotes."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            continue
        if isinstance(child, ast.keyword) and child.arg == "description":
            continue
        if isinstance(child, ast.Constant) and isinstance(child.value, str) and "x-extensible-enum" not in child.value:
            yield child.value
            yield from re.findall(r"['\"](\w+)['\"]", child.value)
        yield from said(child)


def everything_said() -> set[str]:
    modules: list[Any] = [ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py")]
    return {text for module in modules for text in said(module)}


def test_no_enumeration_lists_what_nothing_says():
    texts = everything_said()
    unsaid = {f"{member}: {value}" for member, values in FOUND.items() for value in values if value not in texts}
    assert unsaid == AHEAD
