"""How a row becomes the facts of a verdict, and what the agent is shown of it: one fact at a time, without a database."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import msgspec
import pytest

from booking_api.catalog.schemas import Place
from booking_api.checkin import answers, rules
from booking_api.checkin.answers import Judged
from booking_api.checkin.rules import Judgement
from booking_api.checkin.schemas import ItemFacts, NewScan
from booking_api.core.money import Money
from tests.world import make_flight, make_tower

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
MINUTE, TICK = timedelta(minutes=1), timedelta(microseconds=1)
PLACE = Place(id=UUID(int=7), code="X", name="X", time_zone="UTC")
TOWER = make_tower(PLACE)
FLIGHT = make_flight(PLACE, PLACE)
IN, REFUSED = Judgement("admitted", True), Judgement("unpaid", False)
CTX: Any = SimpleNamespace(language="en", languages=("en",))


def row(*, of: Any = TOWER, unit: int = 0, **more: Any) -> ItemFacts:
    """An adult of a confirmed booking that is paid, of a visit from 12:00 to 13:00 UTC, who wasn't here before."""
    given: dict[str, Any] = dict.fromkeys(ItemFacts.__struct_fields__) | {
        "item_id": UUID(int=1), "booking_id": UUID(int=2), "unit_id": of.units[unit].id, "name": "Ada", "item_status": "active",
        "reference": "R", "booking_status": "confirmed", "product_id": of.id, "product_version": 1,
        "option_id": of.options[0].id, "due_on_site": 0, "currency": "EUR", "settled": 0, "slot_id": UUID(int=3),
        "starts_at": NOW, "ends_at": NOW + 60 * MINUTE, "time_zone": "America/New_York", "slot_status": "open", "gate": "North",
        "pass_issued_at": NOW, "inside": False, "entries": 0, "party_size": 3, "checked_in": 1,
    }  # fmt: skip
    return ItemFacts(**{**given, **more})


# facts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "facts"),
    [
        ({}, {}), ({"booking_status": "on_hold"}, {"known": False, "cancelled": True}),
        ({"booking_status": "pending"}, {"known": False, "cancelled": True}), ({"booking_status": "expired"}, {"cancelled": True}),
        ({"booking_status": "cancelled"}, {"cancelled": True}), ({"item_status": "cancelled"}, {"cancelled": True}),
        ({"slot_status": "cancelled"}, {"cancelled": True}), ({"slot_status": "closed"}, {}), ({"due_on_site": 1}, {"unpaid": True}),
        ({"inside": True, "entries": 2}, {"inside": True, "entries": 2}), ({"gate": None}, {"slot_gate": None}),
    ],
)  # fmt: skip
def test_the_facts_of_an_item(more: dict[str, Any], facts: dict[str, Any]):
    expected = rules.PresentedItem(
        direction="entry", now=NOW, slot_gate="North", slot=UUID(int=3), admit_from=NOW - 15 * MINUTE,
        admit_until=NOW + 60 * MINUTE, reentry=True,
    )  # fmt: skip
    assert answers.facts_of(row(**more), TOWER, NOW) == msgspec.structs.replace(expected, **facts)


def test_what_only_the_scan_knows_is_in_the_facts():
    facts = answers.facts_of(
        row(), TOWER, NOW, "exit", gate="South", serving=UUID(int=9), known=False, revoked=True
    )  # fmt: skip
    assert (facts.direction, facts.gate, facts.serving, facts.known, facts.revoked) == (
        "exit", "South", UUID(int=9), False, True,
    )  # fmt: skip
    assert not answers.facts_of(row(booking_status="on_hold"), TOWER, NOW, known=True).known


def test_a_delay_keeps_the_gate_open():
    late = row(estimated_starts_at=NOW + 30 * MINUTE)
    facts = answers.facts_of(late, TOWER, NOW)
    assert (facts.admit_from, facts.admit_until) == (NOW - 15 * MINUTE, NOW + 90 * MINUTE)


@pytest.mark.parametrize(
    ("status", "due", "settled", "amount"),
    [
        ("confirmed", 500, 0, 500), ("confirmed", 500, 499, 1), ("confirmed", 500, 500, 0), ("confirmed", 500, 600, 0),
        ("confirmed", 0, 0, 0), ("cancelled", 500, 0, 0), ("on_hold", 500, 0, 0),
    ],
)  # fmt: skip
def test_what_is_due_at_the_gate(status: str, due: int, settled: int, amount: int):
    found = row(booking_status=status, due_on_site=due, settled=settled)
    assert answers.amount_due(found) == amount
    assert answers.facts_of(found, TOWER, NOW).unpaid is (amount > 0)


