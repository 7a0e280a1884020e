"""Staff, API keys, and the public keys that verify passes."""

import time
from functools import partial
from typing import Any
from uuid import UUID

import msgspec
from litestar import Response

from booking_api.core.cache import BoundedCache
from booking_api.core.clock import utc_now
from booking_api.core.context import Context
from booking_api.core.errors import Conflict, NotFound, Unprocessable
from booking_api.core.per_process import PerProcess
from booking_api.core.runtime import Runtime, acquire
from booking_api.core.secrets import content_etag
from booking_api.core.web.handlers import AnyRequest
from booking_api.core.web.http import Access, endpoint
from booking_api.core.web.inputs import read_query
from booking_api.core.web.replies import JSON, Reply, encode, etag_matches, runtime_of
from booking_api.identity import administration, operations, staff_queries
from booking_api.identity.authentication import CREDENTIALS
from booking_api.identity.key_schemas import KeyAnswer, KeyChange, KeyList, KeySecret, NewKey, NewKeyAnswer
from booking_api.identity.schemas import (
    EmailTaken,
    LastOwner,
    NewStaff,
    NewStaffAnswer,
    PageQuery,
    StaffAnswer,
    StaffChange,
    StaffList,
)
from booking_api.identity.session_schemas import Tokens
from booking_api.identity.signing_schemas import JwkSet, JwksQuery

STAFF, KEYS = "Staff", "Keys"
STAFF_ADMIN = Access(staff="owner", scope="staff:write")
KEY_ADMIN = Access(staff="owner", scope="keys:write")
JWKS_MAX_AGE_SECONDS = 300
JWKS = PerProcess(lambda: BoundedCache[str | None, bytes](256))


def forget(ctx: Context, *owner_ids: UUID) -> None:
    """Makes this process honour a revocation at once; after the commit, so that nothing older is read again."""
    if owner_ids:
        ctx.after_commit(partial(CREDENTIALS.of(ctx.caches).revoke, *owner_ids))


# staff ------------------------------------------------------------------------------------------------------------


async def _tokens_again(ctx: Context, stored: bytes, **_: Any) -> Tokens | None:
    """Of the member as they are by now: their role may have changed since the answer was stored."""
    row = await staff_queries.find_staff(ctx.db, ctx.org_id, msgspec.json.decode(stored, type=StaffAnswer).id)
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

    A publishable key is on every phone and page, and no secret; bound to origins or apps it is of less use to others
    (a browser doesn't lie about its origin, other programs may). `key` is shown this once. A repeat of the request with its idempotency key answers without it: if the first answer
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


@endpoint("PATCH", "/v1/keys/{key_id:uuid}", tag=KEYS, access=KEY_ADMIN, errors=(NotFound, Conflict, Unprocessable))
async def update_key(ctx: Context, key_id: UUID, body: KeyChange) -> KeyAnswer:
    """Change an API key.

    Its name, the origins and apps that it is bound to, its rate; the key itself stays as it is in the apps that have it.
    It takes effect at once here and within a quarter of a second on other servers.
    """
    forget(ctx, key_id)
    return await administration.change_key(ctx, key_id, body)


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
    headers = {"ETag": etag, "Cache-Control": f"public, max-age={JWKS_MAX_AGE_SECONDS}", "Vary": "Origin"}
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
    create_staff, list_staff, update_staff, revoke_staff, create_key, list_keys, update_key, revoke_key, list_public_keys,
]  # fmt: skip
