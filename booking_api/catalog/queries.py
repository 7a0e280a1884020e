"""All SQL of the catalogue's read side."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from booking_api.catalog.schemas import Place, ProductDefinition, ProductKind
from booking_api.core.db import Connection, fetch_all, fetch_one
from booking_api.core.db.rows import columns_of


class VersionRow(msgspec.Struct, frozen=True):
    product_id: UUID
    version: int
    definition: ProductDefinition


class ProductRow(msgspec.Struct, frozen=True):
    """Which version of a product is on sale, or was last."""

    id: UUID
    code: str
    version: int
    on_sale: bool


class RankedPlace(Place, frozen=True, kw_only=True):
    """A place found by a text: 0 for its very code, 1 for a code, 2 for a name that begins with it, 3 for the rest."""

    rank: int


class WantedVersion(msgspec.Struct, frozen=True):
    product_id: UUID
    version: int


async def find_versions(db: Connection, org_id: UUID, wanted: Sequence[WantedVersion]) -> list[VersionRow]:
    return await fetch_all(
        db,
        VersionRow,
        """
        select v.product_id, v.version, v.definition
        from unnest($2::uuid[], $3::int[]) as wanted (product_id, version)
        join product_version v on v.org_id = $1 and v.product_id = wanted.product_id and v.version = wanted.version
        """,
        org_id,
        *columns_of(wanted, WantedVersion),
    )


async def list_products(db: Connection, org_id: UUID, product_ids: Sequence[UUID]) -> list[ProductRow]:
    """Products by id, on sale or not, in no order."""
    return await fetch_all(
        db,
        ProductRow,
        "select p.id, p.code, p.version, p.on_sale from product p where p.org_id = $1 and p.id = any($2::uuid[])",
        org_id, product_ids,
    )  # fmt: skip


async def find_product(db: Connection, org_id: UUID, product_id: UUID | None, code: str | None) -> ProductRow | None:
    """The product with this id or this code, on sale or not."""
    return await fetch_one(
        db,
        ProductRow,
        "select p.id, p.code, p.version, p.on_sale from product p where p.org_id = $1 and (p.id = $2 or p.code = $3)",
        org_id, product_id, code,
    )  # fmt: skip


async def find_products(
    db: Connection,
    org_id: UUID,
    kind: ProductKind | None,
    origin_id: UUID | None,
    destination_id: UUID | None,
    asked: str | None,
    after_code: str,
    limit: int,
) -> list[ProductRow]:
    """Products on sale in order of their codes. `asked` is a query of words of a code or of titles in any language."""
    return await fetch_all(
        db,
        ProductRow,
        """
        select p.id, p.code, p.version, p.on_sale
        from product p
        join product_version v on v.org_id = $1 and v.product_id = p.id and v.version = p.version
        where p.org_id = $1 and p.on_sale and p.code > $6
          and ($2::text is null or p.kind = $2)
          and ($3::uuid is null or p.origin_id = $3)
          and ($4::uuid is null or p.destination_id = $4)
          and ($5::text is null or p.words @@ $5::text::tsquery)
        order by p.code
        limit $7
        """,
        org_id,
        kind,
        origin_id,
        destination_id,
        asked,
        after_code,
        limit,
    )


async def find_places(db: Connection, org_id: UUID, ids: Sequence[UUID], codes: Sequence[str]) -> list[Place]:
    """The places with one of these ids or codes, in no order."""
    return await fetch_all(
        db,
        Place,
        """
        select p.id, p.code, p.name, p.time_zone, p.latitude, p.longitude, p.address
        from place p
        where p.org_id = $1 and (p.id = any($2::uuid[]) or p.code = any($3::text[]))
        """,
        org_id, ids, codes,
    )  # fmt: skip


class Asked(msgspec.Struct, frozen=True):
    """What places are looked for by: all, by words, or by signs that no word has."""

    text: str = ""
    """As it was typed; empty: all places."""
    folded: str = ""
    words: str | None = None
    """A query of text search."""


async def search_places(
    db: Connection, org_id: UUID, asked: Asked, after_rank: int, after_code: str, limit: int
) -> list[RankedPlace]:
    """Places by words of their code or name, those first that were most likely meant; all for an empty text."""
    if asked.words is None:
        return await _search_places_literally(db, org_id, asked.text, after_rank, after_code, limit)
    return await fetch_all(
        db,
        RankedPlace,
        """
        select found.id, found.code, found.name, found.time_zone, found.latitude, found.longitude, found.address, found.rank
        from (
          select p.id, p.code, p.name, p.time_zone, p.latitude, p.longitude, p.address,
                 case
                   when lower(p.code) = lower($2) then 0
                   when starts_with(lower(p.code), lower($2)) then 1
                   when starts_with(p.name_folded, $3) then 2
                   else 3
                 end as rank
          from place p
          where p.org_id = $1 and p.words @@ $4::text::tsquery
        ) found
        where (found.rank, found.code) > ($5::int, $6::text)
        order by found.rank, found.code
        limit $7
        """,
        org_id, asked.text, asked.folded, asked.words, after_rank, after_code, limit,
    )  # fmt: skip


async def _search_places_literally(
    db: Connection, org_id: UUID, text: str, after_rank: int, after_code: str, limit: int
) -> list[RankedPlace]:
    return await fetch_all(
        db,
        RankedPlace,
        """
        select p.id, p.code, p.name, p.time_zone, p.latitude, p.longitude, p.address, 0 as rank
        from place p
        where p.org_id = $1 and strpos(p.name, $2) > 0 and (0, p.code) > ($3::int, $4::text)
        order by p.code limit $5
        """,
        org_id, text, after_rank, after_code, limit,
    )  # fmt: skip
