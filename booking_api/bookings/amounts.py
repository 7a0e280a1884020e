"""Pure decisions about money: what several bookings cost, what cancelling one costs and gives back."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from booking_api.bookings.schemas import CancellationTerms, Status
from booking_api.catalog.schemas import OptionDefinition, Price, PriceLine
from booking_api.core.money import Money


def cancellation_terms(
    status: Status,
    option: OptionDefinition,
    starts_at: datetime,
    slot_status: str,
    paid: Money,
    now: datetime,
    *,
    free_until: datetime | None = None,
) -> CancellationTerms:
    """What cancelling now would cost and give back.

    A slot that the organiser cancelled is refunded whole, and so is one that moved until `free_until`: whatever the
    conditions say.
    """
    none = Money(0, paid.currency)
    if status != "confirmed":
        return CancellationTerms(fee=none, refund=none)
    if slot_status == "cancelled":
        return CancellationTerms(fee=none, refund=paid)
    if free_until is not None:
        return CancellationTerms(until=free_until, fee=none, refund=paid)
    conditions = option.conditions
    until = starts_at - timedelta(minutes=conditions.refund_until_minutes)
    if conditions.refundable and now < until:
        fee = min(conditions.refund_fee, paid.amount)
        return CancellationTerms(
            until=until, fee=Money(fee, paid.currency), refund=Money(paid.amount - fee, paid.currency)
        )
    return CancellationTerms(until=starts_at, fee=paid, refund=none)


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
