"""Requests and answers of availability, and the rows that they are made of."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from booking_api.catalog.read_schemas import ConditionsAnswer, PlaceBrief, PlaceReference
from booking_api.core.money import Money
from booking_api.core.paging import Cursor, Limit
from booking_api.core.text import fields
from booking_api.inventory.schemas import Delay

# answers ----------------------------------------------------------------------------------------------------------


class SlotAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A slot as bookings carry it. Times have the local offset of their zone."""

    id: UUID
    product_id: UUID
    starts_at: datetime
    time_zone: Annotated[str, msgspec.Meta(examples=["America/New_York"])]
    ends_at: datetime
    end_time_zone: Annotated[str, msgspec.Meta(examples=["Pacific/Honolulu"])]
    status: Annotated[str, msgspec.Meta(description="x-extensible-enum: open, closed, cancelled")]
    admit_from: datetime
    """When the gate opens for the booked option."""
    admit_until: datetime
    """When it closes; a delay moves it."""
    delay: Delay | None = None
    origin: PlaceBrief | None = None
    destination: PlaceBrief | None = None
    venue: PlaceBrief | None = None
    gate: str | None = None
    resource: str | None = None


class UnitPrice(msgspec.Struct, frozen=True):
    """What one of a unit costs on the slot's day, with fees per item and all taxes."""

    unit_id: UUID
    code: Annotated[str, msgspec.Meta(examples=["adult"])]
    price: Money


