"""The pure decisions of bookings."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from booking_api.bookings import amounts, details, recovery, rules
from booking_api.catalog.schemas import Admission, Conditions, OptionDefinition
from booking_api.core.ids import new_id
from booking_api.core.money import Money
from booking_api.inventory.claim_rules import choose_seats, first_fit
from booking_api.inventory.schemas import ClaimRequest
from tests.contract.draw_state_machine import PAGE, draw

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_the_drawn_state_machine_is_current():
    assert PAGE.read_text() == draw(), "run python -m tests.contract.draw_state_machine"


def test_places_are_held_exactly_in_the_states_that_say_so():
    for (before, action), after in rules.TRANSITIONS.items():
        if action in {"cancel", "expire", "abandon"}:
            assert before in rules.HOLDS_PLACES
            assert after not in rules.HOLDS_PLACES
        if action == "retake":
            assert before not in rules.HOLDS_PLACES
            assert after in rules.HOLDS_PLACES


def option(**conditions) -> OptionDefinition:
    return OptionDefinition(
        id=new_id(), code="x", title={"en": "X"}, conditions=Conditions(changeable=False, **conditions),
        admission=Admission(opens_before_minutes=0, closes_after_minutes=0, closes_relative_to="end", reentry=False),
    )  # fmt: skip


@given(
    paid=st.integers(0, 10**6), fee=st.integers(0, 10**6), minutes=st.integers(-10_000, 10_000),
    until=st.integers(0, 5_000), refundable=st.booleans(), slot=st.sampled_from(["open", "closed", "cancelled"]),
)  # fmt: skip
def test_fee_and_refund_are_what_was_paid(paid, fee, minutes, until, refundable, slot):
    terms = amounts.cancellation_terms(
        "confirmed", option(refundable=refundable, refund_until_minutes=until, refund_fee=fee),
        NOW + timedelta(minutes=minutes), slot, Money(paid, "EUR"), NOW,
    )  # fmt: skip
    assert terms.fee.amount + terms.refund.amount == paid
    assert terms.refund.amount >= 0
    if slot == "cancelled":
        assert terms.refund.amount == paid
    elif not refundable or minutes <= until:
        assert terms.refund.amount == 0


CLAIMS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1), st.integers(0, 6)), max_size=30)


@given(wishes=CLAIMS, free=st.tuples(st.integers(0, 12), st.integers(0, 12)), quota=st.integers(0, 5))
def test_first_fit_is_the_same_as_one_by_one(wishes, free, quota):
    slots, options = [new_id(), new_id()], [new_id(), new_id()]
    claims = [
        ClaimRequest(
            id=new_id(),
            slot_id=slots[s],
            option_id=options[o],
            holder_id=new_id(),
            places=n,
            quota_places=n if o == 0 else 0,
            expires_at=None,
        )
        for s, o, n in wishes
    ]
    left, quotas = dict(zip(slots, free, strict=True)), {(slots[0], options[0]): quota}
    together = [outcome.ok for outcome in first_fit(claims, left, quotas)]
    one_by_one = []
    for claim in claims:
        ok = first_fit([claim], left, quotas)[0].ok
        if ok:
            left[claim.slot_id] -= claim.places
            if (claim.slot_id, claim.option_id) in quotas:
                quotas[claim.slot_id, claim.option_id] -= claim.quota_places
        one_by_one.append(ok)
    assert together == one_by_one
    assert min(left.values()) >= 0
    assert min(quotas.values()) >= 0


ROWS = [[f"{row}{letter}" for letter in "ABCDEF"] for row in range(1, 9)]


@given(taken=st.sets(st.sampled_from([seat for row in ROWS for seat in row])), party=st.integers(1, 9))
def test_parties_sit_together_where_they_can(taken, party):
    chosen = choose_seats(ROWS, frozenset(taken), party)
    free = [seat for row in ROWS for seat in row if seat not in taken]
    assert len(chosen) == len(set(chosen)) == min(party, len(free))
    assert not set(chosen) & taken
    for row in ROWS:
        run = longest = 0
        for seat in row:
            run = 0 if seat in taken else run + 1
            longest = max(longest, run)
        if longest >= party:
            assert len({seat[0] for seat in chosen}) == 1


def test_dependants_are_dealt_out_to_their_companions():
    from booking_api.catalog.schemas import Place
    from tests.world import make_flight, make_tower

    place = Place(id=new_id(), code="X", name="X", time_zone="UTC")
    flight = make_flight(place, place)
    assert details.companions(["adult", "adult", "infant", "infant", "child"], flight) == [None, None, 0, 1, 0]
    assert details.companions(["adult", "child"], make_tower(place)) == [None, None]


def test_recovery_codes_go_only_to_the_bookings_own_address():
    assert recovery.recovery_recipient("ada@example.org", None, " ADA@Example.org ", None) == "ada@example.org"
    assert recovery.recovery_recipient("ada@example.org", "+49 30 123", None, "+4930-123") == "+49 30 123"
    assert recovery.recovery_recipient("ada@example.org", None, "eve@example.org", None) is None
    assert recovery.recovery_recipient(None, None, None, None) is None
    assert recovery.recovery_recipient(None, "", None, "+") is None
