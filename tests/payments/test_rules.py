from datetime import UTC, datetime, timedelta
from typing import get_args
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking_api.core.ids import new_id
from booking_api.core.money import Money
from booking_api.payments import rules
from booking_api.payments.refund_schemas import RefundFact, RefundOutcome, RefundStatus
from booking_api.payments.schemas import Intent, IntentStatus, Outcome, OutcomeStatus, Redirect

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
STATUSES = get_args(IntentStatus)
outcomes = st.builds(
    Outcome,
    status=st.sampled_from(get_args(OutcomeStatus)),
    charged=st.sampled_from([None, Money(1990, "EUR"), Money(1, "EUR"), Money(1990, "USD")]),
) | st.just(Outcome(status="processing", answered=False))  # fmt: skip


def make_intent(status: IntentStatus = "created", **changes: object) -> Intent:
    given = {
        "id": new_id(), "order_id": new_id(), "amount": 1990, "currency": "EUR", "provider": "test", "status": status,
        "provider_reference": None, "next_action": None, "error_code": None, "attempts": 0, "next_check_at": NOW,
        "give_up_at": NOW + timedelta(minutes=30), "created_at": NOW, "updated_at": NOW,
    }  # fmt: skip
    return Intent(**{**given, **changes})  # type: ignore[arg-type]


def test_table_covers_every_status():
    assert set(rules.TRANSITIONS) == set(STATUSES)
    assert {status for status, next_ in rules.TRANSITIONS.items() if "created" in next_} == set()


@given(st.lists(outcomes, max_size=12))
def test_whatever_comes_in_any_order_money_that_moved_is_never_forgotten(news):
    intent = make_intent()
    status: IntentStatus = "created"
    moved = False
    for outcome in news:
        believed = rules.believe(intent, outcome)
        after = rules.next_status(status, believed)
        assert after == status or after in rules.TRANSITIONS[status]
        moved |= believed.status == "succeeded"
        if status in rules.SETTLED:
            assert after in {status, "succeeded"}
        status = after
        assert (status == "succeeded") == moved


@given(st.lists(outcomes, max_size=12))
def test_saying_everything_twice_changes_nothing(news):
    once = twice = "created"
    for outcome in news:
        once = rules.next_status(once, outcome)  # type: ignore[arg-type]
        twice = rules.next_status(rules.next_status(twice, outcome), outcome)  # type: ignore[arg-type]
    assert once == twice


def test_silence_teaches_nothing():
    silence = Outcome(status="processing", answered=False)
    assert rules.next_status("created", silence) == "processing"
    for status in STATUSES[1:]:
        assert rules.next_status(status, silence) == status


@pytest.mark.parametrize("charged", [Money(1989, "EUR"), Money(1990, "USD"), Money(0, "EUR")])
def test_success_for_another_amount_is_not_believed(charged):
    believed = rules.believe(make_intent(), Outcome(status="succeeded", charged=charged))
    assert (believed.status, believed.answered, believed.error_code) == ("processing", False, "amount_mismatch")


@pytest.mark.parametrize(
    ("status", "charged"),
    [
        ("succeeded", None), ("succeeded", Money(1990, "EUR")), ("failed", None), ("failed", Money(1, "EUR")),
        ("processing", Money(1990, "USD")),
    ],
)  # fmt: skip
def test_what_is_believed_as_it_is_said(status, charged):
    said = Outcome(status=status, charged=charged)
    assert rules.believe(make_intent(), said) is said


@given(st.integers(0, 10_000), st.integers(-3600, 3600))
def test_next_check_comes_and_is_bounded(attempts, seconds):
    give_up_at = NOW + timedelta(seconds=seconds)
    at = rules.next_check("processing", attempts, give_up_at, NOW)
    assert at is not None
    assert NOW < at <= NOW + timedelta(seconds=rules.LONGEST_PAUSE_SECONDS)
    for status in rules.SETTLED:
        assert rules.next_check(status, attempts, give_up_at, NOW) is None


EUR = Money(1990, "EUR")
PAID = make_intent("succeeded")
GIVEN_UP = make_intent("processing", abandoned_at=NOW)
OTHER = new_id()


def back(amount: int, status: RefundStatus, intent: UUID | None = PAID.id) -> RefundFact:
    return RefundFact(
        id=new_id(), order_id=PAID.order_id, intent_id=intent, booking_id=None, amount=amount, currency="EUR",
        status=status, reason="cancelled",
    )  # fmt: skip


ACTION = Redirect(type="redirect", url="https://bank.example/1", expires_at=NOW)


