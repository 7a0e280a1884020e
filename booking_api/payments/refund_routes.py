"""HTTP of refunds, for staff: what goes back, what couldn't, and what to do about it."""

from uuid import UUID

from litestar import Response

from booking_api.core.clock import utc_now
from booking_api.core.context import Context
from booking_api.core.errors import Conflict, NotFound
from booking_api.core.web.handlers import AnyRequest
from booking_api.core.web.http import Access, endpoint
from booking_api.core.web.inputs import read_body
from booking_api.core.web.replies import Reply, runtime_of, send
from booking_api.core.web.transactions import writing
from booking_api.payments import refunding
from booking_api.payments.refund_schemas import Refund, RefundList, RefundSettlement, RefundsQuery
from booking_api.payments.schemas import PaymentInProgress

READS = Access(staff="manager", scope="bookings:read")
ACTS = Access(staff="manager", scope="bookings:write")
TAG = "Payments"


@endpoint("GET", "/v1/refunds", tag=TAG, access=READS)
async def list_refunds(ctx: Context, query: RefundsQuery) -> RefundList:
    """List refunds.

    The newest first. Those that are `failed` or `due_on_site` wait for a person: see their `available_actions`.
    """
    return await refunding.list_page(ctx, query)


@endpoint("GET", "/v1/refunds/{refund_id:uuid}", tag=TAG, access=READS, errors=(NotFound,))  # fmt: skip
async def get_refund(ctx: Context, refund_id: UUID) -> Refund:
    """Get a refund.

    How far it is, why its last try failed, and what staff can do about it.
    """
    return await refunding.get(ctx, refund_id)


@endpoint(
    "POST", "/v1/refunds/{refund_id:uuid}/retry", tag=TAG, access=ACTS, answers={200: Refund, 202: Refund},
    errors=(NotFound, Conflict, PaymentInProgress),
    answer_descriptions={200: "The money is back.", 202: "It is under way; get it again."},
)  # fmt: skip
async def retry_refund(request: AnyRequest, refund_id: UUID) -> Response[bytes]:
    """Try a failed refund again.

    The provider is asked first whether it succeeded after all, so that nothing goes back twice. Repeating it while it
    is under way changes nothing.
    """
    async with writing(request) as ctx:
        # Only to answer a repeated key before the provider is asked.
        await refunding.get(ctx, refund_id)
    await refunding.look_into(runtime_of(request), ctx.org_id, refund_id, utc_now())
    async with writing(request) as ctx:
        refund = await refunding.retry(ctx, refund_id)
        ctx.reply = Reply(refund, 202 if refund.status == "pending" else 200)
    return send(request, ctx)


@endpoint(
    "POST", "/v1/refunds/{refund_id:uuid}/settle", tag=TAG, access=ACTS, body=RefundSettlement, answers={200: Refund},
    errors=(NotFound, Conflict, PaymentInProgress),
)  # fmt: skip
async def settle_refund(request: AnyRequest, refund_id: UUID) -> Response[bytes]:
    """Settle a refund on site.

    Staff note that they gave the money back themselves. Call this **before** handing it out: the provider is asked
    first whether a failed refund succeeded after all (409), and nothing is noted while it is at work. Repeating it
    with the same method changes nothing.
    """
    wish = await read_body(request, RefundSettlement)
    async with writing(request) as ctx:
        await refunding.get(ctx, refund_id)
    await refunding.look_into(runtime_of(request), ctx.org_id, refund_id, utc_now())
    async with writing(request) as ctx:
        ctx.reply = Reply(await refunding.settle(ctx, refund_id, wish.method))
    return send(request, ctx)


ROUTES = [list_refunds, get_refund, retry_refund, settle_refund]
