"""The verbs of the catalogue that others build on."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from booking_api.catalog import folding_queries, queries
from booking_api.catalog.answers import place_answer, product_answer
from booking_api.catalog.folding_queries import FoldedPlace, FoldedProduct
from booking_api.catalog.read_schemas import (
    PlaceAnswer,
    PlacePage,
    PlacesQuery,
    ProductAnswer,
    ProductPage,
    ProductsQuery,
)
from booking_api.catalog.reference_rules import read_reference
from booking_api.catalog.schemas import Place, ProductDefinition
from booking_api.core.cache import BoundedCache
from booking_api.core.context import Context
from booking_api.core.db import Connection
from booking_api.core.db.rows import row_from
from booking_api.core.errors import FieldError, NotFound, Unprocessable
from booking_api.core.paging import read_cursor, write_cursor
from booking_api.core.per_process import Caches, PerProcess
from booking_api.core.text.folding import fold_beginning, search_query, words_of

PLACE_SECONDS = 60.0
FOLDED_AT_ONCE = 500
Version = tuple[UUID, int]
DEFINITIONS = PerProcess(lambda: BoundedCache[tuple[UUID, UUID, int], ProductDefinition](4_096))
PLACES = PerProcess(lambda: BoundedCache[tuple[UUID, str], Place](4_096))


async def load_definitions(
    db: Connection, caches: Caches, org_id: UUID, versions: Iterable[Version]
) -> dict[Version, ProductDefinition]:
    """The documents of these product versions. They never change, so what was read once is kept."""
    cache = DEFINITIONS.of(caches)
    found: dict[Version, ProductDefinition] = {}
    missing: list[queries.WantedVersion] = []
    for version in set(versions):
        if (cached := cache.get((org_id, *version))) is not None:
            found[version] = cached
        else:
            missing.append(queries.WantedVersion(*version))
    if missing:
        for row in await queries.find_versions(db, org_id, missing):
            found[row.product_id, row.version] = row.definition
            cache.put((org_id, row.product_id, row.version), row.definition)
    return found


async def find_places(ctx: Context, **references: str) -> list[Place]:
    """The places that query parameters name by id or code, in the order given.

    They are remembered for a minute: a place keeps its code and its id for ever, so that all that a search may see
    late is a new name or zone. Raises `Unprocessable`, pointed at each parameter that names no place of this
    organisation.
    """
    cache = PLACES.of(ctx.caches)
    seconds = ctx.now.timestamp()
    cached = [cache.get((ctx.org_id, reference), seconds) for reference in references.values()]
    known = [place for place in cached if place is not None]
    if len(known) == len(references):
        return known
    places = await _look_up_places(ctx, references)
    for reference, place in zip(references.values(), places, strict=True):
        cache.put((ctx.org_id, reference), place, seconds + PLACE_SECONDS)
    return places


async def _look_up_places(ctx: Context, references: Mapping[str, str]) -> list[Place]:
    ids: dict[str, UUID] = {}
    for parameter, reference in references.items():
        try:
            ids[parameter] = UUID(reference)
        except ValueError:
            continue
    codes = {reference: reference.upper() for reference in references.values()}
    found = await queries.find_places(ctx.db, ctx.org_id, list(ids.values()), [*codes, *codes.values()])
    by_id, by_code = {place.id: place for place in found}, {place.code: place for place in found}
    places: list[Place] = []
    errors: list[FieldError] = []
    for parameter, reference in references.items():
        place = by_id.get(ids[parameter]) if parameter in ids else None
        place = place or by_code.get(reference) or by_code.get(codes[reference])
        if place is None:
            errors.append(FieldError(f"/query/{parameter}", f"There is no place with the id or code {reference!r}."))
        else:
            places.append(place)
    if errors:
        raise Unprocessable(errors[0].detail, errors=errors)
    return places


async def fold_places(db: Connection, org_id: UUID) -> int:
    """Writes the words of places that were saved by a program that knew of none; how many there were."""
    done = 0
    while rows := await folding_queries.list_unfolded_places(db, org_id, FOLDED_AT_ONCE):
        folded = [
            row_from(row, FoldedPlace, name_folded=fold_beginning(row.name), words=words_of(row.code, row.name))
            for row in rows
        ]
        folded_now = await folding_queries.fold_places(db, org_id, folded)
        done += folded_now
        if len(rows) < FOLDED_AT_ONCE or not folded_now:
            break
    return done


async def fold_products(db: Connection, org_id: UUID) -> int:
    """The same for products."""
    done = 0
    while rows := await folding_queries.list_unfolded_products(db, org_id, FOLDED_AT_ONCE):
        folded = [row_from(row, FoldedProduct, words=words_of(row.code, *row.titles.values())) for row in rows]
        folded_now = await folding_queries.fold_products(db, org_id, folded)
        done += folded_now
        if len(rows) < FOLDED_AT_ONCE or not folded_now:
            break
    return done


async def list_places(ctx: Context, query: PlacesQuery) -> PlacePage:
    """Places by the beginnings of words of their code or name, those first that were most likely meant."""
    rank, code = read_cursor(query.cursor, tuple[int, str]) if query.cursor else (-1, "")
    asked = queries.Asked()
    if query.q:
        await fold_places(ctx.db, ctx.org_id)
        asked = queries.Asked(query.q, fold_beginning(query.q), search_query(query.q))
    rows = await queries.search_places(ctx.db, ctx.org_id, asked, rank, code, query.limit + 1)
    page = rows[: query.limit]
    more = len(rows) > query.limit
    return PlacePage(
        items=[place_answer(row) for row in page],
        next_cursor=write_cursor(page[-1].rank, page[-1].code) if more else None,
    )


async def list_products(ctx: Context, query: ProductsQuery) -> ProductPage:
    """Products on sale in order of their codes. Raises `Unprocessable` for an unknown place."""
    named = {name: given for name in ("origin", "destination") if (given := getattr(query, name)) is not None}
    places = dict(zip(named, await find_places(ctx, **named), strict=True)) if named else {}
    origin, destination = places.get("origin"), places.get("destination")
    asked = None if query.q is None else search_query(query.q)
    if query.q is not None:
        if asked is None:
            return ProductPage(items=[])
        await fold_products(ctx.db, ctx.org_id)
    rows = await queries.find_products(
        ctx.db,
        ctx.org_id,
        query.kind,
        origin.id if origin else None,
        destination.id if destination else None,
        asked,
        read_cursor(query.cursor, tuple[str])[0] if query.cursor else "",
        query.limit + 1,
    )
    page = rows[: query.limit]
    definitions = await load_definitions(ctx.db, ctx.caches, ctx.org_id, [(row.id, row.version) for row in page])
    return ProductPage(
        items=[product_answer(definitions[row.id, row.version], ctx.languages, on_sale=row.on_sale) for row in page],
        next_cursor=write_cursor(page[-1].code) if len(rows) > query.limit else None,
    )


async def load_products(ctx: Context, product_ids: Sequence[UUID]) -> dict[UUID, ProductDefinition]:
    """The current versions of these products, on sale or not, by id: those that there are."""
    rows = await queries.list_products(ctx.db, ctx.org_id, product_ids) if product_ids else []
    definitions = await load_definitions(ctx.db, ctx.caches, ctx.org_id, [(row.id, row.version) for row in rows])
    return {row.id: definitions[row.id, row.version] for row in rows}


async def get_product(ctx: Context, reference: str) -> ProductAnswer:
    """A product as the catalogue shows it, by id or code. Raises `NotFound`."""
    row = await queries.find_product(ctx.db, ctx.org_id, *read_reference(reference))
    if row is None:
        raise NotFound("There is no such product.")
    definitions = await load_definitions(ctx.db, ctx.caches, ctx.org_id, [(row.id, row.version)])
    return product_answer(definitions[row.id, row.version], ctx.languages, on_sale=row.on_sale)


async def get_place(ctx: Context, reference: str) -> PlaceAnswer:
    """A place as the catalogue shows it, by id or code. Raises `NotFound`."""
    named = read_reference(reference)
    ids, codes = [named.id] if named.id else [], [named.code] if named.code else []
    found = await queries.find_places(ctx.db, ctx.org_id, ids, codes)
    if not found:
        raise NotFound("There is no such place.")
    return place_answer(found[0])
