"""Who gets places and who sits where: the decisions alone, against a second, plainer way to say the same."""

from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking_api.inventory.claim_rules import choose_seats, first_fit
from booking_api.inventory.schemas import ClaimRequest

ONE, TWO, OPEN, LIMITED, HOLDER = (UUID(int=number) for number in range(1, 6))


def rows_of(*plan: str) -> tuple[list[list[str]], frozenset[str]]:
    """Rows as they look from above: `.` is free, `x` taken. Seats are `1A`, `1B`, … from the left."""
    rows = [[f"{number}{chr(65 + at)}" for at in range(len(line))] for number, line in enumerate(plan, start=1)]
    taken = {row[at] for row, line in zip(rows, plan, strict=True) for at, mark in enumerate(line) if mark == "x"}
    return rows, frozenset(taken)


@pytest.mark.parametrize(
    ("plan", "party", "seats"),
    [
        # The first run of neighbours that is long enough, wherever it is, and no longer than needed.
        (["...", "..."], 1, "1A"),
        (["...", "..."], 2, "1A 1B"),
        (["...", "..."], 3, "1A 1B 1C"),
        (["x..", "..."], 2, "1B 1C"),
        ([".x.", "..."], 2, "2A 2B"),
        ([".x.x", "x.x.", "..x."], 2, "3A 3B"),
        ([".x..x", "....."], 3, "2A 2B 2C"),
        (["..x...."], 4, "1D 1E 1F 1G"),
        # Neighbours are neighbours in the cabin, not the next free ones: with a stranger between it is no run.
        ([".x.x", "x..x"], 2, "2B 2C"),
        # No run: the fewest rows behind each other that hold all of them, the first such rows, seats from the front.
        (["..", "..", ".."], 3, "1A 1B 2A"),
        (["x.", "..", ".."], 4, "2A 2B 3A 3B"),
        (["x.", "..", ".x"], 3, "1B 2A 2B"),
        ([".x", "xx", "..", "x."], 3, "3A 3B 4B"),
        ([".x", ".x", ".x", ".x"], 3, "1A 2A 3A"),
        ([".x", "xx", ".x", ".x", ".x"], 3, "3A 4A 5A"),
        # One row with gaps isn't together; two rows behind each other are.
        (["x.", ".x", ".x"], 2, "1B 2A"),
        (["..x", "x.x", ".x."], 2, "1A 1B"),
        ([".xx", ".x."], 2, "1A 2A"),
        # Nothing holds them together but the whole of it, and then as many as there are.
        ([".x", "xx", "x."], 2, "1A 3B"),
        (["..", ".x"], 4, "1A 1B 2A"),
        (["xx", "xx"], 2, ""),
        ([], 2, ""),
        ([".."], 3, "1A 1B"),
    ],
)
def test_a_family_sits_together(plan, party, seats):
    rows, taken = rows_of(*plan)
    assert choose_seats(rows, taken, party) == seats.split()


def plainly(rows: list[list[str]], taken: frozenset[str], party: int) -> list[str]:
    """The same by trying every possibility and taking the best."""
    tries: list[tuple[tuple[int, int, int], list[str]]] = []
    for number, row in enumerate(rows):
        for start in range(len(row)):
            seats = row[start : start + party]
            if len(seats) == party and not taken & set(seats):
                tries.append(((1, number, start), seats))
    for first in range(len(rows)):
        for last in range(first + 1, len(rows)):
            free = [seat for row in rows[first : last + 1] for seat in row if seat not in taken]
            if len(free) >= party:
                tries.append(((last - first + 1, first, 0), free[:party]))
    everything = [seat for row in rows for seat in row if seat not in taken]
    return min(tries)[1] if tries else everything[:party]


@given(
    plan=st.lists(st.text(".x", min_size=1, max_size=5), max_size=5),
    party=st.integers(1, 9),
)
def test_seats_are_chosen_as_plain_search_does(plan, party):
    rows, taken = rows_of(*plan)
    assert choose_seats(rows, taken, party) == plainly(rows, taken, party)


def claim(number: int, places: int, *, slot: UUID = ONE, option: UUID = OPEN, quota: int = 0) -> ClaimRequest:
    return ClaimRequest(
        id=UUID(int=100 + number), slot_id=slot, option_id=option, holder_id=HOLDER, places=places, quota_places=quota,
        expires_at=None,
    )  # fmt: skip


