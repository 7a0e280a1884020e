"""The decisions of the search alone: parties, ranges of days, what is left, and the edges of each time."""

import json
import math
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest
from msgspec.structs import astuple

from booking_api.availability import rules
from booking_api.availability.schemas import FoundSlot
from booking_api.catalog.schemas import Admission, OptionDefinition, Place, PriceRule, ProductDefinition
from booking_api.core.errors import Invalid
from booking_api.inventory.schemas import Delay
from booking_api.inventory.slot_rules import slot_times
from tests.bookings.test_slot_rules import slot_of
from tests.world import make_flight, make_tower

DAY = date(2026, 6, 1)
START = 1_780_300_800.0
HOUR = 3600.0
PLACE = Place(id=UUID(int=7), code="X", name="X", time_zone="UTC")
FLIGHT, TOWER = make_flight(PLACE, PLACE), make_tower(PLACE)
LIGHT, FLEX = FLIGHT.options


def unit_id(code: str, of: ProductDefinition = FLIGHT) -> UUID:
    unit = of.unit_by_code(code)
    assert unit is not None
    return unit.id


def test_parties_as_a_search_names_them():
    assert rules.parse_units(None) is None
    assert rules.parse_units("adult:2,child:0") == {"adult": 2, "child": 0}
    with pytest.raises(Invalid) as refused:
        rules.parse_units("adult:2,child:1,adult:3")
    assert (refused.value.errors or [])[0].pointer == "/query/units"


def test_nobody_named_is_one_adult_or_the_first_unit():
    assert rules.party_for(FLIGHT, None) == ({unit_id("adult"): 1}, [])
    several = [msgspec.structs.replace(unit, code=f"u-{unit.code}", min=3) for unit in TOWER.units[:1]]
    pairs = msgspec.structs.replace(TOWER, units=several)
    assert rules.party_for(pairs, None) == ({several[0].id: 3}, [])
    counts, broken = rules.party_for(msgspec.structs.replace(TOWER, units=[]), None)
    assert (counts, len(broken)) == ({}, 1)


def test_units_that_are_not_here_are_named_first():
    counts, broken = rules.party_for(FLIGHT, {"adult": 1, "dog": 1})
    assert (counts, broken) == ({unit_id("adult"): 1}, ["There is no unit 'dog' here."])
    assert rules.party_for(FLIGHT, {"adult": 2, "infant": 1}) == ({unit_id("adult"): 2, unit_id("infant"): 1}, [])
    assert rules.party_for(FLIGHT, {"infant": 1})[1] != []


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [
        (None, None, (0, 0)), (3, None, (3, 3)), (None, 4, (0, 4)), (0, 0, (0, 0)), (-2, 0, (-2, 0)), (-3, 0, (-3, 0)),
        (-4, 0, ["/query/to"]), (0, 3, (0, 3)), (4, 8, ["/query/to"]), (3, 2, ["/query/to"]), (-2, -1, ["/query/to"]),
        (-1, None, ["/query/from"]), (None, -1, ["/query/to"]), (4, 7, (4, 7)), (None, 4, ["/query/to"]),
    ],
)  # fmt: skip
def test_ranges_of_days(first: int | None, last: int | None, found: Any):
    at = lambda days: None if days is None else DAY + timedelta(days=days)  # noqa: E731
    most = 5 if (first, last, found) == (None, 4, (0, 4)) else 4
    if isinstance(found, tuple):
        assert rules.check_range(at(first), at(last), DAY, most) == (at(found[0]), at(found[1]))
        return
    with pytest.raises(Invalid) as refused:
        rules.check_range(at(first), at(last), DAY, most)
    assert [error.pointer for error in refused.value.errors or []] == found


def test_days_and_local_times():
    assert rules.days_between(DAY, DAY) == [DAY]
    assert rules.days_between(date(2026, 2, 27), date(2026, 3, 1)) == [
        date(2026, 2, 27), date(2026, 2, 28), date(2026, 3, 1),
    ]  # fmt: skip
    moment = rules.local(datetime(2026, 7, 1, tzinfo=UTC), "America/New_York")
    assert moment.isoformat() == "2026-06-30T20:00:00-04:00"


def gate(opens: int, closes: int, relative: Any) -> Admission:
    return Admission(
        opens_before_minutes=opens, closes_after_minutes=closes, closes_relative_to=relative, reentry=False
    )


def offering(*gates: Admission, kind: str = "entry") -> ProductDefinition:
    options = [msgspec.structs.replace(TOWER.options[0], admission=one) for one in gates]
    return msgspec.structs.replace(TOWER, options=options, kind=kind)