@pytest.mark.parametrize(
    ("given", "status", "amount"),
    [
        ({"due_now": Money(0, "EUR")}, "none_due", 0),
        ({"due_now": Money(0, "EUR"), "due_on_site": EUR}, "due_on_site", 1990),
        ({"due_now": Money(0, "EUR"), "due_on_site": EUR, "settled": 990}, "due_on_site", 1000),
        ({"due_now": Money(0, "EUR"), "due_on_site": EUR, "settled": 1990}, "succeeded", 1990),
        ({"due_now": Money(0, "EUR"), "due_on_site": EUR, "cancelled": True}, "none_due", 0),
        ({"due_now": EUR}, "requires_action", 1990),
        ({"due_now": EUR, "cancelled": True}, "none_due", 1990),
        ({"due_now": EUR, "intent": make_intent("created")}, "processing", 1990),
        ({"due_now": EUR, "intent": make_intent("processing")}, "processing", 1990),
        ({"due_now": EUR, "intent": make_intent("requires_action", next_action=ACTION)}, "requires_action", 1990),
        ({"due_now": EUR, "intent": make_intent("succeeded")}, "succeeded", 1990),
        ({"due_now": EUR, "due_on_site": Money(500, "EUR"), "intent": make_intent("succeeded")}, "due_on_site", 500),
        ({"due_now": EUR, "intent": make_intent("failed", error_code="card_declined")}, "failed", 1990),
        ({"due_now": EUR, "intent": make_intent("cancelled")}, "failed", 1990),
        ({"due_now": EUR, "intent": PAID, "refunds": [back(1990, "succeeded")]}, "refunded", 1990),
        ({"due_now": EUR, "intent": PAID, "refunds": [back(990, "succeeded")]}, "partly_refunded", 1990),
        ({"due_now": EUR, "intent": PAID, "refunds": [back(990, "succeeded")], "cancelled": True}, "refunded", 990),
        ({"due_now": EUR, "intent": PAID, "refunds": [back(990, "created")]}, "refund_pending", 990),
        ({"due_now": EUR, "intent": PAID, "refunds": [back(990, "failed")], "cancelled": True}, "refund_failed", 990),
        # One that failed is never covered by another that came.
        ({"due_now": EUR, "intent": PAID, "refunds": [back(990, "failed"), back(1000, "succeeded")]}, "refund_failed", 1990),
        ({"due_now": EUR, "intent": PAID, "refunds": [back(990, "created"), back(1000, "failed")]}, "refund_failed", 1990),
        ({"due_now": EUR, "intent": PAID, "refunds": [back(990, "created"), back(1000, "settled")]}, "refund_pending", 1990),
        ({"due_now": EUR, "intent": PAID, "refunds": [back(990, "settled"), back(1000, "succeeded")]}, "refunded", 1990),
        # What was taken on site is given back on site.
        (
            {"due_now": Money(0, "EUR"), "settled": 500, "refunds": [back(500, "due_on_site", intent=None)], "cancelled": True},
            "refund_pending", 500,
        ),
        # The payment that another one took the place of is no part of what stands, but all there is of what doesn't.
        ({"due_now": EUR, "intent": PAID, "refunds": [back(1990, "failed", intent=OTHER)]}, "succeeded", 1990),
        ({"due_now": EUR, "intent": PAID, "refunds": [back(1990, "failed", intent=OTHER)], "cancelled": True}, "refund_failed", 1990),
        ({"due_now": EUR, "intent": GIVEN_UP, "refunds": [back(1990, "created", intent=GIVEN_UP.id)]}, "requires_action", 1990),
        ({"due_now": EUR, "intent": GIVEN_UP, "cancelled": True}, "processing", 1990),
        # What is still to be paid at the gate comes before what went back.
        (
            {"due_now": EUR, "due_on_site": Money(500, "EUR"), "intent": PAID, "refunds": [back(990, "succeeded")]},
            "due_on_site", 500,
        ),
        ({"due_now": Money(0, "EUR"), "due_on_site": Money(500, "EUR"), "settled": 500, "refunds": [back(200, "settled", None)]},
            "partly_refunded", 500),
        ({"due_now": EUR, "due_on_site": Money(500, "EUR"), "settled": 500, "intent": PAID, "refunds": [back(990, "succeeded")]},
            "partly_refunded", 2490),
        ({"due_now": EUR, "settled": 500, "intent": make_intent("failed"), "refunds": [back(500, "settled", None)]}, "refunded", 500),
        # One cent is an amount.
        ({"due_now": Money(1, "EUR")}, "requires_action", 1),
        ({"due_now": Money(0, "EUR"), "due_on_site": Money(1, "EUR"), "settled": 1}, "succeeded", 1),
        ({"due_now": Money(0, "EUR"), "due_on_site": Money(2, "EUR"), "settled": 1}, "due_on_site", 1),
        # What was promised of what stands is nothing that went back.
        ({"due_now": EUR, "intent": PAID, "promised": 990}, "succeeded", 1990),
        # Bookings that were cancelled before refunds had states.
        ({"due_now": EUR, "intent": PAID, "promised": 990, "cancelled": True}, "refunded", 990),
    ],
)  # fmt: skip
def test_what_an_app_is_told(given, status, amount):
    answer = rules.payment_answer(**given)
    assert (answer.status, answer.amount) == (status, Money(amount, "EUR"))
    intent = given.get("intent")
    asks = intent is not None and intent.next_action is not None
    assert (answer.next_action is not None) == (asks and status == "requires_action")
    assert (answer.error is not None) == (status == "failed")


