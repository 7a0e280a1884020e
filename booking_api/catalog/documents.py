"""The verbs of whoever keeps the catalogue by HTTP: a place, a product or a seat layout as one whole document.

A document that is the same as what is there changes nothing, and its writer is told so whatever they presupposed.
"""

from typing import TypeVar

import msgspec

from booking_api.catalog import description_rules as rules
from booking_api.catalog import document_queries, layout_queries
from booking_api.catalog.document_schemas import (
    DocumentsQuery,
    LayoutDocument,
    LayoutDocumentPage,
    PlaceDocument,
    PlaceDocumentPage,
    ProductDocument,
    ProductDocumentPage,
)
from booking_api.catalog.layout_rules import define_layout
from booking_api.catalog.layout_schemas import LayoutInput, SeatLayoutDescription
from booking_api.catalog.product_rules import check_place, define_product
from booking_api.catalog.reference_rules import read_reference
from booking_api.catalog.write_schemas import NewPlace, NewProduct, PlaceDescription, ProductDescription, ProductInput
from booking_api.catalog.writing import begin_writing, find_places, save_layouts, save_places, save_products
from booking_api.core.context import Context
from booking_api.core.errors import NotFound, Unprocessable, unprocessable
from booking_api.core.paging import read_cursor, write_cursor
from booking_api.core.preconditions import Precondition
from booking_api.identity import audit

Described = TypeVar("Described", bound=msgspec.Struct)


def _named(into: type[Described], description: msgspec.Struct, code: str) -> Described:
    """A description under the code that the path names. Raises `Unprocessable` where it names another one."""
    given: str | None = description.code  # type: ignore[attr-defined]
    if given not in {None, code}:
        raise unprocessable("/code", "This is not the code of what the path names, and a code never changes.")
    return into(**{**{name: getattr(description, name) for name in description.__struct_fields__}, "code": code})


# places -----------------------------------------------------------------------------------------------------------


async def get_place_document(ctx: Context, reference: str) -> PlaceDocument:
    """A place with its description. Raises `NotFound`."""
    state = await document_queries.find_place(ctx.db, ctx.org_id, *read_reference(reference))
    if state is None:
        raise NotFound("There is no such place.")
    return rules.place_document(state)


async def list_place_documents(ctx: Context, query: DocumentsQuery) -> PlaceDocumentPage:
    """Places in order of their codes."""
    rows = await document_queries.list_places(ctx.db, ctx.org_id, _after(query), query.limit + 1)
    items = [rules.place_document(row) for row in rows[: query.limit]]
    return PlaceDocumentPage(items=items, next_cursor=_following(query, len(rows), items))


async def put_place(
    ctx: Context, reference: str, description: PlaceDescription, precondition: Precondition
) -> tuple[bool, PlaceDocument]:
    """Writes a place; whether it is new, and what it is now. Raises `NotFound`, `Unprocessable`, `VersionConflict`."""
    named = read_reference(reference)
    await begin_writing(ctx.db, ctx.org_id)
    before = await document_queries.find_place(ctx.db, ctx.org_id, *named)
    if before is None and named.code is None:
        raise NotFound("There is no such place.")
    place = _named(NewPlace, description, before.code if before else named.code or "")
    check_place(place)
    _, created, changed = await save_places(ctx.db, ctx.org_id, [place], ctx.now, whole=True)
    precondition.check(before and before.revision, same=not created and not changed)
    after = await document_queries.find_place(ctx.db, ctx.org_id, None, place.code)
    assert after is not None, "it was written a moment ago"
    if created or changed:
        await audit.note(ctx, "place.written", "place", after.id, "created" if created else "changed")
    return created > 0, rules.place_document(after)


# products ---------------------------------------------------------------------------------------------------------


async def get_product_document(ctx: Context, reference: str) -> ProductDocument:
    """A product with its description. Raises `NotFound`."""
    state = await document_queries.find_product(ctx.db, ctx.org_id, *read_reference(reference))
    if state is None:
        raise NotFound("There is no such product.")
    return rules.product_document(state)


