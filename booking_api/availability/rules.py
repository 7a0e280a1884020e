"""Pure decisions of the read side: parties and their prices, local times, what is left, what a slot's status is."""

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from booking_api.availability.schemas import FoundSlot, OfferRow, SlotAnswer, UnitPrice
from booking_api.catalog.answers import place_brief
from booking_api.catalog.rules import check_party, places, price_periods, total_amount, unit_amount
from booking_api.catalog.schemas import OptionDefinition, ProductDefinition
from booking_api.core.errors import FieldError, Invalid, invalid
from booking_api.core.money import Money
from booking_api.inventory.schemas import Delay, SlotRow
from booking_api.inventory.slot_rules import (
    SlotTimes,
    delayed_times,
    sales_close_minutes,
)

STATUSES = ("cancelled", "closed", "sold_out", "limited", "available")
"""What a slot can be for a party, worst first."""
LIMITED_SHARE = 5
"""A slot is `limited` when at most this part of its capacity, a fifth, is left."""
DEFAULT_UNIT = "adult"
OPTION_STATUSES = ("closed", "sold_out")
"""Why a party can't book an option."""

UnitCounts = Mapping[str, int]
"""A party as a search names it: code of a unit → count."""


class Offer(msgspec.Struct, frozen=True):
    """An option on one day: what its units cost, and the party's total where it is sold to that party."""

    option: OptionDefinition
    key: str
    """The option's id as text."""
    closes_before: float
    """Seconds before the start when its sales to that party end; infinite where it isn't sold to it."""
    closes_after_end: float
    """Seconds after the end when they end at the latest, because its gate closes; infinite where that never counts."""
    units: list[UnitPrice]
    total: int | None
    written: tuple[str, dict[str | None, str]]
    """Its JSON before the places that are left, and after them for each status; see `answers`."""


class Gates(NamedTuple):
    """The times of all options together, in seconds around a slot's start and end; see `outer_times`."""

    closings: tuple[tuple[float, float], ...]
    """Of each option, the seconds before the start and after the end when its sales end."""
    opens_before: float
    opens_last_before: float
    admits_after_start: float
    admits_after_end: float


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a product means for a party on the days of one price. `broken` are its rules that the party breaks."""

    definition: ProductDefinition
    places: int
    broken: list[str]
    offers: list[Offer]
    gates: Gates


# parties and prices -----------------------------------------------------------------------------------------------


def parse_units(units: str | None) -> dict[str, int] | None:
    """`adult:2,child:1` as counts by code; None where nobody said. Raises `Invalid` for a unit named twice."""
    if units is None:
        return None
    wanted: dict[str, int] = {}
    for part in units.split(","):
        code, _, count = part.partition(":")
        if code in wanted:
            raise invalid("/query/units", f"The unit {code} is named twice.")
        wanted[code] = int(count)
    return wanted


def party_for(definition: ProductDefinition, wanted: UnitCounts | None) -> tuple[dict[UUID, int], list[str]]:
    """The party in a product's units, and the rules that it breaks. Nobody named: an adult, else the first unit."""
    if wanted is None:
        unit = definition.unit_by_code(DEFAULT_UNIT) or next(iter(definition.units), None)
        counts = {} if unit is None else {unit.id: max(1, unit.min)}
        return counts, check_party(definition, counts)
    units = {code: definition.unit_by_code(code) for code in wanted}
    counts = {unit.id: wanted[code] for code, unit in units.items() if unit is not None}
    unknown = [f"There is no unit {code!r} here." for code, unit in units.items() if unit is None]
    return counts, unknown or check_party(definition, counts)


def as_json(value: object) -> str:
    """What an answer says of a value."""
    return msgspec.json.encode(value).decode()


def _written(offer_id: UUID, units: list[UnitPrice], total: Money | None) -> tuple[str, dict[str | None, str]]:
    after = f',"units":{as_json(units)}' + ("" if total is None else f',"total":{as_json(total)}') + "}"
    with_status = {status: f',"status":"{status}"{after}' for status in OPTION_STATUSES}
    return f'{{"option_id":"{offer_id}","vacancies":', {None: after, **with_status}


