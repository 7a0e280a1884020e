"""Pure decisions about whose something is, and what an export says of somebody."""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from booking_api.bookings.details import without_sensitive
from booking_api.catalog.schemas import ProductDefinition
from booking_api.core.text.addresses import email_key, phone_key
from booking_api.persons.schemas import Address, BookingOf, KnownBooking

IRREGULAR = {"email": r"[^!-~]|[<>:]|\.$", "phone": r"[^+0-9]|^[^+]"}
"""What an address has that isn't in the form in which `core.text.addresses` keeps them: it is from before."""


def key_of(kind: str, address: str, country: str | None) -> str:
    """The same for addresses that are one, however they are written."""
    return email_key(address) if kind == "email" else phone_key(address, country)


def wholly_theirs(kind: str, key: str, country: str | None, known: Sequence[Address]) -> set[UUID]:
    """The customers who have one address and no other of its kind: all that is theirs is that person's. Somebody who
    books for others isn't one of the others."""
    keys: dict[UUID, set[str]] = defaultdict(set)
    for one in known:
        keys[one.customer_id].add(key_of(kind, one.address, country))
    return {customer_id for customer_id, found in keys.items() if found == {key}}


def known_booking(row: BookingOf, definition: ProductDefinition) -> KnownBooking:
    """A booking as an export has it: the codes of sensitive questions that were answered, and not the answers."""
    codes = definition.sensitive_codes
    given = {*(row.answers or {})}.union(*(item.get("answers") or {} for item in row.items))
    items = [
        {**item, "answers": open_answers} if open_answers else {k: v for k, v in item.items() if k != "answers"}
        for item, open_answers in ((item, without_sensitive(definition, item.get("answers"))) for item in row.items)
    ]
    return KnownBooking(
        id=row.id, reference=row.reference, status=row.status, created_at=row.created_at,
        visit_ends_at=row.visit_ends_at, contact=row.contact, answers=without_sensitive(definition, row.answers),
        cancel_reason=row.cancel_reason, price=row.price, items=items, withheld_answers=sorted(given & codes),
    )  # fmt: skip
