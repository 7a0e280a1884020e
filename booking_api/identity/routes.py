"""Tokens, staff, API keys, and the public keys that verify passes."""

import time
from functools import partial
from typing import Any
from uuid import UUID

import msgspec
from litestar import Response

from booking_api.core.cache import BoundedCache
from booking_api.core.clock import utc_now
from booking_api.core.context import Context
from booking_api.core.errors import (
    Conflict,
    NotFound,
    TokenExpired,
    TokenRevoked,
    Unauthenticated,
    Unprocessable,
    invalid,
)
from booking_api.core.ids import read_code
from booking_api.core.per_process import PerProcess
from booking_api.core.runtime import Runtime, acquire
from booking_api.core.secrets import content_etag
from booking_api.core.web.handlers import AnyRequest
from booking_api.core.web.headers import header
from booking_api.core.web.http import Access, endpoint
from booking_api.core.web.inputs import read_body, read_query
from booking_api.core.web.replies import JSON, Reply, encode, etag_matches, runtime_of, send
from booking_api.core.web.transactions import make_context, writing
from booking_api.identity import administration, audit, operations, queries, rate_limits, reach, sessions
from booking_api.identity.authentication import CREDENTIALS
from booking_api.identity.schemas import (
    EmailTaken,
    JwkSet,
    JwksQuery,
    KeyList,
    KeySecret,
    LastOwner,
    NewKey,
    NewKeyAnswer,
    NewRecovery,
    NewSignIn,
    NewStaff,
    NewStaffAnswer,
    NewTokens,
    PageQuery,
    StaffAnswer,
    StaffChange,
    StaffList,
    Tokens,
    TokensAnswer,
)

TOKENS, STAFF, KEYS = "Tokens", "Staff", "Keys"
APPS = Access(app=True, scope="bookings:write")
STAFF_ADMIN = Access(staff="owner", scope="staff:write")
KEY_ADMIN = Access(staff="owner", scope="keys:write")
JWKS_MAX_AGE_SECONDS = 300
JWKS = PerProcess(lambda: BoundedCache[str | None, bytes](256))


# tokens -----------------------------------------------------------------------------------------------------------


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
            redeemed = await operations.redeem(ctx.db, ctx.org_id, code, ctx.now)
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


def forget(ctx: Context, *owner_ids: UUID) -> None:
    """Makes this process honour a revocation at once; after the commit, so that nothing older is read again."""
    if owner_ids:
        ctx.after_commit(partial(CREDENTIALS.of(ctx.caches).revoke, *owner_ids))


# staff ------------------------------------------------------------------------------------------------------------


async def _tokens_again(ctx: Context, stored: bytes, **_: Any) -> Tokens | None:
    """Of the member as they are by now: their role may have changed since the answer was stored."""
    row = await queries.find_staff(ctx.db, ctx.org_id, msgspec.json.decode(stored, type=StaffAnswer).id)
    return None if row is None else operations.staff_tokens(ctx.vault, ctx.settings, ctx.org, row, ctx.now)


@endpoint(
    "POST", "/v1/staff", tag=STAFF, access=STAFF_ADMIN, answers={201: NewStaffAnswer}, errors=(EmailTaken,),
    renew=_tokens_again,
)  # fmt: skip
async def create_staff(ctx: Context, body: NewStaff) -> Reply:
    """Add a member of staff.

    The answer has the tokens to hand over to them. They are shown this once, and minted anew if the request is
    repeated with its idempotency key. Nobody makes,
    promotes or removes somebody who may do more than they: an owner may everything, a manager what its scopes name.
    """
    answer, row = await administration.create_staff(ctx, body)
    return Reply(answer, 201, secrets=operations.staff_tokens(ctx.vault, ctx.settings, ctx.org, row, ctx.now))


@endpoint("GET", "/v1/staff", tag=STAFF, access=STAFF_ADMIN)
async def list_staff(ctx: Context, query: PageQuery) -> StaffList:
    """List the staff.

    In the order they were added, those without access any more included.
    """
    return await administration.list_staff(ctx, query)


