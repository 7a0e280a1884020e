"""What is asked of the catalogue, and what it answers."""

from typing import Annotated
from uuid import UUID

import msgspec

from booking_api.catalog.schemas import ProductKind, Requires
from booking_api.core.money import Money
from booking_api.core.paging import Cursor, Limit
from booking_api.core.text import fields

# answers ----------------------------------------------------------------------------------------------------------


class PlaceBrief(msgspec.Struct, frozen=True, kw_only=True):
    """A place as other answers name it; its code stands on signs and tickets."""

    id: UUID
    code: Annotated[str, msgspec.Meta(examples=["JFK"])]
    name: Annotated[str, msgspec.Meta(examples=["John F Kennedy Intl"])]


class ConditionsAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a customer may do after buying. Minutes count back from the start of the slot; absent ones are 0."""

    refundable: bool
    refund_until_minutes: int | None = None
    refund_fee: Money | None = None
    """Kept from the refund, once per booking."""
    changeable: bool
    change_until_minutes: int | None = None
    change_fee: Money | None = None
    booking_closes_minutes: int | None = None
    """Sales of this option end this many minutes before the start."""
    summary: str | None = None


class OptionBrief(msgspec.Struct, frozen=True, kw_only=True):
    """An option as bookings carry it."""

    id: UUID
    code: Annotated[str, msgspec.Meta(examples=["flex"])]
    title: Annotated[str, msgspec.Meta(examples=["Flex"])]
    conditions: ConditionsAnswer


class ProductBrief(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A product as bookings carry it."""

    id: UUID
    kind: Annotated[str, msgspec.Meta(description="x-extensible-enum: departure, entry, appointment")]
    title: Annotated[str, msgspec.Meta(examples=["B6 1"])]
    origin: PlaceBrief | None = None
    destination: PlaceBrief | None = None
    venue: PlaceBrief | None = None


class Position(msgspec.Struct, frozen=True):
    """WGS 84, in degrees."""

    latitude: float
    longitude: float


class PlaceAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An airport, stop, venue or room."""

    id: UUID
    code: Annotated[str, msgspec.Meta(examples=["JFK"])]
    name: Annotated[str, msgspec.Meta(examples=["John F Kennedy Intl"])]
    time_zone: Annotated[str, msgspec.Meta(examples=["America/New_York"], description="IANA time zone.")]
    position: Position | None = None
    address: str | None = None


class PlacePage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A page of places."""

    items: list[PlaceAnswer]
    next_cursor: str | None = None


class AdmissionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """When the gate lets a pass in: some minutes before the start until some minutes after the start or end."""

    opens_before_minutes: int
    closes_after_minutes: int
    closes_relative_to: Annotated[str, msgspec.Meta(description="x-extensible-enum: start, end")]
    reentry: bool


AGE = (
    "full years on the slot's local date: the day on which it starts, in its own time zone. Nothing that a customer "
    "answers is compared with it; whoever looks at the people, at the gate, does that."
)


class UnitAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A price category under one option. `price` is for one on an ordinary day, with fees per item and all taxes."""

    id: UUID
    code: Annotated[str, msgspec.Meta(examples=["adult"])]
    title: Annotated[str, msgspec.Meta(examples=["Adult"])]
    min_age: Annotated[int, msgspec.Meta(description=f"From this age on, in {AGE}", examples=[12])] | None = None
    max_age: Annotated[int, msgspec.Meta(description=f"Up to and with this age, in {AGE}", examples=[11])] | None = None
    min: int
    max: int
    requires: Requires | None = None
    occupies: int
    takes_seat: bool
    price: Money


class OptionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A variant with its own conditions: a fare, a tour with audio guide."""

    id: UUID
    code: Annotated[str, msgspec.Meta(examples=["flex"])]
    title: Annotated[str, msgspec.Meta(examples=["Flex"])]
    conditions: ConditionsAnswer
    admission: AdmissionAnswer
    units: list[UnitAnswer]


class ChoiceAnswer(msgspec.Struct, frozen=True):
    """One of a question's possible answers."""

    value: str
    label: str


class ProductQuestion(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A product's own question; answers go to `PATCH /v1/bookings/{id}` under its code."""

    id: UUID
    code: str
    type: Annotated[str, msgspec.Meta(description="x-extensible-enum: text, number, date, boolean, choice")]
    required: bool
    per: Annotated[str, msgspec.Meta(description="x-extensible-enum: booking, item")]
    label: str
    choices: list[ChoiceAnswer] | None = None
    sensitive: Annotated[
        bool,
        msgspec.Meta(
            description="The answers are shown with their booking alone, never in lists, and are erased as soon as the "
            "visit is over. Absent: false."
        ),
    ] = False


class MediaAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A picture, film or document. `type` is its media type."""

    url: str
    type: str
    alt: str | None = None


class ProductAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is sold, with everything an app needs to offer it, in the reader's language."""

    id: UUID
    code: str
    kind: Annotated[str, msgspec.Meta(description="x-extensible-enum: departure, entry, appointment")]
    title: Annotated[str, msgspec.Meta(examples=["Tower visit"])]
    summary: str | None = None
    origin: PlaceAnswer | None = None
    destination: PlaceAnswer | None = None
    venue: PlaceAnswer | None = None
    duration_minutes: int | None = None
    opening_hours: list[dict[str, str]] | None = None
    media: Annotated[list[MediaAnswer], msgspec.Meta(description="Pictures and other media.")]
    options: list[OptionAnswer]
    questions: list[ProductQuestion]
    on_sale: bool
    requires_names: bool
    """Whether each item needs a name before the booking can be confirmed."""
    available_actions: Annotated[list[str], msgspec.Meta(description="x-extensible-enum: find_slots")]
    """`find_slots` where it is on sale: `GET /v1/availability` says when it can be booked."""


class ProductPage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A page of products."""

    items: list[ProductAnswer]
    next_cursor: str | None = None


# requests ---------------------------------------------------------------------------------------------------------

SearchText = Annotated[str, fields.line(100, min_length=1, examples=["new york"])]
PlaceReference = Annotated[str, fields.code(64, examples=["JFK"])]
"""A place's id or code."""


class PlacesQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    q: Annotated[
        SearchText | None,
        msgspec.Meta(
            description="The beginnings of words of the code or name; case, marks and how they are written don't matter."
        ),
    ] = None
    limit: Limit = 50
    cursor: Cursor | None = None


class ProductsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: Annotated[ProductKind | None, msgspec.Meta(description="Only products of this kind.")] = None
    q: Annotated[
        SearchText | None,
        msgspec.Meta(
            description="The beginnings of words of the code or title; case, marks and how they are written don't matter."
        ),
    ] = None
    origin: Annotated[PlaceReference | None, msgspec.Meta(description="Id or code of the origin.")] = None
    destination: Annotated[PlaceReference | None, msgspec.Meta(description="Id or code of the destination.")] = None
    limit: Limit = 50
    cursor: Cursor | None = None
