"""The catalogue format, element by element; `docs/catalogue-format.md` explains it with an example.

An element is what the owner of the thing takes to write it, and what else may stand beside it in a file.
"""

from typing import Annotated

import msgspec

from booking_api.catalog.schemas import Code
from booking_api.catalog.write_schemas import ProductInput
from booking_api.core.text import fields
from booking_api.inventory.write_schemas import ScheduleInput


class ProductElement(ProductInput, frozen=True, kw_only=True):
    seat_layout: Code | None = None
    """Of its slots that name no other."""
    schedules: Annotated[list[ScheduleInput], msgspec.Meta(max_length=200)] = msgspec.field(default_factory=list)


class CatalogueDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A catalogue file; each element is decoded by itself, so that one mistake doesn't cost the others."""

    currency: Annotated[str, fields.token(pattern="^[A-Z]{3}$")] | None = None
    places: list[msgspec.Raw] = []
    seat_layouts: list[msgspec.Raw] = []
    products: list[msgspec.Raw] = []
    slots: list[msgspec.Raw] = []