@endpoint("PATCH", "/v1/staff/{staff_id:uuid}", tag=STAFF, access=STAFF_ADMIN, errors=(NotFound, LastOwner, Conflict))
async def update_staff(ctx: Context, staff_id: UUID, body: StaffChange) -> StaffAnswer:
    """Rename a member of staff or change their role.

    A new role counts from the next request on; their tokens stay valid. The last owner stays one.
    """
    forget(ctx, staff_id)
    return await administration.change_staff(ctx, staff_id, body)


@endpoint("DELETE", "/v1/staff/{staff_id:uuid}", tag=STAFF, access=STAFF_ADMIN, errors=(NotFound, LastOwner))
async def revoke_staff(ctx: Context, staff_id: UUID) -> None:
    """End a member's access.

    All their tokens stop working. The entry stays, because scans and settlements name it. The last owner can't be
    revoked. Repeating it changes nothing.
    """
    await administration.revoke_staff(ctx, staff_id)
    forget(ctx, staff_id)


# keys -------------------------------------------------------------------------------------------------------------


@endpoint("POST", "/v1/keys", tag=KEYS, access=KEY_ADMIN, answers={201: NewKeyAnswer}, errors=(Unprocessable,))
async def create_key(ctx: Context, body: NewKey) -> Reply:
    """Make an API key.

    `key` is shown this once. A repeat of the request with its idempotency key answers without it: if the first answer
    was lost, revoke the key and make another. Nobody makes
    or revokes a key that may do more than they; a publishable one may read the catalogue, start orders and take feedback.
    """
    answer, key = await administration.create_key(ctx, body)
    return Reply(answer, 201, secrets=KeySecret(key))


@endpoint("GET", "/v1/keys", tag=KEYS, access=KEY_ADMIN)
async def list_keys(ctx: Context, query: PageQuery) -> KeyList:
    """List the API keys.

    In the order they were made, the revoked ones included; never the keys themselves.
    """
    return await administration.list_keys(ctx, query)


@endpoint("DELETE", "/v1/keys/{key_id:uuid}", tag=KEYS, access=KEY_ADMIN, errors=(NotFound,))
async def revoke_key(ctx: Context, key_id: UUID) -> None:
    """Revoke an API key.

    It stops working for good, at once here and within a quarter of a second on other servers. Repeating it changes nothing.
    """
    await administration.revoke_key(ctx, key_id)
    forget(ctx, key_id)


# signing keys -----------------------------------------------------------------------------------------------------


@endpoint(
    "GET", "/.well-known/jwks.json", tag="Passes", access=Access(anonymous=True), query=JwksQuery, answers={200: JwkSet},
    conditional=True,
)  # fmt: skip
async def list_public_keys(request: AnyRequest) -> Response[bytes]:
    """Get the public keys that verify passes.

    A JWK Set (RFC 7517) of Ed25519 keys (RFC 8037), with which any JOSE library verifies a pass offline. It has the
    keys of all organisations here that may still verify a pass; a retired one stays until its last pass has ended.
    At most 1,000: where there are more, ask with `kid` for the one that a pass names.
    """
    query = read_query(request, JwksQuery)
    body = await _jwks(runtime_of(request), query.kid)
    etag = content_etag(body)
    headers = {"ETag": etag, "Cache-Control": f"public, max-age={JWKS_MAX_AGE_SECONDS}"}
    if etag_matches(request.headers.get("if-none-match"), etag):
        return Response(b"", status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=JSON)


async def _jwks(runtime: Runtime, kid: str | None) -> bytes:
    """The document, kept for a moment because anybody may ask for it as often as they like."""
    cache = JWKS.of(runtime.caches)
    clock = time.monotonic()
    if (cached := cache.get(kid, clock)) is not None:
        return cached
    async with acquire(runtime) as db:
        body = encode(await operations.public_keys(db, utc_now(), kid))
    cache.put(kid, body, clock + runtime.settings.public_key_cache_seconds)
    return body


ROUTES = [
    create_tokens,
    recover_tokens,
    request_sign_in,
    revoke_tokens,
    create_staff,
    list_staff,
    update_staff,
    revoke_staff,
    create_key,
    list_keys,
    revoke_key,
    list_public_keys,
]