def test_terms_of_a_party():
    terms = rules.make_terms(FLIGHT, {"adult": 2, "infant": 1}, DAY)
    assert (terms.places, terms.broken) == (2, [])
    assert [offer.total for offer in terms.offers] == [2 * 10_460 + 560, 2 * 20_460 + 2_560]
    assert [offer.closes_before for offer in terms.offers] == [3600.0, 600.0]
    assert [offer.closes_after_end for offer in terms.offers] == [math.inf, math.inf]
    assert terms.gates.closings == ((3600.0, math.inf), (600.0, math.inf))
    assert (terms.gates.opens_before, terms.gates.opens_last_before) == (3600.0, 3600.0)
    assert (terms.gates.admits_after_start, terms.gates.admits_after_end) == (-600.0, -math.inf)
    assert [(unit.code, unit.price.amount) for unit in terms.offers[1].units] == [
        ("adult", 20_460), ("child", 15_460), ("infant", 2_560),
    ]  # fmt: skip
    before, after = terms.offers[0].written
    answer = json.loads(before + "3" + after[None])
    assert (answer["option_id"], answer["vacancies"], answer["total"]["amount"]) == (str(LIGHT.id), 3, 21_480)
    assert "status" not in answer
    assert json.loads(before + "0" + after["closed"])["status"] == "closed"
    assert json.loads(before + "0" + after["sold_out"])["status"] == "sold_out"


def test_terms_of_a_party_that_can_not_be():
    terms = rules.make_terms(FLIGHT, {"infant": 1}, DAY)
    assert terms.places == 0
    assert terms.broken
    assert [(offer.total, offer.closes_before) for offer in terms.offers] == [(None, math.inf)] * 2
    assert all("total" not in json.loads(offer.written[0] + "1" + offer.written[1][None]) for offer in terms.offers)
    assert terms.gates.closings == ((3600.0, math.inf), (600.0, math.inf))
    # A unit without a price on the day isn't sold under the option.
    only = [rule for rule in FLIGHT.prices if (rule.option, rule.unit) != ("light", "adult")]
    sold = rules.make_terms(msgspec.structs.replace(FLIGHT, prices=only), {"adult": 1}, DAY)
    assert [(offer.total is None, offer.closes_before) for offer in sold.offers] == [(True, math.inf), (False, 600.0)]
    assert [next(unit.code for unit in offer.units) for offer in sold.offers] == ["child", "adult"]


def test_the_outer_times_of_several_options():
    terms = rules.make_terms(offering(gate(10, 5, "start"), gate(40, -3, "end"), gate(20, 2, "start")), None, DAY)
    assert (terms.gates.opens_before, terms.gates.opens_last_before) == (2400.0, 600.0)
    assert (terms.gates.admits_after_start, terms.gates.admits_after_end) == (300.0, -180.0)
    nothing = rules.make_terms(offering(), None, DAY)
    assert (nothing.gates.opens_before, nothing.gates.opens_last_before) == (0.0, math.inf)
    assert (nothing.gates.admits_after_start, nothing.gates.admits_after_end) == (-math.inf, 0.0)
    ends = rules.make_terms(offering(gate(0, -3, "end")), None, DAY)
    assert (ends.gates.admits_after_start, ends.gates.closings) == (-math.inf, ((0.0, -180.0),))


def found_slot(**more: Any) -> FoundSlot:
    given: dict[str, Any] = {
        "id": UUID(int=1), "product_id": TOWER.id, "product_version": 1, "on_sale": True, "local_date": DAY,
        "starts_at": START, "ends_at": START + 2 * HOUR, "time_zone": "UTC", "end_time_zone": "UTC", "capacity": 20,
        "taken": 5, "status": "open", "booking_closes_at": START, "gate": None, "resource": None,
        "seat_layout_id": None, "quotas": None, "held": 0, "version": 1, "delay": None,
    }  # fmt: skip
    return FoundSlot(**{**given, **more})


def delayed(begins: float, ends: float | None = None) -> str:
    at = lambda seconds: datetime.fromtimestamp(seconds, UTC)  # noqa: E731
    delay = Delay(
        estimated_starts_at=at(START + begins), updated_at=at(START),
        estimated_ends_at=None if ends is None else at(START + 2 * HOUR + ends),
    )  # fmt: skip
    return msgspec.json.encode(delay).decode()


PARTY = {"adult": 3}
TERMS = rules.make_terms(FLIGHT, PARTY, DAY)


