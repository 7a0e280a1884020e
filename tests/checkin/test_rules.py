"""The order of the verdicts, whatever else is true of an item."""

from datetime import UTC, datetime, timedelta
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking_api.checkin import rules
from booking_api.checkin.rules import PresentedItem

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ORDER = [
    "forged", "unknown", "cancelled", "revoked", "unpaid", "wrong_gate", "wrong_slot", "too_early", "expired", "already_used",
]  # fmt: skip
BREAKING = {
    "forged": {"genuine": False},
    "unknown": {"known": False},
    "cancelled": {"cancelled": True},
    "revoked": {"revoked": True},
    "unpaid": {"unpaid": True},
    "wrong_gate": {"gate": "A", "slot_gate": "B"},
    "wrong_slot": {"serving": 1, "slot": 2},
    "too_early": {"admit_from": NOW + timedelta(seconds=1)},
    "expired": {"admit_until": NOW},
    "already_used": {"inside": True, "entries": 1},
}
facts = st.builds(
    PresentedItem, direction=st.sampled_from(["entry", "exit"]), now=st.just(NOW), genuine=st.booleans(), known=st.booleans(),
    cancelled=st.booleans(), revoked=st.booleans(), unpaid=st.booleans(), gate=st.sampled_from([None, "A", "B"]),
    slot_gate=st.sampled_from([None, "A", "a ", "B"]), serving=st.sampled_from([None, 1, 2]), slot=st.sampled_from([1, 2]),
    admit_from=st.sampled_from([NOW - timedelta(1), NOW, NOW + timedelta(1)]),
    admit_until=st.sampled_from([NOW - timedelta(1), NOW, NOW + timedelta(1)]), inside=st.booleans(),
    entries=st.integers(0, 2), reentry=st.booleans(),
)  # fmt: skip


@given(st.sets(st.sampled_from(ORDER)), st.sampled_from(["entry", "exit"]), st.booleans())
def test_first_match_wins(broken, direction, override):
    members = {name: value for each in broken for name, value in BREAKING[each].items()}
    judgement = rules.judge(PresentedItem(direction=direction, now=NOW, **members), override=override)
    judging = ORDER if direction == "entry" else ORDER[:2]
    through = "admitted" if direction == "entry" else "exited"
    first = next((verdict for verdict in judging if verdict in broken), through)
    if first == through:
        assert (judgement.verdict, judgement.admit, judgement.overridden) == (through, True, None)
    elif override and first not in {"forged", "unknown", "revoked"}:
        assert (judgement.verdict, judgement.admit, judgement.overridden) == (through, True, first)
    else:
        assert (judgement.verdict, judgement.admit, judgement.overridden) == (first, False, None)


@given(facts, st.booleans())
def test_every_verdict_has_a_sentence_and_admits_only_as_it_says(facts, override):
    judgement = rules.judge(facts, override=override)
    assert judgement.verdict in rules.REASONS
    assert judgement.admit == (judgement.verdict in rules.LETTING_THROUGH)
    if judgement.admit:
        assert facts.genuine
        assert facts.known
        assert facts.direction == "exit" or not facts.revoked or facts.cancelled
    if not facts.genuine:
        assert judgement.verdict == "forged"


def test_table_is_the_contract():
    assert [name for name, _ in rules.VERDICTS] == [*ORDER[:2], "exited", *ORDER[2:], "admitted"]
    # Records from when such an exit was refused are still answered in words.
    assert set(rules.REASONS) == {name for name, _ in rules.VERDICTS} | {"not_inside"}


@pytest.mark.parametrize(
    ("gate", "slot_gate", "verdict"),
    [("b7 ", "B7", "admitted"), (None, "B7", "admitted"), ("B7", None, "admitted"), ("B8", "B7", "wrong_gate")],
)
def test_gate_is_judged_only_where_both_are_known(gate, slot_gate, verdict):
    assert rules.judge(PresentedItem(direction="entry", now=NOW, gate=gate, slot_gate=slot_gate)).verdict == verdict


@pytest.mark.parametrize(
    ("inside", "entries", "reentry", "entry", "exit_"),
    [
        (False, 0, False, "admitted", "exited"), (True, 1, False, "already_used", "exited"),
        (False, 1, False, "already_used", "exited"), (False, 1, True, "admitted", "exited"),
        (True, 1, True, "already_used", "exited"),
    ],
)  # fmt: skip
def test_reentry(inside, entries, reentry, entry, exit_):
    members = {"now": NOW, "inside": inside, "entries": entries, "reentry": reentry}
    assert rules.judge(PresentedItem(direction="entry", **members)).verdict == entry
    assert rules.judge(PresentedItem(direction="exit", **members)).verdict == exit_


def test_window_is_half_open():
    window = {"direction": "entry", "admit_from": NOW, "admit_until": NOW + timedelta(seconds=1)}
    at = lambda moment: rules.judge(PresentedItem(now=moment, **window)).verdict  # noqa: E731
    assert at(NOW - timedelta(microseconds=1)) == "too_early"
    assert at(NOW) == "admitted"
    assert at(NOW + timedelta(seconds=1)) == "expired"


@pytest.mark.parametrize("texts", [*rules.REASONS.values(), *rules.NOTICES.values()])
def test_texts_exist_in_both_languages_with_the_same_places(texts):
    assert set(texts) == {"en", "de"}
    places = [{name for _, name, _, _ in Formatter().parse(text) if name} for text in texts.values()]
    assert places[0] == places[1]


def test_what_is_not_known_is_as_if_it_were_in_order():
    for now in (rules.BEGINNING, NOW, rules.END - timedelta(microseconds=1)):
        assert rules.judge(PresentedItem(direction="entry", now=now)) == rules.Judgement("admitted", True)
        assert rules.judge(PresentedItem(direction="exit", now=now)) == rules.Judgement("exited", True)
    assert (rules.BEGINNING.isoformat(), rules.END.isoformat()) == (
        "0001-01-01T00:00:00+00:00",
        "9999-12-31T00:00:00+00:00",
    )
    # But nobody comes in twice where nothing says that they may.
    assert rules.judge(PresentedItem(direction="entry", now=NOW, entries=1)) == rules.Judgement("already_used", False)


def test_the_last_moment_of_an_undo():
    assert rules.may_undo_own(NOW, NOW)
    assert rules.may_undo_own(NOW, NOW + timedelta(minutes=10))
    assert not rules.may_undo_own(NOW, NOW + timedelta(minutes=10, microseconds=1))
    assert rules.may_undo_own(NOW + timedelta(seconds=1), NOW)


@pytest.mark.parametrize(("max_age", "is_minor"), [(None, False), (0, True), (17, True), (18, False), (99, False)])
def test_a_minor_is_who_may_not_be_eighteen(max_age, is_minor):
    assert rules.is_minor(max_age) is is_minor


@pytest.mark.parametrize(
    ("nonce", "fine"),
    [("a", True), ("A-1_.~:z", True), ("", False), ("a b", False), ("a\n", False), ("a" * 129, False), ("ä", False)],
)
def test_nonce(nonce, fine):
    assert rules.is_nonce(nonce) is fine


def test_undoing_a_scan_that_was_followed_conflicts():
    assert (rules.LaterScan.code, rules.LaterScan.status) == ("later_scan", 409)


def test_which_sentences_have_places_to_fill():
    assert {verdict for verdict in rules.REASONS if rules.names_values(verdict)} == {
        "wrong_gate", "wrong_slot", "too_early", "expired", "already_used",
    }  # fmt: skip
    assert rules.reason("wrong_gate", "de", gate="B7", starts="") == "Falscher Eingang. Richtig ist B7."
