"""The SQL that reads the catalogue as it was written."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from booking_api.catalog.schemas import Place, ProductDefinition
from booking_api.core.db import Connection, fetch_all, fetch_one


class PlaceState(Place, frozen=True, kw_only=True):
    """A place with what its edits go by."""

    revision: int
    updated_at: datetime


class ProductState(msgspec.Struct, frozen=True):
    """A product with its present version."""

    id: UUID
    code: str
    version: int
    on_sale: bool
    revision: int
    updated_at: datetime
    definition: ProductDefinition


async def find_place(db: Connection, org_id: UUID, place_id: UUID | None, code: str | None) -> PlaceState | None:
    """The place with this id or this code."""
    return await fetch_one(
        db,
        PlaceState,
        """
        select id, code, name, time_zone, latitude, longitude, address, revision, updated_at
        from place where org_id = $1 and (id = $2 or code = $3)
        """,
        org_id,
        place_id,
        code,
    )


async def list_places(db: Connection, org_id: UUID, after_code: str, limit: int) -> list[PlaceState]:
    """Places in order of their codes."""
    return await fetch_all(
        db,
        PlaceState,
        """
        select id, code, name, time_zone, latitude, longitude, address, revision, updated_at
        from place where org_id = $1 and code > $2 order by code limit $3
        """,
        org_id,
        after_code,
        limit,
    )


async def find_product(db: Connection, org_id: UUID, product_id: UUID | None, code: str | None) -> ProductState | None:
    """The product with this id or this code, on sale or not."""
    return await fetch_one(
        db,
        ProductState,
        """
        select p.id, p.code, p.version, p.on_sale, p.revision, p.updated_at, v.definition
        from product p
        join product_version v on v.org_id = $1 and v.product_id = p.id and v.version = p.version
        where p.org_id = $1 and (p.id = $2 or p.code = $3)
        """,
        org_id,
        product_id,
        code,
    )


async def list_products(db: Connection, org_id: UUID, after_code: str, limit: int) -> list[ProductState]:
    """Products in order of their codes, on sale or not."""
    return await fetch_all(
        db,
        ProductState,
        """
        select p.id, p.code, p.version, p.on_sale, p.revision, p.updated_at, v.definition
        from product p
        join product_version v on v.org_id = $1 and v.product_id = p.id and v.version = p.version
        where p.org_id = $1 and p.code > $2 order by p.code limit $3
        """,
        org_id,
        after_code,
        limit,
    )


class ProductCode(msgspec.Struct, frozen=True):
    code: str


async def list_codes_at(
    db: Connection, org_id: UUID, place_id: UUID, after_code: str, limit: int
) -> Sequence[ProductCode]:
    """The codes, in order, of products that take place there, or go from or to there."""
    return await fetch_all(
        db,
        ProductCode,
        """
        select p.code from product p
        where p.org_id = $1 and (p.origin_id = $2 or p.destination_id = $2 or p.venue_id = $2) and p.code > $3
        order by p.code limit $4
        """,
        org_id,
        place_id,
        after_code,
        limit,
    )
