"""The verbs that offer slots: new occurrences, and changes to those that are there."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import UnsetType

from booking_api.catalog.operations import load_products
from booking_api.core.context import Context
from booking_api.core.db import Connection
from booking_api.core.db.rows import row_from
from booking_api.core.errors import FieldError, Forbidden, NotFound, VersionConflict, pointer_to, unprocessable
from booking_api.core.ids import new_id
from booking_api.core.queue.events import publish
from booking_api.identity import audit
from booking_api.inventory import change_queries, queries, write_queries
from booking_api.inventory import slot_rules as rules
from booking_api.inventory.change_queries import WrittenQuota
from booking_api.inventory.events import SlotHoldsUnwanted, SlotUpdated
from booking_api.inventory.schemas import SlotChange, SlotState
from booking_api.inventory.write_queries import StagedQuota, StagedSlot
from booking_api.inventory.write_schemas import NewSlot, RefusedSlot, SavedSlots

SEATED = FieldError("/seat_layout", "Seats are taken on its present seat layout, so it can't get another one.")
OVER_QUOTA = FieldError("/quotas", "More places are taken under an option than the quota it would get.")
WRITE_SCOPE = "catalogue:write"
OTHER_PRODUCT = FieldError("/code", "Its code belongs to a slot of another product.")


async def _lock_changing(
    db: Connection, org_id: UUID, slots: Sequence[NewSlot], positions: dict[UUID, int]
) -> list[RefusedSlot]:
    """Locks the slots that are there and are to change (id → position), and names those that can't."""
    reasons: dict[int, FieldError] = {}
    for row in await write_queries.lock_for_change(db, org_id, list(positions)):
        position = positions[row.id]
        if row.taken > slots[position].capacity:
            reasons[position] = FieldError(
                "/capacity", f"{row.taken} places are taken, more than the capacity of {slots[position].capacity}."
            )
    for obstacle in await write_queries.find_obstacles(db, org_id):
        reasons.setdefault(obstacle.position, SEATED if obstacle.seated else OVER_QUOTA)
    return [RefusedSlot(position, reason) for position, reason in reasons.items()]


async def save_slots(db: Connection, org_id: UUID, slots: Sequence[NewSlot], now: datetime) -> SavedSlots:
    """Offers slots, matched by code. Codes must differ; what can't be carried out is left as it is and reported.

    Runs in the caller's transaction, in which changed slots stay locked: keep it short, at most some thousands at a
    time. Raises `asyncpg.DataError` or `asyncpg.IntegrityConstraintViolationError` for what a column can't hold.
    """
    await write_queries.create_staged_slots(db)
    await write_queries.create_staged_quotas(db)
    await write_queries.empty_stage(db)
    await write_queries.stage(
        db,
        [row_from(slot, StagedSlot, position=position, id=new_id()) for position, slot in enumerate(slots)],
        [StagedQuota(position, *quota) for position, slot in enumerate(slots) for quota in slot.quotas],
    )
    await write_queries.find_existing(db, org_id)
    await write_queries.analyze_stage(db)
    compared = await write_queries.compare_staged(db, org_id)
    refused = [RefusedSlot(row.position, OTHER_PRODUCT) for row in compared if row.other_product]
    new = {row.position for row in compared if row.existing_id is None}
    changing = {row.existing_id: row.position for row in compared if row.existing_id and not row.other_product}
    if len(new) + len(changing) < len(slots):
        await write_queries.keep_staged(db, [*new, *changing.values()])
    if changing:
        blocked = await _lock_changing(db, org_id, slots, changing)
        if blocked:
            refused += blocked
            stuck = {row.position for row in blocked}
            changing = {slot_id: position for slot_id, position in changing.items() if position not in stuck}
            await write_queries.keep_staged(db, [*new, *changing.values()])
    if new or changing:
        await write_queries.merge_slots(db, org_id, now)
        await write_queries.merge_quotas(db, org_id)
    if changing:
        await write_queries.lift_quotas(db, org_id, list(changing))
        sold = await queries.find_sold(db, org_id, list(changing))
        await publish(db, [SlotUpdated().event(org_id, row.id, now) for row in sold])
    refused.sort(key=lambda row: row.position)
    return SavedSlots(len(new), len(changing), len(slots) - len(compared), refused)


