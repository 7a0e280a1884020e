"""What is handed to the catalogue to be written, and what became of it.

Things refer to one another and to places by code. Unknown fields are refused, so that a misspelt one isn't lost.
"""

from datetime import datetime
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
from booking_api.core.errors import FieldError
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


class PlaceFields(Given, frozen=True, kw_only=True):
    """What is said of a place."""

    name: CatalogueName
    time_zone: CatalogueName
    """IANA time zone: what every local time of a product there means."""
    latitude: Annotated[float, msgspec.Meta(ge=-90, le=90)] | None = None
    """WGS 84, in degrees."""
    longitude: Annotated[float, msgspec.Meta(ge=-180, le=180)] | None = None
    """WGS 84, in degrees."""
    address: Annotated[str, fields.text(500)] | None = None


class PlaceDescription(PlaceFields, frozen=True, kw_only=True):
    """An airport, stop, venue or room, whole."""

    code: Code | None = None
    """Needn't be said: it is the one in the path, and never changes."""


class NewPlace(PlaceFields, frozen=True, kw_only=True):
    """A place to be written under its code."""

    code: Code


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
        fields.code(2_000, pattern="^https://[!-~\u00a1-\U0010ffff]+$", examples=["https://example.org/tower.jpg"]),
    ]
    type: Annotated[str, fields.code(100, pattern="^[a-z]+/[a-zA-Z0-9.+-]+$", examples=["image/jpeg"])]
    alt: CatalogueTexts | None = None


class ProductFields(Given, frozen=True, kw_only=True):
    """What is said of a product: without ids, its places by code."""

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


class ProductDescription(ProductFields, frozen=True, kw_only=True):
    """A product as somebody describes it, whole: without ids, its places by code."""

    code: Code | None = None
    """Needn't be said: it is the one in the path, and never changes."""


class ProductInput(ProductFields, frozen=True, kw_only=True):
    """A product as a file describes it."""

    code: Code


class NewProduct(msgspec.Struct, frozen=True):
    """A product to be written under its code. Ids of what exists already are taken from its present version."""

    definition: ProductDefinition
    on_sale: bool | None = None
    """None: as it is, and on sale when new."""


Fate = Literal["created", "changed", "unchanged", "refused"]


class SavedProduct(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a product. `definition` has its lasting ids."""

    fate: Fate
    definition: ProductDefinition
    version: int
    on_sale: bool
    revision: int
    updated_at: datetime
    revision_before: int | None
    """None: there was none."""
    refusal: FieldError | None = None
    """Why it was left as it is."""

    @property
    def id(self) -> UUID:
        return self.definition.id

    @property
    def code(self) -> str:
        return self.definition.code
