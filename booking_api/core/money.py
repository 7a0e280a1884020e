"""Money in minor units (ISO 4217), always with its currency."""

from typing import Annotated

import msgspec


class Money(msgspec.Struct, frozen=True):
    """An amount in the currency's minor unit: 1990 EUR is 19.90 €."""

    amount: Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53, examples=[1990])]
    currency: Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$", examples=["EUR"])]


def share_of(amount: int, rate_basis_points: int) -> int:
    """`rate` of `amount`, rounded half up to the minor unit. 10,000 basis points are the whole."""
    return (amount * rate_basis_points + 5_000) // 10_000


def part_included(gross: int, rate_basis_points: int) -> int:
    """The tax contained in a gross amount, rounded half up to the minor unit."""
    return (gross * rate_basis_points * 2 + (10_000 + rate_basis_points)) // (2 * (10_000 + rate_basis_points))
