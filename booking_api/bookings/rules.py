"""Pure decisions: the state machine, what is missing, what may be done, what cancelling costs."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Literal

from booking_api.bookings.schemas import BookingRow, CancellationTerms, Contact, ItemRow, Missing, OrderRow, Status
from booking_api.catalog.schemas import OptionDefinition, Price, PriceLine, ProductDefinition
from booking_api.core.errors import pointer_to
from booking_api.core.money import Money
from booking_api.core.text.addresses import same_email, same_phone
from booking_api.core.text.cleaning import clean_text, is_visible

Action = Literal[
    "extend",
    "confirm",
    "pay",
    "settle",
    "decline",
    "abandon",
    "cancel",
    "expire",
    "retake",
    "refuse",
    "cancel_one",
    "supersede",
]

TRANSITIONS: Mapping[tuple[Status, Action], Status] = {
    ("on_hold", "extend"): "on_hold",
    ("on_hold", "confirm"): "confirmed",
    ("on_hold", "pay"): "pending",
    ("on_hold", "settle"): "confirmed",
    ("on_hold", "cancel"): "cancelled",
    ("on_hold", "expire"): "expired",
    ("pending", "settle"): "confirmed",
    ("pending", "decline"): "on_hold",
    ("pending", "abandon"): "rejected",
    ("pending", "supersede"): "on_hold",
    ("pending", "cancel"): "cancelled",
    ("expired", "retake"): "confirmed",
    ("expired", "refuse"): "rejected",
    ("rejected", "retake"): "confirmed",
    ("rejected", "refuse"): "rejected",
    ("cancelled", "refuse"): "cancelled",
    ("confirmed", "cancel"): "cancelled",
}
"""The state machine of an order and of its bookings, whole. `docs/state-machine.md` is drawn from it.

`settle`: the payment succeeded while the places were kept. `retake`: it succeeded after they were given back, and
there was room. `refuse`: there was none, and the money goes back. `abandon`: no outcome came in time. `supersede`: the
customer pays in another way; should the first payment succeed all the same, it goes back.
"""

FINAL: frozenset[Status] = frozenset({"cancelled", "expired", "rejected"})
HOLDS_PLACES: frozenset[Status] = frozenset({"on_hold", "pending", "confirmed"})
PAYABLE: frozenset[Status] = frozenset({"on_hold", "pending"})
RETRY_AFTER_DECLINE = timedelta(minutes=5)
"""After a late decline the customer has at least this long to try another means of payment."""


def next_status(status: Status, action: Action) -> Status | None:
    """Where an action leads from a status, None where it isn't allowed."""
    return TRANSITIONS.get((status, action))


def has_ended(order: OrderRow, now: datetime) -> bool:
    """Whether a hold is over, swept or not."""
    return order.status == "on_hold" and order.expires_at is not None and order.expires_at <= now


def shown_status(order: OrderRow, status: Status, now: datetime) -> Status:
    """The status as customers see it: a hold that is over is expired, even before the sweep has reached it."""
    return "expired" if status == "on_hold" and has_ended(order, now) else status


def missing_details(booking: BookingRow, items: Sequence[ItemRow], definition: ProductDefinition) -> list[Missing]:
    """What must be given before the booking can be confirmed, payment aside."""
    missing: list[Missing] = []
    missing += missing_of_contact(booking.contact)
    for question in definition.questions:
        if question.required and question.per == "booking" and not _answered(booking.answers, question.code):
            missing.append(Missing(pointer_to("answers", question.code), "answer_required"))
    for index, item in enumerate(items):
        if definition.requires_names and not (item.name and is_visible(item.name)):
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
    missing = [] if contact.name and is_visible(contact.name) else [Missing("/contact/name", "name_required")]
    if not contact.email and not contact.phone:
        missing.append(Missing("/contact/email", "address_required"))
    return missing


def _answered(answers: Mapping[str, object] | None, code: str) -> bool:
    answer = None if answers is None else answers.get(code)
    return answer is not None and (not isinstance(answer, str) or is_visible(answer))


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


