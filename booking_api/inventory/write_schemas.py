"""What is handed to the inventory to be offered, and what became of it."""

from datetime import date, datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from booking_api.catalog.schemas import Code, ProductDefinition
from booking_api.catalog.write_schemas import Capacity, CatalogueName, Duration
from booking_api.core.errors import FieldError
from booking_api.core.text import fields

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
LocalTime = Annotated[str, fields.token(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$", examples=["09:30"])]
SlotStatus = Literal["open", "closed", "cancelled"]


class Room(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is described of each slot, whether by itself or by a schedule. It refers to things by code."""

    capacity: Capacity
    quotas: dict[Code, Capacity] | None = None
    """Option → places, instead of the options' own."""
    gate: CatalogueName | None = None
    resource: CatalogueName | None = None
    seat_layout: Code | None = None


class SlotInput(Room, frozen=True, kw_only=True):
    """One slot. Times are local, or have an offset."""

    starts_at: Annotated[str, fields.code(40)]
    ends_at: Annotated[str, fields.code(40)] | None = None
    duration_minutes: Duration | None = None
    booking_closes_at: Annotated[str, fields.code(40)] | None = None
    """When sales end; left out: when the last of the options ends being sold."""
    code: Annotated[str, fields.code(200)] | None = None
    status: SlotStatus | None = None


class SlotElement(SlotInput, frozen=True, kw_only=True):
    """A slot with its product: a line of NDJSON, an element of a file, or a line of `slots.csv`."""

    product: Code


class ScheduleInput(Room, frozen=True, kw_only=True):
    """Slots made by a rule on the local days from `valid_from` to `valid_until`, both included."""

    days: Annotated[list[Weekday], msgspec.Meta(min_length=1, max_length=7)]
    valid_from: date
    valid_until: date
    from_: LocalTime | None = msgspec.field(default=None, name="from")
    to: LocalTime | None = None
    every_minutes: Annotated[int, msgspec.Meta(ge=1, le=1_440)] | None = None
    times: Annotated[list[LocalTime], msgspec.Meta(min_length=1, max_length=500)] | None = None
    duration_minutes: Duration | None = None


class Offered(msgspec.Struct, frozen=True, kw_only=True):
    """What the slots of a product take from it."""

    product_id: UUID
    code: str
    kind: str
    origin_id: UUID
    destination_id: UUID | None
    time_zone: str
    end_time_zone: str
    duration_minutes: int | None
    options: dict[str, UUID]
    quotas: dict[str, int]
    """Option → places of one slot."""
    closes_before: timedelta
    """How long before the start the last option stops being sold."""
    seat_layout: str | None = None
    """Of slots that name no other."""

    @classmethod
    def of(cls, definition: ProductDefinition, seat_layout: str | None = None) -> "Offered":
        origin = definition.origin or definition.venue
        assert origin is not None, "a product takes place somewhere"
        options = definition.options
        return cls(
            product_id=definition.id, code=definition.code, kind=definition.kind, origin_id=origin.id,
            destination_id=definition.destination and definition.destination.id, time_zone=origin.time_zone,
            end_time_zone=(definition.destination or origin).time_zone, duration_minutes=definition.duration_minutes,
            options={option.code: option.id for option in options},
            quotas={option.code: option.quota for option in options if option.quota is not None},
            closes_before=timedelta(minutes=min(option.conditions.booking_closes_minutes for option in options)),
            seat_layout=seat_layout,
        )  # fmt: skip


class SlotFields(msgspec.Struct, frozen=True):
    """What is written of an occurrence. Times are moments; `local_date` is the start's, at the origin."""

    code: str
    product_id: UUID
    kind: str
    origin_id: UUID
    destination_id: UUID | None
    local_date: date
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    end_time_zone: str
    capacity: int
    booking_closes_at: datetime
    status: SlotStatus | None = None
    """None: as it is, and open when new."""
    gate: str | None = None
    resource: str | None = None
    seat_layout_id: UUID | None = None


class NewSlot(SlotFields, frozen=True, kw_only=True):
    """One occurrence to be offered under its code."""

    quotas: tuple[tuple[UUID, int], ...] = ()
    """Option and places. An option that had a quota and is not named here is limited by the capacity alone."""


class RefusedSlot(msgspec.Struct, frozen=True):
    """Why a slot was left as it is."""

    position: int
    """In the list that was handed over, from 0."""
    error: FieldError
    said: str = ""
    """By the database that refused it, for whoever runs the installation."""


class SavedSlots(msgspec.Struct, frozen=True):
    created: int
    changed: int
    unchanged: int
    refused: list[RefusedSlot]
