"""What makes a catalogue's elements consistent, and what becomes of them. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from booking_api.catalog.schemas import Place, ProductDefinition
from booking_api.core.ids import new_id
from booking_api.core.standards import canonical_language
from booking_api.importing import local_time
from booking_api.importing.flight_rules import booking_closes_at
from booking_api.importing.formats import (
    LayoutElement,
    OptionElement,
    ProductElement,
    QuestionElement,
    ScheduleElement,
    SlotElement,
    UnitElement,
)
from booking_api.inventory.write_schemas import NewSlot

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FIRST_YEAR, LAST_YEAR = 2000, 2100
MOST_DAYS = 1_100
MOST_SLOTS = 100_000
"""Of one schedule."""
PLACES_OF_KIND = {
    "departure": (("origin", "destination"), ("venue",)),
    "entry": (("venue",), ("origin", "destination")),
    "appointment": (("venue",), ("origin", "destination")),
}
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]{1,6})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
"""ISO 8601 in its extended form, of calendar dates: no week dates, and no other digits than those of ASCII."""
Coded = Sequence[OptionElement] | Sequence[UnitElement] | Sequence[QuestionElement]


class Offered(msgspec.Struct, frozen=True):
    """A product whose slots can be made."""

    definition: ProductDefinition
    seat_layout: str | None = None

    @property
    def origin(self) -> Place:
        place = self.definition.origin or self.definition.venue
        assert place is not None
        return place

    @property
    def end(self) -> Place:
        return self.definition.destination or self.origin


class SlotUnfit(Exception):
    """Why a slot can't be made, for the report of its line."""


# products ---------------------------------------------------------------------------------------------------------


def _repeated(name: str, things: Coded) -> Iterator[str]:
    seen: set[str] = set()
    for thing in things:
        if thing.code in seen:
            yield f"{name} {thing.code!r} is there twice"
        seen.add(thing.code)


def _unit_problems(product: ProductElement) -> Iterator[str]:
    codes = {unit.code for unit in product.units}
    for unit in product.units:
        if unit.requires is not None and (unit.requires.unit not in codes or unit.requires.unit == unit.code):
            yield f"unit {unit.code!r} requires the unit {unit.requires.unit!r}, which is not another one of this product"
        if unit.min_age is not None and unit.max_age is not None and unit.min_age > unit.max_age:
            yield f"unit {unit.code!r} has a min_age above its max_age"
        if unit.min > unit.max:
            yield f"unit {unit.code!r} has a min above its max"


def _price_problems(product: ProductElement) -> Iterator[str]:
    options, units = {option.code for option in product.options}, {unit.code for unit in product.units}
    for position, price in enumerate(product.prices):
        if price.option not in options:
            yield f"prices[{position}] is for the option {price.option!r}, which this product hasn't"
        if price.unit not in units:
            yield f"prices[{position}] is for the unit {price.unit!r}, which this product hasn't"
        if price.valid_from and price.valid_until and price.valid_from > price.valid_until:
            yield f"prices[{position}] ends before it begins"
    for code in sorted(options - {price.option for price in product.prices}):
        yield f"option {code!r} has no price"


def _charge_problems(product: ProductElement) -> Iterator[str]:
    for charge in product.charges:
        if charge.type == "tax" and (charge.rate_basis_points is None or charge.amount is not None):
            yield f"tax {charge.code!r} needs rate_basis_points and no amount"
        if charge.type == "fee" and (charge.amount is None or charge.rate_basis_points is not None):
            yield f"fee {charge.code!r} needs an amount and no rate_basis_points"


def _schedule_problems(product: ProductElement) -> Iterator[str]:
    options = {option.code for option in product.options}
    for position, schedule in enumerate(product.schedules):
        name = f"schedules[{position}]"
        series = schedule.from_ is not None, schedule.to is not None, schedule.every_minutes is not None
        if (schedule.times is None) == (not any(series)) or (schedule.times is None and not all(series)):
            yield f"{name} needs either times, or from, to and every_minutes"
        if schedule.duration_minutes is None and product.duration_minutes is None:
            yield f"{name} needs duration_minutes, because its product has none"
        if schedule.valid_from > schedule.valid_until:
            yield f"{name} ends before it begins"
        elif (schedule.valid_until - schedule.valid_from).days > MOST_DAYS:
            yield f"{name} covers more than {MOST_DAYS} days"
        elif schedule.valid_from.year < FIRST_YEAR or schedule.valid_until.year > LAST_YEAR:
            yield f"{name} is not between {FIRST_YEAR} and {LAST_YEAR}"
        if unknown := set(schedule.quotas or ()) - options:
            yield f"{name} has a quota for the option {min(unknown)!r}, which this product hasn't"