def decided(claims: list[ClaimRequest], free: dict[UUID, int], quotas: dict[tuple[UUID, UUID], int]) -> list[bool]:
    outcomes = first_fit(claims, free, quotas)
    assert [(outcome.claim_id, outcome.slot_id) for outcome in outcomes] == [(one.id, one.slot_id) for one in claims]
    return [outcome.ok for outcome in outcomes]


def test_who_comes_first_has_it_and_a_large_party_refuses_nobody_behind_it():
    claims = [claim(1, 2), claim(2, 4), claim(3, 1), claim(4, 1), claim(5, 0)]
    assert decided(claims, {ONE: 4}, {}) == [True, False, True, True, True]
    assert decided(claims, {ONE: 0}, {}) == [False, False, False, False, True]
    assert decided([claim(1, 3)], {ONE: 3}, {}) == [True]
    assert decided([claim(1, 4)], {ONE: 3}, {}) == [False]


def test_a_claim_that_was_checked_under_another_version_takes_nothing():
    def outcome(checked: int | None, versions: dict[UUID, int] | None) -> tuple[bool, bool, bool]:
        first = msgspec.structs.replace(claim(1, 3), slot_version=checked)
        one, other = first_fit([first, claim(2, 3)], {ONE: 3}, {(ONE, OPEN): 3}, versions)
        return one.ok, one.outdated, other.ok

    assert outcome(4, {ONE: 4}) == (True, False, False)
    for versions in ({ONE: 5}, {ONE: 3}, {TWO: 4}):
        assert outcome(4, versions) == (False, True, True)
    assert outcome(4, None) == outcome(None, {ONE: 4}) == outcome(None, {}) == (True, False, False)


def test_what_is_not_for_sale_is_nobodys():
    assert decided([claim(1, 0), claim(2, 1, slot=TWO)], {TWO: 1}, {}) == [False, True]
    assert decided([claim(1, 1)], {}, {(ONE, OPEN): 9}) == [False]


def test_each_slot_and_each_quota_is_counted_by_itself():
    quotas = {(ONE, LIMITED): 2}
    claims = [
        claim(1, 1, option=LIMITED, quota=1), claim(2, 2, option=LIMITED, quota=2), claim(3, 1, option=LIMITED, quota=1),
        claim(4, 1, option=LIMITED, quota=1), claim(5, 1), claim(6, 5, slot=TWO, option=LIMITED, quota=5), claim(7, 1),
    ]  # fmt: skip
    assert decided(claims, {ONE: 4, TWO: 5}, quotas) == [True, False, True, False, True, True, True]
    # A refused one takes neither of the two.
    assert decided([claim(1, 3, option=LIMITED, quota=2), claim(2, 2, option=LIMITED, quota=2)], {ONE: 2}, quotas) == [
        False,
        True,
    ]
    assert decided([claim(1, 2, option=LIMITED, quota=3), claim(2, 2)], {ONE: 2}, quotas) == [False, True]
    assert quotas == {(ONE, LIMITED): 2}


@given(
    wishes=st.lists(st.tuples(st.sampled_from([ONE, TWO]), st.sampled_from([OPEN, LIMITED]), st.integers(0, 4)), max_size=12),
    free=st.dictionaries(st.sampled_from([ONE, TWO]), st.integers(0, 8)),
    quota=st.integers(0, 5),
)  # fmt: skip
def test_nothing_is_given_twice_and_nothing_is_refused_that_fits(wishes, free, quota):
    claims = [
        claim(number, places, slot=slot, option=option, quota=places if option == LIMITED else 0)
        for number, (slot, option, places) in enumerate(wishes)
    ]
    outcomes = decided(claims, free, {(ONE, LIMITED): quota})
    for upto, (one, ok) in enumerate(zip(claims, outcomes, strict=True)):
        before = [other for other, won in zip(claims[:upto], outcomes[:upto], strict=True) if won]
        left = free.get(one.slot_id, -1) - sum(other.places for other in before if other.slot_id == one.slot_id)
        of_quota = [other for other in before if (other.slot_id, other.option_id) == (ONE, LIMITED)]
        quota_left = quota - sum(other.quota_places for other in of_quota)
        limited = (one.slot_id, one.option_id) == (ONE, LIMITED)
        assert ok == (0 <= one.places <= left and (not limited or one.quota_places <= quota_left))