class OptionAvailability(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is left of an option on a slot."""

    option_id: UUID
    vacancies: int
    """Places: the lesser of the slot's and the option's own quota."""
    status: Annotated[str, msgspec.Meta(description="x-extensible-enum: sold_out, closed")] | None = None
    """Absent while the party can book the option."""
    units: list[UnitPrice]
    total: Money | None = None
    """What the party pays; absent where the option isn't sold to it."""


class Availability(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One slot as it is at this moment. Times have the local offset of their zone."""

    slot_id: UUID
    product_id: UUID
    starts_at: datetime
    time_zone: Annotated[str, msgspec.Meta(examples=["America/New_York"])]
    ends_at: datetime
    end_time_zone: Annotated[str, msgspec.Meta(examples=["Pacific/Honolulu"])]
    status: Annotated[
        str, msgspec.Meta(description="x-extensible-enum: available, limited, sold_out, closed, cancelled")
    ]
    """For the party asked for. `limited`: a fifth of the places or fewer are left, or only those that you hold."""
    vacancies: int
    """Places: capacity − taken."""
    booking_closes_at: datetime
    """When the sales of the last option end."""
    admit_from: datetime
    """When the gate opens for the first option."""
    admit_until: datetime
    """When it closes for the last option; a delay moves it, as it does the end of sales."""
    delay: Delay | None = None
    held_by_you: int | None = None
    """Places in your own holds and bookings; they are counted as taken."""
    gate: str | None = None
    resource: str | None = None
    seat_layout_id: UUID | None = None
    """Where seats can be chosen."""
    available_actions: Annotated[list[str], msgspec.Meta(description="x-extensible-enum: book")]
    """`book` where the party can book one of the options now: one without a `status`."""
    options: list[OptionAvailability]


class OptionSummary(msgspec.Struct, frozen=True, kw_only=True):
    """An option as a search names it."""

    title: Annotated[str, msgspec.Meta(examples=["Flex"])]
    conditions: ConditionsAnswer


class ProductSummary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the items of a search have in common, said once."""

    title: Annotated[str, msgspec.Meta(examples=["B6 1"])]
    kind: Annotated[str, msgspec.Meta(description="x-extensible-enum: departure, entry, appointment")]
    origin: PlaceBrief | None = None
    destination: PlaceBrief | None = None
    venue: PlaceBrief | None = None
    options: dict[UUID, OptionSummary]


class AvailabilityPage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A page of slots."""

    items: list[Availability]
    products: dict[UUID, ProductSummary]
    """The products of the items, by id."""
    next_cursor: str | None = None


class CalendarDay(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All slots of one local date together."""

    date: date
    status: Annotated[
        str, msgspec.Meta(description="x-extensible-enum: available, limited, sold_out, closed, cancelled")
    ]
    """That of the day's best slot; `closed` where there is none."""
    vacancies: int
    """Places left on the slots that are on sale."""
    from_price: Money | None = None
    """The lowest total for the party; absent where it can't book."""


class AvailabilityCalendar(msgspec.Struct, frozen=True):
    """A range of dates, each of them once."""

    items: list[CalendarDay]


class SlotSeats(msgspec.Struct, frozen=True, kw_only=True):
    """The seats of a slot that aren't free."""

    layout_id: UUID
    taken: list[str]
    """Every seat that is taken, your own among them."""
    held_by_you: list[str]


class Seat(msgspec.Struct, frozen=True):
    """One seat."""

    code: Annotated[str, msgspec.Meta(examples=["12A"])]
    features: list[
        Annotated[str, msgspec.Meta(description="x-extensible-enum: window, aisle, middle, front, exit_row")]
    ] = []


class SeatRow(msgspec.Struct, frozen=True):
    """A row of seats, from left to right."""

    number: int
    seats: list[Seat]


class Deck(msgspec.Struct, frozen=True):
    """One deck of a vehicle or hall, its rows from front to back."""

    columns: list[str]
    """Letters of the seats from left to right; between two with the feature `aisle` there is one."""
    rows: list[SeatRow]


class SeatLayoutAnswer(msgspec.Struct, frozen=True):
    """How seats are arranged. It never changes: a new arrangement is a new layout."""

    id: UUID
    seats: int
    decks: list[Deck]


class Alternative(msgspec.Struct, frozen=True, kw_only=True):
    """Another slot or option with room for the same party, near in time."""

    slot_id: UUID
    product_id: UUID
    starts_at: datetime
    time_zone: str
    option_id: UUID
    vacancies: int
    total: Money


# requests ---------------------------------------------------------------------------------------------------------

Units = Annotated[
    str,
    fields.code(
        400,
        pattern=r"^[^:,\s]{1,64}:[0-9]{1,3}(,[^:,\s]{1,64}:[0-9]{1,3}){0,19}$",
        description="The party: codes of units with their counts. One adult where it is absent.",
        examples=["adult:2,child:1"],
    ),
]
FirstDay = Annotated[date, msgspec.Meta(description="First local date at the origin or venue; today by default.")]
LastDay = Annotated[date, msgspec.Meta(description="Last local date, inclusive; the first one by default.")]


class SlotsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which slots: those of a product, or those of a route, of which one end is enough."""

    product_id: Annotated[
        UUID | None, msgspec.Meta(description="The product; or else `origin`, `destination` or both.")
    ] = None
    origin: Annotated[
        PlaceReference | None,
        msgspec.Meta(
            description="Id or code of the origin. Alone: from there to anywhere, and what takes place there."
        ),
    ] = None
    destination: Annotated[
        PlaceReference | None,
        msgspec.Meta(
            description="Id or code of the destination. Alone: from anywhere to there, today being its date there."
        ),
    ] = None
    first: FirstDay | None = msgspec.field(name="from", default=None)
    last: LastDay | None = msgspec.field(name="to", default=None)
    units: Units | None = None


class AvailabilityQuery(SlotsQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    sort: Annotated[
        Literal["start", "price"], msgspec.Meta(description="By start, or by the lowest total that can be booked.")
    ] = "start"
    limit: Limit = 50
    cursor: Cursor | None = None


class SlotQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    units: Units | None = None


# rows of the search -----------------------------------------------------------------------------------------------


class FoundSlot(msgspec.Struct, frozen=True, gc=False):
    """What a search needs of a slot, all read at one moment.

    Times are seconds since 1970, exact to the microsecond: a page has eighty of them, and making each a `datetime`
    took longer than all else that the driver does.
    """

    id: UUID
    product_id: UUID
    product_version: int
    on_sale: bool
    local_date: date
    starts_at: float
    ends_at: float
    time_zone: str
    end_time_zone: str
    capacity: int
    taken: int
    status: str
    booking_closes_at: float
    gate: str | None
    resource: str | None
    seat_layout_id: UUID | None
    quotas: str | None
    """`option=left,` for each option with a quota on this slot; two arrays would take three times as long to read."""
    held: int
    """Places of the caller's own live claims."""
    version: int
    delay: str | None
    """A `Delay` as JSON: nearly no slot has one, and making an object of nothing would cost each row something."""


class SlotSearch(msgspec.Struct, frozen=True):
    """The slots of a product, or those from a place, to one or between two, after a position: `most` of them at most."""

    product_id: UUID | None
    origin_id: UUID | None
    destination_id: UUID | None
    first_day: date
    last_day: date
    after_day: date
    after_start: datetime
    after_id: UUID
    holder_id: UUID | None
    most: int


class SearchedSlot(FoundSlot, frozen=True, gc=False):
    """A slot found by one of several searches."""

    position: int
    """Which of them, from 1."""


class SlotId(msgspec.Struct, frozen=True):
    id: UUID


class OfferRow(msgspec.Struct, frozen=True):
    """An option, or that there is none, to a party in a period with one price."""

    product_id: UUID
    option_id: UUID | None
    first_day: date
    last_day: date
    total: int | None
    places: int
    closes_minutes: int
    """How long before the start it closes."""
    gate_minutes: int | None
    """How long after the end it does at the latest."""


class RankedOffer(msgspec.Struct, frozen=True):
    """As `OfferRow`, among all offers in the order of products and prices."""

    product_id: UUID
    option_id: UUID | None
    first_day: date
    last_day: date
    total: int
    places: int
    closes_minutes: int
    gate_minutes: int | None
    cheapest: int
    """The place, from 1, of the product's first offer."""


class RankedSlot(msgspec.Struct, frozen=True):
    id: UUID
    starts_at: datetime
    price: int


class ProductVersion(msgspec.Struct, frozen=True):
    product_id: UUID
    version: int


class SeatClaimRow(msgspec.Struct, frozen=True):
    seat: str
    mine: bool


class SeatLayoutDocument(msgspec.Struct, frozen=True):
    decks: list[Deck]


class SeatLayoutRow(msgspec.Struct, frozen=True):
    id: UUID
    seats: int
    layout: SeatLayoutDocument