def _texts(product: ProductElement) -> Iterator[Mapping[str, str] | None]:
    """Everything in a product that is written in several languages."""
    yield from (product.title, product.summary)
    for option in product.options:
        yield from (option.title, option.conditions.summary)
    for titled in product.units:
        yield titled.title
    for labelled in (*product.charges, *product.questions):
        yield labelled.label
    for question in product.questions:
        yield from (choice.label for choice in question.choices or ())
    yield from (media.alt for media in product.media)


def _language_problems(product: ProductElement) -> Iterator[str]:
    given = {language for texts in _texts(product) for language in texts or ()}
    for language in sorted(given):
        written = canonical_language(language)
        if written is None:
            yield f"{language!r} is not a language tag (BCP 47) of a known language"
        elif written != language:
            yield f"the language {language!r} is written {written!r}"


def product_problems(
    product: ProductElement, places: Mapping[str, Place], layouts: Mapping[str, tuple[UUID, int]]
) -> list[str]:
    """All that is inconsistent in a product, in sentences."""
    problems = [
        *_repeated("option", product.options), *_repeated("unit", product.units),
        *_repeated("question", product.questions), *_unit_problems(product), *_price_problems(product),
        *_charge_problems(product), *_schedule_problems(product), *_language_problems(product),
    ]  # fmt: skip
    needed, senseless = PLACES_OF_KIND[product.kind]
    for name in needed:
        code = getattr(product, name)
        if code is None:
            problems.append(f"a product of kind {product.kind} needs {name}")
        elif code not in places:
            problems.append(f"there is no place {code!r}")
    problems += [f"a product of kind {product.kind} has no {name}" for name in senseless if getattr(product, name)]
    named = {product.seat_layout, *(schedule.seat_layout for schedule in product.schedules)} - {None}
    problems += [f"there is no seat layout {code!r}" for code in sorted(named - layouts.keys(), key=str)]
    problems += [
        f"question {question.code!r} needs choices exactly if its type is choice"
        for question in product.questions
        if (question.type == "choice") != (question.choices is not None)
    ]
    return problems


def _with_ids(things: Coded) -> list[dict[str, Any]]:
    return [{"id": new_id(), **msgspec.to_builtins(thing)} for thing in things]


def make_definition(product: ProductElement, places: Mapping[str, Place], currency: str) -> ProductDefinition:
    """The document of a consistent product, with new ids."""
    document = msgspec.to_builtins(product)
    for field in ("on_sale", "seat_layout", "schedules"):
        document.pop(field)
    for name in ("origin", "destination", "venue"):
        document[name] = places[document[name]] if document[name] else None
    return msgspec.convert(
        msgspec.to_builtins(
            {
                **document,
                "id": new_id(),
                "currency": currency,
                "options": _with_ids(product.options),
                "units": _with_ids(product.units),
                "questions": _with_ids(product.questions),
            }
        ),
        ProductDefinition,
    )


def layout_problem(layout: LayoutElement) -> str | None:
    """What is inconsistent in a seat layout."""
    if (layout.seats is None) == (layout.decks is None):
        return "a seat layout has either seats or decks"
    codes = [seat.code for deck in layout.decks or () for row in deck.rows for seat in row.seats]
    return "a seat is there twice" if len(codes) != len(set(codes)) else None


# slots ------------------------------------------------------------------------------------------------------------


def slot_code(product: str, starts_at: datetime, resource: str | None) -> str:
    """The code of a slot that was given none: product, start in UTC, resource."""
    start = f"{product}@{starts_at.astimezone(UTC):%Y-%m-%dT%H:%MZ}"
    return f"{start}@{resource}" if resource else start


def _moment(text: str, zone: ZoneInfo, what: str) -> datetime:
    """A local time, or one with an offset, as a moment. Raises `SlotUnfit`."""
    try:
        if not _MOMENT.fullmatch(text):
            raise ValueError(text)
        given = datetime.fromisoformat(text)
    except ValueError:
        raise SlotUnfit(f"{what} {text!r} is not a local date and time such as 2026-07-01T09:30") from None
    if not FIRST_YEAR <= given.year <= LAST_YEAR or given.second or given.microsecond:
        raise SlotUnfit(f"{what} {text!r} is not a whole minute between {FIRST_YEAR} and {LAST_YEAR}")
    moment = given.astimezone(UTC) if given.tzinfo else local_time.exact(given, zone)
    if moment is None:
        raise SlotUnfit(f"{what} {text} does not exist in {zone.key}: clocks go forward over it that day")
    return moment


