"""The verbs that write the catalogue: places, seat layouts, products.

Things are matched by code: what exists keeps its ids, what is the same is not touched, and a product gets a new
version only when its document really differs. Each verb takes a list and runs in its caller's transaction.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import msgspec

from booking_api.catalog import layout_queries
from booking_api.catalog import write_queries as queries
from booking_api.catalog.events import PlaceUpdated, ProductUpdated
from booking_api.catalog.layout_queries import LayoutLine
from booking_api.catalog.layout_schemas import LayoutSize, NewLayout, SavedLayouts
from booking_api.catalog.schemas import (
    OptionDefinition,
    Place,
    ProductDefinition,
    QuestionDefinition,
    UnitDefinition,
)
from booking_api.catalog.write_queries import CurrentProduct, NewVersion, PlaceLine, ProductLine
from booking_api.catalog.write_schemas import NewPlace, NewProduct, SavedProduct
from booking_api.core.db import Connection
from booking_api.core.db.event_queries import Event
from booking_api.core.db.rows import row_from
from booking_api.core.errors import FieldError
from booking_api.core.ids import new_id
from booking_api.core.queue.events import publish
from booking_api.core.text.folding import fold_beginning, words_of

Coded = TypeVar("Coded", OptionDefinition, UnitDefinition, QuestionDefinition)


async def begin_writing(db: Connection, org_id: UUID) -> None:
    """Waits until nobody else writes this organisation's catalogue; holds until the transaction ends."""
    await queries.wait_for_other_writers(db, org_id)


def _with_what_is_known(place: NewPlace, present: Place | None) -> NewPlace:
    """What isn't said of a place stays as it is."""
    if present is None:
        return place
    known = {name: getattr(present, name) for name in ("latitude", "longitude", "address")}
    return msgspec.structs.replace(place, **{n: value for n, value in known.items() if getattr(place, n) is None})


async def save_places(
    db: Connection, org_id: UUID, places: Sequence[NewPlace], now: datetime, *, whole: bool = False
) -> tuple[dict[str, Place], int, int]:
    """Writes places: all of them by code as they are now, how many are new, how many changed. Codes must differ.

    What is None stays as it is, unless they are described `whole`. Publishes `place.changed` for those that were there.
    """
    codes = [place.code for place in places]
    before = {place.code: place for place in await queries.find_places_by_code(db, org_id, codes)}
    lines = [
        row_from(
            place if whole else _with_what_is_known(place, before.get(place.code)),
            PlaceLine,
            id=new_id(),
            name_folded=fold_beginning(place.name),
            words=words_of(place.code, place.name),
        )
        for place in places
    ]
    touched = await queries.upsert_places(db, org_id, lines, now)
    changed = [place for place in touched if place.code in before]
    await publish(db, [PlaceUpdated().event(org_id, place.id, now) for place in changed])
    after = {place.code: place for place in await queries.find_places_by_code(db, org_id, codes)}
    return after, len(touched) - len(changed), len(changed)


async def find_places(db: Connection, org_id: UUID, codes: Sequence[str]) -> dict[str, Place]:
    """The places with these codes, by code."""
    return {place.code: place for place in await queries.find_places_by_code(db, org_id, codes)}


async def save_layouts(
    db: Connection, org_id: UUID, layouts: Sequence[NewLayout], now: datetime, *, replacing: bool = False
) -> SavedLayouts:
    """Writes seat layouts whose codes are new, and others as the next versions of theirs if they are to replace them.

    Codes must differ.
    """
    codes = [layout.code for layout in layouts]
    documents = [{"decks": msgspec.to_builtins(layout.decks)} for layout in layouts]
    before = {row.code: row for row in await layout_queries.compare_layouts(db, org_id, codes, documents)}
    lines: list[LayoutLine] = []
    for layout, document in zip(layouts, documents, strict=True):
        newest = before.get(layout.code)
        if newest is None or (replacing and not newest.same):
            version = 1 if newest is None else newest.version + 1
            lines.append(LayoutLine(new_id(), layout.code, version, layout.seats, document))
    if lines:
        await layout_queries.insert_layouts(db, org_id, lines, now)
    found = await layout_queries.compare_layouts(db, org_id, codes, documents)
    return SavedLayouts(
        found={row.code: row for row in found if row.same},
        created=[line.code for line in lines],
        refused=[row.code for row in found if not row.same],
    )