async def change_slot(ctx: Context, slot_id: UUID, change: SlotChange, expected: frozenset[int] | None) -> list[str]:
    """Changes one slot; the names of what is another by now, none where it was so before. Safe beside any sale.

    The slot is locked before its quotas, as by who takes places. Publishes `slot.changed` exactly where something
    changed, and `slot.holds_unwanted` where the holds are to go: who holds places stands above. Raises `NotFound`,
    `Forbidden` for what only managers may change, `VersionConflict` and `Unprocessable`.
    """
    names = rules.wished(change)
    if not names <= rules.OF_THE_DAY and not ctx.caller.may(WRITE_SCOPE, "manager"):
        raise Forbidden("An agent may change the delay of a slot and nothing else.")
    before = await change_queries.lock_state(ctx.db, ctx.org_id, slot_id)
    if before is None:
        raise NotFound("There is no such slot.")
    after = rules.changed_slot(before, change, ctx.now)
    changed = rules.differences(before, after)
    quotas: list[WrittenQuota] = []
    if not isinstance(change.quotas, UnsetType):
        quotas = await _other_quotas(ctx, before, after.capacity, change.quotas)
    if quotas:
        changed.append("quotas")
    if changed:
        if expected is not None and before.version not in expected:
            raise VersionConflict
        await _write_slot(ctx, before, after)
        if quotas:
            await change_queries.write_quotas(ctx.db, ctx.org_id, slot_id, quotas)
        await publish(ctx.db, [SlotUpdated(changed=changed).event(ctx.org_id, slot_id, ctx.now)])
        await audit.note(ctx, "slot.changed", "slot", slot_id, changed[0] if len(changed) == 1 else "several")
    if change.release_holds:
        await audit.note(ctx, "slot.holds_released", "slot", slot_id)
        await publish(ctx.db, [SlotHoldsUnwanted().event(ctx.org_id, slot_id, ctx.now)])
    return changed


async def _write_slot(ctx: Context, before: SlotState, after: SlotState) -> None:
    await change_queries.update_slot(ctx.db, ctx.org_id, after, ctx.now)
    if before.capacity != after.capacity:
        await change_queries.move_quota_limits(ctx.db, ctx.org_id, before.id, before.capacity, after.capacity)


async def _other_quotas(
    ctx: Context, slot: SlotState, capacity: int, wanted: Mapping[str, int | None]
) -> list[WrittenQuota]:
    """Those of the wished quotas that are others than they are. Raises `Unprocessable`, pointed at what can't be.

    A quota as large as the slot limits nothing, and follows it.
    """
    (row,) = await queries.find_slots(ctx.db, ctx.org_id, [slot.id])
    definition = (await load_products(ctx, [row.product_id]))[row.product_id]
    codes = {option.id: option.code for option in definition.options if option.code in wanted}
    if unknown := wanted.keys() - set(codes.values()):
        code = min(unknown)
        raise unprocessable(pointer_to("quotas", code), f"Its product has no option {code!r}.")
    others: list[WrittenQuota] = []
    for quota in await change_queries.find_quotas(ctx.db, ctx.org_id, slot.id, list(codes)):
        code = codes[quota.option_id]
        places = wanted[code]
        if places is not None and places < quota.taken:
            raise unprocessable(
                pointer_to("quotas", code), f"{quota.taken} places are taken under this option, more than that."
            )
        present = slot.capacity if quota.capacity is None else quota.capacity
        follows = present == slot.capacity
        if places is None and not follows:
            others.append(WrittenQuota(quota.option_id, capacity, quota.taken))
        elif places is not None and (places != present or (follows and places != capacity)):
            others.append(WrittenQuota(quota.option_id, places, quota.taken))
    return others


async def find_overlaps(
    db: Connection, org_id: UUID, resources: Sequence[str], first: datetime, last: datetime, limit: int
) -> list[queries.OverlappingSlot]:
    """Slots that begin between two moments while their resource is busy with another one, at most `limit`."""
    return await queries.list_overlaps(db, org_id, resources, first, last, limit) if resources else []


async def find_missing(db: Connection, org_id: UUID, codes: Sequence[str]) -> set[str]:
    """Which of these codes no slot has."""
    return {row.code for row in await queries.find_missing_codes(db, org_id, codes)}
