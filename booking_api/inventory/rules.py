"""Pure decisions of the read side: parties and their prices, local times, what is left, what a slot's status is."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from booking_api.catalog.answers import place_brief
from booking_api.catalog.rules import (
    admission_window,
    check_party,
    places,
    price_periods,
    sales_close_at,
    total_amount,
    unit_amount,
)
from booking_api.catalog.schemas import OptionDefinition, ProductDefinition
from booking_api.core.errors import FieldError, Invalid, invalid
from booking_api.core.money import Money
from booking_api.inventory.schemas import (
    Availability,
    FoundSlot,
    OptionAvailability,
    SlotAnswer,
    SlotRow,
    UnitPrice,
)

STATUSES = ("cancelled", "closed", "sold_out", "limited", "available")
"""What a slot can be for a party, worst first."""
LIMITED_SHARE = 5
"""A slot is `limited` when at most this part of its capacity, a fifth, is left."""
DEFAULT_UNIT = "adult"

Wanted = Mapping[str, int]
"""A party as a search names it: code of a unit → count."""


class Offer(msgspec.Struct, frozen=True):
    """An option on one day: what its units cost, and the party's total where it is sold to that party."""

    option: OptionDefinition
    units: list[UnitPrice]
    total: int | None


class Terms(msgspec.Struct, frozen=True):
    """What a product means for a party on one day. `broken` are the rules of the product that the party breaks."""

    definition: ProductDefinition
    places: int
    broken: list[str]
    offers: list[Offer]


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


def party_for(definition: ProductDefinition, wanted: Wanted | None) -> tuple[dict[UUID, int], list[str]]:
    """The party in a product's units, and the rules that it breaks. Nobody named: an adult, else the first unit."""
    if wanted is None:
        unit = definition.unit_by_code(DEFAULT_UNIT) or next(iter(definition.units), None)
        counts = {} if unit is None else {unit.id: max(1, unit.min)}
        return counts, check_party(definition, counts)
    units = {code: definition.unit_by_code(code) for code in wanted}
    counts = {unit.id: wanted[code] for code, unit in units.items() if unit is not None}
    unknown = [f"There is no unit {code!r} here." for code, unit in units.items() if unit is None]
    return counts, unknown or check_party(definition, counts)


def make_terms(definition: ProductDefinition, wanted: Wanted | None, day: date) -> Terms:
    """What a product means for a party on a local date."""
    counts, broken = party_for(definition, wanted)
    offers = []
    for option in definition.options:
        amounts = [(unit, unit_amount(definition, option, unit, day)) for unit in definition.units]
        units = [
            UnitPrice(unit.id, unit.code, Money(amount, definition.currency))
            for unit, amount in amounts
            if amount is not None
        ]
        offers.append(Offer(option, units, None if broken else total_amount(definition, option, counts, day)))
    return Terms(definition, 0 if broken else places(definition, counts), broken, offers)


def offer_rows(
    definition: ProductDefinition, wanted: Wanted | None, first: date, last: date
) -> Iterator[tuple[UUID, UUID | None, date, date, int | None, int, int]]:
    """A product's offers to a party for statements over many days, the first without an option.

    Product, option, first and last day of a period with one price, total, places, minutes before the start when the
    option closes.
    """
    yield definition.id, None, first, last, None, 0, 0
    counts, broken = party_for(definition, wanted)
    if broken:
        return
    occupied = places(definition, counts)
    for option in definition.options:
        for start, end in price_periods(definition, option, first, last):
            total = total_amount(definition, option, counts, start)
            if total is not None:
                yield definition.id, option.id, start, end, total, occupied, option.conditions.booking_closes_minutes


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


def option_vacancies(slot: FoundSlot, terms: Terms) -> list[int]:
    """Places left under each of the terms' options: the lesser of the slot's and the option's own quota."""
    free = slot.capacity - slot.taken
    if not slot.quota_options:
        return [free] * len(terms.offers)
    quotas = dict(zip(slot.quota_options, slot.quota_free or (), strict=True))
    return [min(free, quotas.get(offer.option.id, free)) for offer in terms.offers]