async def find_layouts(db: Connection, org_id: UUID, codes: Sequence[str]) -> dict[str, LayoutSize]:
    """The newest seat layouts of these codes, by code."""
    return {row.code: row for row in await layout_queries.find_layouts_by_code(db, org_id, codes)}


async def find_products(db: Connection, org_id: UUID, codes: Sequence[str]) -> dict[str, ProductDefinition]:
    """The present versions of the products with these codes, by code."""
    return {row.definition.code: row.definition for row in await queries.find_products_by_code(db, org_id, codes)}


def _keep(new: list[Coded], old: list[Coded]) -> list[Coded]:
    ids = {thing.code: thing.id for thing in old}
    return [msgspec.structs.replace(thing, id=ids.get(thing.code, thing.id)) for thing in new]


def keep_ids(new: ProductDefinition, old: ProductDefinition) -> ProductDefinition:
    """The new document with the ids that the old one gave to the same codes."""
    return msgspec.structs.replace(
        new,
        id=old.id,
        options=_keep(new.options, old.options),
        units=_keep(new.units, old.units),
        questions=_keep(new.questions, old.questions),
    )


def _place_id(place: Place | None) -> UUID | None:
    return None if place is None else place.id


def _become(product: NewProduct, old: CurrentProduct | None, now: datetime) -> SavedProduct:
    """What becomes of a product that is described, where another one is or isn't under its code already."""
    definition = product.definition
    if old is None:
        on_sale = True if product.on_sale is None else product.on_sale
        return SavedProduct(
            fate="created", definition=definition, version=1, on_sale=on_sale, revision=1, updated_at=now,
            revision_before=None,
        )  # fmt: skip
    present = SavedProduct(
        fate="unchanged", definition=old.definition, version=old.version, on_sale=old.on_sale, revision=old.revision,
        updated_at=old.updated_at, revision_before=old.revision,
    )  # fmt: skip
    if old.definition.kind != definition.kind:
        detail = f"Product {definition.code!r} is there as {old.definition.kind}; its kind can't change."
        return msgspec.structs.replace(present, fate="refused", refusal=FieldError("/kind", detail))
    definition = keep_ids(definition, old.definition)
    on_sale = old.on_sale if product.on_sale is None else product.on_sale
    differs = definition != old.definition
    if not differs and on_sale == old.on_sale:
        return present
    return msgspec.structs.replace(
        present, fate="changed", definition=definition, version=old.version + differs, on_sale=on_sale,
        revision=old.revision + 1, updated_at=now,
    )  # fmt: skip


async def save_products(
    db: Connection, org_id: UUID, products: Sequence[NewProduct], now: datetime
) -> dict[str, SavedProduct]:
    """Writes products and puts their versions on sale; what became of each, by code. Codes must differ.

    Publishes `product.changed` for what a customer could see of it.
    """
    current = {
        row.code: row for row in await queries.lock_products_by_code(db, org_id, [p.definition.code for p in products])
    }
    saved: dict[str, SavedProduct] = {}
    lines: list[ProductLine] = []
    versions: list[NewVersion] = []
    events: list[Event] = []
    for product in products:
        old = current.get(product.definition.code)
        become = _become(product, old, now)
        saved[become.code] = become
        definition, on_sale = become.definition, become.on_sale
        if become.fate in {"created", "changed"}:
            line = ProductLine(
                id=definition.id,
                code=definition.code,
                kind=definition.kind,
                version=become.version,
                origin_id=_place_id(definition.origin),
                destination_id=_place_id(definition.destination),
                venue_id=_place_id(definition.venue),
                on_sale=on_sale,
                words=words_of(definition.code, *definition.title.values()),
            )
            lines.append(line)
            if on_sale or (old is not None and old.on_sale):
                fact = ProductUpdated(created=old is None, on_sale=on_sale, version=become.version)
                events.append(fact.event(org_id, definition.id, now))
            if old is None or old.version != become.version:
                versions.append(NewVersion(definition.id, become.version, definition))
    if lines:
        await queries.upsert_products(db, org_id, lines, now)
    if versions:
        await queries.insert_versions(db, org_id, versions, now)
    await publish(db, events)
    return saved
