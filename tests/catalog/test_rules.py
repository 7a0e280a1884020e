"""Prices and parties of the catalogue, as properties."""

import math
from datetime import date, timedelta
from fractions import Fraction
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking_api.catalog.rules import (
    MAX_PARTY,
    PartyNotAllowed,
    bare_price,
    base_amount,
    check_party,
    places,
    price_periods,
    quote,
    total_amount,
    unit_amount,
)
from booking_api.catalog.schemas import (
    Charge,
    OptionDefinition,
    Place,
    PriceRule,
    ProductDefinition,
    UnitDefinition,
)
from booking_api.core.ids import new_id
from booking_api.core.money import allocate
from tests.world import make_consultant, make_flight, make_tower

DAY = date(2027, 3, 14)
BASE = date(2027, 1, 1)


def some_place(code: str, zone: str) -> Place:
    return Place(id=new_id(), code=code, name=code, time_zone=zone)


FLIGHT = make_flight(some_place("JFK", "America/New_York"), some_place("LAX", "America/Los_Angeles"))
TOWER = make_tower(some_place("TOWER", "Europe/Berlin"))
CONSULTANT = make_consultant(some_place("TOWER", "Europe/Berlin"))


def option(definition: ProductDefinition, code: str) -> OptionDefinition:
    return next(option for option in definition.options if option.code == code)


def party(definition: ProductDefinition, **counts: int) -> dict[UUID, int]:
    units = {unit.code: unit.id for unit in definition.units}
    return {units[code]: count for code, count in counts.items()}


def with_(definition: ProductDefinition, **changes: object) -> ProductDefinition:
    return msgspec.structs.replace(definition, **changes)


dates = st.integers(0, 120).map(lambda days: BASE + timedelta(days=days))
price_rules = st.builds(
    lambda amount, start, length, open_end: PriceRule(
        option="flex", unit="adult", amount=amount, valid_from=start,
        valid_until=None if open_end or start is None else start + timedelta(days=length),
    ),
    st.integers(0, 10**6), st.none() | dates, st.integers(0, 30), st.booleans(),
)  # fmt: skip
charges = st.lists(
    st.one_of(
        st.builds(
            lambda amount, per: Charge(code="fee", type="fee", label={"en": "Fee"}, amount=amount, per=per),
            st.integers(0, 10**5), st.sampled_from(["booking", "item"]),
        ),
        st.builds(
            lambda rate, included: Charge(code="tax", type="tax", label={"en": "Tax"}, rate_basis_points=rate, included=included),
            st.integers(0, 3_000), st.booleans(),
        ),
    ),
    max_size=5,
)  # fmt: skip
parties = st.builds(
    lambda adult, child, infant: party(FLIGHT, adult=adult, child=child, infant=infant),
    st.integers(0, 9), st.integers(0, 9), st.integers(0, 9),
)  # fmt: skip


# prices -----------------------------------------------------------------------------------------------------------


def test_a_flight_for_a_family():
    quoted = quote(FLIGHT, option(FLIGHT, "flex").id, party(FLIGHT, adult=2, child=1, infant=1), DAY, ["de"])
    price = quoted.price
    assert price.total.amount == 2 * 19900 + 14900 + 2000 + 4 * 560
    assert price.total.currency == "USD"
    assert price.due_now == price.total
    assert price.due_on_site.amount == 0
    # 7.5 % contained in 589.40: 589.40 − 589.40 / 1.075
    assert price.tax_included.amount == 4112
    assert [(line.type, line.label, line.quantity, line.amount.amount, line.tax_rate) for line in price.lines] == [
        ("unit", "Erwachsene", 2, 39800, 7.5),
        ("unit", "Kind", 1, 14900, 7.5),
        ("unit", "Lap infant", 1, 2000, 7.5),
        ("fee", "Security fee", 4, 2240, 7.5),
    ]
    assert sorted(quoted.item_amounts.values()) == [[2560], [15460], [20460, 20460]]


def test_an_added_tax_is_a_line_and_in_the_total():
    added = with_(
        TOWER,
        charges=[
            Charge(code="vat", type="tax", label={"en": "VAT", "de": "MwSt."}, rate_basis_points=700, included=False)
        ],
    )
    price = quote(added, added.options[0].id, party(added, adult=1), DAY, ["de"]).price
    assert price.total.amount == 1990 + 139
    assert price.tax_included.amount == 139
    assert (price.lines[-1].type, price.lines[-1].label, price.lines[-1].tax_rate) == ("tax", "MwSt.", 7.0)
    assert price.lines[0].tax_rate is None


