"""Codes to go on with on another device, and their pictures."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response

from booking_api.bookings.handover import make_resume_code, open_code
from booking_api.bookings.routes import TAG
from booking_api.bookings.schemas import ResumeCode
from booking_api.core.clock import utc_now
from booking_api.core.context import Context
from booking_api.core.errors import Conflict, NotFound
from booking_api.core.text import fields
from booking_api.core.web.handlers import AnyRequest
from booking_api.core.web.http import Access, Binary, endpoint
from booking_api.core.web.inputs import read_query
from booking_api.core.web.replies import BytesResponse, Reply, runtime_of
from booking_api.identity import audit
from booking_api.passes.drawing import ImageFormat
from booking_api.passes.operations import draw_pass

HELPS = Access(customer=True, staff="agent")
ANYBODY = Access(anonymous=True)


class CodePictureQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    s: Annotated[str, fields.token(1024, description="What the URL was made with.")]


async def _resume_again(ctx: Context, _stored: bytes, booking_id: UUID) -> ResumeCode:
    return await _resume_code(ctx, booking_id)


@endpoint(
    "POST", "/v1/bookings/{booking_id:uuid}/resume-code", tag=TAG, access=HELPS, answers={201: ResumeCode},
    errors=(NotFound, Conflict), renew=_resume_again,
)  # fmt: skip
async def create_resume_code(ctx: Context, booking_id: UUID) -> Reply:
    """Get a code to go on with on another device.

    The code works once, for ten minutes, with `POST /v1/tokens {grant: "code"}` on the other device, which may read it
    with its camera from the QR code at `svg_url` or `png_url`. A customer's code opens there what their own session
    sees. One that staff make for a customer whom they help, or for whom they booked at the counter, opens this booking
    and no other, and is audited. A repeat of the idempotency key makes a new one, because codes are never stored.
    """
    return Reply({}, 201, secrets=await _resume_code(ctx, booking_id))


async def _resume_code(ctx: Context, booking_id: UUID) -> ResumeCode:
    code = await make_resume_code(ctx, booking_id)
    if not ctx.caller.is_customer:
        await audit.note(ctx, "code.issued", "booking", booking_id)
    return code


async def _picture(request: AnyRequest, image_format: ImageFormat, media_type: str) -> Response[bytes]:
    runtime = runtime_of(request)
    code = open_code(runtime.vault, read_query(request, CodePictureQuery).s, utc_now())
    picture = await draw_pass(runtime, code, image_format)
    return BytesResponse(picture, 200, {"Cache-Control": "no-store"}, media_type)


@endpoint(
    "GET", "/v1/resume-codes/qr.svg", tag=TAG, access=ANYBODY, query=CodePictureQuery,
    answers={200: Binary("image/svg+xml", "The QR code as SVG.", is_text=True)}, errors=(NotFound,),
)  # fmt: skip
async def get_resume_code_svg(request: AnyRequest) -> Response[bytes]:
    """Get a resume code as SVG.

    The QR code's text is the code. `svg_url` of a resume code leads here; the URL is as secret as the code and ends
    with it.
    """
    return await _picture(request, "svg", "image/svg+xml")


@endpoint(
    "GET", "/v1/resume-codes/qr.png", tag=TAG, access=ANYBODY, query=CodePictureQuery,
    answers={200: Binary("image/png", "The QR code as PNG, one bit a pixel.")}, errors=(NotFound,),
)  # fmt: skip
async def get_resume_code_png(request: AnyRequest) -> Response[bytes]:
    """Get a resume code as PNG.

    The QR code's text is the code. `png_url` of a resume code leads here; the URL is as secret as the code and ends
    with it.
    """
    return await _picture(request, "png", "image/png")


ROUTES = [create_resume_code, get_resume_code_svg, get_resume_code_png]
