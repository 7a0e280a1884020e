"""What is handed to the catalogue to be written, and what became of it.

Things refer to one another and to places by code. Unknown fields are refused, so that a misspelt one isn't lost.
"""

from typing import Annotated, Literal
from uuid import UUID

import msgspec

from booking_api.catalog.schemas import (
    Admission,
    Charge,
    Choice,
    Code,
    Conditions,
    PriceRule,
    ProductDefinition,
    ProductKind,
    Requires,
)
from booking_api.core.text import fields

CatalogueName = Annotated[str, fields.line(200, min_length=1)]
LanguageTag = Annotated[str, fields.token(pattern="^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", examples=["pt-BR"])]
CatalogueTexts = Annotated[
    dict[LanguageTag, Annotated[str, fields.text(2_000, min_length=1)]], msgspec.Meta(min_length=1, max_length=50)
]
Age = Annotated[int, msgspec.Meta(ge=0, le=150)]
Capacity = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
Duration = Annotated[int, msgspec.Meta(ge=1, le=366 * 1_440)]
"""In minutes."""
MinutesBefore = Annotated[int, msgspec.Meta(ge=0, le=366 * 1_440)]
"""The start."""


class Given(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whatever is to be written."""


# places -----------------------------------------------------------------------------------------------------------


class NewPlace(Given, frozen=True, kw_only=True):
    """A place to be written under its code. What is None stays as it is."""

    code: Code
    name: CatalogueName
    time_zone: CatalogueName
    latitude: Annotated[float, msgspec.Meta(ge=-90, le=90)] | None = None
    longitude: Annotated[float, msgspec.Meta(ge=-180, le=180)] | None = None
    address: Annotated[str, fields.text(500)] | None = None


# seat layouts -----------------------------------------------------------------------------------------------------


class NewSeat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    code: Annotated[str, fields.code(8)]
    features: list[Annotated[str, fields.code()]] = []


class NewSeatRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    number: Annotated[int, msgspec.Meta(ge=1, le=1_000)]
    seats: Annotated[list[NewSeat], msgspec.Meta(min_length=1, max_length=50)]


class NewDeck(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    columns: Annotated[list[Annotated[str, fields.code()]], msgspec.Meta(min_length=1, max_length=50)]
    rows: Annotated[list[NewSeatRow], msgspec.Meta(min_length=1, max_length=500)]


class LayoutInput(Given, frozen=True, kw_only=True):
    """Either `seats`, and the rows are generated, or the `decks` themselves."""

    code: Code
    seats: Annotated[int, msgspec.Meta(ge=1, le=1_000)] | None = None
    decks: Annotated[list[NewDeck], msgspec.Meta(min_length=1, max_length=10)] | None = None


class NewLayout(msgspec.Struct, frozen=True, kw_only=True):
    """A seat layout to be written under its code. A layout never changes once it is there."""

    code: str
    decks: list[NewDeck]

    @property
    def seats(self) -> int:
        return sum(len(row.seats) for deck in self.decks for row in deck.rows)


class LayoutSize(msgspec.Struct, frozen=True):
    """A seat layout that is there."""

    id: UUID
    code: str
    seats: int


class SavedLayouts(msgspec.Struct, frozen=True):
    found: dict[str, LayoutSize]
    """By code, those that are there with exactly these seats."""
    created: list[str]
    refused: list[str]
    """Codes under which there is a layout with other seats already."""


# products ---------------------------------------------------------------------------------------------------------


class ConditionsInput(Conditions, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    refund_until_minutes: MinutesBefore = 0
    change_until_minutes: MinutesBefore = 0
    booking_closes_minutes: Annotated[int, msgspec.Meta(ge=-1_440, le=366 * 1_440)] = 0
    summary: CatalogueTexts | None = None


class AdmissionInput(Admission, frozen=True, kw_only=True, forbid_unknown_fields=True):
    opens_before_minutes: MinutesBefore
    closes_after_minutes: Annotated[int, msgspec.Meta(ge=-1_440, le=7 * 1_440)]


class OptionInput(Given, frozen=True, kw_only=True):
    code: Code
    title: CatalogueTexts
    conditions: ConditionsInput
    admission: AdmissionInput
    quota: Capacity | None = None


class RequiresInput(Requires, frozen=True, forbid_unknown_fields=True):
    pass


class UnitInput(Given, frozen=True, kw_only=True):
    code: Code
    title: CatalogueTexts
    min_age: Age | None = None
    max_age: Age | None = None
    min: Annotated[int, msgspec.Meta(ge=0, le=100)] = 0
    max: Annotated[int, msgspec.Meta(ge=1, le=100)] = 9
    requires: RequiresInput | None = None
    occupies: Annotated[int, msgspec.Meta(ge=0, le=100)] = 1
    takes_seat: bool = True


class PriceInput(PriceRule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class ChargeInput(Charge, frozen=True, kw_only=True, forbid_unknown_fields=True):
    label: CatalogueTexts
    rate_basis_points: Annotated[int, msgspec.Meta(ge=0, le=100_000)] | None = None


class ChoiceInput(Choice, frozen=True, forbid_unknown_fields=True):
    value: Code
    label: CatalogueTexts


class QuestionInput(Given, frozen=True, kw_only=True):
    code: Code
    type: Literal["text", "number", "date", "boolean", "choice"]
    required: bool = False
    per: Literal["booking", "item"] = "booking"
    label: CatalogueTexts
    choices: Annotated[list[ChoiceInput], msgspec.Meta(min_length=1, max_length=200)] | None = None
    sensitive: bool = False


class MediaInput(Given, frozen=True, kw_only=True):
    url: Annotated[
        str,
        fields.code(2_000, pattern=r"^https://[!-~\u00a1-\U0010ffff]+$", examples=["https://example.org/tower.jpg"]),
    ]
    type: Annotated[str, fields.code(100, pattern="^[a-z]+/[a-zA-Z0-9.+-]+$", examples=["image/jpeg"])]
    alt: CatalogueTexts | None = None


class ProductInput(Given, frozen=True, kw_only=True):
    """A product as somebody describes it: without ids, its places by code."""

    code: Code
    kind: ProductKind
    title: CatalogueTexts
    summary: CatalogueTexts | None = None
    origin: Code | None = None
    destination: Code | None = None
    venue: Code | None = None
    duration_minutes: Duration | None = None
    opening_hours: (
        Annotated[list[dict[Annotated[str, fields.token(64)], CatalogueName]], msgspec.Meta(max_length=50)] | None
    ) = None
    media: Annotated[list[MediaInput], msgspec.Meta(max_length=50)] = []
    options: Annotated[list[OptionInput], msgspec.Meta(min_length=1, max_length=50)]
    units: Annotated[list[UnitInput], msgspec.Meta(min_length=1, max_length=50)]
    prices: Annotated[list[PriceInput], msgspec.Meta(min_length=1, max_length=5_000)]
    charges: Annotated[list[ChargeInput], msgspec.Meta(max_length=50)] = []
    questions: Annotated[list[QuestionInput], msgspec.Meta(max_length=50)] = []
    requires_names: bool = False
    on_site_payment: bool = True
    on_sale: bool | None = None
    """None: as it is, and on sale when new."""


class NewProduct(msgspec.Struct, frozen=True):
    """A product to be written under its code. Ids of what exists already are taken from its present version."""

    definition: ProductDefinition
    on_sale: bool | None = None
    """None: as it is, and on sale when new."""


Fate = Literal["created", "changed", "unchanged", "refused"]


class SavedProduct(msgspec.Struct, frozen=True):
    """`definition` has its lasting ids. A product is refused when its kind would change."""

    fate: Fate
    definition: ProductDefinition
