"""Pure decisions about what an export says of somebody."""

from booking_api.bookings.details import without_sensitive
from booking_api.catalog.schemas import ProductDefinition
from booking_api.persons.schemas import BookingOf, KnownBooking


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