def judged(at: float = -2 * HOUR, terms: rules.Terms = TERMS, **slot: Any) -> tuple[str, list[tuple[int, str | None]]]:
    status, options = rules.judge(found_slot(**slot), terms, START + at)
    assert [offer for offer, _, _ in options] == terms.offers
    return status, [(left, why) for _, left, why in options]


def quotas(**left: int) -> str:
    ids = {option.code: option.id for option in FLIGHT.options}
    return "".join(f"{ids[code]}={number}," for code, number in left.items())


@pytest.mark.parametrize(
    ("slot", "status", "options"),
    [
        ({}, "available", [(15, None)] * 2), ({"taken": 15}, "available", [(5, None)] * 2),
        ({"taken": 16}, "limited", [(4, None)] * 2), ({"taken": 17}, "limited", [(3, None)] * 2),
        ({"taken": 18}, "sold_out", [(2, "sold_out")] * 2), ({"taken": 20, "held": 1}, "limited", [(0, "sold_out")] * 2),
        ({"quotas": quotas(light=2)}, "available", [(2, "sold_out"), (15, None)]),
        ({"quotas": quotas(flex=3)}, "available", [(15, None), (3, None)]),
        ({"quotas": quotas(light=4, flex=3)}, "limited", [(4, None), (3, None)]),
        ({"quotas": quotas(light=5, flex=16)}, "available", [(5, None), (15, None)]),
        ({"quotas": quotas(light=12, flex=10)}, "available", [(12, None), (10, None)]),
        ({"status": "closed"}, "closed", [(15, "closed")] * 2), ({"on_sale": False}, "closed", [(15, "closed")] * 2),
        ({"status": "cancelled"}, "cancelled", [(15, "closed")] * 2),
        ({"booking_closes_at": START - 2 * HOUR}, "closed", [(15, "closed")] * 2),
        ({"booking_closes_at": START - 2 * HOUR + 1}, "available", [(15, None)] * 2),
        ({"at": -HOUR}, "available", [(15, "closed"), (15, None)]), ({"at": -HOUR - 1}, "available", [(15, None)] * 2),
        ({"at": -600.0}, "closed", [(15, "closed")] * 2), ({"at": -601.0}, "available", [(15, "closed"), (15, None)]),
        ({"at": -601.0, "taken": 18}, "sold_out", [(2, "closed"), (2, "sold_out")]),
        ({"at": 0.0, "delay": delayed(2 * HOUR)}, "available", [(15, None)] * 2),
        ({"at": HOUR, "delay": delayed(2 * HOUR)}, "available", [(15, "closed"), (15, None)]),
        ({"at": HOUR, "delay": delayed(2 * HOUR), "booking_closes_at": START - HOUR}, "closed", [(15, "closed")] * 2),
        ({"at": HOUR - 1, "delay": delayed(2 * HOUR), "booking_closes_at": START - HOUR}, "available", [(15, None)] * 2),
    ],
)  # fmt: skip
def test_what_a_slot_is_for_a_party(slot: dict[str, Any], status: str, options: list[tuple[int, str | None]]):
    assert judged(**slot) == (status, options)


def test_who_needs_no_place_finds_a_full_slot_open():
    free = [msgspec.structs.replace(unit, occupies=0) for unit in TOWER.units]
    terms = rules.make_terms(msgspec.structs.replace(TOWER, units=free), {"adult": 1}, DAY)
    assert judged(terms=terms, taken=20) == ("limited", [(0, None)])


def test_sales_end_with_a_gate_that_closes_after_the_end():
    terms = rules.make_terms(offering(gate(0, -150, "end")), {"adult": 1}, DAY)
    assert judged(-1801.0, terms) == ("available", [(15, None)])
    assert judged(-1800.0, terms) == ("closed", [(15, "closed")])
    assert judged(-1800.0, terms, delay=delayed(0, HOUR)) == ("available", [(15, None)])


def test_expected_seconds():
    assert rules.expected_seconds(found_slot()) == (START, START + 2 * HOUR)
    assert rules.expected_seconds(found_slot(delay=delayed(HOUR))) == (START + HOUR, START + 3 * HOUR)
    assert rules.expected_seconds(found_slot(delay=delayed(HOUR, 0))) == (START + HOUR, START + 2 * HOUR)
    assert rules.delay_of(found_slot()) is None
    found = rules.delay_of(found_slot(delay=delayed(HOUR)))
    assert found is not None
    assert found.estimated_starts_at.timestamp() == START + HOUR


