"""The pictures of passes."""

from uuid import UUID

from litestar import Request, Response

from booking_api.core.context import Caller
from booking_api.core.errors import Forbidden, NotFound, Unauthenticated
from booking_api.core.runtime import acquire
from booking_api.core.web.http import Access, Binary, endpoint
from booking_api.core.web.inputs import read_query
from booking_api.core.web.replies import Reply, etag_matches, runtime_of, send
from booking_api.core.web.transactions import reading
from booking_api.identity import queries as identity_queries
from booking_api.passes import operations
from booking_api.passes.drawing import ImageFormat
from booking_api.passes.schemas import PassImageQuery

TAG = "Passes"
ACCESS = Access(anonymous=True, customer=True, staff="agent", scope="bookings:read")
MEDIA_TYPES: dict[ImageFormat, str] = {"svg": "image/svg+xml", "png": "image/png"}


async def _picture(request: Request, pass_id: UUID, image_format: ImageFormat) -> Response[bytes]:
    query = read_query(request, PassImageQuery)
    runtime = runtime_of(request)
    if query.s is not None:
        # A signed URL is its own credential and names its organisation; whoever else the client is doesn't matter.
        org_id = operations.open_signature(runtime.vault, pass_id, image_format, query.s)
        async with acquire(runtime) as db:
            org = await identity_queries.find_organisation(db, org_id)
        if org is None:
            raise NotFound
        request.scope["auth"] = (org, Caller(kind="anonymous", credential_id=pass_id))
    async with reading(request) as ctx:
        row = await operations.find_pictured(ctx, pass_id, signed=query.s is not None)
    etag = operations.image_etag(row.code, image_format)
    headers = {"Cache-Control": "private, max-age=300", "Vary": "Authorization, Origin"}
    # Drawn after the connection went back, because it takes longer than the query did, and only where it is wanted.
    wanted = not etag_matches(request.headers.get("if-none-match"), etag)
    picture = await operations.draw_pass(runtime, row.code, image_format) if wanted else b""
    ctx.reply = Reply(picture, etag=etag, headers=headers, media_type=MEDIA_TYPES[image_format])
    return send(request, ctx)


@endpoint(
    "GET", "/v1/passes/{pass_id:uuid}/qr.svg", tag=TAG, access=ACCESS, query=PassImageQuery,
    answers={200: Binary("image/svg+xml", "The QR code as SVG.")}, errors=(NotFound, Unauthenticated, Forbidden),
    conditional=True,
)  # fmt: skip
async def get_pass_svg(request: Request, pass_id: UUID) -> Response[bytes]:
    """Get a pass as SVG.

    The QR code with its quiet zone. `svg_url` of a pass leads here with a signature, so that an image view needs no
    header; the URL ends when the pass does. Without a signature a token is needed.
    """
    return await _picture(request, pass_id, "svg")


@endpoint(
    "GET", "/v1/passes/{pass_id:uuid}/qr.png", tag=TAG, access=ACCESS, query=PassImageQuery,
    answers={200: Binary("image/png", "The QR code as PNG, one bit a pixel.")}, errors=(NotFound, Unauthenticated, Forbidden),
    conditional=True,
)  # fmt: skip
async def get_pass_png(request: Request, pass_id: UUID) -> Response[bytes]:
    """Get a pass as PNG.

    The QR code with its quiet zone, eight pixels a module. `png_url` of a pass leads here with a signature, so that an
    image view needs no header; the URL ends when the pass does. Without a signature a token is needed.
    """
    return await _picture(request, pass_id, "png")


ROUTES = [get_pass_svg, get_pass_png]