class Room(msgspec.Struct, frozen=True):
    """What an explicit slot and a schedule say alike of each slot."""

    capacity: int
    quotas: dict[str, int] | None
    gate: str | None
    resource: str | None
    seat_layout: str | None


def room_of(element: SlotElement | ScheduleElement) -> Room:
    return Room(element.capacity, element.quotas, element.gate, element.resource, element.seat_layout)


def _new_slot(
    offered: Offered, room: Room, layouts: Mapping[str, tuple[UUID, int]], starts_at: datetime, ends_at: datetime,
    code: str | None = None, status: Any = None,
) -> NewSlot:  # fmt: skip
    definition, origin, end = offered.definition, offered.origin, offered.end
    if ends_at < starts_at:
        raise SlotUnfit("it ends before it starts")
    layout = room.seat_layout or offered.seat_layout
    if layout is not None and layout not in layouts:
        raise SlotUnfit(f"there is no seat layout {layout!r}")
    if layout is not None and layouts[layout][1] < room.capacity:
        raise SlotUnfit(
            f"its capacity is {room.capacity}, but the seat layout {layout!r} has {layouts[layout][1]} seats"
        )
    options = {option.code: option for option in definition.options}
    quotas = {code: option.quota for code, option in options.items() if option.quota is not None}
    quotas |= room.quotas or {}
    if unknown := quotas.keys() - options.keys():
        raise SlotUnfit(f"it has a quota for the option {min(unknown)!r}, which its product hasn't")
    return NewSlot(
        code=code or slot_code(definition.code, starts_at, room.resource),
        product_id=definition.id,
        kind=definition.kind,
        origin_id=origin.id,
        destination_id=None if definition.destination is None else definition.destination.id,
        local_date=starts_at.astimezone(ZoneInfo(origin.time_zone)).date(),
        starts_at=starts_at,
        ends_at=ends_at,
        time_zone=origin.time_zone,
        end_time_zone=end.time_zone,
        capacity=room.capacity,
        booking_closes_at=booking_closes_at(definition, starts_at),
        status=status,
        gate=room.gate,
        resource=room.resource,
        seat_layout_id=None if layout is None else layouts[layout][0],
        quotas=tuple((options[code].id, places) for code, places in sorted(quotas.items())),
    )


def explicit_slot(offered: Offered, slot: SlotElement, layouts: Mapping[str, tuple[UUID, int]]) -> NewSlot:
    """The slot that an element or a line of slots.csv describes. Raises `SlotUnfit`."""
    starts_at = _moment(slot.starts_at, ZoneInfo(offered.origin.time_zone), "starts_at")
    minutes = slot.duration_minutes or offered.definition.duration_minutes
    if slot.ends_at is not None:
        ends_at = _moment(slot.ends_at, ZoneInfo(offered.end.time_zone), "ends_at")
    elif minutes is not None:
        ends_at = starts_at + timedelta(minutes=minutes)
    else:
        raise SlotUnfit("it needs ends_at or duration_minutes, because its product has no duration_minutes")
    return _new_slot(offered, room_of(slot), layouts, starts_at, ends_at, slot.code, slot.status)


def _minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def _starts(schedule: ScheduleElement, day: date, minutes: int, zone: ZoneInfo) -> Iterator[datetime]:
    if schedule.times is not None:
        for text in schedule.times:
            yield local_time.shifted_forward(local_time.local(day, _minutes(text)), zone)
    elif schedule.from_ is not None and schedule.to is not None and schedule.every_minutes is not None:
        yield from local_time.series(
            day, _minutes(schedule.from_), _minutes(schedule.to), schedule.every_minutes, minutes, zone
        )


def scheduled_slots(
    offered: Offered, schedule: ScheduleElement, layouts: Mapping[str, tuple[UUID, int]]
) -> Iterator[NewSlot]:
    """The slots that a schedule makes, each once, also where a shifted time meets another. Raises `SlotUnfit`."""
    zone = ZoneInfo(offered.origin.time_zone)
    minutes = schedule.duration_minutes or offered.definition.duration_minutes
    assert minutes is not None, "a consistent schedule has a duration, or its product has"
    room = room_of(schedule)
    seen: set[datetime] = set()
    day = schedule.valid_from
    while day <= schedule.valid_until:
        if WEEKDAYS[day.weekday()] in schedule.days:
            for starts_at in _starts(schedule, day, minutes, zone):
                if starts_at in seen:
                    continue
                seen.add(starts_at)
                if len(seen) > MOST_SLOTS:
                    raise SlotUnfit(f"a schedule makes more than {MOST_SLOTS:,} slots")
                yield _new_slot(offered, room, layouts, starts_at, starts_at + timedelta(minutes=minutes))
        day += local_time.ONE_DAY
