"""The descriptions of what is in the catalogue, as they would have to be written to be it. Pure."""

from typing import Any, cast

import msgspec

from booking_api.catalog.document_schemas import LayoutDocument, PlaceDocument, ProductDocument
from booking_api.catalog.layout_schemas import SeatLayoutDescription
from booking_api.catalog.schemas import Place, ProductDefinition
from booking_api.catalog.write_schemas import NewPlace, PlaceDescription, ProductDescription

PLACES = ("origin", "destination", "venue")
Written = dict[str, Any]


def describe_place(place: Place) -> Written:
    """A place without its id."""
    written = {name: getattr(place, name) for name in NewPlace.__struct_fields__}
    return {name: value for name, value in written.items() if value is not None}


def describe_product(definition: ProductDefinition, *, on_sale: bool) -> Written:
    """A product without ids, its places by code."""
    written: Written = _without_nulls(msgspec.to_builtins(definition))
    for name in PLACES:
        if name in written:
            written[name] = written[name]["code"]
    del written["id"], written["currency"]
    for things in (written["options"], written["units"], written["questions"]):
        for thing in things:
            del thing["id"]
    return {**written, "on_sale": on_sale}


def describe_layout(code: str, layout: Written) -> Written:
    """A seat layout with every seat."""
    return {"code": code, "decks": layout["decks"]}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value


# What was taken by an earlier version may be more than is taken today: descriptions are shown as they are stored.


def place_document(state: Any) -> PlaceDocument:
    """What is answered of a row that is one place whole."""
    return PlaceDocument(
        id=state.id, code=state.code, revision=state.revision, updated_at=state.updated_at,
        description=cast("PlaceDescription", describe_place(state)),
    )  # fmt: skip


def product_document(state: Any) -> ProductDocument:
    """The same of a product."""
    description = describe_product(state.definition, on_sale=state.on_sale)
    return ProductDocument(
        id=state.id, code=state.code, revision=state.revision, version=state.version, on_sale=state.on_sale,
        updated_at=state.updated_at, description=cast("ProductDescription", description),
    )  # fmt: skip


def layout_document(state: Any) -> LayoutDocument:
    """The same of a seat layout."""
    return LayoutDocument(
        id=state.id, code=state.code, version=state.version, seats=state.seats, created_at=state.created_at,
        description=cast("SeatLayoutDescription", describe_layout(state.code, state.layout)),
    )  # fmt: skip