def test_nothing_to_pay():
    price = quote(CONSULTANT, CONSULTANT.options[0].id, party(CONSULTANT, adult=1), DAY, ["en"]).price
    assert price.total.amount == 0
    assert [line.amount.amount for line in price.lines] == [0]


def test_a_unit_or_option_that_is_not_sold():
    bare = with_(FLIGHT, prices=[rule for rule in FLIGHT.prices if (rule.option, rule.unit) != ("light", "infant")])
    light = option(bare, "light")
    with pytest.raises(PartyNotAllowed):
        quote(bare, light.id, party(bare, adult=1, infant=1), DAY, ["en"])
    assert total_amount(bare, light, party(bare, adult=1, infant=1), DAY) is None
    assert total_amount(bare, light, party(bare, adult=1, infant=0), DAY) == 9900 + 560
    assert base_amount(bare, light, bare.units[2]) is None
    with pytest.raises(PartyNotAllowed):
        quote(FLIGHT, new_id(), party(FLIGHT, adult=1), DAY, ["en"])
    assert total_amount(FLIGHT, light, {new_id(): 1}, DAY) is None


def test_the_latest_start_that_covers_the_day_wins():
    def rule(amount: int, valid_from: date | None, valid_until: date | None) -> PriceRule:
        return PriceRule(option="standard", unit="adult", amount=amount, valid_from=valid_from, valid_until=valid_until)

    dated = with_(
        TOWER,
        prices=[
            rule(3000, date(2027, 7, 1), date(2027, 8, 31)),
            rule(1990, None, None),
            rule(4000, date(2027, 8, 1), date(2027, 8, 15)),
            rule(2500, date(2027, 6, 1), date(2027, 9, 30)),
            rule(5000, date(2027, 8, 1), date(2027, 8, 3)),
            rule(1500, None, date(2027, 1, 31)),
        ],
    )
    standard, adult = dated.options[0], dated.units[0]
    expected = {
        date(2027, 1, 31): 1500, date(2027, 2, 1): 1990, date(2027, 5, 31): 1990, date(2027, 6, 1): 2500,
        date(2027, 7, 1): 3000, date(2027, 8, 1): 5000, date(2027, 8, 3): 5000, date(2027, 8, 4): 4000,
        date(2027, 8, 16): 3000, date(2027, 9, 1): 2500, date(2027, 10, 1): 1990,
    }  # fmt: skip
    for day, amount in expected.items():
        assert bare_price(dated, standard, adult, day) == amount, day
    assert base_amount(dated, standard, adult) == 1990
    assert base_amount(with_(dated, prices=[dated.prices[0], dated.prices[3]]), standard, adult) == 2500


def test_the_price_without_dates_is_the_first_that_has_none():
    standard, adult = TOWER.options[0], TOWER.units[0]

    def base(*found: tuple[int, date | None, date | None]) -> int | None:
        prices = [
            PriceRule(option="standard", unit="adult", amount=amount, valid_from=valid_from, valid_until=valid_until)
            for amount, valid_from, valid_until in found
        ]
        return base_amount(with_(TOWER, prices=prices), standard, adult)

    assert base((2500, DAY, None), (1990, None, None)) == 1990
    assert base((2500, None, DAY), (1990, None, None)) == 1990
    assert base((1990, None, None), (1000, None, None)) == 1990
    assert base((2500, DAY, None), (1990, None, DAY)) == 1990


def test_days_at_the_edges_of_a_price():
    def pieces(valid_from: int | None, valid_until: int | None) -> list[tuple[int, int]]:
        at = lambda days: None if days is None else BASE + timedelta(days=days)  # noqa: E731
        rule = PriceRule(option="flex", unit="adult", amount=1, valid_from=at(valid_from), valid_until=at(valid_until))
        found = price_periods(with_(FLIGHT, prices=[rule]), option(FLIGHT, "flex"), BASE, BASE + timedelta(days=5))
        return [((start - BASE).days, (end - BASE).days) for start, end in found]

    assert pieces(None, None) == pieces(0, 5) == pieces(0, 9) == pieces(-3, -1) == pieces(6, 9) == [(0, 5)]
    assert pieces(0, 0) == pieces(None, 0) == pieces(-2, 0) == pieces(1, None) == [(0, 0), (1, 5)]
    assert pieces(5, 5) == pieces(5, None) == pieces(None, 4) == [(0, 4), (5, 5)]
    assert pieces(2, 3) == [(0, 1), (2, 3), (4, 5)]