def make_terms(definition: ProductDefinition, wanted: UnitCounts | None, day: date) -> Terms:
    """What a product means for a party on a local date, and on every other one between the same price changes."""
    counts, broken = party_for(definition, wanted)
    options, currency = definition.options, definition.currency
    offers: list[Offer] = []
    for option in options:
        amounts = [(unit, unit_amount(definition, option, unit, day)) for unit in definition.units]
        units = [
            UnitPrice(unit.id, unit.code, Money(amount, currency)) for unit, amount in amounts if amount is not None
        ]
        total = None if broken else total_amount(definition, option, counts, day)
        before_start, after_end = _closing(option, definition.kind)
        closes_before = math.inf if total is None else before_start
        written = _written(option.id, units, None if total is None else Money(total, currency))
        offers.append(Offer(option, str(option.id), closes_before, after_end, units, total, written))
    admissions = [option.admission for option in options]
    opens = [gate.opens_before_minutes * 60.0 for gate in admissions]
    after_start = [gate.closes_after_minutes * 60.0 for gate in admissions if gate.closes_relative_to == "start"]
    after_end = [gate.closes_after_minutes * 60.0 for gate in admissions if gate.closes_relative_to == "end"]
    return Terms(
        definition=definition,
        places=0 if broken else places(definition, counts),
        broken=broken,
        offers=offers,
        gates=Gates(
            closings=tuple(_closing(option, definition.kind) for option in options),
            opens_before=max(opens, default=0.0),
            opens_last_before=min(opens, default=math.inf),
            admits_after_start=max(after_start, default=-math.inf),
            admits_after_end=max(after_end, default=-math.inf if options else 0.0),
        ),
    )


def _closing(option: OptionDefinition, kind: str) -> tuple[float, float]:
    before_start, after_end = sales_close_minutes(option, kind)
    return before_start * 60.0, math.inf if after_end is None else after_end * 60.0


def offer_rows(definition: ProductDefinition, wanted: UnitCounts | None, first: date, last: date) -> Iterator[OfferRow]:
    """A product's offers to a party for statements over many days, the first without an option."""
    yield OfferRow(definition.id, None, first, last, None, 0, 0, None)
    counts, broken = party_for(definition, wanted)
    if broken:
        return
    occupied = places(definition, counts)
    for option in definition.options:
        for start, end in price_periods(definition, option, first, last):
            total = total_amount(definition, option, counts, start)
            if total is not None:
                closes, gate = sales_close_minutes(option, definition.kind)
                yield OfferRow(
                    product_id=definition.id,
                    option_id=option.id,
                    first_day=start,
                    last_day=end,
                    total=total,
                    places=occupied,
                    closes_minutes=closes,
                    gate_minutes=gate,
                )


# days and times ---------------------------------------------------------------------------------------------------


def check_range(first: date | None, last: date | None, today: date, most_days: int) -> tuple[date, date]:
    """The inclusive range of local dates that a search asks for. Raises `Invalid`, pointed at the end of the range."""
    start = first or today
    end = last or start
    if end < start:
        raise invalid("/query/to", f"{end} is before {start}, where the range begins.")
    if (end - start).days >= most_days:
        raise invalid("/query/to", f"A range has at most {most_days} days.")
    if end < today:
        pointers = ["/query/to"] if last else ["/query/from"]
        detail = f"{end} is in the past; there it is {today} today."
        raise Invalid(detail, errors=[FieldError(pointer, detail) for pointer in pointers])
    return start, end


def days_between(first: date, last: date) -> list[date]:
    """Every date from the first to the last."""
    return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]


def local(moment: datetime, time_zone: str) -> datetime:
    """The same moment with the offset that its zone has then."""
    return moment.astimezone(ZoneInfo(time_zone))


# answers ----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4_096)
def quotas_of(written: str) -> Mapping[str, int]:
    """What is left by option, from how a `FoundSlot` has it. Slots of a product have the same few."""
    pairs = (pair.split("=") for pair in written.split(",") if pair)
    return {option_id: int(left) for option_id, left in pairs}


NO_QUOTAS: Mapping[str, int] = {}


