"""Catalogue documents.

A product is stored as one immutable document per version (`ProductDefinition`): loading it is one row, it can be
cached for ever, and a booking that names its version keeps its conditions, prices and questions.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from functools import cached_property
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from booking_api.core.money import Money
from booking_api.core.text import fields
from booking_api.core.texts import Texts

ProductKind = Literal["departure", "entry", "appointment"]
Code = Annotated[str, fields.code(64)]
Minor = Annotated[int, msgspec.Meta(ge=0, le=10**12)]


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """An airport, stop, venue or room."""

    id: UUID
    code: str
    name: str
    time_zone: str
    latitude: float | None = None
    longitude: float | None = None
    address: str | None = None


class Conditions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a customer may do after buying. Minutes count back from the start of the slot."""

    refundable: bool
    refund_until_minutes: int = 0
    refund_fee: Minor = 0
    """Kept from the refund, once per booking, in minor units."""
    changeable: bool
    change_until_minutes: int = 0
    change_fee: Minor = 0
    booking_closes_minutes: int = 0
    """Sales of this option end this many minutes before the start."""
    summary: Texts | None = None


class Admission(msgspec.Struct, frozen=True, kw_only=True):
    """When the gate lets a pass in."""

    opens_before_minutes: int
    closes_after_minutes: int
    """Minutes after (negative: before) the moment that `closes_relative_to` names."""
    closes_relative_to: Literal["start", "end"]
    reentry: bool


class OptionDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """A variant with its own conditions: a fare, a tour with audio guide."""

    id: UUID
    code: Code
    title: Texts
    conditions: Conditions
    admission: Admission
    quota: int | None = None
    """Places of one slot that may be sold under this option; None: all of them."""


class Requires(msgspec.Struct, frozen=True):
    """A dependant: one unit of `unit` (a code) is needed for every `per` of these."""

    unit: Code
    per: Annotated[int, msgspec.Meta(ge=1)]


class UnitDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """A price category. A lap infant occupies 0 places and takes no seat.

    Ages are full years on the slot's local date, the day on which it starts where it starts: not on the day of booking,
    and not in the zone of whoever looks.
    """

    id: UUID
    code: Code
    title: Texts
    min_age: int | None = None
    max_age: int | None = None
    min: int = 0
    max: int = 9
    requires: Requires | None = None
    occupies: int = 1
    takes_seat: bool = True


class PriceRule(msgspec.Struct, frozen=True, kw_only=True):
    """What one unit costs under one option. With dates it overrides on those local days, the latest start first."""

    option: Code
    unit: Code
    amount: Minor
    valid_from: date | None = None
    valid_until: date | None = None
    """Inclusive."""


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """A tax or mandatory fee. A tax has a rate of the units' and fees' sum; a fee an amount per booking or item."""

    code: Code
    type: Literal["tax", "fee"]
    label: Texts
    rate_basis_points: int | None = None
    included: bool = True
    """A tax that is contained in the prices; otherwise it is added."""
    amount: Minor | None = None
    per: Literal["booking", "item"] = "item"


class Choice(msgspec.Struct, frozen=True):
    value: str
    label: Texts


class QuestionDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """A product's own question to the customer."""

    id: UUID
    code: Code
    type: Literal["text", "number", "date", "boolean", "choice"]
    required: bool
    per: Literal["booking", "item"]
    label: Texts
    choices: list[Choice] | None = None
    sensitive: bool = False
    """Whether the answers say something about health, belief or the like. They are shown with their booking alone,
    never in lists, and are erased as soon as the visit is over."""


class Media(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    url: str
    type: str
    alt: Texts | None = None


class ProductDefinition(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One version of a product, whole. Places are ids and are read live."""

    id: UUID
    code: Code
    kind: ProductKind
    title: Texts
    summary: Texts | None = None
    origin: Place | None = None
    destination: Place | None = None
    venue: Place | None = None
    duration_minutes: int | None = None
    opening_hours: list[dict[str, str]] | None = None
    media: list[Media] = []
    options: list[OptionDefinition]
    units: list[UnitDefinition]
    prices: list[PriceRule]
    charges: list[Charge] = []
    questions: list[QuestionDefinition] = []
    currency: str
    requires_names: bool = False
    """Whether each item needs a name before the booking can be confirmed."""
    on_site_payment: bool = True
    """Whether `on_site` is offered as a payment method."""

    @cached_property
    def sensitive_codes(self) -> frozenset[str]:
        """The codes of its questions whose answers are sensitive."""
        return frozenset(question.code for question in self.questions if question.sensitive)

    @cached_property
    def price_changes(self) -> list[date]:
        """The local dates, in order, on which some price may be another one than the day before."""
        starts = {rule.valid_from for rule in self.prices if rule.valid_from is not None}
        ends = {rule.valid_until for rule in self.prices if rule.valid_until is not None}
        return sorted(starts | {end + timedelta(days=1) for end in ends if end < date.max})

    @cached_property
    def options_by_id(self) -> Mapping[UUID, OptionDefinition]:
        return {option.id: option for option in self.options}

    @cached_property
    def units_by_id(self) -> Mapping[UUID, UnitDefinition]:
        return {unit.id: unit for unit in self.units}

    @cached_property
    def units_by_code(self) -> Mapping[str, UnitDefinition]:
        return {unit.code: unit for unit in self.units}

    def option(self, option_id: UUID) -> OptionDefinition | None:
        return self.options_by_id.get(option_id)

    def unit(self, unit_id: UUID) -> UnitDefinition | None:
        return self.units_by_id.get(unit_id)

    def unit_by_code(self, code: str) -> UnitDefinition | None:
        return self.units_by_code.get(code)


class PriceLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a price. `amount` is that of the whole quantity, in the price's currency."""

    type: Annotated[str, msgspec.Meta(description="x-extensible-enum: unit, fee, tax, discount")]
    label: str
    quantity: int
    amount: Money
    tax_rate: float | None = None
    """Percent."""


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be paid, always with taxes and mandatory fees."""

    total: Money
    tax_included: Money
    due_now: Money
    due_on_site: Money
    lines: list[PriceLine]


class Quote(msgspec.Struct, frozen=True):
    """A party's price, and what each of its items contributes to it.

    `item_amounts` has the items' shares by unit, in minor units, with their part of added taxes and of fees per
    booking: all of them add up to the total.
    """

    price: Price
    item_amounts: dict[UUID, list[int]]
