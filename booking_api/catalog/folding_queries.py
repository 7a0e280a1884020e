"""The SQL that gives the words to be found by to what was written without them."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from booking_api.core.db import Connection, execute, fetch_all
from booking_api.core.db.rows import columns_of


class UnfoldedPlace(msgspec.Struct, frozen=True):
    id: UUID
    code: str
    name: str


class UnfoldedProduct(msgspec.Struct, frozen=True):
    id: UUID
    version: int
    code: str
    titles: dict[str, str]


async def list_unfolded_places(db: Connection, org_id: UUID, limit: int) -> list[UnfoldedPlace]:
    return await fetch_all(
        db,
        UnfoldedPlace,
        "select id, code, name from place where org_id = $1 and words is null limit $2",
        org_id, limit,
    )  # fmt: skip


async def list_unfolded_products(db: Connection, org_id: UUID, limit: int) -> list[UnfoldedProduct]:
    return await fetch_all(
        db,
        UnfoldedProduct,
        """
        select p.id, p.version, p.code, v.definition -> 'title' as titles
        from product p join product_version v on v.org_id = $1 and v.product_id = p.id and v.version = p.version
        where p.org_id = $1 and p.words is null limit $2
        """,
        org_id,
        limit,
    )


class FoldedPlace(msgspec.Struct, frozen=True):
    """A place by its id and the name that its words are of."""

    id: UUID
    name: str
    name_folded: str
    words: str | None


async def fold_places(db: Connection, org_id: UUID, places: Sequence[FoldedPlace]) -> int:
    """Writes the words of places that are still called so; how many there were."""
    return await execute(
        db,
        """
        update place set name_folded = given.name_folded, words = array_to_tsvector(string_to_array(given.words, ' '))
        from unnest($2::uuid[], $3::text[], $4::text[], $5::text[]) as given (id, name, name_folded, words)
        where place.org_id = $1 and place.id = given.id and place.name = given.name and place.words is null
        """,
        org_id,
        *columns_of(places, FoldedPlace),
    )


class FoldedProduct(msgspec.Struct, frozen=True):
    """A product by its id and the version that its words are of."""

    id: UUID
    version: int
    words: str | None


async def fold_products(db: Connection, org_id: UUID, products: Sequence[FoldedProduct]) -> int:
    """Writes the words of products that still have this version on sale; how many there were."""
    return await execute(
        db,
        """
        update product set words = array_to_tsvector(string_to_array(given.words, ' '))
        from unnest($2::uuid[], $3::int[], $4::text[]) as given (id, version, words)
        where product.org_id = $1 and product.id = given.id and product.version = given.version and product.words is null
        """,
        org_id,
        *columns_of(products, FoldedProduct),
    )
