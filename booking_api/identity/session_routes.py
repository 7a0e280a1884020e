"""Who is signed in where: sessions listed and ended."""

from uuid import UUID

from litestar import Response

from booking_api.core.context import Context
from booking_api.core.errors import Forbidden, NotFound
from booking_api.core.web.http import Access, endpoint
from booking_api.core.web.inputs import read_body
from booking_api.core.web.replies import Reply, runtime_of, send
from booking_api.core.web.transactions import writing
from booking_api.identity import rate_limits, reach, sessions
from booking_api.identity.routes import AnyRequest, forget
from booking_api.identity.session_schemas import NewContactCode, SessionList, SessionsQuery
from booking_api.identity.token_routes import TOKENS

ANYBODY_SIGNED_IN = Access(customer=True, staff="agent")


@endpoint("GET", "/v1/sessions", tag=TOKENS, access=ANYBODY_SIGNED_IN, errors=(Forbidden, NotFound))
async def list_sessions(ctx: Context, query: SessionsQuery) -> SessionList:
    """List where you are signed in.

    Newest first: how each session was opened, when it was last used, and on what. A session appears with the first
    use of its tokens, one that a code opened at once, so that nobody comes in unseen. A session that sees only the
    bookings of one address lists those that this address opened. An owner may ask for those of a member of staff.
    """
    return await sessions.list_sessions(ctx, query)


@endpoint("DELETE", "/v1/sessions/{session_id:uuid}", tag=TOKENS, access=ANYBODY_SIGNED_IN, errors=(NotFound,))
async def end_session(ctx: Context, session_id: UUID) -> None:
    """End a session.

    One of your own, or, for an owner, one of a member of staff. Its tokens stop working, and its event streams end.
    Repeating it changes nothing.
    """
    await sessions.end_session(ctx, session_id)
    forget(ctx, session_id)


@endpoint(
    "POST", "/v1/me/contact-code", tag=TOKENS, access=Access(customer=True), body=NewContactCode, body_optional=True,
    answers={202: None},
)  # fmt: skip
async def request_contact_code(request: AnyRequest) -> Response[bytes]:
    """Have a code sent to prove your mail address.

    It goes to `email`, by default to that of your contact, and works for ten minutes with `POST /v1/tokens {grant:
    code}`. Redeeming it proves the address for you; the session that it opens sees the bookings with that address, and
    your own goes on. Limited for each client by address; what others ask for counts against nobody.
    """
    body = await read_body(request, NewContactCode, optional=True)
    async with writing(request) as ctx:
        email = await sessions.ask_for_contact_code(ctx, body.email)
        asked = (ctx.org_id, "contact", ctx.caller.subject_id, reach.canonical("email", email, None))
        rate_limits.check_recovery(runtime_of(request), request.scope, *asked)
        ctx.reply = Reply(None, 202)
    return send(request, ctx)


ROUTES = [list_sessions, end_session, request_contact_code]
