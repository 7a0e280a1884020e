"""Shares of amounts: exact, rounded half up, and adding up to the whole."""

import math
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking_api.core.money import Money, allocate, part_included, share_of

HALF = Fraction(1, 2)


@given(st.integers(0, 10**9), st.integers(0, 30_000))
def test_a_share_and_a_tax_are_rounded_half_up(amount: int, rate: int):
    assert share_of(amount, rate) == math.floor(Fraction(amount * rate, 10_000) + HALF)
    assert part_included(amount, rate) == math.floor(Fraction(amount * rate, 10_000 + rate) + HALF)


@pytest.mark.parametrize(
    ("amount", "rate", "share", "included"),
    [
        (0, 1900, 0, 0), (100, 0, 0, 0), (100, 10_000, 100, 50), (1, 5_000, 1, 0), (1, 4_999, 0, 0), (3, 5_000, 2, 1),
        (119, 1900, 23, 19), (1990, 700, 139, 130), (1, 10_000, 1, 1), (10**9, 1, 100_000, 99_990),
        (5_000, 1, 1, 0), (5_001, 1, 1, 1),
    ],
)  # fmt: skip
def test_the_edges_of_rounding(amount: int, rate: int, share: int, included: int):
    assert (share_of(amount, rate), part_included(amount, rate)) == (share, included)


def test_amounts_are_what_every_phone_can_count():
    """JavaScript's largest exact integer."""
    for amount in (2**53, -(2**53)):
        assert msgspec.convert({"amount": amount, "currency": "EUR"}, Money).amount == amount
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({"amount": amount + (1 if amount > 0 else -1), "currency": "EUR"}, Money)


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [
        (10, [1, 1, 1], [4, 3, 3]), (11, [1, 1, 1], [4, 4, 3]), (0, [3, 2], [0, 0]), (5, [0, 0], [3, 2]), (5, [0, 1, 0], [0, 5, 0]),
        # The larger remainder gets the unit, wherever it stands; of equal ones the earlier.
        (10, [1, 2, 3], [2, 3, 5]), (100, [2, 1], [67, 33]), (100, [1, 2], [33, 67]), (3, [1, 1], [2, 1]), (7, [5], [7]),
    ],
)  # fmt: skip
def test_an_amount_is_dealt_out_in_proportion(total: int, weights: list[int], parts: list[int]):
    assert allocate(total, weights) == parts
