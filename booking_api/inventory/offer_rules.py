"""Whether slots and schedules are right as they are described, and the slots that they become. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from booking_api.catalog.layout_schemas import LayoutSize
from booking_api.catalog.write_schemas import ProductInput
from booking_api.core import local_time
from booking_api.core.errors import FieldError, Unprocessable, unprocessable
from booking_api.inventory.write_schemas import NewSlot, Offered, Room, ScheduleInput, SlotInput, SlotStatus

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FIRST_YEAR, LAST_YEAR = 2000, 2100
MOST_DAYS = 1_100
MOST_SLOTS = 100_000
"""Of one schedule."""
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]{1,6})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
"""ISO 8601 in its extended form, of calendar dates: no week dates, and no other digits than those of ASCII."""
Layouts = Mapping[str, LayoutSize]


# single slots -----------------------------------------------------------------------------------------------------


def slot_code(product: str, starts_at: datetime, resource: str | None) -> str:
    """The code of a slot that was given none: product, start in UTC, resource."""
    start = f"{product}@{starts_at.astimezone(UTC):%Y-%m-%dT%H:%MZ}"
    return f"{start}@{resource}" if resource else start


def read_moment(name: str, text: str, zone: ZoneInfo) -> datetime:
    """A local time, or one with an offset, as a moment. Raises `Unprocessable`, pointed at the field of this name."""
    try:
        if not _MOMENT.fullmatch(text):
            raise ValueError(text)
        given = datetime.fromisoformat(text)
    except ValueError:
        raise unprocessable(
            f"/{name}", f"{name} {text!r} is not a local date and time such as 2026-07-01T09:30."
        ) from None
    if not FIRST_YEAR <= given.year <= LAST_YEAR or given.second or given.microsecond:
        raise unprocessable(f"/{name}", f"{name} {text!r} is not a whole minute between {FIRST_YEAR} and {LAST_YEAR}.")
    moment = given.astimezone(UTC) if given.tzinfo else local_time.exact(given, zone)
    if moment is None:
        raise unprocessable(
            f"/{name}", f"{name} {text} does not exist in {zone.key}: clocks go forward over it that day."
        )
    return moment


def make_slot(
    offered: Offered, room: Room, layouts: Layouts, starts_at: datetime, ends_at: datetime, code: str | None = None,
    status: SlotStatus | None = None, closes_at: datetime | None = None,
) -> NewSlot:  # fmt: skip
    """A slot at these moments. `layouts` are those that it may name. Raises `Unprocessable`."""
    if ends_at < starts_at:
        raise unprocessable("/ends_at", "It ends before it starts.")
    named = room.seat_layout or offered.seat_layout
    layout = None if named is None else layouts.get(named)
    if named is not None and layout is None:
        raise unprocessable("/seat_layout", f"There is no seat layout {named!r}.")
    if layout is not None and layout.seats < room.capacity:
        raise unprocessable(
            "/capacity",
            f"Its capacity is {room.capacity}, but the seat layout {layout.code!r} has {layout.seats} seats.",
        )
    quotas = offered.quotas | (room.quotas or {})
    if unknown := quotas.keys() - offered.options.keys():
        raise unprocessable("/quotas", f"It has a quota for the option {min(unknown)!r}, which its product hasn't.")
    return NewSlot(
        code=code or slot_code(offered.code, starts_at, room.resource),
        product_id=offered.product_id,
        kind=offered.kind,
        origin_id=offered.origin_id,
        destination_id=offered.destination_id,
        local_date=starts_at.astimezone(ZoneInfo(offered.time_zone)).date(),
        starts_at=starts_at,
        ends_at=ends_at,
        time_zone=offered.time_zone,
        end_time_zone=offered.end_time_zone,
        capacity=room.capacity,
        booking_closes_at=closes_at or starts_at - offered.closes_before,
        status=status,
        gate=room.gate,
        resource=room.resource,
        seat_layout_id=None if layout is None else layout.id,
        quotas=tuple((offered.options[option], places) for option, places in sorted(quotas.items())),
    )


def define_slot(offered: Offered, slot: SlotInput, layouts: Layouts) -> NewSlot:
    """The slot that is described. Raises `Unprocessable`."""
    starts_at = read_moment("starts_at", slot.starts_at, ZoneInfo(offered.time_zone))
    minutes = slot.duration_minutes or offered.duration_minutes
    if slot.ends_at is not None:
        ends_at = read_moment("ends_at", slot.ends_at, ZoneInfo(offered.end_time_zone))
    elif minutes is not None:
        ends_at = starts_at + timedelta(minutes=minutes)
    else:
        raise unprocessable(
            "/ends_at", "It needs ends_at or duration_minutes, because its product has no duration_minutes."
        )
    closes_at = None
    if slot.booking_closes_at is not None:
        closes_at = read_moment("booking_closes_at", slot.booking_closes_at, ZoneInfo(offered.time_zone))
    return make_slot(offered, slot, layouts, starts_at, ends_at, slot.code, slot.status, closes_at)


# schedules --------------------------------------------------------------------------------------------------------


def check_schedules(
    schedules: Sequence[ScheduleInput], seat_layout: str | None, product: ProductInput, layouts: Layouts
) -> None:
    """Raises `Unprocessable`, pointed at everything in a product's schedules that contradicts the rest.

    `seat_layout` is that of its slots that name no other.
    """
    errors = [error for at, one in enumerate(schedules) for error in _schedule_errors(f"/schedules/{at}", one, product)]
    named = [("/seat_layout", seat_layout)]
    named += [(f"/schedules/{at}/seat_layout", one.seat_layout) for at, one in enumerate(schedules)]
    first = {code: pointer for pointer, code in reversed(named) if code is not None and code not in layouts}
    errors += [FieldError(pointer, f"There is no seat layout {code!r}.") for code, pointer in sorted(first.items())]
    if errors:
        raise Unprocessable(errors[0].detail, errors=errors)


def _schedule_errors(pointer: str, schedule: ScheduleInput, product: ProductInput) -> Iterator[FieldError]:
    series = schedule.from_ is not None, schedule.to is not None, schedule.every_minutes is not None
    if not (all(series) if schedule.times is None else not any(series)):
        yield FieldError(pointer, "It needs either times, or from, to and every_minutes.")
    if schedule.duration_minutes is None and product.duration_minutes is None:
        yield FieldError(pointer, "It needs duration_minutes, because its product has none.")
    if schedule.valid_from > schedule.valid_until:
        yield FieldError(f"{pointer}/valid_until", "It ends before it begins.")
    elif (schedule.valid_until - schedule.valid_from).days > MOST_DAYS:
        yield FieldError(f"{pointer}/valid_until", f"It covers more than {MOST_DAYS} days.")
    elif schedule.valid_from.year < FIRST_YEAR or schedule.valid_until.year > LAST_YEAR:
        yield FieldError(f"{pointer}/valid_from", f"It is not between {FIRST_YEAR} and {LAST_YEAR}.")
    if unknown := set(schedule.quotas or ()) - {option.code for option in product.options}:
        yield FieldError(
            f"{pointer}/quotas", f"It has a quota for the option {min(unknown)!r}, which this product hasn't."
        )


def _minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def _starts(schedule: ScheduleInput, day: date, minutes: int, zone: ZoneInfo) -> Iterator[datetime]:
    if schedule.times is not None:
        for text in schedule.times:
            yield local_time.shifted_forward(local_time.local(day, _minutes(text)), zone)
    elif schedule.from_ is not None and schedule.to is not None and schedule.every_minutes is not None:
        yield from local_time.series(
            day, _minutes(schedule.from_), _minutes(schedule.to), schedule.every_minutes, minutes, zone
        )


def scheduled_slots(offered: Offered, schedule: ScheduleInput, layouts: Layouts) -> Iterator[NewSlot]:
    """The slots that a checked schedule makes, each once, also where a shifted time meets another. Raises `Unprocessable`."""
    zone = ZoneInfo(offered.time_zone)
    minutes = schedule.duration_minutes or offered.duration_minutes
    assert minutes is not None, "a checked schedule has a duration, or its product has"
    seen: set[datetime] = set()
    day = schedule.valid_from
    while day <= schedule.valid_until:
        if WEEKDAYS[day.weekday()] in schedule.days:
            for starts_at in _starts(schedule, day, minutes, zone):
                if starts_at in seen:
                    continue
                seen.add(starts_at)
                if len(seen) > MOST_SLOTS:
                    raise Unprocessable(f"A schedule makes more than {MOST_SLOTS:,} slots.")
                yield make_slot(offered, schedule, layouts, starts_at, starts_at + timedelta(minutes=minutes))
        day += local_time.ONE_DAY
