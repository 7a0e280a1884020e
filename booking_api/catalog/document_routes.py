"""HTTP of whoever keeps the catalogue: whole documents, in all languages."""

from booking_api.catalog import documents
from booking_api.catalog.document_schemas import (
    DocumentsQuery,
    LayoutDocument,
    LayoutDocumentPage,
    PlaceDocument,
    PlaceDocumentPage,
    ProductDocument,
    ProductDocumentPage,
)
from booking_api.catalog.layout_schemas import SeatLayoutDescription
from booking_api.catalog.write_schemas import PlaceDescription, ProductDescription
from booking_api.core.context import Context
from booking_api.core.errors import NotFound, Unprocessable
from booking_api.core.preconditions import Precondition
from booking_api.core.web.http import Access, endpoint
from booking_api.core.web.replies import Reply, version_etag

TAG = "Keeping the catalogue"
READERS = Access(staff="manager", scope="catalogue:read")
WRITERS = Access(staff="manager", scope="catalogue:write")
MOST_BYTES = 2 << 20
"""Of a document: a product may have 5,000 prices."""


def _etag(revision: int) -> dict[str, str]:
    return {"ETag": version_etag(revision)}


def _written(document: PlaceDocument | ProductDocument, *, created: bool) -> Reply:
    return Reply(document, 201 if created else 200, headers=_etag(document.revision))


@endpoint(
    "PUT", "/v1/places/{place:str}", tag=TAG, access=WRITERS, answers={200: PlaceDocument, 201: PlaceDocument},
    errors=(NotFound, Unprocessable), conditional=True,
)  # fmt: skip
async def put_place(ctx: Context, place: str, body: PlaceDescription, precondition: Precondition) -> Reply:
    """Write a place.

    Whole: what isn't given is taken away. A new one is written under its code. Products that name it follow within
    seconds, slots keep their times.
    """
    created, document = await documents.put_place(ctx, place, body, precondition)
    return _written(document, created=created)


@endpoint(
    "PUT", "/v1/products/{product:str}", tag=TAG, access=WRITERS, answers={200: ProductDocument, 201: ProductDocument},
    errors=(NotFound, Unprocessable), conditional=True, max_body_bytes=MOST_BYTES,
)  # fmt: skip
async def put_product(ctx: Context, product: str, body: ProductDescription, precondition: Precondition) -> Reply:
    """Write a product.

    Whole: options, units, prices, charges, questions and media are what is given, and those that keep their codes keep
    their ids. What differs becomes a new version; bookings keep the version that they were made under. `on_sale: false`
    takes it out of every list and search, and a new one doesn't appear there before it is put on sale.
    """
    created, document = await documents.put_product(ctx, product, body, precondition)
    return _written(document, created=created)


@endpoint(
    "PUT", "/v1/seat-layouts/{layout:str}", tag=TAG, access=WRITERS,
    answers={200: LayoutDocument, 201: LayoutDocument}, errors=(NotFound, Unprocessable), conditional=True,
    max_body_bytes=MOST_BYTES,
)  # fmt: skip
async def put_seat_layout(ctx: Context, layout: str, body: SeatLayoutDescription, precondition: Precondition) -> Reply:
    """Write a seat layout.

    A layout never changes: other seats make a new layout with an id of its own (201), to which the code points from
    then on. Slots keep the layout that they have until they are written anew.
    """
    created, document = await documents.put_layout(ctx, layout, body, precondition)
    return Reply(document, 201 if created else 200, headers=_etag(document.version))


@endpoint("GET", "/v1/catalogue/places", tag=TAG, access=READERS)
async def list_place_documents(ctx: Context, query: DocumentsQuery) -> PlaceDocumentPage:
    """List places as they were written.

    In order of their codes.
    """
    return await documents.list_place_documents(ctx, query)


@endpoint(
    "GET", "/v1/catalogue/places/{place:str}", tag=TAG, access=READERS, answers={200: PlaceDocument},
    errors=(NotFound,),
)  # fmt: skip
async def get_place_document(ctx: Context, place: str) -> Reply:
    """Get a place as it was written.

    With the ETag that an edit goes by.
    """
    document = await documents.get_place_document(ctx, place)
    return Reply(document, headers=_etag(document.revision))


@endpoint("GET", "/v1/catalogue/products", tag=TAG, access=READERS)
async def list_product_documents(ctx: Context, query: DocumentsQuery) -> ProductDocumentPage:
    """List products as they were written.

    In order of their codes, on sale or not, with all their texts in all languages.
    """
    return await documents.list_product_documents(ctx, query)


@endpoint(
    "GET", "/v1/catalogue/products/{product:str}", tag=TAG, access=READERS, answers={200: ProductDocument},
    errors=(NotFound,),
)  # fmt: skip
async def get_product_document(ctx: Context, product: str) -> Reply:
    """Get a product as it was written.

    On sale or not, with the ETag that an edit goes by: take `description`, change it, and send it back.
    """
    document = await documents.get_product_document(ctx, product)
    return Reply(document, headers=_etag(document.revision))


@endpoint("GET", "/v1/catalogue/seat-layouts", tag=TAG, access=READERS)
async def list_seat_layout_documents(ctx: Context, query: DocumentsQuery) -> LayoutDocumentPage:
    """List seat layouts as they were written.

    The newest of each code, in order of the codes.
    """
    return await documents.list_layout_documents(ctx, query)


@endpoint(
    "GET", "/v1/catalogue/seat-layouts/{layout:str}", tag=TAG, access=READERS, answers={200: LayoutDocument},
    errors=(NotFound,),
)  # fmt: skip
async def get_seat_layout_document(ctx: Context, layout: str) -> Reply:
    """Get a seat layout as it was written.

    By its code the newest, by its id just that one.
    """
    document = await documents.get_layout_document(ctx, layout)
    return Reply(document, headers=_etag(document.version))


ROUTES = [
    put_place, put_product, put_seat_layout, list_place_documents, get_place_document, list_product_documents,
    get_product_document, list_seat_layout_documents, get_seat_layout_document,
]  # fmt: skip