def option_status(slot: FoundSlot, terms: Terms, offer: Offer, vacancies: int, now: datetime) -> str | None:
    """Why a party can't book an option: `closed` or `sold_out`; None if it can."""
    if slot.status != "open" or not slot.on_sale or offer.total is None:
        return "closed"
    if sales_close_at(offer.option, slot.starts_at, slot.booking_closes_at) <= now:
        return "closed"
    return "sold_out" if vacancies < terms.places else None


def slot_status(slot: FoundSlot, options: list[tuple[int, str | None]]) -> str:
    """The status of a slot for a party from the vacancies and status of its options. One's own hold never hides it."""
    if slot.status == "cancelled":
        return "cancelled"
    bookable = [vacancies for vacancies, status in options if status is None]
    if bookable:
        return "limited" if max(bookable) * LIMITED_SHARE <= slot.capacity else "available"
    if any(status == "sold_out" for _, status in options):
        return "limited" if slot.held else "sold_out"
    return "closed"


def availability(slot: FoundSlot, terms: Terms, now: datetime) -> Availability:
    """A slot as it is now for a party."""
    currency = terms.definition.currency
    vacancies = option_vacancies(slot, terms)
    statuses = [option_status(slot, terms, offer, v, now) for offer, v in zip(terms.offers, vacancies, strict=True)]
    windows = [admission_window(offer.option.admission, slot.starts_at, slot.ends_at) for offer in terms.offers]
    closings = [sales_close_at(offer.option, slot.starts_at, slot.booking_closes_at) for offer in terms.offers]
    return Availability(
        slot_id=slot.id,
        product_id=slot.product_id,
        starts_at=local(slot.starts_at, slot.time_zone),
        time_zone=slot.time_zone,
        ends_at=local(slot.ends_at, slot.end_time_zone),
        end_time_zone=slot.end_time_zone,
        status=slot_status(slot, list(zip(vacancies, statuses, strict=True))),
        vacancies=slot.capacity - slot.taken,
        booking_closes_at=local(max(closings, default=slot.booking_closes_at), slot.time_zone),
        admit_from=local(min((opens for opens, _ in windows), default=slot.starts_at), slot.time_zone),
        admit_until=local(max((closes for _, closes in windows), default=slot.ends_at), slot.time_zone),
        held_by_you=slot.held or None,
        gate=slot.gate,
        resource=slot.resource,
        seat_layout_id=slot.seat_layout_id,
        options=[
            OptionAvailability(
                option_id=offer.option.id,
                vacancies=left,
                status=status,
                units=offer.units,
                total=None if offer.total is None else Money(offer.total, currency),
            )
            for offer, left, status in zip(terms.offers, vacancies, statuses, strict=True)
        ],
    )


def slot_answer(slot: SlotRow, definition: ProductDefinition, option: OptionDefinition) -> SlotAnswer:
    """A slot as bookings carry it, with the admission window of the booked option."""
    admit_from, admit_until = admission_window(option.admission, slot.starts_at, slot.ends_at)
    return SlotAnswer(
        id=slot.id,
        product_id=slot.product_id,
        starts_at=local(slot.starts_at, slot.time_zone),
        time_zone=slot.time_zone,
        ends_at=local(slot.ends_at, slot.end_time_zone),
        end_time_zone=slot.end_time_zone,
        status=slot.status,
        admit_from=local(admit_from, slot.time_zone),
        admit_until=local(admit_until, slot.time_zone),
        origin=place_brief(definition.origin) if definition.origin else None,
        destination=place_brief(definition.destination) if definition.destination else None,
        venue=place_brief(definition.venue) if definition.venue else None,
        gate=slot.gate,
        resource=slot.resource,
    )