def test_who_does_not_come_has_no_line():
    quoted = quote(FLIGHT, option(FLIGHT, "flex").id, party(FLIGHT, adult=1, child=0, infant=0), DAY, ["en"])
    assert [(line.type, line.quantity) for line in quoted.price.lines] == [("unit", 1), ("fee", 1)]


@given(st.lists(price_rules, max_size=8), dates)
def test_the_price_is_one_of_the_covering_rules_and_none_of_them_starts_later(rules: list[PriceRule], day: date):
    definition = with_(FLIGHT, prices=rules)
    chosen = bare_price(definition, option(definition, "flex"), definition.units[0], day)
    covering = [
        rule for rule in rules
        if (rule.valid_from or date.min) <= day <= (rule.valid_until or date.max)
    ]  # fmt: skip
    if not covering:
        assert chosen is None
    else:
        latest = max(rule.valid_from or date.min for rule in covering)
        assert chosen in {rule.amount for rule in covering if (rule.valid_from or date.min) == latest}


@given(st.lists(price_rules, max_size=8), dates, st.integers(0, 61))
def test_within_a_price_period_the_price_is_the_same(rules: list[PriceRule], first: date, days: int):
    definition = with_(FLIGHT, prices=rules)
    flex, last = option(definition, "flex"), first + timedelta(days=days)
    covered: list[date] = []
    for start, end in price_periods(definition, flex, first, last):
        assert start <= end
        inside = [start + timedelta(days=offset) for offset in range((end - start).days + 1)]
        assert len({bare_price(definition, flex, definition.units[0], day) for day in inside}) == 1
        covered += inside
    assert covered == [first + timedelta(days=offset) for offset in range(days + 1)]


@given(parties, charges, st.sampled_from(["light", "flex"]), dates)
def test_a_quote_adds_up(counts: dict[UUID, int], charged: list[Charge], code: str, day: date):
    definition = with_(FLIGHT, charges=charged)
    chosen = option(definition, code)
    quoted = quote(definition, chosen.id, counts, day, ["en"])
    price = quoted.price
    assert price.total.amount == sum(line.amount.amount for line in price.lines)
    assert price.total.amount == price.due_now.amount + price.due_on_site.amount
    assert 0 <= price.tax_included.amount <= price.total.amount
    assert price.total.amount == total_amount(definition, chosen, counts, day)
    assert all(line.amount.currency == "USD" for line in price.lines)
    assert {unit_id: len(amounts) for unit_id, amounts in quoted.item_amounts.items()} == {
        unit_id: count for unit_id, count in counts.items() if count
    }
    items = [amount for amounts in quoted.item_amounts.values() for amount in amounts]
    assert sum(items) == (price.total.amount if items else 0)
    for unit_id, amounts in quoted.item_amounts.items():
        assert 0 <= min(amounts) <= max(amounts) <= min(amounts) + 1
        if not any(c.per == "booking" if c.type == "fee" else not c.included for c in charged):
            unit = definition.unit(unit_id)
            assert unit is not None
            assert set(amounts) == {unit_amount(definition, chosen, unit, day)}


@pytest.mark.parametrize(
    ("prices", "rates", "fee", "expected"),
    [
        # 19 % of 3 × 3.33 is 1.8981: rounded once for all, where one by one it would be 1.89.
        ([333, 333, 333], [1900], 0, [397, 396, 396]),
        # Two taxes, each a line of its own, each rounded once.
        ([105, 105], [700, 250], 0, [115, 115]),
        # A fee per booking goes to those who pay; the lap infant stays free.
        ([1000, 2000, 0], [], 100, [1033, 2067, 0]),
        # Where all are free, the fee is everybody's.
        ([0, 0, 0], [1900], 100, [40, 40, 39]),
        ([1], [50], 0, [1]),
    ],
)
def test_items_add_up_where_tax_or_a_fee_is_added(prices: list[int], rates: list[int], fee: int, expected: list[int]):
    units = [UnitDefinition(id=new_id(), code=f"u{n}", title={"en": "U"}) for n in range(len(prices))]
    definition = with_(
        TOWER, units=units,
        prices=[
            PriceRule(option="standard", unit=unit.code, amount=amount)
            for unit, amount in zip(units, prices, strict=True)
        ],
        charges=[
            *(Charge(code=f"t{rate}", type="tax", label={"en": "T"}, rate_basis_points=rate, included=False) for rate in rates),
            Charge(code="fee", type="fee", label={"en": "F"}, amount=fee, per="booking"),
        ],
    )  # fmt: skip
    quoted = quote(definition, definition.options[0].id, {unit.id: 1 for unit in units}, DAY, ["en"])
    assert [quoted.item_amounts[unit.id] for unit in units] == [[amount] for amount in expected]
    assert sum(expected) == quoted.price.total.amount