# what the agent sees ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "judgement", "codes"),
    [
        ({}, IN, []), ({"due_on_site": 1}, REFUSED, ["amount_due"]),
        ({"due_on_site": 1}, Judgement("admitted", True, "unpaid"), ["amount_due", "overridden"]),
        ({}, Judgement("exited", True), ["entry_unknown"]), ({"inside": True}, Judgement("exited", True), []),
        ({}, REFUSED, []), ({"entries": 1}, IN, ["reentry"]), ({"entries": 1}, REFUSED, []),
        ({"entries": 1, "inside": True}, Judgement("exited", True), []),
        ({"companion_item_id": UUID(int=5)}, IN, ["companion"]), ({"name": None}, IN, []),
    ],
)  # fmt: skip
def test_what_the_agent_should_notice(more: dict[str, Any], judgement: Judgement, codes: list[str]):
    found = answers.attention(row(**more), TOWER, judgement, "en")
    assert [one.code for one in found] == codes
    assert [one.amount for one in found] == [Money(1, "EUR") if code == "amount_due" else None for code in codes]


def test_whose_age_and_name_matter():
    def codes(unit: int, **more: Any) -> list[str]:
        return [one.code for one in answers.attention(row(of=FLIGHT, unit=unit, **more), FLIGHT, IN, "en")]

    assert codes(0) == []
    assert codes(1) == ["minor", "companion"]
    assert codes(0, name=None) == ["name_missing"]
    # The age counts on the day that the slot has where it is.
    (minor, _) = answers.attention(row(of=FLIGHT, unit=1, starts_at=NOW.replace(hour=3)), FLIGHT, IN, "en")
    assert minor.text == "A minor: check the age, at most 11 on 2026-05-31."


def test_the_scan_before():
    assert answers.previous_scan(row()) is None
    assert answers.previous_scan(row(last_at=NOW)) is None
    assert answers.previous_scan(row(last_direction="entry")) is None
    found = answers.previous_scan(row(last_at=NOW, last_direction="exit", last_gate="South"))
    assert found is not None
    assert (found.at.isoformat(), found.direction, found.gate) == ("2026-06-01T08:00:00-04:00", "exit", "South")


def said(verdict: str, **more: Any) -> str:
    found = row(**more)
    return answers.sentence(Judgement(verdict, False), "en", found, answers.facts_of(found, TOWER, NOW))


def test_sentences_have_the_slots_local_times():
    assert said("wrong_gate") == "Wrong gate. It is gate North."
    assert said("wrong_gate", gate=None) == "Wrong gate. It is gate ?."
    assert said("wrong_slot") == "Not for this time. The booking is for 2026-06-01 08:00."
    assert said("too_early") == "Too early. Admission opens at 2026-06-01 07:45."
    assert said("expired") == "Too late. Admission ended at 2026-06-01 09:00."
    assert said("already_used", last_at=NOW) == "Already admitted at 2026-06-01 08:00."
    assert said("already_used") == "Already admitted at ?."
    assert said("unpaid") == "Not paid yet."
    found = row()
    for known in ((found, None), (None, answers.facts_of(found, TOWER, NOW)), (None, None)):
        assert answers.sentence(Judgement("forged", False), "de", *known) == "Das ist kein echter Pass."


def judged(judgement: Judgement = IN, *, number: int = 1, **more: Any) -> Judged:
    found = row(item_id=UUID(int=number), **more)
    return Judged(found.item_id, judgement, found, answers.facts_of(found, TOWER, NOW))


def test_who_is_newly_admitted():
    some = [
        judged(), judged(entries=1), judged(REFUSED), Judged(UUID(int=4), IN), Judged(None, Judgement("forged", False)),
        judged(),
    ]  # fmt: skip
    assert answers.newly_admitted(some) == 2


def answer(*all_judged: Judged, party: Any = None, definition: Any = TOWER, fresh: int = 0) -> Any:
    new = NewScan(nonce="n", party_item_ids=party)
    return answers.scan_answer(CTX, new, all_judged, definition, fresh=fresh, admitted=7)


