"""Pure decisions of the inventory: who gets places, who sits where."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from booking_api.inventory.schemas import ClaimRequest, Taken


def first_fit(
    claims: Sequence[ClaimRequest], free: Mapping[UUID, int], quota_free: Mapping[tuple[UUID, UUID], int],
    versions: Mapping[UUID, int] | None = None,
) -> list[Taken]:  # fmt: skip
    """Decides claims in the order they came: each takes what it needs if slot and quota have it.

    A refused large party doesn't refuse a smaller one behind it. A slot that isn't in `free` is not for sale; an
    option that isn't in `quota_free` has no limit of its own. A claim that was checked under another of the slots'
    `versions` takes nothing.
    """
    left, quota_left = dict(free), dict(quota_free)
    outcomes: list[Taken] = []
    for claim in claims:
        key = (claim.slot_id, claim.option_id)
        known = claim.slot_version if versions is None else versions.get(claim.slot_id)
        outdated = claim.slot_version is not None and claim.slot_version != known
        ok = (
            not outdated
            and claim.slot_id in left
            and claim.places <= left[claim.slot_id]
            and (key not in quota_left or claim.quota_places <= quota_left[key])
        )
        if ok:
            left[claim.slot_id] -= claim.places
            if key in quota_left:
                quota_left[key] -= claim.quota_places
        outcomes.append(Taken(claim.id, claim.slot_id, ok, outdated))
    return outcomes


def choose_seats(rows: Sequence[Sequence[str]], taken: frozenset[str], party: int) -> list[str]:
    """Seats for a party, together where that is possible.

    First a run of neighbours in one row; then the consecutive rows, two or more, that hold them all with the fewest
    rows; then whatever is free, in order. Fewer than `party` seats when there are no more.
    """
    free_rows = [[seat for seat in row if seat not in taken] for row in rows]
    for row in rows:
        run: list[str] = []
        for seat in row:
            run = [] if seat in taken else [*run, seat]
            if len(run) == party:
                return run
    for span in range(2, len(rows)):
        for first in range(len(rows)):
            together = [seat for row in free_rows[first : first + span] for seat in row]
            if len(together) >= party:
                return together[:party]
    return [seat for row in free_rows for seat in row][:party]
