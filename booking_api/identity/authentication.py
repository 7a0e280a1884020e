"""The guard of every operation: verifies the credential before the body is read, and holds the caller to limits.

Verified credentials are cached for `credential_cache_seconds`, which bounds how late a revocation made by another
process is honoured; verifying each time would cost two thirds of a bare handler.
"""

import time
from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, NamedTuple, cast
from uuid import UUID

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from booking_api.core.batching import Batcher, Singly, batcher_of
from booking_api.core.cache import BoundedCache
from booking_api.core.clock import utc_now
from booking_api.core.context import Caller, Organisation, Role
from booking_api.core.db import Connection
from booking_api.core.errors import Forbidden, TokenExpired, TokenRevoked, Unauthenticated
from booking_api.core.headers import header
from booking_api.core.http import Endpoint
from booking_api.core.runtime import Runtime, acquire
from booking_api.core.secrets import hash_secret
from booking_api.identity import audit, limiting, queries, session_queries, tokens

CREDENTIALS = "identity.credentials"
CACHED_CREDENTIALS = 20_000
KEY_PREFIXES = {"pk_test_", "pk_live_", "sk_test_", "sk_live_"}
USE_NOTED_EVERY = timedelta(minutes=1)
Verified = tuple[Organisation, Caller]


class CredentialCache(BoundedCache[str, Verified]):
    """Verified credentials. `revocations` counts, so that what was read before one isn't put in after it."""

    __slots__ = ("revocations",)

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.revocations = 0

    def revoke(self, owner_id: UUID) -> None:
        """Forgets every credential of a key, a session or a member of staff."""
        self.revocations += 1
        self.drop_where(lambda verified: owner_id in (verified[1].credential_id, verified[1].subject_id))


def credential_cache(caches: dict[str, Any]) -> CredentialCache:
    cache: CredentialCache | None = caches.get(CREDENTIALS)
    if cache is None:
        cache = caches[CREDENTIALS] = CredentialCache(CACHED_CREDENTIALS)
    return cache


