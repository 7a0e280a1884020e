"""A search by plain statements for one caller alone, its answer built of Structs: what is written is compared with it."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
import msgspec

from booking_api.availability import queries, rules
from booking_api.availability.answers import product_summary
from booking_api.availability.schemas import (
    Availability,
    AvailabilityPage,
    FoundSlot,
    OptionAvailability,
    UnitPrice,
)
from booking_api.availability.targets import check_party
from booking_api.catalog.operations import load_definitions
from booking_api.catalog.rules import total_amount, unit_amount
from booking_api.catalog.schemas import ProductDefinition
from booking_api.core.money import Money
from booking_api.core.paging import write_cursor
from booking_api.inventory.schemas import Delay
from booking_api.inventory.slot_rules import admission_window, delayed_times, sales_close_at
from tests.world import World

SQL = """
    select s.id, s.product_id from slot s
    where s.org_id = $1 and (s.product_id = $2 or s.origin_id = $3 and s.destination_id = $4)
      and s.local_date between $5 and $6 and coalesce(s.estimated_starts_at, s.starts_at) >= $7
    order by s.local_date, s.starts_at, s.id
"""


async def plain_pages(
    world: World, db: asyncpg.Connection, now: datetime, target: UUID | tuple[UUID, UUID], first: date, last: date,
    units: str | None, limit: int, holder_id: UUID | None, languages: Sequence[str],
) -> list[bytes]:  # fmt: skip
    """Every page of a search by start, as JSON. Raises `PartyNotAllowed`."""
    org_id, wanted = world.org.org_id, rules.parse_units(units)
    route = target if isinstance(target, tuple) else (None, None)
    product_id = None if isinstance(target, tuple) else target
    products = {row["id"]: row["version"] for row in await db.fetch("select id, version from product")}
    definitions = await load_definitions(db, {}, org_id, products.items())
    found = [row["id"] for row in await db.fetch(SQL, org_id, product_id, *route, first, last, now)]
    slots = {slot.id: slot for slot in await queries.find_slots_with_room(db, org_id, found, holder_id, now)}
    of_slot = {id_: definitions[slots[id_].product_id, slots[id_].product_version] for id_ in found}
    if product_id is not None:
        check_party([definitions[product_id, products[product_id]]], wanted)
    elif found:
        met = await db.fetch(
            "select distinct product_id from slot where origin_id = $1 and destination_id = $2 and local_date between $3 and $4",
            *route, first, last,
        )  # fmt: skip
        in_order = sorted((definitions[row[0], products[row[0]]] for row in met), key=lambda one: one.code)
        check_party(in_order, wanted)
    pages: list[bytes] = []
    for start in range(0, max(len(found), 1), limit):
        page = [slots[id_] for id_ in found[start : start + limit]]
        cursor = None
        if start + limit < len(found):
            cursor = write_cursor(page[-1].local_date, datetime.fromtimestamp(page[-1].starts_at, UTC), page[-1].id)
        answer = AvailabilityPage(
            items=[plain_slot(slot, of_slot[slot.id], wanted, now) for slot in page],
            products={slot.product_id: product_summary(of_slot[slot.id], languages) for slot in page},
            next_cursor=cursor,
        )
        pages.append(msgspec.json.encode(answer))
    return pages


def plain_slot(
    slot: FoundSlot, definition: ProductDefinition, wanted: rules.UnitCounts | None, now: datetime
) -> Availability:
    """What the contract says of a slot, worked out from the product's document, option by option."""
    counts, broken = rules.party_for(definition, wanted)
    occupies = {unit.id: unit.occupies for unit in definition.units}
    needed = 0 if broken else sum(occupies[unit_id] * count for unit_id, count in counts.items())
    starts_at, ends_at, slot_closes_at = (
        datetime.fromtimestamp(seconds, UTC) for seconds in (slot.starts_at, slot.ends_at, slot.booking_closes_at)
    )
    estimate = None if slot.delay is None else msgspec.json.decode(slot.delay, type=Delay)
    begins, ends = (
        (starts_at, ends_at)
        if estimate is None
        else delayed_times(starts_at, ends_at, estimate.estimated_starts_at, estimate.estimated_ends_at)
    )
    likely = begins, ends
    free = slot.capacity - slot.taken
    quotas = dict(pair.split("=") for pair in slot.quotas.split(",") if pair) if slot.quotas else {}
    found: list[OptionAvailability] = []
    for option in definition.options:
        total = None if broken else total_amount(definition, option, counts, slot.local_date)
        left = min(free, int(quotas.get(str(option.id), free)))
        closed = slot.status != "open" or not slot.on_sale or total is None
        status = "sold_out" if left < needed else None
        if closed or sales_close_at(option, definition.kind, starts_at, ends_at, slot_closes_at, likely) <= now:
            status = "closed"
        units = [
            UnitPrice(unit.id, unit.code, Money(amount, definition.currency))
            for unit in definition.units
            if (amount := unit_amount(definition, option, unit, slot.local_date)) is not None
        ]
        found.append(
            OptionAvailability(
                option_id=option.id, vacancies=left, status=status, units=units,
                total=None if total is None else Money(total, definition.currency),
            )
        )  # fmt: skip
    bookable = [option.vacancies for option in found if option.status is None]
    if slot.status == "cancelled":
        status = "cancelled"
    elif bookable:
        status = "limited" if max(bookable) * 5 <= slot.capacity else "available"
    elif any(option.status == "sold_out" for option in found):
        status = "limited" if slot.held else "sold_out"
    else:
        status = "closed"
    windows = [admission_window(option.admission, starts_at, ends_at, likely) for option in definition.options]
    closings = [
        sales_close_at(option, definition.kind, starts_at, ends_at, slot_closes_at, likely)
        for option in definition.options
    ]
    here = ZoneInfo(slot.time_zone)
    return Availability(
        slot_id=slot.id, product_id=slot.product_id, starts_at=starts_at.astimezone(here), time_zone=slot.time_zone,
        ends_at=ends_at.astimezone(ZoneInfo(slot.end_time_zone)), end_time_zone=slot.end_time_zone, status=status,
        vacancies=free, booking_closes_at=max(closings, default=slot_closes_at + (begins - starts_at)).astimezone(here),
        admit_from=min((opens for opens, _ in windows), default=starts_at).astimezone(here),
        admit_until=max((closes for _, closes in windows), default=ends).astimezone(here),
        delay=rules.delay_answer(estimate, slot.time_zone, slot.end_time_zone), held_by_you=slot.held or None,
        gate=slot.gate, resource=slot.resource, seat_layout_id=slot.seat_layout_id,
        available_actions=["book"] if bookable else [], options=found,
    )  # fmt: skip
