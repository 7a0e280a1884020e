"""The decisions of feedback alone: whom to ask, which answers fit, what scores add up to."""

import hashlib
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking_api.core.errors import Unprocessable
from booking_api.feedback import rules
from booking_api.feedback.rules import Ask, OpenAsk, decide
from booking_api.feedback.schemas import AskRow, PromptRow
from booking_api.feedback.summary_schemas import AskCount, ScoreCount

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SOON = timedelta(microseconds=1)
FIRST, SECOND, BOOKING, OTHER = (UUID(int=number) for number in range(1, 5))
MONDAY, NEXT_MONDAY = date(2026, 12, 28), date(2027, 1, 4)


def prompt(identity: UUID = FIRST, kind: str = "ces", pause_days: int = 30) -> PromptRow:
    return PromptRow(identity, "visit", kind, {"en": "How was it?"}, 100, pause_days, True, NOW, NOW)


def asked(
    number: int = 1, prompt_id: UUID = FIRST, ago: timedelta = timedelta(hours=1), *, step: str = "visit",
    kind: str = "ces", booking_id: UUID | None = BOOKING, answered: bool = False,
) -> AskRow:  # fmt: skip
    return AskRow(UUID(int=100 + number), number, prompt_id, step, kind, booking_id, NOW - ago, answered)


@given(st.uuids(), st.uuids(), st.integers(0, 100))
def test_a_share_is_the_same_for_the_two_and_grows(customer, identity, share):
    number = int(hashlib.sha256(customer.bytes + identity.bytes).hexdigest()[:16], 16) % 100
    assert rules.in_share(customer, identity, share) is (share > number)


def test_a_share_takes_about_its_part_of_the_customers():
    found = [sum(rules.in_share(UUID(int=n), FIRST, share) for n in range(2000)) for share in (0, 10, 50, 100)]
    assert found[0] == 0
    assert 140 <= found[1] <= 260
    assert 900 <= found[2] <= 1100
    assert found[3] == 2000


@pytest.mark.parametrize(("kind", "ends"), [("ces", (1, 7)), ("csat", (1, 5)), ("nps", (0, 10))])
def test_the_ends_of_a_scale_have_names(kind, ends):
    german, english, french = (rules.scale_of(kind, language) for language in ("de", "en", "fr"))
    assert german is not None
    assert english is not None
    assert (german.min, german.max) == ends
    assert english == french
    assert len({german.min_label, german.max_label, english.min_label, english.max_label}) == 4


def test_words_alone_have_no_scale():
    assert rules.scale_of("text", "en") is None


@pytest.mark.parametrize(
    ("ask", "step", "booking_id", "shown"),
    [
        (asked(), "visit", BOOKING, True),
        (asked(), "visit", None, True),
        (asked(), "visit", OTHER, False),
        (asked(booking_id=None), "visit", BOOKING, False),
        # An ask belongs to the step, and is of the kind, that it was made for.
        (asked(step="details"), "visit", BOOKING, False),
        (asked(), "details", BOOKING, False),
        (asked(kind="nps"), "visit", BOOKING, False),
        (asked(answered=True), "visit", BOOKING, False),
        (asked(ago=timedelta(days=1) - SOON), "visit", BOOKING, True),
        (asked(ago=timedelta(days=1)), "visit", BOOKING, False),
        (asked(prompt_id=SECOND), "visit", BOOKING, False),
    ],
)
def test_an_open_ask_is_shown_again_where_it_belongs(ask, step, booking_id, shown):
    assert decide([prompt()], [ask], step, booking_id, NOW) == (OpenAsk(ask, prompt()) if shown else None)


def test_whoever_was_never_asked_is_asked_for_the_first_time():
    assert decide([prompt()], [], "visit", BOOKING, NOW) == Ask(prompt(), 1)
    assert decide([], [], "visit", BOOKING, NOW) is None