@pytest.mark.parametrize(
    ("gates", "slot", "expected"),
    [
        ([gate(10, 5, "start")], {}, (0, -600, 300)), ([gate(10, -5, "start")], {}, (-300, -600, -300)),
        ([gate(10, -20, "start")], {}, (-600, -600, -600)), ([gate(10, 5, "end")], {}, (0, -600, 7500)),
        ([gate(10, -130, "end")], {}, (-600, -600, -600)), ([gate(30, -125, "end")], {}, (-300, -1800, -300)),
        ([gate(10, 5, "start"), gate(40, -3, "end")], {}, (0, -2400, 7020)),
        ([gate(10, -20, "start"), gate(40, -5, "start")], {}, (-300, -2400, -300)),
        ([gate(10, -5, "start"), gate(40, -20, "start")], {}, (-300, -2400, -300)),
        ([gate(10, 5, "start")], {"booking_closes_at": START - 50}, (-50, -600, 300)),
        ([gate(10, 5, "start")], {"booking_closes_at": START + 50}, (0, -600, 300)), ([], {}, (0, 0, 7200)),
        ([gate(10, 5, "start")], {"delay": delayed(HOUR), "booking_closes_at": START - 50}, (3550, -600, 3900)),
        ([gate(10, 5, "end")], {"delay": delayed(HOUR), "booking_closes_at": START + 50}, (3600, -600, 11_100)),
        ([gate(10, -20, "start")], {"delay": delayed(HOUR)}, (3000, -600, 2400)),
    ],
)  # fmt: skip
def test_outer_times(gates: list[Admission], slot: dict[str, Any], expected: tuple[float, float, float]):
    terms = rules.make_terms(offering(*gates), None, DAY)
    found_ = found_slot(**slot)
    found = rules.outer_times(found_.starts_at, *rules.expected_seconds(found_), found_.booking_closes_at, terms.gates)
    assert tuple(at - START for at in found) == expected


def test_a_delay_in_an_answer_has_local_times():
    assert rules.delay_answer(None, "UTC", "UTC") is None
    begins, ends = datetime(2026, 6, 1, 12, tzinfo=UTC), datetime(2026, 6, 1, 14, tzinfo=UTC)
    given = Delay(estimated_starts_at=begins, estimated_ends_at=ends, note="Fog", updated_at=begins)
    found = rules.delay_answer(given, "America/New_York", "Asia/Tokyo")
    assert found == given
    assert found is not None
    assert found.estimated_ends_at is not None
    zones = [found.estimated_starts_at.tzinfo, found.estimated_ends_at.tzinfo, found.updated_at.tzinfo]
    assert zones == [ZoneInfo("America/New_York"), ZoneInfo("Asia/Tokyo"), ZoneInfo("America/New_York")]
    open_end = rules.delay_answer(msgspec.structs.replace(given, estimated_ends_at=None), "UTC", "UTC")
    assert open_end is not None
    assert open_end.estimated_ends_at is None


def test_offers_over_many_days():
    last = DAY + timedelta(days=9)
    rows = list(rules.offer_rows(FLIGHT, {"adult": 2, "infant": 1}, DAY, last))
    assert [astuple(row) for row in rows] == [
        (FLIGHT.id, None, DAY, last, None, 0, 0, None),
        (FLIGHT.id, LIGHT.id, DAY, last, 21_480, 2, 60, None),
        (FLIGHT.id, FLEX.id, DAY, last, 43_480, 2, 10, None),
    ]
    assert len(list(rules.offer_rows(FLIGHT, {"infant": 1}, DAY, last))) == 1
    seasonal = [PriceRule(option="flex", unit="adult", amount=100, valid_from=DAY, valid_until=DAY)]
    rows = list(rules.offer_rows(msgspec.structs.replace(FLIGHT, prices=seasonal), {"adult": 1}, DAY, last))
    assert [astuple(row) for row in rows[1:]] == [(FLIGHT.id, FLEX.id, DAY, DAY, 660, 1, 10, None)]


def test_the_words_of_a_status():
    assert rules.STATUSES == ("cancelled", "closed", "sold_out", "limited", "available")
    assert isinstance(FLEX, OptionDefinition)


def test_a_booked_slot_names_the_places_that_its_product_has():
    here, there = (Place(id=UUID(int=n), code=f"P{n}", name="P", time_zone="UTC") for n in (8, 9))
    flight, tower = make_flight(here, there), make_tower(here)
    flown, visited = (
        rules.slot_answer(slot_of(), one, slot_times(slot_of(), one.options[0])) for one in (flight, tower)
    )
    assert [None if place is None else place.code for place in (flown.origin, flown.destination, flown.venue)] == [
        "P8", "P9", None,
    ]  # fmt: skip
    assert [None if place is None else place.code for place in (visited.origin, visited.destination, visited.venue)] == [
        None, None, "P8",
    ]  # fmt: skip
