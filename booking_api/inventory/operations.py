"""The verbs of the inventory: take, keep, extend, give back, sit.

Each takes a list and runs in its caller's transaction; one is a list of one. Capacity moves only here.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from booking_api.core.cache import BoundedCache
from booking_api.core.db import Connection
from booking_api.core.errors import DomainError
from booking_api.core.per_process import Caches, PerProcess
from booking_api.inventory import claim_queries as queries
from booking_api.inventory import seat_queries
from booking_api.inventory.claim_queries import KeptPlaces, MovedQuota, MovedSlot, Released
from booking_api.inventory.claim_rules import choose_seats, first_fit
from booking_api.inventory.schemas import ClaimRequest, Kept, SeatWish, Taken

LAYOUTS = PerProcess(lambda: BoundedCache[tuple[UUID, UUID], list[list[str]]](512))
SEAT_TRIES = 8


class SeatTaken(DomainError):
    code, status, title = "seat_taken", 409, "The seat is taken"
    explanation = "Get the slot's seats again and choose another one, or none: one is assigned at confirmation."
    member_types: ClassVar[dict[str, Any]] = {"seats": list[str]}


async def take(db: Connection, org_id: UUID, claims: Sequence[ClaimRequest], now: datetime) -> list[Taken]:
    """Takes places for each claim that fits, in the order given; the others are reported, not raised.

    Locks the slots in id order, then their quotas, decides first-fit on what the locks show, and writes. The named
    check constraints stand behind it.
    """
    slots = await queries.lock_slots(db, org_id, sorted({claim.slot_id for claim in claims}))
    free = {slot.id: slot.free for slot in slots if slot.status == "open"}
    limited = [claim for claim in claims if claim.quota_places]
    quotas = (
        await queries.lock_quotas(
            db, org_id, [claim.slot_id for claim in limited], [claim.option_id for claim in limited]
        )
        if limited
        else []
    )
    outcomes = first_fit(
        claims, free, {(quota.slot_id, quota.option_id): quota.free for quota in quotas},
        {slot.id: slot.version for slot in slots},
    )  # fmt: skip
    won = [claim for claim, outcome in zip(claims, outcomes, strict=True) if outcome.ok]
    if won:
        has_quota = {(quota.slot_id, quota.option_id) for quota in quotas}
        await _move(db, org_id, won, has_quota, claims=won, now=now)
    return outcomes


async def _move(
    db: Connection,
    org_id: UUID,
    moves: Sequence[ClaimRequest | Released],
    quotas: set[tuple[UUID, UUID]],
    claims: Sequence[ClaimRequest] = (),
    now: datetime | None = None,
) -> None:
    """Adds up what is taken, with the claims that are new, or else given back, per slot and per quota, and writes each
    once."""
    sign = 1 if claims else -1
    slots: dict[UUID, int] = defaultdict(int)
    options: dict[tuple[UUID, UUID], int] = defaultdict(int)
    for one in moves:
        slots[one.slot_id] += sign * one.places
        if (one.slot_id, one.option_id) in quotas:
            options[one.slot_id, one.option_id] += sign * one.quota_places
    await queries.move_slots(db, org_id, [MovedSlot(*moved) for moved in slots.items()], claims, now)
    if options:
        await queries.move_quotas(db, org_id, [MovedQuota(*of, places) for of, places in options.items()])


async def give_back(
    db: Connection, org_id: UUID, claim_ids: Sequence[UUID], kept: Mapping[UUID, Kept] | None = None
) -> int:
    """Gives the places and seats of these claims back, once; the number of claims that were live.

    Of a claim in `kept` only what it has beyond that is given back: the places of people who are inside stay taken.
    """
    kept = kept or {}
    await seat_queries.delete_seats_of(
        db, org_id, claim_ids, [item_id for one in kept.values() for item_id in one.item_ids]
    )
    released: list[Released] = []
    if whole := [claim_id for claim_id in claim_ids if claim_id not in kept]:
        released += await queries.delete_claims(db, org_id, whole)
    if shrunk := [KeptPlaces(one, kept[one].places, kept[one].quota_places) for one in claim_ids if one in kept]:
        released += await queries.shrink_claims(db, org_id, shrunk)
    if released:
        slot_ids = sorted({row.slot_id for row in released})
        await queries.lock_slots(db, org_id, slot_ids)
        limited = [row for row in released if row.quota_places]
        quotas = (
            await queries.lock_quotas(db, org_id, [row.slot_id for row in limited], [row.option_id for row in limited])
            if limited
            else []
        )
        await _move(db, org_id, released, {(quota.slot_id, quota.option_id) for quota in quotas})
    return len(released)


async def hand_over(db: Connection, org_id: UUID, claim_ids: Sequence[UUID], holder_id: UUID) -> None:
    """Gives claims another holder; those that are gone have none."""
    await queries.set_holder(db, org_id, claim_ids, holder_id)


async def lock_idle(db: Connection, org_id: UUID, slot_ids: Sequence[UUID]) -> set[UUID]:
    """Those of these slots that nobody was selling at this moment; they stay locked until the transaction ends."""
    return {row.id for row in await queries.lock_idle_slots(db, org_id, slot_ids)}


async def keep(db: Connection, org_id: UUID, claim_ids: Sequence[UUID]) -> bool:
    """Keeps claims for good. False when one of them is gone already."""
    return await queries.set_claims_expiry(db, org_id, claim_ids, None) == len(claim_ids)


async def extend(db: Connection, org_id: UUID, claim_ids: Sequence[UUID], expires_at: datetime) -> bool:
    """Moves the end of claims. False when one of them is gone already."""
    return await queries.set_claims_expiry(db, org_id, claim_ids, expires_at) == len(claim_ids)


# seats ------------------------------------------------------------------------------------------------------------


async def layout_rows(db: Connection, caches: Caches, org_id: UUID, layout_id: UUID) -> list[list[str]]:
    """The seat codes of a layout, row by row. Layouts never change, so what was read once is kept."""
    cache = LAYOUTS.of(caches)
    if (rows := cache.get((org_id, layout_id))) is None:
        grouped: dict[int, list[str]] = defaultdict(list)
        for found in await seat_queries.list_layout_seats(db, org_id, layout_id):
            grouped[found.row].append(found.seat)
        rows = list(grouped.values())
        cache.put((org_id, layout_id), rows)
    return rows


async def take_seats(db: Connection, org_id: UUID, slot_id: UUID, claim_id: UUID, wishes: Sequence[SeatWish]) -> None:
    """Gives each item the seat it wishes, instead of the one it had. Raises `SeatTaken` naming those that are gone."""
    await seat_queries.delete_item_seats(db, org_id, slot_id, [wish.item_id for wish in wishes])
    got = await seat_queries.insert_seats(db, org_id, slot_id, claim_id, wishes)
    lost = {wish.seat for wish in wishes} - {row.seat for row in got}
    if lost or len(got) < len(wishes):
        raise SeatTaken(f"Taken: {', '.join(sorted(lost))}.", seats=sorted(lost))


async def leave_seats(db: Connection, org_id: UUID, slot_id: UUID, item_ids: Sequence[UUID]) -> None:
    """Frees the seats of these items."""
    await seat_queries.delete_item_seats(db, org_id, slot_id, item_ids)


async def assign_seats(
    db: Connection, org_id: UUID, slot_id: UUID, claim_id: UUID, rows: list[list[str]], item_ids: Sequence[UUID]
) -> Mapping[UUID, str]:
    """Seats a party together where possible. Items that found no seat are left out: the layout had no more.

    Others may choose at the same moment; who loses a seat to them looks again.
    """
    seated: dict[UUID, str] = {}
    for _ in range(SEAT_TRIES):
        waiting = [item_id for item_id in item_ids if item_id not in seated]
        if not waiting:
            break
        taken = frozenset(row.seat for row in await seat_queries.list_taken_seats(db, org_id, slot_id))
        chosen = choose_seats(rows, taken, len(waiting))
        if not chosen:
            break
        wishes = [SeatWish(item_id, seat) for seat, item_id in zip(chosen, waiting, strict=False)]
        got = {row.seat for row in await seat_queries.insert_seats(db, org_id, slot_id, claim_id, wishes)}
        seated.update({wish.item_id: wish.seat for wish in wishes if wish.seat in got})
    return seated
