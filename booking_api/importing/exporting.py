"""A whole catalogue in the form in which imports read it, page by page in bounded memory.

Each page is a statement of its own: what is written meanwhile may be in it or not, and nothing is in it twice.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from booking_api.catalog import document_queries, layout_queries
from booking_api.catalog.description_rules import describe_layout, describe_place, describe_product
from booking_api.catalog.writing import find_products
from booking_api.core.context import Organisation
from booking_api.inventory import export_queries
from booking_api.inventory.export_rules import describe_slot
from booking_api.inventory.write_schemas import Offered

Opened = Callable[[], AbstractAsyncContextManager[Any]]
"""Gives a connection for one page."""
Row = TypeVar("Row")
PLACES, LAYOUTS, PRODUCTS, SLOTS = 500, 100, 100, 1_000
"""How many to a page."""
encode = msgspec.json.Encoder().encode


async def export_catalogue(opened: Opened, org: Organisation) -> AsyncIterator[bytes]:
    """`catalogue.json`: places, seat layouts and products, on sale or not."""
    yield b'{"currency":%s' % encode(org.currency)
    async for piece in _list(
        "places", PLACES, opened, lambda db, after: document_queries.list_places(db, org.org_id, after, PLACES),
        describe_place,
    ):  # fmt: skip
        yield piece
    async for piece in _list(
        "seat_layouts", LAYOUTS, opened, lambda db, after: layout_queries.list_layouts(db, org.org_id, after, LAYOUTS),
        lambda row: describe_layout(row.code, row.layout),
    ):  # fmt: skip
        yield piece
    async for piece in _list(
        "products", PRODUCTS, opened, lambda db, after: document_queries.list_products(db, org.org_id, after, PRODUCTS),
        lambda row: describe_product(row.definition, on_sale=row.on_sale),
    ):  # fmt: skip
        yield piece
    yield b"}\n"


async def _list(
    name: str, size: int, opened: Opened, page: Callable[[Any, str], Awaitable[Sequence[Row]]],
    describe: Callable[[Row], Any],
) -> AsyncIterator[bytes]:  # fmt: skip
    """One of the document's lists."""
    yield b',\n"%s":[' % name.encode()
    between = b"\n"
    async for rows in _pages(size, opened, page):
        yield between + b",\n".join(encode(describe(row)) for row in rows)
        between = b",\n"
    yield b"]"


async def _pages(
    size: int, opened: Opened, page: Callable[[Any, str], Awaitable[Sequence[Row]]], after: str = ""
) -> AsyncIterator[Sequence[Row]]:
    while True:
        async with opened() as db:
            rows: Any = await page(db, after)
        if rows:
            yield rows
        if len(rows) < size:
            return
        after = rows[-1].code


async def export_slots(opened: Opened, org_id: UUID, after: str = "") -> AsyncIterator[bytes]:
    """`slots.ndjson`: the slots whose codes come after another one, in order of their codes, each a line."""
    offered: dict[str, Offered] = {}

    async def page(db: Any, after: str) -> Sequence[export_queries.OfferedSlot]:
        rows = await export_queries.list_offered(db, org_id, after, SLOTS)
        wanted = {row.product for row in rows}
        for code in offered.keys() - wanted:
            del offered[code]
        found = await find_products(db, org_id, sorted(wanted - offered.keys()))
        offered.update({code: Offered.of(definition) for code, definition in found.items()})
        return rows

    async for rows in _pages(SLOTS, opened, page, after):
        yield b"".join(encode(describe_slot(row, offered[row.product])) + b"\n" for row in rows)
