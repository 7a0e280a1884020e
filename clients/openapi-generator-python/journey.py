"""Books, is declined, pays, carries the pass, says how it went and cancels. Then reads what a later server would answer."""

import datetime as dt
import os
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

from generated import (
    ApiClient,
    ApiException,
    AvailabilityApi,
    Booking,
    BookingsApi,
    Cancellation,
    Configuration,
    Confirmation,
    ContactInput,
    FeedbackApi,
    Money,
    NewBooking,
    NewFeedback,
    NewItem,
    NewPayment,
    PassesApi,
    PaymentDeclinedProblem,
    PriceChangedProblem,
    Problem,
    SyncedBooking,
)

CONTACT = ContactInput(name="Ada Lovelace", email="ada@example.org")


def connect(url: str, token: str) -> ApiClient:
    return ApiClient(Configuration(host=url, access_token=token))


def once() -> str:
    return str(uuid4())


def refusal(call: Callable[[], object]) -> Any:
    """The problem that was answered, as its own type or, where its code isn't described, as a plain one."""
    try:
        call()
    except ApiException as error:
        if error.data is None:
            raise
        return error.data.actual_instance
    raise AssertionError("nothing was refused")


def journey(url: str, key: str) -> tuple[UUID, str]:
    app = connect(url, key)
    day = dt.date.today() + dt.timedelta(days=2)  # noqa: DTZ011 - any day soon does
    found = AvailabilityApi(app).search_availability(
        origin="JFK", destination="LAX", var_from=day, to=day, units="adult:1"
    )
    slot = next(item for item in found.items if item.status == "available")
    option = slot.options[-1]

    wish = NewBooking(
        slot_id=slot.slot_id, option_id=option.option_id, items=[NewItem(unit="adult", name="Ada Lovelace")]
    )
    held = BookingsApi(app).create_booking(wish, idempotency_key=once())
    assert held.status == "on_hold"
    assert held.access_token
    mine = connect(url, held.access_token)
    bookings = BookingsApi(mine)

    def confirm(**wish: Any) -> Booking:
        return bookings.confirm_booking(
            held.id, idempotency_key=once(), confirmation=Confirmation(contact=CONTACT, **wish)
        )

    dearer = refusal(lambda: confirm(expected_total=Money(amount=1, currency="USD")))
    assert isinstance(dearer, PriceChangedProblem), dearer
    assert dearer.price.total == option.total

    declined = refusal(lambda: confirm(payment=NewPayment(method="test", token="tok_decline")))
    assert isinstance(declined, PaymentDeclinedProblem), declined
    assert declined.order_id == str(held.order_id)

    confirmed = confirm(payment=NewPayment(method="test", token="tok_ok"), expected_total=dearer.price.total)
    assert (confirmed.status, confirmed.payment.status) == ("confirmed", "succeeded")

    entry = confirmed.items[0].var_pass
    assert entry is not None
    assert entry.valid_until > entry.valid_from
    assert bytes(PassesApi(mine).get_pass_png(entry.id)).startswith(b"\x89PNG")

    prompt = confirmed.feedback_prompt
    assert prompt is not None
    said = NewFeedback(step="confirmed", kind="csat", score=5, prompt_id=prompt.id, booking_id=held.id)
    assert FeedbackApi(mine).give_feedback(said, idempotency_key=once()).score == 5

    agreed = Cancellation(expected_refund=confirmed.cancellation.refund)
    cancelled = bookings.cancel_booking(held.id, idempotency_key=once(), cancellation=agreed)
    assert cancelled.status == "cancelled"
    return held.id, held.access_token


def tomorrow(url: str, booking_id: UUID, token: str) -> None:
    bookings = BookingsApi(connect(url, token))
    booking = bookings.get_booking(booking_id)
    assert (booking.status, booking.payment.status, len(booking.items)) == ("unheard_of", "unheard_of", 1)

    items = [item.actual_instance for item in bookings.sync_changes().items]
    assert any(isinstance(item, SyncedBooking) and item.data.id == booking_id for item in items)
    assert any(item is not None and item.type == "unheard_of" for item in items)

    missing = refusal(lambda: bookings.get_booking(uuid4()))
    assert isinstance(missing, Problem), missing
    assert (missing.code, missing.status, missing.retryable) == ("unheard_of", 404, False)

    refused = refusal(lambda: bookings.confirm_booking(booking_id, idempotency_key=once(), confirmation=Confirmation()))
    assert isinstance(refused, Problem), refused
    assert (refused.code, refused.status) == ("unheard_of", 409)


if __name__ == "__main__":
    tomorrow(os.environ["TOMORROW_URL"], *journey(os.environ["BOOKING_URL"], os.environ["BOOKING_KEY"]))
