"""What the law is told of an order: each fact by itself, at its edges."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import msgspec
import pytest

from booking_api.bookings.operations import standing
from booking_api.bookings.operations.facts import Facts
from booking_api.bookings.rules import BookingStanding
from booking_api.bookings.schemas import BookingRow, ItemRow, OrderRow
from booking_api.bookings.slot_rules import SlotEffect
from booking_api.catalog.schemas import Place
from booking_api.core.context import Caller
from booking_api.core.money import Money
from tests.bookings.test_slot_rules import booking_of, slot_of
from tests.world import make_flight

NOW = datetime(2027, 3, 14, 6, 0, tzinfo=UTC)
MINUTE, HOUR, TICK = timedelta(minutes=1), timedelta(hours=1), timedelta(microseconds=1)
PLACE = Place(id=UUID(int=7), code="X", name="X", time_zone="UTC")
FLIGHT = make_flight(PLACE, PLACE)
ADULT, CHILD, INFANT = FLIGHT.units
BEGINS = NOW + 5 * HOUR
SLOT = slot_of(starts_at=BEGINS, ends_at=BEGINS + HOUR, booking_closes_at=BEGINS, product_id=FLIGHT.id)
CUSTOMER = Caller("customer", UUID(int=1), UUID(int=2))


def context(caller: Caller = CUSTOMER, now: datetime = NOW) -> Any:
    org = SimpleNamespace(moved_later_minutes=60, moved_earlier_minutes=10)
    return SimpleNamespace(caller=caller, now=now, org=org)


def booking(number: int = 1, **more: Any) -> BookingRow:
    given = {
        "id": UUID(int=number), "slot_id": SLOT.id, "product_id": FLIGHT.id, "product_version": 1, "option_id": FLIGHT.options[1].id,
        "agreed_starts_at": SLOT.starts_at, "agreed_ends_at": SLOT.ends_at, "agreed_origin_id": SLOT.origin_id,
        "agreed_destination_id": SLOT.destination_id,
    }  # fmt: skip
    return booking_of(**{**given, **more})


def item(number: int, unit: Any = ADULT, status: str = "active") -> ItemRow:
    values: dict[str, Any] = dict.fromkeys(ItemRow.__struct_fields__)
    return ItemRow(**{**values, "id": UUID(int=number), "unit_id": unit.id, "status": status})


def facts(
    *bookings: BookingRow, items: Any = (), admitted: Any = (), slot: Any = SLOT, disputed: Any = (), **order: Any
) -> Facts:
    values: dict[str, Any] = dict.fromkeys(OrderRow.__struct_fields__)
    given = {"status": "confirmed", "expires_at": None, "hold_limit_at": NOW + HOUR, **order}
    rows = list(bookings) or [booking()]
    return Facts(
        order=OrderRow(**{**values, **given}), bookings=rows, items={row.id: list(items) for row in rows},
        slots={SLOT.id: slot, UUID(int=99): msgspec.structs.replace(SLOT, starts_at=BEGINS - HOUR)},
        definitions={(FLIGHT.id, 1): FLIGHT}, admitted={UUID(int=number): NOW for number in admitted}, disputed=set(disputed),
    )  # fmt: skip


def stands(now: datetime = NOW, **more: Any) -> BookingStanding:
    known = facts(**more)
    return standing.standing_of(context(now=now), known, known.bookings[0])


@pytest.mark.parametrize(
    ("caller", "asker", "overrules"),
    [
        (CUSTOMER, "customer", False), (Caller("app", UUID(int=1)), "customer", False),
        (Caller("staff", UUID(int=1), role="agent"), "agent", False), (Caller("staff", UUID(int=1), role="manager"), "manager", True),
        (Caller("staff", UUID(int=1), role="owner"), "manager", True), (Caller("key", UUID(int=1)), "key", False),
        (Caller("key", UUID(int=1), scopes=frozenset({"scan:override"})), "key", True), (Caller("system", UUID(int=1)), "system", True),
    ],
)  # fmt: skip
def test_for_whom_the_law_is_asked(caller: Caller, asker: str, overrules: bool):
    found = standing.order_standing(context(caller), facts())
    assert (found.asker, found.may_overrule) == (asker, overrules)


@pytest.mark.parametrize(
    ("effect", "found"),
    [
        (SlotEffect(), None), (SlotEffect(is_agreed=True), None), (SlotEffect("moved", NOW + TICK), "moved"), (SlotEffect("moved", NOW), None),
        (SlotEffect("cancelled", NOW + TICK), "cancelled"), (SlotEffect("cancelled", NOW), "cancelled"), (SlotEffect("cancelled"), "cancelled"),
        (SlotEffect("moved"), None),
    ],
)  # fmt: skip
def test_until_when_a_choice_is_open(effect: SlotEffect, found: str | None):
    assert standing.undecided(effect, NOW) == found


def test_cancelling_is_free_while_a_moved_slot_is_undecided():
    def until(slot: Any, **more: Any) -> datetime | None:
        row = booking(**more)
        return standing.free_until(context(), facts(row, slot=slot), row)

    replace = msgspec.structs.replace
    later = replace(SLOT, starts_at=BEGINS + 61 * MINUTE, ends_at=SLOT.ends_at + 61 * MINUTE)
    assert until(SLOT) is None
    assert until(later) == later.starts_at
    assert until(replace(SLOT, starts_at=BEGINS + 60 * MINUTE, ends_at=SLOT.ends_at + 60 * MINUTE)) is None
    assert until(replace(SLOT, starts_at=BEGINS - 11 * MINUTE)) == BEGINS
    assert until(replace(SLOT, starts_at=BEGINS - 10 * MINUTE)) is None
    # What was cancelled is given back whole anyway, without a last moment.
    assert until(replace(SLOT, status="cancelled")) is None
    assert until(later, slot_change="moved", decide_by=NOW, offered_starts_at=later.starts_at) is None


def test_a_booking_as_it_stands():
    assert stands() == BookingStanding(status="confirmed", condition="open")
    assert [stands(BEGINS - TICK).begun, stands(BEGINS).begun] == [False, True]
    assert stands(BEGINS).condition == "departed"
    assert stands(slot=msgspec.structs.replace(SLOT, seat_layout_id=UUID(int=5))).seated
    held = facts(booking(status="on_hold"), status="on_hold", expires_at=NOW)
    assert standing.standing_of(context(), held, held.bookings[0]).status == "expired"
    kept = facts(booking(slot_change="kept"))
    assert standing.standing_of(context(), kept, kept.bookings[0]).kept


def test_a_slot_that_moved_or_whose_time_is_disputed():
    moved = msgspec.structs.replace(SLOT, starts_at=BEGINS + 2 * HOUR, ends_at=SLOT.ends_at + 2 * HOUR)
    found = stands(slot=moved)
    assert (found.moved, found.undecided) == (True, "moved")
    found = stands(disputed=[UUID(int=1)])
    assert (found.moved, found.undecided) == (True, None)
    assert not stands(disputed=[UUID(int=2)]).moved


@pytest.mark.parametrize(
    ("items", "admitted", "found"),
    [
        ([item(1)], [], (False, False)), ([item(1)], [1], (True, True)), ([item(1), item(2, CHILD)], [1], (True, False)),
        ([item(1), item(2, CHILD)], [1, 2], (True, True)),
        # Who takes no seat stands in nobody's way to choose one.
        ([item(1), item(3, INFANT)], [1], (True, True)), ([item(1), item(3, INFANT)], [3], (True, False)),
        ([item(3, INFANT)], [3], (True, False)),
        # Nor who isn't in the booking any more.
        ([item(1), item(2, status="cancelled")], [1], (True, True)), ([item(1), item(2, status="cancelled")], [2], (False, False)),
        ([item(1)], [9], (False, False)),
    ],
)  # fmt: skip
def test_who_of_a_booking_was_admitted(items: list[ItemRow], admitted: list[int], found: tuple[bool, bool]):
    known = stands(items=items, admitted=admitted)
    assert (known.admitted, known.seats_used) == found


def test_no_hold_outlives_its_limit_or_the_first_of_its_slots():
    def at_limit(expires_at: datetime | None, limit: datetime, *bookings: BookingRow) -> bool:
        known = facts(*bookings, status="on_hold", expires_at=expires_at, hold_limit_at=limit)
        return standing.order_standing(context(), known).at_limit

    over = BEGINS - 10 * MINUTE  # Its gate closes then.
    assert standing.ends_at(facts()) == over
    assert at_limit(None, NOW + HOUR)
    assert [at_limit(NOW + HOUR + tick, NOW + HOUR) for tick in (-TICK, 0 * TICK, TICK)] == [False, True, True]
    assert [at_limit(over + tick, BEGINS + HOUR) for tick in (-TICK, 0 * TICK)] == [False, True]
    both = (booking(), booking(2, slot_id=UUID(int=99)))
    assert standing.ends_at(facts(*both)) == over - HOUR
    assert at_limit(over - HOUR, BEGINS + HOUR, *both)


def test_bookings_stand_in_their_order():
    known = facts(booking(), booking(2, status="cancelled"), status="on_hold", expires_at=NOW)
    found = standing.order_standing(context(), known)
    assert (found.status, [one.status for one in found.bookings]) == ("expired", ["confirmed", "cancelled"])


@pytest.mark.parametrize(
    ("due", "settled", "left"), [(0, None, 0), (1, None, 1), (5, 4, 1), (5, 5, 0), (5, 6, 0), (0, 1, 0)]
)
def test_what_is_owed_on_site(due: int, settled: int | None, left: int):
    price = SimpleNamespace(due_on_site=Money(due, "EUR"))
    row: Any = booking(price=price)
    known = facts(row)
    known.settled = {} if settled is None else {row.id: settled}
    assert standing.standing_of(context(), known, row).owing is (left > 0)
    assert standing.due_on_site(known, row) == left


@pytest.mark.parametrize(
    ("status", "slot", "left"),
    [
        ("confirmed", "open", 5), ("confirmed", "closed", 5), ("confirmed", "cancelled", 0), ("cancelled", "open", 0),
        ("cancelled", "cancelled", 0),
    ],
)  # fmt: skip
def test_nothing_is_owed_for_what_was_called_off(status: str, slot: str, left: int):
    row: Any = booking(price=SimpleNamespace(due_on_site=Money(5, "EUR")), status=status)
    known = facts(row, slot=msgspec.structs.replace(SLOT, status=slot))
    assert standing.due_on_site(known, row) == left
