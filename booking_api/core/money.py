"""Money in minor units (ISO 4217), always with its currency."""

from collections.abc import Sequence
from typing import Annotated

import msgspec

from booking_api.core.text import fields


class Money(msgspec.Struct, frozen=True):
    """An amount in the currency's minor unit: 1990 EUR is 19.90 €."""

    amount: Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53, examples=[1990])]
    currency: Annotated[str, fields.code(pattern="^[A-Z]{3}$", examples=["EUR"])]


def share_of(amount: int, rate_basis_points: int) -> int:
    """`rate` of `amount`, rounded half up to the minor unit. 10,000 basis points are the whole."""
    return (amount * rate_basis_points + 5_000) // 10_000


def part_included(gross: int, rate_basis_points: int) -> int:
    """The tax contained in a gross amount, rounded half up to the minor unit."""
    return (gross * rate_basis_points * 2 + (10_000 + rate_basis_points)) // (2 * (10_000 + rate_basis_points))


def allocate(total: int, weights: Sequence[int]) -> list[int]:
    """Deals an amount out in proportion to the weights, so that the parts add up to it (largest remainder).

    Each part is at most one minor unit away from its exact share; of equal remainders the earlier part gets the unit.
    Weights that are all 0 count as equal. Neither the total nor a weight may be negative.
    """
    whole = sum(weights)
    if not whole:
        weights, whole = [1] * len(weights), len(weights)
    parts = [total * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda index: -(total * weights[index] % whole))
    for index in by_remainder[: total - sum(parts)]:
        parts[index] += 1
    return parts
