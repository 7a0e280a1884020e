"""HTTP of whoever takes a whole catalogue elsewhere."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.response import Stream

from booking_api.catalog.document_routes import READERS, TAG
from booking_api.core.runtime import acquire
from booking_api.core.text import fields
from booking_api.core.web.http import Binary, endpoint
from booking_api.core.web.inputs import read_query
from booking_api.core.web.lines import NDJSON
from booking_api.core.web.replies import runtime_of
from booking_api.core.web.transactions import make_context
from booking_api.importing.exporting import export_catalogue, export_slots

HEADERS = {"Cache-Control": "no-store"}


class SlotsAfter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where an export goes on that broke off."""

    after: Annotated[
        Annotated[str, fields.code(200, examples=["clocks@2026-10-03T08:00Z"])] | None,
        msgspec.Meta(description="Only slots whose codes come after this one: that of the last whole line you have."),
    ] = None


@endpoint(
    "GET", "/v1/catalogue/export", tag=TAG, access=READERS,
    answers={200: Binary("application/json", "A catalogue file.", is_text=True)},
)  # fmt: skip
async def download_catalogue(request: Request[Any, Any, Any]) -> Response[Any]:
    """Export the catalogue.

    Places, the newest seat layouts and products, on sale or not, as one file in the form in which
    `booking-api import catalogue` reads it, and without slots, of which there may be many. Media are kept as their URLs.
    """
    runtime, ctx = runtime_of(request), make_context(request, None)
    content = export_catalogue(lambda: acquire(runtime), ctx.org)
    return Stream(content, media_type="application/json", headers=HEADERS)


@endpoint(
    "GET", "/v1/slots/bulk", tag=TAG, access=READERS, query=SlotsAfter,
    answers={200: Binary(NDJSON, "A slot a line.", is_text=True)},
)  # fmt: skip
async def download_slots(request: Request[Any, Any, Any]) -> Response[Any]:
    """Export the slots.

    All of them, past and cancelled ones too, in order of their codes, each a line as `POST` takes it. What is taken of
    them and how late they are isn't in it.
    """
    query = read_query(request, SlotsAfter)
    runtime, ctx = runtime_of(request), make_context(request, None)
    content = export_slots(lambda: acquire(runtime), ctx.org_id, query.after or "")
    return Stream(content, media_type=NDJSON, headers=HEADERS)


ROUTES = [download_catalogue, download_slots]