async def list_product_documents(ctx: Context, query: DocumentsQuery) -> ProductDocumentPage:
    """Products in order of their codes, on sale or not."""
    rows = await document_queries.list_products(ctx.db, ctx.org_id, _after(query), query.limit + 1)
    items = [rules.product_document(row) for row in rows[: query.limit]]
    return ProductDocumentPage(items=items, next_cursor=_following(query, len(rows), items))


async def put_product(
    ctx: Context, reference: str, description: ProductDescription, precondition: Precondition
) -> tuple[bool, ProductDocument]:
    """Writes a product; whether it is new, and what it is now. Raises `NotFound`, `Unprocessable`, `VersionConflict`."""
    named = read_reference(reference)
    await begin_writing(ctx.db, ctx.org_id)
    code = named.code or await _code_of_product(ctx, reference)
    product = _named(ProductInput, description, code)
    places = [place for place in (product.origin, product.destination, product.venue) if place]
    definition = define_product(product, await find_places(ctx.db, ctx.org_id, places), ctx.org.currency)
    saved = (await save_products(ctx.db, ctx.org_id, [NewProduct(definition, product.on_sale)], ctx.now))[code]
    precondition.check(saved.revision_before, same=saved.fate == "unchanged")
    if saved.refusal is not None:
        raise Unprocessable(saved.refusal.detail, errors=[saved.refusal])
    if saved.fate != "unchanged":
        await audit.note(ctx, "product.written", "product", saved.id, saved.fate)
    return saved.fate == "created", rules.product_document(saved)


async def _code_of_product(ctx: Context, reference: str) -> str:
    return (await get_product_document(ctx, reference)).code


# seat layouts -----------------------------------------------------------------------------------------------------


async def get_layout_document(ctx: Context, reference: str) -> LayoutDocument:
    """A seat layout with its description, the newest of a code. Raises `NotFound`."""
    state = await layout_queries.find_layout(ctx.db, ctx.org_id, *read_reference(reference))
    if state is None:
        raise NotFound("There is no such seat layout.")
    return rules.layout_document(state)


async def list_layout_documents(ctx: Context, query: DocumentsQuery) -> LayoutDocumentPage:
    """The newest seat layout of each code, in order of the codes."""
    rows = await layout_queries.list_layouts(ctx.db, ctx.org_id, _after(query), query.limit + 1)
    items = [rules.layout_document(row) for row in rows[: query.limit]]
    return LayoutDocumentPage(items=items, next_cursor=_following(query, len(rows), items))


async def put_layout(
    ctx: Context, reference: str, description: SeatLayoutDescription, precondition: Precondition
) -> tuple[bool, LayoutDocument]:
    """Writes a seat layout as the newest of its code; whether it is new, and what it is. Raises as the others do."""
    named = read_reference(reference)
    await begin_writing(ctx.db, ctx.org_id)
    before = await layout_queries.find_layout(ctx.db, ctx.org_id, *named)
    if before is None and named.code is None:
        raise NotFound("There is no such seat layout.")
    layout = define_layout(_named(LayoutInput, description, before.code if before else named.code or ""))
    newest = await layout_queries.find_layout(ctx.db, ctx.org_id, None, layout.code)
    saved = await save_layouts(ctx.db, ctx.org_id, [layout], ctx.now, replacing=True)
    precondition.check(newest and newest.version, same=not saved.created)
    after = await layout_queries.find_layout(ctx.db, ctx.org_id, saved.found[layout.code].id, None)
    assert after is not None, "it was written a moment ago"
    if saved.created:
        await audit.note(
            ctx, "seat_layout.written", "seat_layout", after.id, "created" if newest is None else "changed"
        )
    return bool(saved.created), rules.layout_document(after)


# pages ------------------------------------------------------------------------------------------------------------


def _after(query: DocumentsQuery) -> str:
    return read_cursor(query.cursor, tuple[str])[0] if query.cursor else ""


def _following(
    query: DocumentsQuery, found: int, items: list[PlaceDocument] | list[ProductDocument] | list[LayoutDocument]
) -> str | None:
    return write_cursor(items[-1].code) if found > query.limit else None
