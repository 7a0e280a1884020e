"""Joining a guest's bookings on another phone to one's own."""

from uuid import UUID

from litestar import Response

from booking_api.bookings.claiming_schemas import ClaimedOrders, ClaimList, ClaimsQuery, NewClaimOfBookings
from booking_api.bookings.operations.claiming import claim, list_claims, undo
from booking_api.bookings.routes import TAG
from booking_api.core.context import Context
from booking_api.core.errors import Conflict, Forbidden, NotFound, Unauthenticated, Unprocessable, unprocessable
from booking_api.core.web.handlers import AnyRequest
from booking_api.core.web.http import Access, endpoint
from booking_api.core.web.inputs import read_body
from booking_api.core.web.replies import Reply, runtime_of, send
from booking_api.core.web.transactions import writing
from booking_api.identity import audit, codes, rate_limits

CUSTOMER = Access(customer=True)


@endpoint(
    "POST", "/v1/me/claim", tag=TAG, access=CUSTOMER, body=NewClaimOfBookings, answers={200: ClaimedOrders},
    errors=(Forbidden, Unprocessable),
)  # fmt: skip
async def claim_bookings(request: AnyRequest) -> Response[bytes]:
    """Join bookings that were made on another phone.

    Have a code sent with `POST /v1/tokens/recover` and send it here instead of redeeming it for tokens. The orders of
    that guest whose contact is the address that the code was sent to, in each of their bookings, are yours then; passes
    get new codes. The other phone is told, and for thirty days both of you can undo it.
    """
    body = await read_body(request, NewClaimOfBookings)
    runtime = runtime_of(request)
    async with writing(request) as ctx:
        try:
            redeemed = await codes.redeem(ctx.db, ctx.org_id, body.code, ctx.now)
        except Unauthenticated as refusal:  # The caller's own token is good.
            audit.count_failure(runtime, ctx.org_id, "sign_in.failed", "unknown_code", ctx.request_id)
            rate_limits.note_wrong_code(runtime, request.scope, ctx.caller)
            raise unprocessable("/code", refusal.detail) from None
        ctx.reply = Reply(await claim(ctx, redeemed))
    return send(request, ctx)


@endpoint("GET", "/v1/me/claims", tag=TAG, access=CUSTOMER, errors=(Forbidden,))
async def list_my_claims(ctx: Context, query: ClaimsQuery) -> ClaimList:
    """List the orders that were joined.

    Those that you joined, and those that were yours until somebody did who proved the address of their contacts.
    """
    return await list_claims(ctx, query)


@endpoint(
    "DELETE", "/v1/me/claims/{order_id:uuid}", tag=TAG, access=CUSTOMER, errors=(NotFound, Conflict)
)  # fmt: skip
async def undo_claim(ctx: Context, order_id: UUID) -> None:
    """Undo that an order was joined.

    It goes back to whose it was, and passes get new codes. Both of you may do it, for thirty days. Repeating it changes
    nothing.
    """
    await undo(ctx, order_id)


ROUTES = [claim_bookings, list_my_claims, undo_claim]
