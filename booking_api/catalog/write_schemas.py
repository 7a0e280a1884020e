"""What is handed to the catalogue to be written, and what became of it."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec

from booking_api.catalog.schemas import ProductDefinition
from booking_api.core.text import fields


class NewPlace(msgspec.Struct, frozen=True, kw_only=True):
    """A place to be written under its code. What is None stays as it is."""

    code: str
    name: str
    time_zone: str
    latitude: float | None = None
    longitude: float | None = None
    address: str | None = None


class NewSeat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    code: Annotated[str, fields.code(8)]
    features: list[Annotated[str, fields.code()]] = []


class NewSeatRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    number: Annotated[int, msgspec.Meta(ge=1, le=1_000)]
    seats: Annotated[list[NewSeat], msgspec.Meta(min_length=1, max_length=50)]


class NewDeck(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    columns: Annotated[list[Annotated[str, fields.code()]], msgspec.Meta(min_length=1, max_length=50)]
    rows: Annotated[list[NewSeatRow], msgspec.Meta(min_length=1, max_length=500)]


class NewLayout(msgspec.Struct, frozen=True, kw_only=True):
    """A seat layout to be written under its code. A layout never changes once it is there."""

    code: str
    decks: list[NewDeck]

    @property
    def seats(self) -> int:
        return sum(len(row.seats) for deck in self.decks for row in deck.rows)


class SavedLayouts(msgspec.Struct, frozen=True):
    ids: dict[str, UUID]
    """By code, those that are there with exactly these seats."""
    created: list[str]
    refused: list[str]
    """Codes under which there is a layout with other seats already."""


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
