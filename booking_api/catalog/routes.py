"""HTTP of the catalogue."""

from booking_api.catalog import operations
from booking_api.catalog.read_schemas import (
    PlaceAnswer,
    PlacePage,
    PlacesQuery,
    ProductAnswer,
    ProductPage,
    ProductsQuery,
)
from booking_api.core.context import Context
from booking_api.core.errors import NotFound, Unprocessable
from booking_api.core.web.http import Access, endpoint

READERS = Access(app=True, customer=True, staff="agent", scope="catalog:read")


@endpoint("GET", "/v1/places", tag="Catalogue", access=READERS, conditional=True)
async def list_places(ctx: Context, query: PlacesQuery) -> PlacePage:
    """Find places.

    Airports, stops, venues and rooms by part of their code or name, the most likely ones first; without `q` all of
    them.
    """
    return await operations.list_places(ctx, query)


@endpoint("GET", "/v1/places/{place:str}", tag="Catalogue", access=READERS, errors=(NotFound,), conditional=True)
async def get_place(ctx: Context, place: str) -> PlaceAnswer:
    """Get a place.

    By its id or its code.
    """
    return await operations.get_place(ctx, place)


@endpoint("GET", "/v1/products", tag="Catalogue", access=READERS, errors=(Unprocessable,), conditional=True)
async def list_products(ctx: Context, query: ProductsQuery) -> ProductPage:
    """List products on sale.

    In order of their codes, each whole, with texts in the language that `Accept-Language` asks for.
    """
    return await operations.list_products(ctx, query)


@endpoint(
    "GET", "/v1/products/{product:str}", tag="Catalogue", access=READERS, errors=(NotFound,), conditional=True,
)  # fmt: skip
async def get_product(ctx: Context, product: str) -> ProductAnswer:
    """Get a product.

    By its id or its code. Its current version, also when it is no longer on sale.
    """
    return await operations.get_product(ctx, product)


ROUTES = [list_places, get_place, list_products, get_product]
