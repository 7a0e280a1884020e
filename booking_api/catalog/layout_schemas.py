"""Seat layouts as they are handed over to be written, and what became of them."""

from typing import Annotated
from uuid import UUID

import msgspec

from booking_api.catalog.schemas import Code
from booking_api.catalog.write_schemas import Given
from booking_api.core.text import fields


class NewSeat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    code: Annotated[str, fields.code(8)]
    features: list[Annotated[str, fields.code()]] = []


class NewSeatRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    number: Annotated[int, msgspec.Meta(ge=1, le=1_000)]
    seats: Annotated[list[NewSeat], msgspec.Meta(min_length=1, max_length=50)]


class NewDeck(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    columns: Annotated[list[Annotated[str, fields.code()]], msgspec.Meta(min_length=1, max_length=50)]
    rows: Annotated[list[NewSeatRow], msgspec.Meta(min_length=1, max_length=500)]


class LayoutFields(Given, frozen=True, kw_only=True):
    """What is said of a seat layout."""

    seats: Annotated[int, msgspec.Meta(ge=1, le=1_000)] | None = None
    """How many seats there are, arranged as aircraft and coaches have them."""
    decks: Annotated[list[NewDeck], msgspec.Meta(min_length=1, max_length=10)] | None = None
    """Every seat, deck by deck and row by row from the front."""


class SeatLayoutDescription(LayoutFields, frozen=True, kw_only=True):
    """Either `seats`, and the rows are generated, or the `decks` themselves."""

    code: Code | None = None
    """Needn't be said: it is the one in the path, and never changes."""


class LayoutInput(LayoutFields, frozen=True, kw_only=True):
    """A seat layout as a file describes it."""

    code: Code


class NewLayout(msgspec.Struct, frozen=True, kw_only=True):
    """A seat layout to be written under its code. A layout never changes once it is there; the code points to the newest."""

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


class SavedLayout(LayoutSize, frozen=True):
    """The newest seat layout of a code."""

    version: int
    same: bool
    """Whether it has the seats that were given."""


class SavedLayouts(msgspec.Struct, frozen=True):
    found: dict[str, SavedLayout]
    """By code, those that are there with exactly these seats."""
    created: list[str]
    refused: list[str]
    """Codes under which there is a layout with other seats already."""
