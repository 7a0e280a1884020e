"""The law of what may be done now, by itself and at its edges; `test_matrix` walks it through HTTP."""

from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import msgspec
import pytest

from booking_api.bookings import rules
from booking_api.bookings.rules import ALLOWED, REPEATED, BookingStanding, Decision, OrderStanding
from booking_api.bookings.schemas import OrderRow, Status
from booking_api.catalog.schemas import Admission, Conditions, OptionDefinition
from booking_api.core.ids import new_id
from booking_api.inventory.schemas import Delay
from booking_api.inventory.slot_rules import slot_times
from tests.bookings.test_slot_rules import slot_of

NOW = datetime(2027, 3, 14, 6, 0, tzinfo=UTC)
HOUR, TICK = timedelta(hours=1), timedelta(microseconds=1)
STATUSES = get_args(Status)
CONDITIONS = get_args(rules.Condition)
ENDED = ("gate_closed", "departed", "cancelled")
LATE = Delay(estimated_starts_at=NOW + HOUR, updated_at=NOW)


def refused(code: Any, *because: str, position: int | None = None) -> Decision:
    return Decision("refused", code, because, position)


def one(status: Any = "confirmed", condition: Any = "open", **more: Any) -> BookingStanding:
    return BookingStanding(status=status, condition=condition, **more)


def of(*bookings: BookingStanding, status: Any = None, **more: Any) -> OrderStanding:
    return OrderStanding(status=status or bookings[0].status, bookings=bookings, **more)


def ask(verb: Any, booking: BookingStanding, **more: Any) -> Decision:
    return rules.judge_booking(verb, of(booking, **more), booking)


def order_row(status: Any, expires_at: datetime | None) -> OrderRow:
    values = dict.fromkeys(OrderRow.__struct_fields__)
    return OrderRow(**{**values, "status": status, "expires_at": expires_at})  # type: ignore[arg-type]


def test_a_hold_is_over_at_its_last_moment():
    assert not rules.has_ended(order_row("on_hold", NOW), NOW - TICK)
    assert rules.has_ended(order_row("on_hold", NOW), NOW)
    assert not rules.has_ended(order_row("on_hold", None), NOW)
    assert not rules.has_ended(order_row("pending", NOW), NOW)
    assert rules.shown_status(order_row("on_hold", NOW), "on_hold", NOW) == "expired"
    assert rules.shown_status(order_row("on_hold", NOW), "on_hold", NOW - TICK) == "on_hold"
    assert rules.shown_status(order_row("on_hold", NOW), "cancelled", NOW) == "cancelled"


def test_the_state_machine_leads_nowhere_else():
    assert rules.next_status("on_hold", "pay") == "pending"
    assert rules.next_status("confirmed", "pay") is None
    assert timedelta(minutes=5) == rules.RETRY_AFTER_DECLINE