@pytest.mark.parametrize(
    ("ago", "due"), [(timedelta(days=30) - SOON, False), (timedelta(days=30), True), (timedelta(days=31), True)]
)
def test_a_pause_ends_with_its_last_day(ago, due):
    asks = [asked(4, ago=ago, booking_id=OTHER), asked(3, SECOND, timedelta(days=90), booking_id=OTHER)]
    assert decide([prompt()], asks, "visit", BOOKING, NOW) == (Ask(prompt(), 5) if due else None)


def test_the_latest_ask_of_any_prompt_counts_for_the_pause():
    asks = [asked(2, SECOND, timedelta(days=3), answered=True, booking_id=OTHER), asked(1, FIRST, timedelta(days=90))]
    assert decide([prompt(pause_days=4)], asks, "visit", None, NOW) is None
    assert decide([prompt(pause_days=3)], asks, "visit", None, NOW) == Ask(prompt(pause_days=3), 3)


def test_a_booking_is_asked_about_once_by_each_prompt():
    old = asked(1, FIRST, timedelta(days=90), answered=True)
    assert decide([prompt()], [old], "visit", BOOKING, NOW) is None
    assert decide([prompt()], [old], "visit", OTHER, NOW) == Ask(prompt(), 2)
    assert decide([prompt(), prompt(SECOND)], [old], "visit", BOOKING, NOW) == Ask(prompt(SECOND), 2)
    # Where no booking is meant, none was asked about.
    assert decide([prompt()], [asked(1, FIRST, timedelta(days=90), booking_id=None)], "visit", None, NOW) == Ask(
        prompt(), 2
    )


def test_the_prompt_that_was_asked_longest_ago_is_due():
    asks = [asked(n, of, timedelta(days=200 - n), booking_id=None) for n, of in ((3, FIRST), (2, SECOND), (1, FIRST))]
    assert decide([prompt(), prompt(SECOND)], asks, "visit", None, NOW) == Ask(prompt(SECOND), 4)
    asks = [asked(n, of, timedelta(days=200 - n), booking_id=None) for n, of in ((3, SECOND), (2, FIRST), (1, SECOND))]
    assert decide([prompt(), prompt(SECOND)], asks, "visit", None, NOW) == Ask(prompt(), 4)
    # One that was never asked comes before all.
    assert decide([prompt(), prompt(SECOND)], asks[1:2], "visit", None, NOW) == Ask(prompt(SECOND), 3)


@pytest.mark.parametrize(
    ("kind", "score", "text", "pointer"),
    [
        ("text", None, "Good", None), ("text", None, " \n", "/text"), ("text", None, None, "/text"),
        ("text", 3, "Good", "/score"), ("ces", None, "Good", "/score"), ("ces", 0, None, "/score"),
        ("ces", 1, None, None), ("ces", 7, None, None), ("ces", 8, None, "/score"), ("csat", 5, None, None),
        ("csat", 1, None, None), ("csat", 0, None, "/score"), ("csat", 6, None, "/score"), ("nps", 0, None, None),
        ("nps", 10, None, None), ("nps", 11, None, "/score"), ("nps", -1, None, "/score"),
    ],
)  # fmt: skip
def test_answers_fit_their_kind(kind, score, text, pointer):
    if pointer is None:
        rules.check_answer(kind, score, text)
        return
    with pytest.raises(Unprocessable) as refused:
        rules.check_answer(kind, score, text)
    assert [error.pointer for error in refused.value.errors or []] == [pointer]


def test_a_refused_score_is_told_the_scale():
    for score in (None, 8):
        with pytest.raises(Unprocessable, match="from 1 to 7"):
            rules.check_answer("ces", score, None)


@pytest.mark.parametrize(("kind", "highest"), [("ces", 3), ("csat", 2), ("nps", 6)])
def test_low_scores(kind, highest):
    assert [score for score in rules.RANGES[kind] if rules.is_low(kind, score)] == [
        score for score in rules.RANGES[kind] if score <= highest
    ]
    assert not rules.is_low(kind, None)
    assert not rules.is_low("text", highest)