def test_the_answer_to_a_scan():
    found = answer(judged(), fresh=2)
    assert (found.admit, found.verdict, found.reason, found.admitted, found.items) == (
        True,
        "admitted",
        "Admitted.",
        7,
        None,
    )
    assert (found.booking.checked_in, found.booking.party_size, found.booking.status) == (3, 3, "confirmed")
    assert (found.item.id, found.item.unit, found.expected, found.previous_scan) == (UUID(int=1), "adult", None, None)


@pytest.mark.parametrize("verdict", [name for name, _ in rules.VERDICTS])
def test_where_it_would_be_right_is_told_where_it_is_wrong(verdict: str):
    is_located = verdict in {"wrong_gate", "wrong_slot", "too_early", "expired"}
    shown = answer(judged(Judgement(verdict, False)))
    assert (shown.expected is not None) == is_located
    overridden = answer(judged(Judgement("admitted", True, verdict)))
    assert (overridden.expected is not None) == is_located
    if is_located:
        assert shown.expected.admit_from == NOW - 15 * MINUTE
    # What isn't known here says nothing of the item that may stand behind it.
    assert (shown.item is None) == (shown.booking is None) == (verdict == "unknown")


def test_what_nobody_knows_has_a_verdict_and_nothing_else():
    forged = answer(Judged(None, Judgement("forged", False)), definition=None)
    assert (forged.item, forged.booking, forged.expected, forged.attention) == (None, None, None, [])
    assert forged.reason == "This is not a genuine pass."
    unknown = answer(judged(Judgement("unknown", False), due_on_site=5), party=[], definition=None)
    assert (unknown.item, unknown.booking, unknown.attention, unknown.previous_scan) == (None, None, [], None)
    assert [one.item_id for one in unknown.items] == [UUID(int=1)]
    assert answer(judged(), definition=None).booking is None
    # An override can't know what would be right of an item that isn't known.
    assert answer(Judged(UUID(int=1), Judgement("admitted", True, "expired"))).expected is None


def test_each_of_a_party_has_a_verdict():
    found = answer(judged(), judged(REFUSED, number=2), Judged(None, REFUSED), party=[UUID(int=2)])
    assert [(one.item_id.int, one.admit, one.verdict) for one in found.items] == [
        (1, True, "admitted"),
        (2, False, "unpaid"),
    ]


# look-up ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "at", "state", "actions"),
    [
        ({}, NOW, "valid", ["enter"]), ({"pass_issued_at": None}, NOW, "none", ["enter"]),
        ({}, NOW + 60 * MINUTE - TICK, "valid", ["enter"]), ({}, NOW + 60 * MINUTE, "ended", []),
        ({"inside": True, "entries": 1}, NOW, "valid", ["exit"]), ({"entries": 1}, NOW, "valid", ["enter"]),
        ({"inside": True, "entries": 1}, NOW + 60 * MINUTE, "ended", ["exit"]), ({"due_on_site": 1}, NOW, "valid", []),
    ],
)  # fmt: skip
def test_what_can_be_done_with_an_item(more: dict[str, Any], at: datetime, state: str, actions: list[str]):
    found = answers.lookup_item(row(**more), TOWER, at, ["en"])
    assert (found.pass_state, found.available_actions) == (state, actions)
    assert found.admitted_at is None


def test_when_an_item_was_first_admitted():
    found = answers.lookup_item(row(first_admitted_at=NOW), TOWER, NOW, ["en"])
    assert found.admitted_at is not None
    assert found.admitted_at.isoformat() == "2026-06-01T08:00:00-04:00"


@pytest.mark.parametrize(
    ("more", "paid", "due"),
    [
        ({}, True, 0), ({"due_on_site": 2, "settled": 1}, False, 1), ({"due_on_site": 2, "settled": 2}, True, 0),
        ({"booking_status": "on_hold", "due_on_site": 2}, False, 0), ({"booking_status": "cancelled"}, False, 0),
    ],
)  # fmt: skip
def test_a_booking_that_is_looked_up_says_what_is_due(more: dict[str, Any], paid: bool, due: int):
    found = answers.lookup_booking([row(**more), row(item_id=UUID(int=9), **more)], TOWER, NOW, ["en"])
    assert (found.paid, found.amount_due, found.available_actions) == (
        paid, Money(due, "EUR") if due else None, ["settle"] if due else [],
    )  # fmt: skip
    assert ([item.id.int for item in found.items], found.checked_in) == ([1, 9], 1)
    assert len(answers.lookup_booking([row(**more)], TOWER, NOW, ["en"]).items) == 1