def option(closes_after: int = 30) -> OptionDefinition:
    return OptionDefinition(
        id=new_id(), code="x", title={"en": "X"}, conditions=Conditions(refundable=False, changeable=False, booking_closes_minutes=60),
        admission=Admission(
            opens_before_minutes=90, closes_after_minutes=closes_after, closes_relative_to="start", reentry=False
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("slot", "at", "condition"),
    [
        ({}, -HOUR - TICK, "open"), ({}, -HOUR, "sales_over"), ({}, -TICK, "sales_over"),
        ({"booking_closes_at": NOW - 2 * HOUR}, -2 * HOUR, "sales_over"),
        ({"booking_closes_at": NOW - 2 * HOUR}, -2 * HOUR - TICK, "open"),
        ({}, timedelta(0), "departed"), ({"kind": "entry"}, timedelta(minutes=30) - TICK, "sales_over"),
        ({"kind": "entry"}, timedelta(minutes=30), "gate_closed"),
        ({"status": "cancelled"}, HOUR, "cancelled"), ({"status": "cancelled", "on_sale": False}, -HOUR, "cancelled"),
        ({"on_sale": False}, -2 * HOUR, "withdrawn"), ({"on_sale": False, "status": "closed"}, -2 * HOUR, "withdrawn"),
        ({"status": "closed"}, -2 * HOUR, "closed"), ({"status": "closed"}, -HOUR, "closed"),
        ({"status": "closed"}, timedelta(0), "departed"),
        ({"delay": LATE}, HOUR - TICK, "sales_over"),
        ({"delay": LATE}, HOUR, "departed"),
        ({"delay": LATE}, -TICK, "open"),
    ],
)  # fmt: skip
def test_conditions(slot: dict[str, Any], at: timedelta, condition: str):
    given = {"starts_at": NOW, "ends_at": NOW + 2 * HOUR, "booking_closes_at": NOW, **slot}
    assert rules.condition_of(slot_of(**given), slot_times(slot_of(**given), option()), NOW + at) == condition


def test_a_gate_that_closes_before_the_departure():
    slot = slot_of(starts_at=NOW, ends_at=NOW + HOUR, booking_closes_at=NOW)
    assert rules.condition_of(slot, slot_times(slot, option(-15)), NOW - timedelta(minutes=15)) == "gate_closed"
    assert rules.condition_of(slot, slot_times(slot, option(-15)), NOW) == "departed"


@pytest.mark.parametrize("condition", CONDITIONS)
def test_what_a_condition_allows(condition: Any):
    is_open, over = condition == "open", condition in ENDED
    sales = refused("sales_closed", condition)
    assert rules.judge_hold(condition) == (ALLOWED if is_open else sales)
    second = (one("on_hold"), one("on_hold", condition))
    there = refused("sales_closed", condition, position=1)
    for at_limit in (False, True):
        wanted = (REPEATED if at_limit else ALLOWED) if is_open else there
        assert rules.judge_order("extend", of(*second, at_limit=at_limit)) == wanted
    for status in ("on_hold", "pending"):
        held = of(*second, status=status)
        assert rules.judge_order("confirm", held) == (there if over else ALLOWED)
        assert rules.judge_payment(held) == (there if over else ALLOWED)
        moved = of(one(status), one(status, condition, moved=True))
        wanted = there if over else refused("slot_changed", "moved", position=1)
        assert rules.judge_order("confirm", moved) == wanted
        assert rules.judge_order("confirm", moved).is_offered is not over
        assert rules.judge_order("cancel", held) == ALLOWED
    expired = of(one("expired"), one("expired", condition))
    for verb in ("extend", "confirm"):
        assert rules.judge_order(verb, expired) == (there if over else refused("hold_expired"))
    assert rules.judge_payment(expired) == (there if over else ALLOWED)
    for status in ("pending", "confirmed", "cancelled", "rejected"):
        assert rules.judge_order("extend", of(one(status, condition))) == refused("conflict", status)


def test_what_is_confirmed_or_cancelled_already():
    for condition in CONDITIONS:
        booking = one("confirmed", condition, moved=True)
        assert rules.judge_order("confirm", of(booking)) == REPEATED
        assert rules.judge_payment(of(booking)) == REPEATED
        cancelled = of(one("cancelled", condition))
        assert rules.judge_payment(cancelled) == refused("conflict", "cancelled")
        assert rules.judge_order("cancel", cancelled) == REPEATED
    for status in ("cancelled", "rejected"):
        assert rules.judge_order("confirm", of(one(status))) == refused("conflict", status)
    for status in ("expired", "rejected"):
        assert rules.judge_order("cancel", of(one(status))) == refused("not_cancellable", status)
    # The bookings that are left decide, each at its place.
    partly = of(one("cancelled", begun=True), one(), one(begun=True), status="confirmed")
    assert rules.judge_order("cancel", partly) == refused("not_cancellable", "begun", position=2)
    assert rules.judge_order("cancel", of(one(), status="cancelled")) == REPEATED
    assert rules.judge_order("cancel", of(one("cancelled"), one(), status="confirmed")) == ALLOWED


@pytest.mark.parametrize(
    ("facts", "overruling", "verdict"),
    [
        ({}, False, ALLOWED), ({"begun": True}, False, refused("not_cancellable", "begun", position=0)),
        ({"begun": True}, True, refused("not_cancellable", "begun", position=0)),
        ({"begun": True, "condition": "departed"}, False, refused("not_cancellable", "departed", position=0)),
        ({"begun": True, "undecided": "moved"}, False, ALLOWED),
        ({"begun": True, "condition": "cancelled"}, False, ALLOWED),
        ({"admitted": True, "condition": "cancelled"}, False, ALLOWED),
        ({"admitted": True}, False, refused("not_cancellable", "already_used", position=0)),
        ({"admitted": True, "begun": True}, True, ALLOWED),
        ({"admitted": True, "undecided": "moved"}, False, refused("not_cancellable", "already_used", position=0)),
    ],
)  # fmt: skip
def test_cancelling_what_is_confirmed(facts: dict[str, Any], overruling: bool, verdict: Decision):
    assert ask("cancel", one(**facts), may_overrule=overruling) == verdict


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("several", [False, True])
def test_one_of_several_goes_with_its_order(status: Any, several: bool):
    booking = one(status)
    order = of(booking, booking) if several else of(booking)
    for verb in ("extend", "confirm"):
        alone = rules.judge_order(verb, order)
        assert rules.judge_booking(verb, order, booking) == (refused("use_order") if several else alone)
    whole = several and status in {"on_hold", "pending", "expired"}
    alone = rules.judge_order("cancel", of(booking))
    assert rules.judge_booking("cancel", order, booking) == (refused("use_order") if whole else alone)


@pytest.mark.parametrize("status", STATUSES)
def test_what_a_status_shows(status: Any):
    conflict = refused("conflict", status)
    assert ask("show_pass", one(status)) == (ALLOWED if status == "confirmed" else conflict)
    for asker in ("customer", "agent", "manager"):
        alive = status in {"on_hold", "pending", "confirmed"}
        assert ask("resume", one(status), asker=asker) == (ALLOWED if alive else conflict)
    for asker in ("key", "system"):
        assert ask("resume", one(status), asker=asker) == refused("forbidden")
    if status != "confirmed":
        assert ask("keep", one(status, undecided="moved")) == conflict


def test_keeping_a_slot():
    assert ask("keep", one(undecided="moved")) == ALLOWED
    assert ask("keep", one(undecided="cancelled")) == refused("conflict", "slot_cancelled")
    assert ask("keep", one(kept=True)) == REPEATED
    assert ask("keep", one()) == refused("conflict", "nothing_to_decide")


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("begun", [False, True])
def test_editing(condition: Any, begun: bool):
    over = condition in ENDED
    gone = refused("not_changeable", condition)
    seats = refused("not_changeable", "no_seats")
    for seated in (False, True):
        seatless = ALLOWED if seated else seats
        for status in ("on_hold", "expired", "confirmed"):
            booking = one(status, condition, begun=begun, seated=seated)
            ended = gone if over else refused("hold_expired") if status == "expired" else None
            if status == "confirmed" and condition == "cancelled" and not begun:
                assert ask("edit", booking) == ALLOWED
                assert ask("choose_seat", booking) == gone
            else:
                assert ask("edit", booking) == (ended or ALLOWED)
                assert ask("choose_seat", booking) == (ended or seatless)
        for status in ("pending", "cancelled", "rejected"):
            for verb in ("edit", "choose_seat"):
                assert ask(verb, one(status, condition, seated=seated)) == refused("conflict", status)


def test_seats_of_who_is_inside():
    inside = one(seated=True, seats_used=True)
    assert ask("choose_seat", inside) == refused("already_used")
    assert ask("choose_seat", inside, may_overrule=True) == ALLOWED
    assert ask("edit", inside) == ALLOWED
    assert ask("choose_seat", one("on_hold", seated=True, seats_used=True)) == ALLOWED
    # What stands in everybody's way is said first.
    assert ask("choose_seat", one(seats_used=True)) == refused("not_changeable", "no_seats")
    order = of(inside)
    assert rules.judge_item(order, admitted=True) == refused("already_used")
    assert rules.judge_item(order, admitted=False) == ALLOWED
    assert rules.judge_item(of(inside, may_overrule=True), admitted=True) == ALLOWED


def test_money_at_the_counter():
    owing = one(owing=True)
    for asker in ("agent", "manager", "key"):
        assert ask("settle_on_site", owing, asker=asker) == ALLOWED
        assert ask("settle_on_site", one(), asker=asker) == refused("conflict", "nothing_due")
        for condition in CONDITIONS:
            expected = refused("conflict", "called_off") if condition == "cancelled" else ALLOWED
            assert ask("settle_on_site", one(condition=condition, owing=True), asker=asker) == expected
        for status in set(STATUSES) - {"confirmed"}:
            assert ask("settle_on_site", one(status, owing=True), asker=asker) == refused("conflict", status)
    assert ask("settle_on_site", owing) == refused("forbidden")
    assert "settle_on_site" not in rules.booking_actions(of(owing), owing)
    assert rules.booking_actions(of(owing, asker="agent"), owing)[-1] == "settle_on_site"


def test_who_has_to_say_why():
    assert rules.needs_reason(one(admitted=True))
    assert not rules.needs_reason(one())
    assert not rules.needs_reason(one(admitted=True, condition="cancelled"))
    assert not rules.needs_reason(one("cancelled", admitted=True))


def test_what_is_listed():
    held = one("on_hold")
    assert rules.order_actions(of(held)) == ("extend", "confirm", "cancel")
    assert rules.order_actions(of(held, at_limit=True)) == ("confirm", "cancel")
    assert rules.order_actions(of(msgspec.structs.replace(held, moved=True))) == ("extend", "confirm", "cancel")
    assert rules.booking_actions(of(held), held) == ("edit", "extend", "confirm", "cancel", "resume")
    ticket = one(seated=True, undecided="moved")
    listed = ("edit", "choose_seat", "cancel", "keep", "resume", "show_pass")
    assert rules.booking_actions(of(ticket), ticket) == listed


@pytest.mark.parametrize("status", STATUSES)
def test_the_step_of_a_question(status: Any):
    def step(missing: bool, over: bool) -> str | None:
        return rules.feedback_step(status, details_missing=missing, visit_over=over)

    found = [step(missing, over) for missing in (True, False) for over in (True, False)]
    match status:
        case "on_hold":
            assert found == ["details", "details", "payment", "payment"]
        case "confirmed":
            assert found == ["visit", "confirmed"] * 2
        case _:
            assert found == [None] * 4
