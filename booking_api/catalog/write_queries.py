"""The SQL that writes the catalogue. Everything is matched by its code, so that ids survive a repetition."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from booking_api.catalog.schemas import Place, ProductDefinition
from booking_api.core.db import Connection, execute, fetch_all
from booking_api.core.db.rows import columns_of


async def wait_for_other_writers(db: Connection, org_id: UUID) -> None:
    """Lets one writer at a time write an organisation's catalogue, until the transaction ends.

    Only spares them collisions: what keeps two of them from doubling anything are the unique codes.
    """
    await execute(db, "select pg_advisory_xact_lock(hashtextextended('catalogue ' || $1::uuid, 0))", org_id)


# places -----------------------------------------------------------------------------------------------------------


class PlaceLine(msgspec.Struct, frozen=True):
    """A place to be written under its code, with what it is found by; `id` is for a new one."""

    code: str
    name: str
    time_zone: str
    latitude: float | None
    longitude: float | None
    address: str | None
    id: UUID
    name_folded: str
    words: str | None


class WrittenPlace(msgspec.Struct, frozen=True):
    id: UUID
    code: str


async def upsert_places(db: Connection, org_id: UUID, places: Sequence[PlaceLine], now: datetime) -> list[WrittenPlace]:
    """Writes the places that are new or differ, and returns those."""
    return await fetch_all(
        db,
        WrittenPlace,
        """
        insert into place (
          org_id, id, code, name, time_zone, latitude, longitude, address, updated_at, name_folded, words
        )
        select $1, given.id, given.code, given.name, given.time_zone, given.latitude, given.longitude, given.address, $11,
          given.name_folded, array_to_tsvector(string_to_array(given.words, ' '))
        from unnest(
          $2::text[], $3::text[], $4::text[], $5::float8[], $6::float8[], $7::text[], $8::uuid[], $9::text[], $10::text[]
        ) as given (code, name, time_zone, latitude, longitude, address, id, name_folded, words)
        order by given.code
        on conflict (org_id, code) do update
        set name = excluded.name, time_zone = excluded.time_zone, latitude = excluded.latitude,
            longitude = excluded.longitude, address = excluded.address, updated_at = excluded.updated_at,
            name_folded = excluded.name_folded, words = excluded.words, revision = place.revision + 1
        where (place.name, place.time_zone, place.latitude, place.longitude, place.address) is distinct from
              (excluded.name, excluded.time_zone, excluded.latitude, excluded.longitude, excluded.address)
        returning place.id, place.code
        """,
        org_id,
        *columns_of(places, PlaceLine),
        now,
    )


async def find_places_by_code(db: Connection, org_id: UUID, codes: Sequence[str]) -> list[Place]:
    return await fetch_all(
        db,
        Place,
        """
        select id, code, name, time_zone, latitude, longitude, address
        from place where org_id = $1 and code = any($2::text[])
        """,
        org_id,
        codes,
    )


# products ---------------------------------------------------------------------------------------------------------


class CurrentProduct(msgspec.Struct, frozen=True):
    code: str
    version: int
    on_sale: bool
    revision: int
    updated_at: datetime
    definition: ProductDefinition


async def lock_products_by_code(db: Connection, org_id: UUID, codes: Sequence[str]) -> list[CurrentProduct]:
    """The present versions, locked so that no other writer makes the same next version."""
    return await fetch_all(
        db,
        CurrentProduct,
        """
        select p.code, p.version, p.on_sale, p.revision, p.updated_at, v.definition
        from product p
        join product_version v on v.org_id = $1 and v.product_id = p.id and v.version = p.version
        where p.org_id = $1 and p.code = any($2::text[])
        order by p.id
        for update of p
        """,
        org_id,
        codes,
    )


class DefinitionRow(msgspec.Struct, frozen=True):
    definition: ProductDefinition


async def find_products_by_code(db: Connection, org_id: UUID, codes: Sequence[str]) -> list[DefinitionRow]:
    return await fetch_all(
        db,
        DefinitionRow,
        """
        select v.definition
        from product p
        join product_version v on v.org_id = $1 and v.product_id = p.id and v.version = p.version
        where p.org_id = $1 and p.code = any($2::text[])
        """,
        org_id,
        codes,
    )


class ProductLine(msgspec.Struct, frozen=True):
    """A product to be written, with the version that is on sale."""

    id: UUID
    code: str
    kind: str
    version: int
    origin_id: UUID | None
    destination_id: UUID | None
    venue_id: UUID | None
    on_sale: bool
    words: str | None


async def upsert_products(db: Connection, org_id: UUID, products: Sequence[ProductLine], now: datetime) -> None:
    await execute(
        db,
        """
        insert into product (
          org_id, id, code, kind, version, origin_id, destination_id, venue_id, on_sale, updated_at, words
        )
        select $1, given.id, given.code, given.kind, given.version, given.origin_id, given.destination_id, given.venue_id,
          given.on_sale, $11, array_to_tsvector(string_to_array(given.words, ' '))
        from unnest(
          $2::uuid[], $3::text[], $4::text[], $5::int[], $6::uuid[], $7::uuid[], $8::uuid[], $9::bool[], $10::text[]
        ) as given (id, code, kind, version, origin_id, destination_id, venue_id, on_sale, words)
        order by given.id
        on conflict (org_id, id) do update
        set version = excluded.version, origin_id = excluded.origin_id, destination_id = excluded.destination_id,
            venue_id = excluded.venue_id, on_sale = excluded.on_sale, updated_at = excluded.updated_at,
            words = excluded.words, revision = product.revision + 1
        """,
        org_id,
        *columns_of(products, ProductLine),
        now,
    )


class NewVersion(msgspec.Struct, frozen=True):
    product_id: UUID
    version: int
    definition: ProductDefinition


async def insert_versions(db: Connection, org_id: UUID, versions: Sequence[NewVersion], now: datetime) -> None:
    await execute(
        db,
        """
        insert into product_version (org_id, product_id, version, definition, created_at)
        select $1, given.*, $5
        from unnest($2::uuid[], $3::int[], $4::jsonb[]) as given (product_id, version, definition)
        """,
        org_id,
        *columns_of(versions, NewVersion),
        now,
    )