async def authenticate(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Litestar guard. Sets `scope["auth"]`. Raises `Unauthenticated`, `TokenExpired`, `TokenRevoked`, `Forbidden`,
    `RateLimited`."""
    described: Endpoint | None = handler.opt.get("endpoint")
    if described is None or described.access.is_public:
        return
    given = header(connection.scope, b"authorization")
    if given is None:
        if described.access.anonymous:
            return
        raise Unauthenticated
    runtime: Runtime = connection.app.state.runtime
    scheme, _, credential = given.partition(" ")
    try:
        if scheme.lower() != "bearer" or not credential:
            raise Unauthenticated("Send `Authorization: Bearer …`.")
        verified = await verify(runtime, credential.strip(), connection.scope)
    except Unauthenticated:
        _count_refusal(runtime, connection.scope, credential, "unknown")
        limiting.note_failure(runtime, connection.scope)
        raise
    except TokenRevoked:
        _count_refusal(runtime, connection.scope, credential, "revoked")
        raise
    limiting.check_caller(runtime, connection.scope, verified[1])
    connection.scope["auth"] = verified  # type: ignore[typeddict-unknown-key]
    if not (described.access.anonymous or described.access.admits(verified[1])):
        raise Forbidden


def _count_refusal(runtime: Runtime, scope: Any, credential: str, reason: str) -> None:
    """Counts a credential that was refused for the owners of the organisation that it names, if it names one."""
    credential = credential.strip()
    is_key = credential[:8] in KEY_PREFIXES
    with suppress(Unauthenticated):
        org_id = org_of_key(credential) if is_key else tokens.claimed_org(credential)
        kind = "key" if is_key else "token"
        audit.count_failure(runtime, org_id, "sign_in.failed", f"{reason}_{kind}", scope.get("request_id", ""))


async def verify(runtime: Runtime, credential: str, scope: Any = None) -> Verified:
    """The organisation and caller of a key or access token, from the cache or the database.

    Given the request's scope, an address that guesses keys is refused before the database is asked; a token needs no
    such care, since its signature is checked first.
    """
    cache = credential_cache(runtime.caches)
    clock = time.monotonic()
    if (cached := cache.get(credential, clock)) is not None:
        return cached
    trusted_seconds, revocations = runtime.settings.credential_cache_seconds, cache.revocations
    if credential[:8] in KEY_PREFIXES:
        if scope is not None:
            limiting.check_failures(runtime, scope)
        verified = await _verify_key(runtime, credential)
    else:
        verified, left_seconds = await _verify_token(runtime, credential)
        trusted_seconds = min(trusted_seconds, left_seconds)
    if cache.revocations == revocations:
        cache.put(credential, verified, clock + trusted_seconds, clock)
    return verified


def org_of_key(key: str) -> UUID:
    """The organisation that a key names. Raises `Unauthenticated` for what isn't a key."""
    try:
        raw = urlsafe_b64decode(key[8:] + "=" * (-len(key[8:]) % 4))
        return UUID(bytes=raw[:16])
    except (Base64Error, ValueError):
        raise Unauthenticated("The key is not one of this server.") from None


def _is_stale(noted_at: datetime | None, now: datetime) -> bool:
    return noted_at is None or noted_at < now - USE_NOTED_EVERY


async def _verify_key(runtime: Runtime, key: str) -> Verified:
    org_id = org_of_key(key)
    now = utc_now()
    async with acquire(runtime) as db:
        found = await queries.find_key_with_organisation(db, org_id, hash_secret(key))
        if found is None:
            raise Unauthenticated("The key is not one of this server.")
        if found.revoked_at is not None:
            raise TokenRevoked("The key has been revoked.")
        if _is_stale(found.last_used_at, now):
            await queries.note_key_use(db, org_id, found.id, now, now - USE_NOTED_EVERY)
    org = Organisation(
        org_id, found.name, found.time_zone, found.currency, found.locale, found.live, found.retention_days
    )
    kind = "app" if found.kind == "publishable" else "key"
    return org, Caller(kind=kind, credential_id=found.id, scopes=frozenset(found.scopes), channel=found.channel)


async def _verify_token(runtime: Runtime, token: str) -> tuple[Verified, float]:
    now = utc_now()
    claims = tokens.read(runtime.vault, token, "access", now)
    staff_id = claims.subject_id if claims.subject == "staff" else None
    org, role = await _check_session(runtime, claims.org_id, Check(claims.session_id, staff_id))
    left_seconds = claims.expires_at - utc_now().timestamp()
    if left_seconds <= 0:
        raise TokenExpired
    caller = Caller(
        kind=claims.subject, credential_id=claims.session_id, subject_id=claims.subject_id, role=role,
        channel=claims.channel,
    )  # fmt: skip
    return (org, caller), left_seconds


class Check(NamedTuple):
    """What must be looked up of a token whose signature is right."""

    session_id: UUID
    staff_id: UUID | None


Standing = tuple[Organisation, Role | None]
"""What is known of a session that lives: its organisation, and the role of its member of staff."""


async def _check_session(runtime: Runtime, org_id: UUID, check: Check) -> Standing:
    """Every customer's first request comes with a token that isn't known yet: those that come together are looked up
    together, with one statement."""

    def make() -> Batcher[Check, Standing]:
        return Batcher(lambda checks: _check_sessions(runtime, org_id, checks))

    standing = await batcher_of(runtime, ("sessions", org_id), make).submit(check)
    assert not isinstance(standing, Singly), "reading answers everybody or fails for everybody"
    if isinstance(standing, Exception):
        raise standing
    return standing


async def _check_sessions(runtime: Runtime, org_id: UUID, checks: list[Check]) -> list[Standing | Exception | Singly]:
    try:
        async with acquire(runtime) as db:
            return await _look_up(db, org_id, checks)
    except Exception as error:  # noqa: BLE001 - one by one they would only fail one after the other
        return [error] * len(checks)


async def _look_up(db: Connection, org_id: UUID, checks: list[Check]) -> list[Standing | Exception | Singly]:
    now = utc_now()
    staff_ids = [check.staff_id for check in checks if check.staff_id is not None]
    rows = await session_queries.find_sessions(db, org_id, [check.session_id for check in checks])
    if not rows:
        return [Unauthenticated("The token is not one of this server.") for _ in checks]
    first = rows[0]
    org = Organisation(
        org_id, first.name, first.time_zone, first.currency, first.locale, first.live, first.retention_days
    )
    sessions = {row.session_id: row for row in rows}
    members = {row.id: row for row in await session_queries.find_members(db, org_id, staff_ids)} if staff_ids else {}
    standings = [_judge(org, sessions.get(check.session_id), check.staff_id, members) for check in checks]
    used = [check for check, standing in zip(checks, standings, strict=True) if not isinstance(standing, Exception)]
    unseen_since = now - USE_NOTED_EVERY
    unseen = [id_ for id_, _ in used if (row := sessions.get(id_)) is not None and _is_stale(row.used_at, now)]
    if unseen:
        await session_queries.note_session_use(db, org_id, unseen, now, unseen_since)
    unseen = [id_ for _, id_ in used if id_ is not None and _is_stale(members[id_].used_at, now)]
    if unseen:
        await session_queries.note_staff_use(db, org_id, unseen, now, unseen_since)
    return standings


def _judge(
    org: Organisation,
    session: session_queries.FoundSession | None,
    staff_id: UUID | None,
    members: Mapping[UUID, session_queries.FoundMember],
) -> Standing | Exception | Singly:
    if session is not None and session.revoked_at is not None:
        return TokenRevoked()
    if staff_id is None:
        return org, None
    member = members.get(staff_id)
    if member is None or member.revoked_at is not None:
        return TokenRevoked("This member of staff no longer has access.")
    # The role in the row counts, so that a change of role takes effect at once.
    return org, cast("Role", member.role)
