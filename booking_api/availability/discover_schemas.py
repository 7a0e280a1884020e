"""What the home screen of an app asks for and is answered, and the rows that it is made of."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import msgspec

from booking_api.availability.schemas import Availability, FoundSlot, OptionSummary, Units
from booking_api.catalog.read_schemas import MediaAnswer, PlaceAnswer, SearchText
from booking_api.catalog.schemas import ProductKind
from booking_api.core.money import Money
from booking_api.core.paging import Limit
from booking_api.core.text import fields

DEFAULT_RADIUS_M = 50_000
SHOWN_SLOTS = 3

# answers ----------------------------------------------------------------------------------------------------------


class DiscoveredProduct(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A product as a home screen shows it."""

    id: UUID
    kind: Annotated[str, msgspec.Meta(description="x-extensible-enum: departure, entry, appointment")]
    title: Annotated[str, msgspec.Meta(examples=["Tower visit"])]
    summary: str | None = None
    """A sentence or two about it."""
    origin: PlaceAnswer | None = None
    """Where a departure begins."""
    destination: PlaceAnswer | None = None
    """Where it goes."""
    venue: PlaceAnswer | None = None
    """Where an entry or appointment takes place."""
    duration_minutes: int | None = None
    """How long it usually takes."""
    media: list[MediaAnswer]
    """Pictures and other media, the one to show first before the others."""
    options: dict[UUID, OptionSummary]
    """Its options, by id."""
    requires_names: bool
    """Whether each item needs a name before the booking can be confirmed."""
    asks: bool
    """Whether it has a question that must be answered first; `GET /v1/products/{id}` has the questions."""


class DiscoveredItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A product that can be booked, with its next slots."""

    product: DiscoveredProduct
    distance_m: Annotated[int, msgspec.Meta(examples=[1840])] | None = None
    """From `near` to its origin or venue in a straight line, in metres; absent where `near` wasn't given."""
    slots: list[Availability]
    """The next ones that the party can book, three at most. Each has an option with a `total` and without a `status`."""
    from_price: Money
    """The lowest total among these slots."""


class Discovery(msgspec.Struct, frozen=True):
    """What can be booked soonest, a product once."""

    items: list[DiscoveredItem]
    """By the start of the next slot, then by distance."""


# requests ---------------------------------------------------------------------------------------------------------

DEGREES = r"[+-]?[0-9]{1,3}(\.[0-9]{1,15})?"

Near = Annotated[
    str,
    fields.code(
        64,
        pattern=f"^{DEGREES}, ?{DEGREES}$",
        description="Latitude and longitude in degrees (WGS 84): only what begins or takes place within `radius_m` of it.",
        examples=["52.5208,13.4094"],
    ),
]

Radius = Annotated[
    int,
    msgspec.Meta(
        ge=1,
        le=20_037_600,
        description=f"How far away at most, in metres; {DEFAULT_RADIUS_M:,} where it is absent. It needs `near`.",
    ),
]


class DiscoverQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    near: Near | None = None
    radius_m: Radius | None = None
    q: Annotated[
        SearchText | None,
        msgspec.Meta(
            description="The beginnings of words of the code or title; case, marks and how they are written don't matter."
        ),
    ] = None
    kind: Annotated[ProductKind | None, msgspec.Meta(description="Only products of this kind.")] = None
    first: Annotated[
        date | None,
        msgspec.Meta(description="First local date at the origin or venue; from now on where it is absent."),
    ] = msgspec.field(name="from", default=None)
    units: Units | None = None
    limit: Limit = 50


# rows -------------------------------------------------------------------------------------------------------------


class SoughtProducts(msgspec.Struct, frozen=True, kw_only=True):
    """Which products are meant: of a kind, with these words (a query of text search), within a box; None: whichever."""

    kind: str | None
    words: str | None
    south: float | None = None
    north: float | None = None
    west: float | None = None
    east: float | None = None
    other_west: float | None = None
    other_east: float | None = None


class SoughtProduct(msgspec.Struct, frozen=True):
    """A product, the version of it that is on sale, and where that takes place."""

    product_id: UUID
    version: int
    latitude: float | None
    longitude: float | None


class PlaceZone(msgspec.Struct, frozen=True):
    time_zone: str


class FirstStart(msgspec.Struct, frozen=True):
    """The product can't be booked for anything that starts earlier."""

    product_id: UUID
    starts_at: datetime


class WalkedSlot(msgspec.Struct, frozen=True):
    """A step of a walk through all slots: a product's first one on it, or, without a product, its last one of all."""

    id: UUID
    starts_at: datetime
    product_id: UUID | None
    version: int | None
    latitude: float | None
    longitude: float | None


class LookAhead(msgspec.Struct, frozen=True):
    """Where to look for a product's next slots: after a position, with room for so many."""

    product_id: UUID
    after_start: datetime
    after_id: UUID
    places: int


class NextSlot(FoundSlot, frozen=True, gc=False):
    """One of a product's next slots."""

    position: int
    """Which of the products asked for, from 1."""
