"""How many unpaid places somebody may keep, at the edges of each bound."""

from typing import Any
from uuid import UUID

import pytest

from booking_api.bookings import holding_rules as rules
from booking_api.bookings.holding_rules import Excess, Keeper
from booking_api.core.context import Caller

WHO, ONE, TWO = (UUID(int=number) for number in range(1, 4))
MOST: Any = {"slot": 3, "customer": 5, "contact": 6, "address": 0}


@pytest.mark.parametrize("kind", ["app", "customer", "staff", "key"])
def test_who_is_bounded(kind: Any):
    assert rules.is_bounded(Caller(kind, WHO)) is (kind in {"app", "customer"})


def test_what_an_order_adds_to():
    narrow = {("slot", WHO, ONE): 2, ("slot", WHO, TWO): 1, ("customer", WHO, None): 3}
    contact, address = {("contact", b"c", None): 3}, {("address", b"a", None): 3}
    places = {ONE: 2, TWO: 1}
    assert rules.counted(Keeper(WHO), places) == narrow
    assert rules.counted(Keeper(WHO, b"c"), places) == narrow | contact
    assert rules.counted(Keeper(WHO, None, b"a"), places) == narrow | address
    assert rules.counted(Keeper(WHO, b"c", b"a"), places) == narrow | contact | address


@pytest.mark.parametrize(
    ("wanted", "held", "found"),
    [
        (3, 0, None), (4, 0, Excess("slot", 3, 0)), (1, 2, None), (1, 3, Excess("slot", 3, 3)), (0, 9, None),
        (2, 2, Excess("slot", 3, 2)),
    ],
)  # fmt: skip
def test_a_bound_may_be_reached_and_not_passed(wanted: int, held: int, found: Excess | None):
    key = ("slot", WHO, ONE)
    assert rules.excess({key: wanted}, {key: held}, MOST) == found


def test_a_bound_of_one_is_one_and_of_none_is_no_bound():
    key = ("slot", WHO, ONE)
    for most, allowed in ((0, 99), (1, 1), (2, 2)):
        bounds: Any = {"slot": most}
        assert rules.excess({key: allowed}, {}, bounds) is None
        assert rules.excess({key: allowed + 1}, {}, bounds) == (Excess("slot", most, 0) if most else None)


def test_the_first_bound_that_is_passed_is_named():
    wanted: Any = {
        ("slot", WHO, ONE): 1,
        ("customer", WHO, None): 1,
        ("contact", b"c", None): 1,
        ("address", b"a", None): 99,
    }
    assert rules.excess(wanted, {}, MOST) is None
    held: Any = {("customer", WHO, None): 5, ("contact", b"c", None): 6}
    assert rules.excess(wanted, held, MOST) == Excess("customer", 5, 5)


@pytest.mark.parametrize("off", [None, "bounded", "delivers", "on_site"])
def test_many_places_to_be_paid_on_site_need_proof(off: str | None):
    facts = {name: name != off for name in ("bounded", "delivers", "on_site")}
    asked = [rules.needs_proof(**facts, places=places, most=most) for places, most in ((5, 4), (4, 4), (5, 0), (2, 1))]
    assert asked == [off is None, False, False, off is None]
