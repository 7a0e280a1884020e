"""What cancelling costs at the edges of its conditions, and what several bookings cost as one."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from booking_api.bookings import amounts, recovery
from booking_api.bookings.schemas import CancellationTerms
from booking_api.catalog.schemas import Admission, Conditions, OptionDefinition, Price, PriceLine
from booking_api.core.ids import new_id
from booking_api.core.money import Money

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MINUTE, TICK = timedelta(minutes=1), timedelta(microseconds=1)


def eur(amount: int) -> Money:
    return Money(amount, "EUR")


def cancelling(
    ahead: timedelta, *, status: Any = "confirmed", slot: str = "open", paid: int = 5000, free_until: datetime | None = None,
    **conditions: Any,
) -> CancellationTerms:  # fmt: skip
    given: dict[str, Any] = {"refundable": True, "changeable": True, "refund_until_minutes": 60, "refund_fee": 1000}
    option = OptionDefinition(
        id=new_id(), code="x", title={"en": "X"}, conditions=Conditions(**{**given, **conditions}),
        admission=Admission(opens_before_minutes=0, closes_after_minutes=0, closes_relative_to="end", reentry=False),
    )  # fmt: skip
    return amounts.cancellation_terms(status, option, NOW + ahead, slot, eur(paid), NOW, free_until=free_until)


def test_a_refund_less_its_fee_until_the_last_moment():
    ahead = 60 * MINUTE + TICK
    assert cancelling(ahead) == CancellationTerms(until=NOW + TICK, fee=eur(1000), refund=eur(4000))
    assert cancelling(ahead - TICK) == CancellationTerms(until=NOW + 60 * MINUTE, fee=eur(5000), refund=eur(0))
    assert cancelling(ahead, refundable=False) == CancellationTerms(until=NOW + ahead, fee=eur(5000), refund=eur(0))


def test_a_fee_is_never_more_than_was_paid():
    assert [(t.fee, t.refund) for t in (cancelling(MINUTE * 90, paid=paid) for paid in (0, 999, 1000, 1001))] == [
        (eur(0), eur(0)), (eur(999), eur(0)), (eur(1000), eur(0)), (eur(1000), eur(1)),
    ]  # fmt: skip


@pytest.mark.parametrize("status", ["on_hold", "pending", "expired", "rejected", "cancelled"])
def test_what_is_not_confirmed_costs_and_gives_back_nothing(status: str):
    for slot in ("open", "cancelled"):
        assert cancelling(MINUTE * 90, status=status, slot=slot, free_until=NOW) == CancellationTerms(
            fee=eur(0), refund=eur(0)
        )


def test_everything_is_given_back_where_the_organiser_changed_it():
    whole = CancellationTerms(fee=eur(0), refund=eur(5000))
    assert cancelling(-MINUTE, slot="cancelled", refundable=False) == whole
    assert cancelling(-MINUTE, slot="cancelled", free_until=NOW) == whole
    moved = CancellationTerms(until=NOW + MINUTE, fee=eur(0), refund=eur(5000))
    assert cancelling(-MINUTE, refundable=False, free_until=NOW + MINUTE) == moved
    assert cancelling(-MINUTE, slot="closed").refund == eur(0)


def price(total: int, due_now: int, tax: int = 0) -> Price:
    lines = [PriceLine(type="unit", label=f"{total}", quantity=1, amount=eur(total), tax_rate=None)]
    return Price(
        total=eur(total), tax_included=eur(tax), due_now=eur(due_now), due_on_site=eur(total - due_now), lines=lines
    )


def test_prices_of_several_bookings_as_one():
    first, second = price(100, 60, 7), price(50, 0, 3)
    assert amounts.sum_prices([first]) is first
    found = amounts.sum_prices([first, second])
    assert (found.total, found.tax_included, found.due_now, found.due_on_site) == (eur(150), eur(10), eur(60), eur(90))
    assert [line.label for line in found.lines] == ["100", "50"]


def test_what_is_paid_on_site_is_the_same_price():
    found = amounts.pay_on_site(price(100, 60, 7))
    assert (found.total, found.tax_included, found.due_now, found.due_on_site) == (eur(100), eur(7), eur(0), eur(100))
    assert [line.label for line in found.lines] == ["100"]


# recovery ---------------------------------------------------------------------------------------------------------

MAIL, PHONE = "ada@example.org", "+49301234567"


@pytest.mark.parametrize(
    ("email", "phone", "given_email", "given_phone", "sent_to"),
    [
        (MAIL, PHONE, MAIL, None, MAIL), (MAIL, PHONE, None, PHONE, PHONE), (MAIL, PHONE, MAIL, PHONE, MAIL),
        # An address that isn't the booking's is never written to, and stands in the way of no other.
        (MAIL, PHONE, "eve@example.org", PHONE, PHONE), (MAIL, None, "eve@example.org", PHONE, None),
        (None, PHONE, MAIL, PHONE, PHONE), (None, PHONE, MAIL, None, None), (MAIL, None, None, PHONE, None),
        (MAIL, PHONE, None, "+49301234568", None), (MAIL, PHONE, None, None, None), (MAIL, PHONE, "", "", None),
    ],
)  # fmt: skip
def test_a_code_is_sent_to_the_bookings_own_address(
    email: str | None, phone: str | None, given_email: str | None, given_phone: str | None, sent_to: str | None
):
    assert recovery.recovery_recipient(email, phone, given_email, given_phone) == sent_to


def test_national_numbers_are_those_of_the_country():
    assert recovery.recovery_recipient(None, PHONE, None, "030 1234567", "DE") == PHONE
    assert recovery.recovery_recipient(None, PHONE, None, "030 1234567", "AT") is None


def test_the_message_is_in_the_readers_language():
    german, english, other = (recovery.recovery_message(language, "Ostwind", "AB12") for language in ("de", "en", "fr"))
    assert german[0] == "Ihr Code für Ostwind"
    assert english == other
    assert english[0] == "Your code for Ostwind"
    assert "AB12" in german[1]
    assert "AB12" in english[1]
