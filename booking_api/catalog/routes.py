"""HTTP of the catalogue."""

from typing import Any
from uuid import UUID

from litestar import Request, Response

from booking_api.catalog import operations
from booking_api.catalog.schemas import PlacePage, PlacesQuery, ProductAnswer, ProductPage, ProductsQuery
from booking_api.core.errors import NotFound, Unprocessable
from booking_api.core.http import Access, endpoint
from booking_api.core.inputs import read_query
from booking_api.core.replies import Reply, body_etag, send
from booking_api.core.transactions import reading

READERS = Access(app=True, customer=True, staff="agent", scope="catalog:read")


@endpoint(
    "GET", "/v1/places", tag="Catalogue", access=READERS, query=PlacesQuery, answers={200: PlacePage}, conditional=True,
)  # fmt: skip
async def list_places(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Find places.

    Airports, stops, venues and rooms by part of their code or name, the most likely ones first; without `q` all of
    them.
    """
    query = read_query(request, PlacesQuery)
    async with reading(request) as ctx:
        ctx.reply = body_etag(Reply(await operations.list_places(ctx, query)))
    return send(request, ctx)


@endpoint(
    "GET", "/v1/products", tag="Catalogue", access=READERS, query=ProductsQuery, answers={200: ProductPage},
    errors=(Unprocessable,), conditional=True,
)  # fmt: skip
async def list_products(request: Request[Any, Any, Any]) -> Response[bytes]:
    """List products on sale.

    In order of their codes, each whole, with texts in the language that `Accept-Language` asks for.
    """
    query = read_query(request, ProductsQuery)
    async with reading(request) as ctx:
        ctx.reply = body_etag(Reply(await operations.list_products(ctx, query)))
    return send(request, ctx)


@endpoint(
    "GET", "/v1/products/{product_id:uuid}", tag="Catalogue", access=READERS, answers={200: ProductAnswer},
    errors=(NotFound,), conditional=True,
)  # fmt: skip
async def get_product(request: Request[Any, Any, Any], product_id: UUID) -> Response[bytes]:
    """Get a product.

    Its current version, also when it is no longer on sale.
    """
    async with reading(request) as ctx:
        ctx.reply = body_etag(Reply(await operations.get_product(ctx, product_id)))
    return send(request, ctx)


ROUTES = [list_places, list_products, get_product]
