"""The guard of every operation: verifies the credential before the body is read.

Verified credentials are cached for `credential_cache_seconds`, which bounds how late a revocation made by another
process is honoured; verifying each time would cost two thirds of a bare handler.
"""

import time
from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from datetime import timedelta
from typing import Any
from uuid import UUID

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from booking_api.core.cache import BoundedCache
from booking_api.core.clock import utc_now
from booking_api.core.context import Caller, Organisation
from booking_api.core.errors import Forbidden, TokenExpired, TokenRevoked, Unauthenticated
from booking_api.core.http import Endpoint, acquire
from booking_api.core.runtime import Runtime
from booking_api.core.secrets import hash_secret
from booking_api.identity import queries, tokens

CREDENTIALS = "identity.credentials"
CACHED_CREDENTIALS = 50_000
KEY_PREFIXES = {"pk_test_", "pk_live_", "sk_test_", "sk_live_"}
Verified = tuple[Organisation, Caller]


def credential_cache(caches: dict[str, Any]) -> BoundedCache[str, Verified]:
    return caches.setdefault(CREDENTIALS, BoundedCache(CACHED_CREDENTIALS))


async def authenticate(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Litestar guard. Sets `scope["auth"]`. Raises `Unauthenticated`, `TokenExpired`, `TokenRevoked`, `Forbidden`."""
    described: Endpoint | None = handler.opt.get("endpoint")
    if described is None:
        return
    header = connection.headers.get("authorization")
    if header is None:
        if described.access.anonymous:
            return
        raise Unauthenticated
    scheme, _, credential = header.partition(" ")
    if scheme.lower() != "bearer" or not credential:
        raise Unauthenticated("Send `Authorization: Bearer …`.")
    verified = await verify(connection.app.state.runtime, credential.strip())
    connection.scope["auth"] = verified  # type: ignore[typeddict-unknown-key]
    if not (described.access.anonymous or described.access.admits(verified[1])):
        raise Forbidden


async def verify(runtime: Runtime, credential: str) -> Verified:
    """The organisation and caller of a key or access token, from the cache or the database."""
    cache = credential_cache(runtime.caches)
    clock = time.monotonic()
    if (cached := cache.get(credential, clock)) is not None:
        return cached
    trusted_seconds = runtime.settings.credential_cache_seconds
    if credential[:8] in KEY_PREFIXES:
        verified = await _verify_key(runtime, credential)
    else:
        verified, left_seconds = await _verify_token(runtime, credential)
        trusted_seconds = min(trusted_seconds, left_seconds)
    cache.put(credential, verified, clock + trusted_seconds)
    return verified


def org_of_key(key: str) -> UUID:
    """The organisation that a key names. Raises `Unauthenticated` for what isn't a key."""
    try:
        raw = urlsafe_b64decode(key[8:] + "=" * (-len(key[8:]) % 4))
        return UUID(bytes=raw[:16])
    except (Base64Error, ValueError):
        raise Unauthenticated("The key is not one of this server.") from None


async def _verify_key(runtime: Runtime, key: str) -> Verified:
    org_id = org_of_key(key)
    now = utc_now()
    async with acquire(runtime) as db:
        found = await queries.use_key(db, org_id, hash_secret(key), now, now - timedelta(minutes=1))
    if found is None:
        raise Unauthenticated("The key is not one of this server.")
    if found.revoked_at is not None:
        raise TokenRevoked("The key has been revoked.")
    org = Organisation(org_id, found.name, found.time_zone, found.currency, found.locale, found.live, found.retention_days)
    kind = "app" if found.kind == "publishable" else "key"
    return org, Caller(kind=kind, credential_id=found.id, scopes=frozenset(found.scopes), channel=found.channel)


async def _verify_token(runtime: Runtime, token: str) -> tuple[Verified, float]:
    now = utc_now()
    claims = tokens.read(runtime.vault, token, "access", now)
    org_id, subject_id, session_id = UUID(claims["org"]), UUID(claims["sub"]), UUID(claims["sid"])
    role = None
    async with acquire(runtime) as db:
        org = await queries.find_organisation(db, org_id)
        session = await queries.find_session(db, org_id, session_id)
        if claims["knd"] == "staff":
            member = await queries.find_staff(db, org_id, subject_id)
            if member is None or member.revoked_at is not None:
                raise TokenRevoked("This member of staff no longer has access.")
            # The role in the row counts, so that a change of role takes effect at once.
            role = member.role
    if org is None:
        raise Unauthenticated("The token is not one of this server.")
    if session is not None and session.revoked_at is not None:
        raise TokenRevoked
    left_seconds = claims["exp"] - now.timestamp()
    if left_seconds <= 0:
        raise TokenExpired
    caller = Caller(
        kind=claims["knd"], credential_id=session_id, subject_id=subject_id, role=role, channel=claims.get("chn", "web")
    )
    return (org, caller), left_seconds
