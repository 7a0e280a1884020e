"""The catalogue format, element by element; `docs/catalogue-format.md` explains it with an example.

Everything refers to everything else by code. Unknown fields are refused, so that a misspelt one isn't lost.
"""

from datetime import date
from typing import Annotated, Literal

import msgspec

from booking_api.catalog.schemas import Admission, Charge, Choice, Code, Conditions, PriceRule, ProductKind, Requires
from booking_api.catalog.write_schemas import NewDeck
from booking_api.core.text import fields

Text = Annotated[str, fields.text(2_000, min_length=1)]
LanguageTag = Annotated[str, fields.token(pattern="^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", examples=["pt-BR"])]
CatalogueTexts = Annotated[dict[LanguageTag, Text], msgspec.Meta(min_length=1, max_length=50)]
CatalogueName = Annotated[str, fields.line(200, min_length=1)]
Minutes = Annotated[int, msgspec.Meta(ge=0, le=366 * 1_440)]
Capacity = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
LocalTime = Annotated[str, fields.token(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$", examples=["09:30"])]
SlotStatus = Literal["open", "closed", "cancelled"]


class Element(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whatever stands in a catalogue file."""


class PlaceElement(Element, frozen=True, kw_only=True):
    code: Code
    name: CatalogueName
    time_zone: CatalogueName
    latitude: Annotated[float, msgspec.Meta(ge=-90, le=90)] | None = None
    longitude: Annotated[float, msgspec.Meta(ge=-180, le=180)] | None = None
    address: Annotated[str, fields.text(500)] | None = None


class LayoutElement(Element, frozen=True, kw_only=True):
    """Either `seats`, and the rows are generated, or the `decks` themselves."""

    code: Code
    seats: Annotated[int, msgspec.Meta(ge=1, le=1_000)] | None = None
    decks: Annotated[list[NewDeck], msgspec.Meta(min_length=1, max_length=10)] | None = None


class ConditionsElement(Conditions, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    refund_until_minutes: Minutes = 0
    change_until_minutes: Minutes = 0
    booking_closes_minutes: Annotated[int, msgspec.Meta(ge=-1_440, le=366 * 1_440)] = 0
    summary: CatalogueTexts | None = None


class AdmissionElement(Admission, frozen=True, kw_only=True, forbid_unknown_fields=True):
    opens_before_minutes: Minutes
    closes_after_minutes: Annotated[int, msgspec.Meta(ge=-1_440, le=7 * 1_440)]


class OptionElement(Element, frozen=True, kw_only=True):
    code: Code
    title: CatalogueTexts
    conditions: ConditionsElement
    admission: AdmissionElement
    quota: Capacity | None = None


class RequiresElement(Requires, frozen=True, forbid_unknown_fields=True):
    pass


class UnitElement(Element, frozen=True, kw_only=True):
    code: Code
    title: CatalogueTexts
    min_age: Annotated[int, msgspec.Meta(ge=0, le=150)] | None = None
    max_age: Annotated[int, msgspec.Meta(ge=0, le=150)] | None = None
    min: Annotated[int, msgspec.Meta(ge=0, le=100)] = 0
    max: Annotated[int, msgspec.Meta(ge=1, le=100)] = 9
    requires: RequiresElement | None = None
    occupies: Annotated[int, msgspec.Meta(ge=0, le=100)] = 1
    takes_seat: bool = True


class PriceElement(PriceRule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class ChargeElement(Charge, frozen=True, kw_only=True, forbid_unknown_fields=True):
    label: CatalogueTexts
    rate_basis_points: Annotated[int, msgspec.Meta(ge=0, le=100_000)] | None = None


class ChoiceElement(Choice, frozen=True, forbid_unknown_fields=True):
    value: Code
    label: CatalogueTexts


class QuestionElement(Element, frozen=True, kw_only=True):
    code: Code
    type: Literal["text", "number", "date", "boolean", "choice"]
    required: bool = False
    per: Literal["booking", "item"] = "booking"
    label: CatalogueTexts
    choices: Annotated[list[ChoiceElement], msgspec.Meta(min_length=1, max_length=200)] | None = None
    sensitive: bool = False


class MediaElement(Element, frozen=True, kw_only=True):
    url: Annotated[
        str,
        fields.code(2_000, pattern=r"^https://[!-~\u00a1-\U0010ffff]+$", examples=["https://example.org/tower.jpg"]),
    ]
    type: Annotated[str, fields.code(100, pattern="^[a-z]+/[a-zA-Z0-9.+-]+$", examples=["image/jpeg"])]
    alt: CatalogueTexts | None = None


class ScheduleElement(Element, frozen=True, kw_only=True):
    """Slots made by a rule on the local days from `valid_from` to `valid_until`, both included."""

    days: Annotated[list[Weekday], msgspec.Meta(min_length=1, max_length=7)]
    valid_from: date
    valid_until: date
    from_: LocalTime | None = msgspec.field(default=None, name="from")
    to: LocalTime | None = None
    every_minutes: Annotated[int, msgspec.Meta(ge=1, le=1_440)] | None = None
    times: Annotated[list[LocalTime], msgspec.Meta(min_length=1, max_length=500)] | None = None
    duration_minutes: Annotated[int, msgspec.Meta(ge=1, le=366 * 1_440)] | None = None
    capacity: Capacity
    quotas: dict[Code, Capacity] | None = None
    gate: CatalogueName | None = None
    resource: CatalogueName | None = None
    seat_layout: Code | None = None


class SlotElement(Element, frozen=True, kw_only=True):
    """One slot; also a line of `slots.csv`, where `quotas` is written `light=20;flex=30`."""

    product: Code
    starts_at: Annotated[str, fields.code(40)]
    ends_at: Annotated[str, fields.code(40)] | None = None
    duration_minutes: Annotated[int, msgspec.Meta(ge=1, le=366 * 1_440)] | None = None
    code: Annotated[str, fields.code(200)] | None = None
    capacity: Capacity
    quotas: dict[Code, Capacity] | None = None
    gate: CatalogueName | None = None
    resource: CatalogueName | None = None
    seat_layout: Code | None = None
    status: SlotStatus | None = None


class ProductElement(Element, frozen=True, kw_only=True):
    code: Code
    kind: ProductKind
    title: CatalogueTexts
    summary: CatalogueTexts | None = None
    origin: Code | None = None
    destination: Code | None = None
    venue: Code | None = None
    duration_minutes: Annotated[int, msgspec.Meta(ge=1, le=366 * 1_440)] | None = None
    opening_hours: (
        Annotated[list[dict[Annotated[str, fields.token(64)], CatalogueName]], msgspec.Meta(max_length=50)] | None
    ) = None
    media: Annotated[list[MediaElement], msgspec.Meta(max_length=50)] = []
    options: Annotated[list[OptionElement], msgspec.Meta(min_length=1, max_length=50)]
    units: Annotated[list[UnitElement], msgspec.Meta(min_length=1, max_length=50)]
    prices: Annotated[list[PriceElement], msgspec.Meta(min_length=1, max_length=5_000)]
    charges: Annotated[list[ChargeElement], msgspec.Meta(max_length=50)] = []
    questions: Annotated[list[QuestionElement], msgspec.Meta(max_length=50)] = []
    requires_names: bool = False
    on_site_payment: bool = True
    on_sale: bool | None = None
    seat_layout: Code | None = None
    schedules: Annotated[list[ScheduleElement], msgspec.Meta(max_length=200)] = []


class CatalogueDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A catalogue file; each element is decoded by itself, so that one mistake doesn't cost the others."""

    currency: Annotated[str, fields.token(pattern="^[A-Z]{3}$")] | None = None
    places: list[msgspec.Raw] = []
    seat_layouts: list[msgspec.Raw] = []
    products: list[msgspec.Raw] = []
    slots: list[msgspec.Raw] = []