def judge(slot: FoundSlot, terms: Terms, now: float) -> tuple[str, list[tuple[Offer, int, str | None]]]:
    """A slot's status for a party, and for each of the offers the places left and why the party can't have it.

    Left are the lesser of the slot's places and the option's own quota. One's own hold never hides a slot. `now` is
    in seconds since 1970.
    """
    free = slot.capacity - slot.taken
    quotas = NO_QUOTAS if slot.quotas is None else quotas_of(slot.quotas)
    begins, ends = (slot.starts_at, slot.ends_at) if slot.delay is None else expected_seconds(slot)
    on_sale = slot.status == "open" and slot.on_sale and slot.booking_closes_at + (begins - slot.starts_at) > now
    remaining = begins - now if on_sale else -math.inf
    best, sold_out = -1, False
    options: list[tuple[Offer, int, str | None]] = []
    for offer in terms.offers:
        left = quotas.get(offer.key, free)
        if left > free:
            left = free
        if remaining <= offer.closes_before or ends + offer.closes_after_end <= now:
            options.append((offer, left, "closed"))
        elif left < terms.places:
            options.append((offer, left, "sold_out"))
            sold_out = True
        else:
            options.append((offer, left, None))
            if left > best:
                best = left
    if slot.status == "cancelled":
        return "cancelled", options
    if best >= 0:
        return "limited" if best * LIMITED_SHARE <= slot.capacity else "available", options
    if sold_out:
        return "limited" if slot.held else "sold_out", options
    return "closed", options


def delay_of(slot: FoundSlot) -> Delay | None:
    """A found slot's delay; most have none."""
    return None if slot.delay is None else msgspec.json.decode(slot.delay, type=Delay)


def expected_seconds(slot: FoundSlot) -> tuple[float, float]:
    """When a slot begins and ends as far as is known now, in seconds since 1970."""
    if slot.delay is None:
        return slot.starts_at, slot.ends_at
    scheduled = datetime.fromtimestamp(slot.starts_at, UTC), datetime.fromtimestamp(slot.ends_at, UTC)
    delay = msgspec.json.decode(slot.delay, type=Delay)
    begins, ends = delayed_times(*scheduled, delay.estimated_starts_at, delay.estimated_ends_at)
    return begins.timestamp(), ends.timestamp()


def outer_times(
    starts_at: float, begins: float, ends: float, booking_closes_at: float, gates: Gates
) -> tuple[float, float, float]:
    """When a slot's last sales end, its first gate opens and its last gate closes, in seconds since 1970.

    It is scheduled for `starts_at`, and expected to begin and end at the other times.
    """
    last_sale = max((min(begins - before, ends + after_end) for before, after_end in gates.closings), default=math.inf)
    closes_at = min(last_sale, booking_closes_at + (begins - starts_at))
    # A gate never closes before it opens, see `admission_window`.
    admit_until = max(
        starts_at - gates.opens_last_before, begins + gates.admits_after_start, ends + gates.admits_after_end
    )
    return closes_at, starts_at - gates.opens_before, admit_until


def delay_answer(delay: Delay | None, time_zone: str, end_time_zone: str) -> Delay | None:
    """A delay as answers carry it, its times with the local offset of their zone."""
    if delay is None:
        return None
    return Delay(
        estimated_starts_at=local(delay.estimated_starts_at, time_zone),
        estimated_ends_at=None if delay.estimated_ends_at is None else local(delay.estimated_ends_at, end_time_zone),
        note=delay.note,
        updated_at=local(delay.updated_at, time_zone),
    )


def slot_answer(slot: SlotRow, definition: ProductDefinition, times: SlotTimes) -> SlotAnswer:
    """A slot as bookings carry it, with its times under the booked option."""
    return SlotAnswer(
        id=slot.id,
        product_id=slot.product_id,
        starts_at=local(slot.starts_at, slot.time_zone),
        time_zone=slot.time_zone,
        ends_at=local(slot.ends_at, slot.end_time_zone),
        end_time_zone=slot.end_time_zone,
        status=slot.status,
        admit_from=local(times.admit_from, slot.time_zone),
        admit_until=local(times.admit_until, slot.time_zone),
        delay=delay_answer(slot.delay, slot.time_zone, slot.end_time_zone),
        origin=place_brief(definition.origin) if definition.origin else None,
        destination=place_brief(definition.destination) if definition.destination else None,
        venue=place_brief(definition.venue) if definition.venue else None,
        gate=slot.gate,
        resource=slot.resource,
    )
