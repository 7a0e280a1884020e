"""The catalogue as whoever writes it reads it: whole documents in all languages, on sale or not."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from booking_api.catalog.layout_schemas import SeatLayoutDescription
from booking_api.catalog.write_schemas import PlaceDescription, ProductDescription
from booking_api.core.paging import Cursor, Limit


class PlaceDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A place with its description as `PUT` takes it."""

    id: UUID
    code: Annotated[str, msgspec.Meta(examples=["JFK"])]
    revision: int
    """Raised by every write; the ETag."""
    updated_at: datetime
    description: PlaceDescription


class ProductDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A product with its description as `PUT` takes it, in all languages."""

    id: UUID
    code: Annotated[str, msgspec.Meta(examples=["tower"])]
    revision: int
    """Raised by every write; the ETag."""
    version: int
    """Of its terms: bookings keep the version that they were made under."""
    on_sale: bool
    updated_at: datetime
    description: ProductDescription


class LayoutDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A seat layout with its description as `PUT` takes it. It never changes; its code points to the newest version."""

    id: UUID
    code: Annotated[str, msgspec.Meta(examples=["coach-48"])]
    version: int
    """Raised by every layout under this code; the ETag."""
    seats: int
    """How many it has."""
    created_at: datetime
    description: SeatLayoutDescription


class PlaceDocumentPage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A page of places with their descriptions."""

    items: list[PlaceDocument]
    next_cursor: str | None = None


class ProductDocumentPage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A page of products with their descriptions."""

    items: list[ProductDocument]
    next_cursor: str | None = None


class LayoutDocumentPage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A page of seat layouts with their descriptions, the newest of each code."""

    items: list[LayoutDocument]
    next_cursor: str | None = None


class DocumentsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which part of a list is wanted."""

    limit: Limit = 50
    cursor: Cursor | None = None
