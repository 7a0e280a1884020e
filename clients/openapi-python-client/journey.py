"""Books, is declined, pays, carries the pass, says how it went and cancels. Then reads what a later server would answer."""

import datetime as dt
import os
from uuid import UUID, uuid4

from generated.api.availability import search_availability
from generated.api.bookings import cancel_booking, confirm_booking, create_booking, get_booking, sync_changes
from generated.api.feedback import give_feedback
from generated.api.passes import get_pass_png
from generated.client import AuthenticatedClient
from generated.models import (
    AvailabilityPage,
    Booking,
    BookingWithTokens,
    Cancellation,
    Confirmation,
    ContactInput,
    Feedback,
    FeedbackPrompt,
    Money,
    NewBooking,
    NewFeedback,
    NewFeedbackKind,
    NewFeedbackStep,
    NewItem,
    NewPayment,
    NewPaymentMethod,
    PassAnswer,
    PaymentDeclinedProblem,
    PriceChangedProblem,
    Problem,
    SyncedBooking,
    SyncPage,
)
from generated.types import File

CONTACT = ContactInput(name="Ada Lovelace", email="ada@example.org")


def once() -> str:
    return str(uuid4())


def journey(url: str, key: str) -> tuple[UUID, str]:
    app = AuthenticatedClient(base_url=url, token=key)
    day = dt.date.today() + dt.timedelta(days=2)  # noqa: DTZ011 - any day soon does
    found = search_availability.sync(client=app, origin="JFK", destination="LAX", from_=day, to=day, units="adult:1")
    assert isinstance(found, AvailabilityPage), found
    slot = next(item for item in found.items if item.status == "available")
    option = slot.options[-1]

    wish = NewBooking(
        slot_id=slot.slot_id, option_id=option.option_id, items=[NewItem(unit="adult", name="Ada Lovelace")]
    )
    held = create_booking.sync(client=app, body=wish, idempotency_key=once())
    assert isinstance(held, BookingWithTokens), held
    assert held.status == "on_hold"
    assert isinstance(held.access_token, str)
    mine = AuthenticatedClient(base_url=url, token=held.access_token)

    other_price = Confirmation(contact=CONTACT, expected_total=Money(amount=1, currency="USD"))
    dearer = confirm_booking.sync(held.id, client=mine, body=other_price, idempotency_key=once())
    assert isinstance(dearer, PriceChangedProblem), dearer
    assert dearer.price.total == option.total

    poor = Confirmation(contact=CONTACT, payment=NewPayment(method=NewPaymentMethod.TEST, token="tok_decline"))
    declined = confirm_booking.sync(held.id, client=mine, body=poor, idempotency_key=once())
    assert isinstance(declined, PaymentDeclinedProblem), declined
    assert declined.order_id == str(held.order_id)

    rich = Confirmation(
        contact=CONTACT,
        payment=NewPayment(method=NewPaymentMethod.TEST, token="tok_ok"),
        expected_total=dearer.price.total,
    )
    confirmed = confirm_booking.sync(held.id, client=mine, body=rich, idempotency_key=once())
    assert isinstance(confirmed, Booking), confirmed
    assert (confirmed.status, confirmed.payment.status) == ("confirmed", "succeeded")

    entry = confirmed.items[0].pass_
    assert isinstance(entry, PassAnswer)
    picture = get_pass_png.sync(entry.id, client=mine)
    assert isinstance(picture, File), picture
    assert picture.payload.read(4) == b"\x89PNG"

    assert isinstance(confirmed.feedback_prompt, FeedbackPrompt)
    said = NewFeedback(
        step=NewFeedbackStep.CONFIRMED,
        kind=NewFeedbackKind.CSAT,
        score=5,
        prompt_id=confirmed.feedback_prompt.id,
        booking_id=held.id,
    )
    feedback = give_feedback.sync(client=mine, body=said, idempotency_key=once())
    assert isinstance(feedback, Feedback), feedback
    assert feedback.score == 5

    agreed = Cancellation(expected_refund=confirmed.cancellation.refund)
    cancelled = cancel_booking.sync(held.id, client=mine, body=agreed, idempotency_key=once())
    assert isinstance(cancelled, Booking), cancelled
    assert cancelled.status == "cancelled"
    return held.id, held.access_token


def tomorrow(url: str, booking_id: UUID, token: str) -> None:
    mine = AuthenticatedClient(base_url=url, token=token)
    booking = get_booking.sync(booking_id, client=mine)
    assert isinstance(booking, Booking), booking
    assert (booking.status, booking.payment.status, len(booking.items)) == ("unheard_of", "unheard_of", 1)

    page = sync_changes.sync(client=mine)
    assert isinstance(page, SyncPage), page
    assert any(isinstance(item, SyncedBooking) and item.data.id == booking_id for item in page.items)
    assert any(item.type_ == "unheard_of" for item in page.items)

    missing = get_booking.sync(uuid4(), client=mine)
    assert isinstance(missing, Problem), missing
    assert (missing.code, missing.status, missing.retryable) == ("unheard_of", 404, False)

    refused = confirm_booking.sync(booking_id, client=mine, body=Confirmation(), idempotency_key=once())
    assert isinstance(refused, Problem), refused
    assert (refused.code, refused.status) == ("unheard_of", 409)


if __name__ == "__main__":
    tomorrow(os.environ["TOMORROW_URL"], *journey(os.environ["BOOKING_URL"], os.environ["BOOKING_KEY"]))