def test_local_days():
    assert rules.local_midnight(date(2026, 3, 29), "Europe/Berlin") == datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert rules.local_midnight(date(2026, 3, 30), "Europe/Berlin") == datetime(2026, 3, 29, 22, tzinfo=UTC)
    assert rules.local_day(datetime(2026, 3, 28, 23, tzinfo=UTC), "Europe/Berlin") == date(2026, 3, 29)
    assert rules.local_day(datetime(2026, 3, 28, 22, 59, tzinfo=UTC), "Europe/Berlin") == date(2026, 3, 28)
    assert rules.week_name(MONDAY) == "2026-W53"
    assert rules.week_name(NEXT_MONDAY) == "2027-W01"


def test_numbers():
    assert rules.mean_of({1: 2, 4: 1}) == 2.0
    assert rules.mean_of({3: 2, 5: 1}) == 3.67
    assert rules.mean_of({}) is None
    assert rules.nps_of("nps", {0: 1, 6: 2, 7: 1, 8: 1, 9: 2, 10: 2}) == 11.1
    assert [rules.nps_of("nps", {score: 1}) for score in range(11)] == [-100.0] * 7 + [0.0] * 2 + [100.0] * 2
    assert rules.nps_of("nps", {}) is None
    assert rules.nps_of("csat", {5: 1}) is None
    assert [rules.rate_of(1, 3), rules.rate_of(2, 3), rules.rate_of(0, 5), rules.rate_of(0, 0)] == [
        0.333,
        0.667,
        0.0,
        None,
    ]


def test_a_summary():
    scores = [
        ScoreCount("a", "nps", NEXT_MONDAY, 9, 2), ScoreCount("a", "nps", MONDAY, 6, 1),
        ScoreCount("a", "nps", MONDAY, 10, 3), ScoreCount("a", "text", MONDAY, None, 4),
        ScoreCount("", "csat", MONDAY, 5, 1),
    ]  # fmt: skip
    asks = [AskCount("a", "nps", 8, 6), AskCount("a", "ces", 2, 0)]
    first, nobody = rules.summarise(["a", ""], scores, asks, {"a": "Tower"})
    assert (first.key, first.title, first.count) == ("a", "Tower", 10)
    assert (first.asked, first.answered, first.response_rate) == (10, 6, 0.6)
    ces, nps, text = first.kinds
    assert (ces.kind, ces.count, ces.mean, ces.asked, ces.answered, ces.response_rate) == ("ces", 0, None, 2, 0, 0.0)
    assert ces.distribution == {str(score): 0 for score in range(1, 8)}
    assert (nps.kind, nps.count, nps.mean, nps.nps, nps.response_rate) == ("nps", 6, 9.0, 66.7, 0.75)
    assert nps.distribution == {str(score): {6: 1, 9: 2, 10: 3}.get(score, 0) for score in range(11)}
    assert [(point.week, point.starts_on, point.count, point.mean, point.nps) for point in nps.trend] == [
        ("2026-W53", MONDAY, 4, 9.0, 50.0), ("2027-W01", NEXT_MONDAY, 2, 9.0, 100.0),
    ]  # fmt: skip
    assert (text.count, text.mean, text.distribution, text.asked, text.answered) == (4, None, {}, 0, 0)
    assert text.response_rate is None
    assert (nobody.key, nobody.title, nobody.count, nobody.response_rate) == (None, None, 1, None)
    (week,) = rules.summarise(["2026-12-28"], [ScoreCount("2026-12-28", "ces", MONDAY, 1, 1)], [], {}, by_week=True)
    assert week.key == "2026-W53"


def test_a_prompt_that_was_never_asked_comes_before_the_first_that_was():
    first = asked(1, FIRST, timedelta(days=90), booking_id=None)
    assert decide([prompt(), prompt(SECOND)], [first], "visit", None, NOW) == Ask(prompt(SECOND), 2)


def test_how_long_an_answer_may_be_edited_and_an_ask_is_open():
    assert (timedelta(hours=1), timedelta(hours=24)) == (rules.EDITABLE, rules.OPEN)