def cancellation_terms(
    status: Status, option: OptionDefinition, starts_at: datetime, slot_status: str, paid: Money, now: datetime
) -> CancellationTerms:
    """What cancelling now would cost and give back. A slot that the organiser cancelled is refunded whole."""
    none = Money(0, paid.currency)
    if status != "confirmed":
        return CancellationTerms(fee=none, refund=none)
    if slot_status == "cancelled":
        return CancellationTerms(fee=none, refund=paid)
    conditions = option.conditions
    until = starts_at - timedelta(minutes=conditions.refund_until_minutes)
    if conditions.refundable and now < until:
        fee = min(conditions.refund_fee, paid.amount)
        return CancellationTerms(
            until=until, fee=Money(fee, paid.currency), refund=Money(paid.amount - fee, paid.currency)
        )
    return CancellationTerms(until=starts_at, fee=paid, refund=none)


def may_cancel(status: Status, starts_at: datetime, slot_status: str, now: datetime) -> bool:
    """A hold any time, paid for or not; a confirmed booking until its slot begins, or whenever the organiser cancelled
    the slot."""
    return status in {"on_hold", "pending"} or (
        status == "confirmed" and (now < starts_at or slot_status == "cancelled")
    )


def booking_actions(
    status: Status, *, of_several: bool, can_extend: bool, can_cancel: bool, has_seats: bool, started: bool
) -> list[str]:
    """What can be done next with one booking."""
    actions: list[str] = []
    if status in {"on_hold", "confirmed"} and not started:
        actions.append("edit")
        if has_seats:
            actions.append("choose_seat")
    if status == "on_hold" and not of_several:
        actions += ["extend", "confirm", "cancel"] if can_extend else ["confirm", "cancel"]
    if status == "pending" and not of_several:
        actions += ["confirm", "cancel"]
    if status == "confirmed":
        actions.append("show_pass")
        if can_cancel:
            actions.append("cancel")
    if status in HOLDS_PLACES:
        actions.append("resume")
    return actions


def order_actions(status: Status, *, can_extend: bool, can_cancel: bool) -> list[str]:
    """What can be done next with an order."""
    match status:
        case "on_hold":
            return ["extend", "confirm", "cancel"] if can_extend else ["confirm", "cancel"]
        case "pending":
            return ["confirm", "cancel"]
        case "confirmed" if can_cancel:
            return ["cancel"]
        case _:
            return []


def sum_prices(prices: Sequence[Price]) -> Price:
    """The price of several bookings as one, their lines one after the other."""
    first = prices[0]
    if len(prices) == 1:
        return first

    def total(of: Sequence[Money]) -> Money:
        return Money(sum(money.amount for money in of), first.total.currency)

    lines: list[PriceLine] = [line for price in prices for line in price.lines]
    return Price(
        total=total([price.total for price in prices]),
        tax_included=total([price.tax_included for price in prices]),
        due_now=total([price.due_now for price in prices]),
        due_on_site=total([price.due_on_site for price in prices]),
        lines=lines,
    )


def pay_on_site(price: Price) -> Price:
    """The same price, to be paid at the counter or the gate."""
    none = Money(0, price.total.currency)
    return Price(
        total=price.total, tax_included=price.tax_included, due_now=none, due_on_site=price.total, lines=price.lines
    )


def feedback_step(
    status: Status, *, details_missing: bool, visit_over: bool
) -> Literal["details", "payment", "confirmed", "visit"] | None:
    """At which step of the journey the customer is, for a feedback prompt; None where none should be asked."""
    match status:
        case "on_hold":
            return "details" if details_missing else "payment"
        case "confirmed":
            return "visit" if visit_over else "confirmed"
        case _:
            return None


def recovery_recipient(
    email: str | None, phone: str | None, given_email: str | None, given_phone: str | None, country: str | None = None
) -> str | None:
    """Where to send a recovery code: to the booking's own address, and only if the one given is the same, however it is
    written. National phone numbers are those of the country."""
    if given_email and email and same_email(given_email, email):
        return email
    if given_phone and phone and same_phone(given_phone, phone, country):
        return phone
    return None


def recovery_message(language: str, organisation: str, code: str) -> tuple[str, str]:
    """Subject and body of the message that carries a recovery code."""
    if language == "de":
        return (
            f"Ihr Code für {organisation}",
            f"Mit dem Code {code} öffnen Sie Ihre Buchung. Er gilt zehn Minuten und nur einmal. "
            "Wenn Sie ihn nicht angefordert haben, ist nichts zu tun.",
        )
    return (
        f"Your code for {organisation}",
        f"Open your booking with the code {code}. It works once, for ten minutes. "
        "If you didn't ask for it, there is nothing to do.",
    )