def test_an_app_is_offered_the_methods_there_are():
    methods = rules.describe_methods(["test", "on_site", "other"], "de")
    assert [(one.method, one.title, one.needs) for one in methods] == [
        ("test", "Testkarte", ["token"]), ("on_site", "Vor Ort bezahlen", []), ("other", "other", ["token"]),
    ]  # fmt: skip
    assert rules.payment_answer(due_now=EUR, methods=methods).methods == methods
    assert rules.payment_answer(due_now=EUR).methods == []


@pytest.mark.parametrize(
    ("status", "said", "told"),
    [
        ("failed", "card_declined", "card_declined"),
        ("cancelled", None, "cancelled"),
        ("cancelled", "timeout", "timeout"),
    ],
)
def test_why_a_payment_failed(status: IntentStatus, said: str | None, told: str):
    error = rules.payment_answer(due_now=EUR, intent=make_intent(status, error_code=said)).error
    assert error is not None
    assert error.code == told


def test_how_much_is_back_already():
    def refunded(*refunds: RefundFact, cancelled: bool = False) -> Money | None:
        return rules.payment_answer(due_now=EUR, intent=PAID, refunds=refunds, cancelled=cancelled).refunded

    assert refunded() is None
    assert refunded(back(990, "created")) is None
    assert refunded(back(990, "failed")) is None
    assert refunded(back(990, "created"), back(1, "succeeded")) == Money(1, "EUR")
    assert refunded(back(990, "failed"), back(100, "settled")) == Money(100, "EUR")
    assert refunded(back(1990, "succeeded")) == EUR
    assert refunded(back(990, "succeeded")) == refunded(back(990, "settled"), cancelled=True) == Money(990, "EUR")


def test_the_pauses_between_questions():
    waited = [rules.pause(attempts).total_seconds() for attempts in range(8)]
    assert waited == [2, 2, 4, 8, 16, 32, 60, 60]
    of_refunds = [
        rules.pause(attempts, rules.LONGEST_REFUND_PAUSE_SECONDS).total_seconds() for attempts in (11, 12, 500)
    ]
    assert of_refunds == [2048, 3600, 3600]
    assert rules.pause(10**6, 10**9).total_seconds() == 2 * 2**20
    # Whoever opened an intent has asked its provider by then.
    assert rules.FIRST_CHECK_SECONDS == 15
    # A provider that said nothing of a refund isn't asked at once, nor is it forgotten.
    assert timedelta(minutes=10) == rules.SAID_NOTHING


def test_a_question_is_not_put_off_beyond_the_last_moment():
    def after(seconds: float) -> float | None:
        at = rules.next_check("processing", 3, NOW + timedelta(seconds=seconds), NOW)
        return None if at is None else (at - NOW).total_seconds()

    assert [after(100), after(8), after(5), after(0.5), after(0), after(-5)] == [8, 8, 5, 0.5, 8, 8]
    for status in rules.SETTLED:
        assert rules.next_check(status, 3, NOW + timedelta(hours=1), NOW) is None


# what is said of a refund later -------------------------------------------------------------------------------------


def said(status: str, reference: str | None = None) -> RefundOutcome:
    return RefundOutcome(status=status, provider_reference=reference)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "reference", "word"),
    [
        ([], None, None),
        ([None], None, None),
        ([said("succeeded", "re_1")], "re_1", "succeeded"),
        ([said("failed", "re_1")], "re_1", "failed"),
        ([said("failed", "re_1")], None, "failed"),
        ([said("processing", "re_1")], "re_1", None),
        # The first failed long ago; of the second, which succeeded, the provider has forgotten everything.
        ([said("failed", "re_1"), None], "re_2", None),
        ([said("failed", "re_1"), None], None, None),
        ([said("failed", "re_1"), said("failed", "re_2")], "re_2", "failed"),
        ([said("failed", "re_1"), said("failed", "re_2")], None, "failed"),
        ([said("failed", "re_1"), said("processing")], "re_1", None),
        ([said("processing"), said("succeeded", "re_2")], "re_1", "succeeded"),
        ([said("failed", "re_1"), said("succeeded", "re_2")], "re_1", "succeeded"),
    ],
)
def test_the_last_word_about_a_refund(found, reference, word):
    assert rules.last_word(found, reference) == word


def test_a_refund_is_looked_at_again_until_no_bank_returns_it():
    looks = []
    at = NOW
    while (following := rules.next_look(NOW, at)) is not None:
        assert following > at
        looks.append((at := following) - NOW)
    assert [look.days for look in looks] == [1, 3, 7, 14, 30]
    assert rules.next_look(NOW, NOW + timedelta(days=1) - timedelta(microseconds=1)) == NOW + timedelta(days=1)
