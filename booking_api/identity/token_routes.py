"""Tokens: renewed, asked for, ended."""

from litestar import Response

from booking_api.core.context import Context
from booking_api.core.errors import (
    TokenExpired,
    TokenRevoked,
    Unauthenticated,
    invalid,
)
from booking_api.core.ids import read_code
from booking_api.core.runtime import acquire
from booking_api.core.web.handlers import AnyRequest
from booking_api.core.web.headers import header
from booking_api.core.web.http import Access, endpoint
from booking_api.core.web.inputs import read_body
from booking_api.core.web.replies import Reply, runtime_of, send
from booking_api.core.web.transactions import make_context, writing
from booking_api.identity import audit, codes, rate_limits, reach, sessions
from booking_api.identity.authentication import CREDENTIALS
from booking_api.identity.routes import forget
from booking_api.identity.session_schemas import NewRecovery, NewSignIn, NewTokens, Tokens, TokensAnswer

TOKENS = "Tokens"
APPS = Access(app=True, scope="bookings:write")


@endpoint(
    "POST", "/v1/tokens", tag=TOKENS, access=APPS, body=NewTokens, answers={200: TokensAnswer},
    errors=(Unauthenticated, TokenExpired, TokenRevoked),
)  # fmt: skip
async def create_tokens(request: AnyRequest) -> Response[bytes]:
    """Get tokens for a refresh token or a code.

    With the grant `refresh`, the next tokens of the same session. The refresh token that was sent works until the new
    one is first used, so that a lost answer locks nobody out. For a minute after that it is only refused (401
    `token_revoked`, `come_back: use_newer`), as with a second tab. Later somebody else must have a copy: the session
    is ended and its owner is told.

    With the grant `code`, a new session beside those that there are, which see it in `GET /v1/sessions`. A code sent
    by `POST /v1/tokens/recover` opens the bookings whose contact has the address that it was sent to, and no others;
    one made by the customer with `POST /v1/bookings/{id}/resume-code` all that the customer has; one made there by
    staff that booking alone; one sent by `POST /v1/tokens/sign-in` gives tokens of that member of staff. An unknown,
    used or expired code is 401 `unauthenticated` with `come_back: new_code`, and wrong codes are limited by address.

    A repeat with its idempotency key brings the tokens again for ten minutes and until one of them was used; then it
    answers without them. A 401 says in `come_back` and in `WWW-Authenticate` how to come back.
    """
    body = await read_body(request, NewTokens)
    if (body.refresh_token is None) == (body.grant == "refresh") or (body.code is None) == (body.grant == "code"):
        needed, other = ("refresh_token", "code") if body.grant == "refresh" else ("code", "refresh_token")
        raise invalid(f"/{needed}", f"The grant {body.grant!r} needs `{needed}` and no `{other}`.")
    if body.end_others and body.code is None:
        raise invalid("/end_others", "Only the grant 'code' can end others.")
    if body.refresh_token is not None:
        ctx = await _renew(request, body.refresh_token)
    else:
        ctx = await _redeem(request, body.code or "", end_others=body.end_others)
    return send(request, ctx)


async def _renew(request: AnyRequest, refresh_token: str) -> Context:
    user_agent = header(request.scope, b"user-agent")

    async def renew(ctx: Context, _stored: bytes = b"") -> Tokens:
        return await sessions.renew(ctx, refresh_token, user_agent)

    try:
        async with writing(request, renew) as ctx:
            ctx.reply = Reply({}, secrets=await renew(ctx))
    except sessions.Reused as reused:
        async with acquire(runtime_of(request)) as db, db.transaction():
            refusal = await sessions.end_reused(make_context(request, db), reused.claims)
        CREDENTIALS.of(runtime_of(request).caches).revoke(reused.claims.session_id)
        raise refusal from None
    return ctx


async def _redeem(request: AnyRequest, code: str, *, end_others: bool) -> Context:
    runtime, caller = runtime_of(request), request.scope["auth"][1]
    user_agent = header(request.scope, b"user-agent")
    async with writing(request, sessions.tokens_again) as ctx:
        try:
            redeemed = await codes.redeem(ctx.db, ctx.org_id, code, ctx.now)
        except Unauthenticated:
            audit.count_failure(runtime, ctx.org_id, "sign_in.failed", "unknown_code", ctx.request_id)
            rate_limits.note_wrong_code(runtime, request.scope, caller)
            raise
        answer, minted, ended = await sessions.open_by_code(ctx, redeemed, user_agent, end_others=end_others)
        ctx.reply = Reply(answer, secrets=minted)
        forget(ctx, *ended)
    return ctx


@endpoint("POST", "/v1/tokens/recover", tag=TOKENS, access=APPS, body=NewRecovery, answers={202: None})
async def recover_tokens(request: AnyRequest) -> Response[bytes]:
    """Have a code sent to a customer.

    If the booking exists and was made with that mail address or phone number, a single-use code goes there; it works
    for ten minutes with `POST /v1/tokens`, and asking again spoils no code that was sent before. The answer is 202 in
    any case, so that it tells nobody what exists. Limited for each client by what it asks for; what others ask for
    counts against nobody.
    """
    body = await read_body(request, NewRecovery)
    if (body.email is None) == (body.phone is None):
        raise invalid("", "Give either `email` or `phone`.")
    kind, address = ("email", body.email) if body.email is not None else ("phone", body.phone or "")
    async with writing(request) as ctx:
        asked = (ctx.org_id, read_code(body.reference), reach.canonical(kind, address, ctx.org.phone_country))
        rate_limits.check_recovery(runtime_of(request), request.scope, *asked)
        await sessions.ask_for_recovery(ctx, body)
        ctx.reply = Reply(None, 202)
    return send(request, ctx)


@endpoint("POST", "/v1/tokens/sign-in", tag=TOKENS, access=APPS, body=NewSignIn, answers={202: None})
async def request_sign_in(request: AnyRequest) -> Response[bytes]:
    """Have a code sent to a member of staff.

    If somebody with that address works here, a single-use code goes there; it works for ten minutes with
    `POST /v1/tokens {grant: "code"}` and gives tokens with their role. The answer is 202 in any case. Limited as
    `POST /v1/tokens/recover` is.
    """
    body = await read_body(request, NewSignIn)
    async with writing(request) as ctx:
        asked = (ctx.org_id, "sign in", reach.canonical("email", body.email, None))
        rate_limits.check_recovery(runtime_of(request), request.scope, *asked)
        await sessions.ask_to_sign_in(ctx, body)
        ctx.reply = Reply(None, 202)
    return send(request, ctx)


@endpoint("DELETE", "/v1/tokens", tag=TOKENS, access=Access(customer=True, staff="agent"))
async def revoke_tokens(ctx: Context) -> None:
    """Sign out.

    Ends the session that the access token belongs to, its refresh token included. Other devices stay signed in.
    """
    await sessions.sign_out(ctx)
    forget(ctx, ctx.caller.credential_id)


ROUTES = [create_tokens, recover_tokens, request_sign_in, revoke_tokens]