@given(st.integers(0, 10**9), st.lists(st.integers(0, 10**7), min_size=1, max_size=20))
def test_parts_add_up_and_are_fair(total: int, weights: list[int]):
    parts = allocate(total, weights)
    assert sum(parts) == total
    shares = weights if sum(weights) else [1] * len(weights)
    for part, weight in zip(parts, shares, strict=True):
        assert abs(part - Fraction(total * weight, sum(shares))) < 1
        assert part == 0 or weight > 0


# parties ----------------------------------------------------------------------------------------------------------


@given(parties)
def test_a_party_is_fine_exactly_when_its_rules_hold(counts: dict[UUID, int]):
    adult, child, infant = (counts[unit.id] for unit in FLIGHT.units)
    fine = 1 <= adult + child + infant <= MAX_PARTY and infant <= adult and math.ceil(child / 4) <= adult
    assert (check_party(FLIGHT, counts) == []) == fine


def test_each_broken_rule_is_named():
    assert check_party(FLIGHT, {}) == ["A party has at least one member."]
    assert check_party(FLIGHT, party(FLIGHT, adult=0)) == ["A party has at least one member."]
    assert check_party(FLIGHT, party(FLIGHT, infant=1)) == ["Each of the unit infant needs one adult with it."]
    assert check_party(FLIGHT, party(FLIGHT, adult=1, infant=2)) != []
    assert check_party(FLIGHT, party(FLIGHT, adult=10)) == ["At most 9 of the unit adult can be booked together."]
    assert check_party(CONSULTANT, party(CONSULTANT, adult=2)) != []
    assert any("unit" in broken for broken in check_party(FLIGHT, {new_id(): 1}))
    assert any("negative" in broken for broken in check_party(FLIGHT, party(FLIGHT, adult=-1, child=2)))
    many = with_(FLIGHT, units=[UnitDefinition(id=new_id(), code="adult", title={"en": "A"}, min=2, max=10**6)])
    assert check_party(many, party(many, adult=MAX_PARTY)) == []
    assert check_party(many, party(many, adult=MAX_PARTY + 1)) == ["A party has at most 20 members."]
    assert check_party(many, party(many, adult=1)) == ["At least 2 of the unit adult must be booked."]


def test_who_needs_a_unit_that_there_is_not_stays_alone():
    child = msgspec.structs.replace(FLIGHT.units[1], code="child")
    lonely = with_(FLIGHT, units=[child])
    assert check_party(lonely, party(lonely, child=1)) == ["Every 4 of the unit child need one adult with them."]
    assert check_party(lonely, party(lonely, child=0)) == ["A party has at least one member."]


def test_a_lap_infant_occupies_no_place():
    assert places(FLIGHT, party(FLIGHT, adult=2, child=1, infant=2)) == 3
    assert places(FLIGHT, {}) == 0


def test_a_price_of_one_has_the_taxes_that_are_added():
    place = some_place("A", "UTC")
    fee = Charge(code="f", type="fee", label={"en": "F"}, per="item", amount=100, included=True)
    tax = Charge(code="t", type="tax", label={"en": "T"}, per="booking", rate_basis_points=1000, included=False)
    plain = make_flight(place, place)
    taxed = with_(plain, charges=[fee, tax])
    unit, code = plain.units[0], plain.options[0]
    bare = bare_price(plain, code, unit, date(2026, 5, 1))
    assert bare is not None
    assert unit_amount(taxed, code, unit, date(2026, 5, 1)) == (bare + 100) * 11 // 10
    assert base_amount(taxed, code, unit) == (base_amount(with_(plain, charges=[]), code, unit) + 100) * 11 // 10


def test_a_refused_party_is_a_semantic_error():
    assert (PartyNotAllowed.status, MAX_PARTY) == (422, 20)
