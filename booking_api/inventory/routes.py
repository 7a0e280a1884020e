"""HTTP of whoever offers slots."""

from typing import Any

from litestar import Request, Response

from booking_api.catalog.document_routes import TAG, WRITERS
from booking_api.core.errors import BodyTimedOut
from booking_api.core.web.http import endpoint
from booking_api.core.web.lines import read_lines
from booking_api.core.web.replies import Reply, runtime_of, send
from booking_api.core.web.transactions import make_context
from booking_api.inventory.bulk import SlotIntake
from booking_api.inventory.bulk_schemas import SlotsReport
from booking_api.inventory.write_schemas import SlotElement


@endpoint(
    "POST", "/v1/slots/bulk", tag=TAG, access=WRITERS, body=SlotElement, lines=True, answers={200: SlotsReport},
    errors=(BodyTimedOut,),
)  # fmt: skip
async def offer_slots(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Offer many slots.

    One a line, matched by `code`: what is new is created, what differs is changed, what is the same isn't touched, so
    that whatever broke off is simply sent again; an idempotency key adds nothing to that. Without a `code` a slot is
    known by its product, start and resource. Lines are carried out some thousands at a time while the rest still comes,
    each by itself: a line that is wrong is reported and costs no other one. A slot keeps what was taken of it; who has a
    booking on one that moves or is cancelled may choose, as after `PATCH /v1/slots/{slot_id}`.
    """
    ctx = make_context(request, None)
    report = await SlotIntake(runtime_of(request), ctx).take_all(read_lines(request))
    ctx.reply = Reply(report)
    return send(request, ctx)


ROUTES = [offer_slots]
