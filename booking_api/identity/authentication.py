"""The guard of every operation: verifies the credential before the body is read, and holds the caller to limits.

Verified credentials are cached for `credential_cache_seconds`, a quarter of a second, which bounds how late a
revocation made by another process is honoured; verifying each time would cost two thirds of a bare handler.
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

from booking_api.core.cache import BoundedCache
from booking_api.core.clock import utc_now
from booking_api.core.context import Binding, Caller, Organisation, Restriction, Role
from booking_api.core.db import Connection
from booking_api.core.errors import Forbidden, TokenExpired, TokenRevoked, Unauthenticated
from booking_api.core.log import CALLER
from booking_api.core.per_process import PerProcess
from booking_api.core.queue.batching import Batcher, batcher_of
from booking_api.core.runtime import Runtime, acquire
from booking_api.core.secrets import Vault, hash_secret
from booking_api.core.web.cors import origin_of_page
from booking_api.core.web.headers import base_url_of, header
from booking_api.core.web.http import Endpoint
from booking_api.core.web.replies import runtime_of
from booking_api.identity import (
    audit,
    queries,
    rate_limits,
    reach,
    rules,
    session_queries,
    tokens,
)
from booking_api.identity.first_uses import Gathering, first_uses_of
from booking_api.identity.queries import FoundKey
from booking_api.identity.session_life_queries import FirstUse
from booking_api.identity.session_queries import FoundSession
from booking_api.identity.tokens import TokenClaims

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

    def revoke(self, *owner_ids: UUID) -> None:
        """Forgets every credential of these keys, sessions or members of staff."""
        self.revocations += 1
        self.drop_where(lambda verified: verified[1].credential_id in owner_ids or verified[1].subject_id in owner_ids)


CREDENTIALS = PerProcess(lambda: CredentialCache(CACHED_CREDENTIALS))


async def authenticate(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Litestar guard. Sets `scope["auth"]`. Raises `Unauthenticated`, `TokenExpired`, `TokenRevoked`, `Forbidden`,
    `RateLimited`."""
    described: Endpoint | None = handler.opt.get("endpoint")
    if described is None:
        return
    runtime = runtime_of(connection)
    given = header(connection.scope, b"authorization")
    if described.access.is_public or (given is None and described.access.anonymous):
        rate_limits.check_anonymous(runtime, connection.scope, described.path, described.method)
        return
    if given is None:
        raise Unauthenticated
    scheme, _, credential = given.partition(" ")
    try:
        if scheme.lower() != "bearer" or not credential:
            raise Unauthenticated("Send `Authorization: Bearer …`.")
        verified = await verify(runtime, credential.strip(), connection.scope, waits=not described.together)
    except Unauthenticated:
        _count_refusal(runtime, connection.scope, credential, "unknown")
        rate_limits.note_failure(runtime, connection.scope)
        raise
    except TokenRevoked:
        _count_refusal(runtime, connection.scope, credential, "revoked")
        raise
    CALLER.set((str(verified[0].org_id), str(verified[1].credential_id)))
    connection.scope["auth"] = verified  # type: ignore[typeddict-unknown-key]
    if verified[1].binding is not None:
        _check_binding(runtime, connection.scope, verified[1].binding)
    rate_limits.check_caller(runtime, connection.scope, verified[1])
    if not (described.access.anonymous or described.access.admits(verified[1])):
        raise Forbidden


def _check_binding(runtime: Runtime, scope: Any, binding: Binding) -> None:
    """Raises `Forbidden` where a key is used by a page or an app that it isn't bound to."""
    if not binding.fits(origin_of_page(scope, base_url_of(runtime.settings, scope)), header(scope, b"app-id")):
        raise Forbidden("This key is bound to other pages or apps.")


def _count_refusal(runtime: Runtime, scope: Any, credential: str, reason: str) -> None:
    """Counts a credential that was refused for the owners of the organisation that it names, if it names one."""
    credential = credential.strip()
    is_key = credential[:8] in KEY_PREFIXES
    with suppress(Unauthenticated):
        org_id = org_of_key(credential) if is_key else tokens.claimed_org(credential)
        kind = "key" if is_key else "token"
        audit.count_failure(runtime, org_id, "sign_in.failed", f"{reason}_{kind}", scope.get("request_id", ""))


async def verify(runtime: Runtime, credential: str, scope: Any = None, *, waits: bool = True) -> Verified:
    """The organisation and caller of a key or access token, from the cache or the database; with the request's scope,
    if there is one.

    That a session is used for the first time is noted before the request goes on, unless it doesn't wait.
    """
    cache = CREDENTIALS.of(runtime.caches)
    clock = time.monotonic()
    if (cached := cache.get(credential, clock)) is not None:
        return cached
    trusted_seconds, revocations = runtime.settings.credential_cache_seconds, cache.revocations
    if credential[:8] in KEY_PREFIXES:
        verified = await _verify_key(runtime, credential, scope)
    else:
        verified, left_seconds = await _verify_token(runtime, credential, scope, waits=waits)
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


class KeyCheck(NamedTuple):
    org_id: UUID
    secret_hash: bytes


async def _verify_key(runtime: Runtime, key: str, scope: Any) -> Verified:
    """Keys are looked up together, one statement at a time, because all phones share one and come back at once when it
    was trusted for long enough. Those from addresses at which somebody guesses have a statement of their own: guessing
    keeps one connection busy at most, and a right key that shares the address gets through."""
    org_id = org_of_key(key)
    now = utc_now()
    check = KeyCheck(org_id, hash_secret(key))
    of = "guessed keys" if scope is not None and rate_limits.is_guessing(runtime, scope) else "keys"
    keys: Batcher[KeyCheck, FoundKey] = batcher_of(
        runtime, of, lambda: Batcher(lambda checks: _find_keys(runtime, checks))
    )
    found = await keys.submit(check)
    if found.revoked_at is not None:
        raise TokenRevoked("The key has been revoked.", come_back="ask_organisation")
    if _is_stale(found.last_used_at, now):
        async with acquire(runtime) as db:
            await queries.note_key_use(db, org_id, found.id, now, now - USE_NOTED_EVERY)
    org = _organisation(org_id, found)
    kind = "app" if found.kind == "publishable" else "key"
    binding = None
    if found.allowed_origins or found.allowed_apps or found.rate_limit_per_minute:
        binding = Binding(frozenset(found.allowed_origins), frozenset(found.allowed_apps), found.rate_limit_per_minute)
    return org, Caller(
        kind=kind, credential_id=found.id, scopes=frozenset(found.scopes), channel=found.channel, binding=binding
    )


def _organisation(org_id: UUID, row: FoundKey | FoundSession) -> Organisation:
    return Organisation(
        org_id, row.name, row.time_zone, row.currency, row.locale, row.live, row.retention_days, row.country,
        row.moved_later_minutes, row.moved_earlier_minutes,
    )  # fmt: skip


async def _find_keys(runtime: Runtime, checks: list[KeyCheck]) -> list[FoundKey | Exception]:
    try:
        async with acquire(runtime) as db:
            rows = await queries.find_keys_with_organisation(
                db, [check.org_id for check in checks], [check.secret_hash for check in checks]
            )
    except Exception as error:  # noqa: BLE001 - one by one they would only fail one after the other
        return [error] * len(checks)
    known = {KeyCheck(row.org_id, row.secret_hash): row for row in rows}
    return [known.get(check) or Unauthenticated("The key is not one of this server.") for check in checks]


async def _verify_token(runtime: Runtime, token: str, scope: Any, *, waits: bool) -> tuple[Verified, float]:
    now = utc_now()
    claims = tokens.read(runtime.vault, token, "access", now)
    user_agent = None if scope is None else header(scope, b"user-agent")
    standing = await _check_session(runtime, claims.org_id, TokenCheck(claims, user_agent))
    if waits and standing.noting is not None:
        await standing.noting.written()
    left_seconds = claims.expires_at - utc_now().timestamp()
    if left_seconds <= 0:
        raise TokenExpired
    caller = Caller(
        kind=claims.subject, credential_id=claims.session_id, subject_id=claims.subject_id, role=standing.role,
        channel=claims.channel, restriction=standing.restriction,
    )  # fmt: skip
    return (standing.org, caller), left_seconds


class TokenCheck(NamedTuple):
    """What must be looked up of a token whose signature is right."""

    claims: TokenClaims
    user_agent: str | None

    @property
    def session_id(self) -> UUID:
        return self.claims.session_id

    @property
    def staff_id(self) -> UUID | None:
        return self.claims.subject_id if self.claims.subject == "staff" else None

    @property
    def first_id(self) -> UUID | None:
        """The first session of the customer or member of staff, whose row may end this one."""
        first = self.claims.subject_id
        return first if first != self.session_id else None


class SessionState(NamedTuple):
    """What is known of a session that lives."""

    org: Organisation
    role: Role | None
    """Of its member of staff, as the row says, so that a change of role takes effect at once."""
    restriction: Restriction | None
    is_first_use: bool
    """Whether it isn't known yet that one of its tokens was used."""
    noting: Gathering | None = None
    """What writes down that one was used."""


async def _check_session(runtime: Runtime, org_id: UUID, check: TokenCheck) -> SessionState:
    """Every customer's first request comes with a token that isn't known yet: those that come together are looked up
    together, with one statement."""

    sessions: Batcher[TokenCheck, SessionState] = batcher_of(
        runtime, ("sessions", org_id), lambda: Batcher(lambda checks: _check_sessions(runtime, org_id, checks))
    )
    return await sessions.submit(check)


async def _check_sessions(runtime: Runtime, org_id: UUID, checks: list[TokenCheck]) -> list[SessionState | Exception]:
    try:
        async with acquire(runtime) as db:
            found = await _look_up(db, runtime.vault, org_id, checks)
    except Exception as error:  # noqa: BLE001 - one by one they would only fail one after the other
        return [error] * len(checks)
    used = [
        _first_use(check)
        for check, state in zip(checks, found, strict=True)
        if isinstance(state, SessionState) and state.is_first_use
    ]
    if not used:
        return found
    noting = first_uses_of(runtime, org_id).add(used)
    return [
        state._replace(noting=noting) if isinstance(state, SessionState) and state.is_first_use else state
        for state in found
    ]


def _first_use(check: TokenCheck) -> FirstUse:
    return FirstUse(
        id=check.session_id,
        subject_id=check.claims.subject_id,
        kind=check.claims.subject,
        channel=check.claims.channel,
        device=rules.device_of(check.user_agent),
        created_at=rules.made_at(check.session_id) or utc_now(),
    )


async def _look_up(
    db: Connection, vault: Vault, org_id: UUID, checks: list[TokenCheck]
) -> list[SessionState | Exception]:
    now = utc_now()
    staff_ids = [check.staff_id for check in checks if check.staff_id is not None]
    session_ids = {check.session_id for check in checks}
    first_ids = {first_id for check in checks if (first_id := check.first_id) is not None}
    rows = await session_queries.find_sessions(db, org_id, list(session_ids | first_ids))
    if not rows:
        return [Unauthenticated("The token is not one of this server.") for _ in checks]
    first = rows[0]
    org = _organisation(org_id, first)
    sessions = {row.session_id: row for row in rows}
    members = {row.id: row for row in await session_queries.find_members(db, org_id, staff_ids)} if staff_ids else {}
    standings = [_judge(vault, org, sessions, check, members) for check in checks]
    used = [check for check, standing in zip(checks, standings, strict=True) if not isinstance(standing, Exception)]
    unseen_since = now - USE_NOTED_EVERY
    unseen = [
        row.session_id
        for check in used
        if (row := sessions.get(check.session_id)) is not None
        and row.session_id is not None
        and row.first_used_at is not None
        and _is_stale(row.used_at, now)
    ]
    if unseen:
        await session_queries.note_session_use(db, org_id, unseen, now, unseen_since)
    unseen = [id_ for check in used if (id_ := check.staff_id) is not None and _is_stale(members[id_].used_at, now)]
    if unseen:
        await session_queries.note_staff_use(db, org_id, unseen, now, unseen_since)
    return standings


def _judge(
    vault: Vault,
    org: Organisation,
    sessions: Mapping[UUID | None, FoundSession],
    check: TokenCheck,
    members: Mapping[UUID, session_queries.SignedInMember],
) -> SessionState | Exception:
    session, staff_id = sessions.get(check.session_id), check.staff_id
    first = sessions.get(check.first_id)
    ended = rules.is_ended(
        check.session_id, exists=session is not None, revoked_at=None if session is None else session.revoked_at,
        others_ended_at=None if first is None else first.others_ended_at,
    )  # fmt: skip
    if staff_id is None:
        restriction = None if session is None else _restriction(session)
        unreadable = (
            restriction is not None and restriction.address and not reach.is_readable(vault, restriction.address)
        )
        if ended or unreadable or (check.claims.restricted and restriction is None):
            return TokenRevoked()
        return SessionState(org, None, restriction, session is None or session.first_used_at is None)
    member = members.get(staff_id)
    if member is None or member.revoked_at is not None:
        return TokenRevoked("This member of staff no longer has access.", come_back="ask_organisation")
    if ended:
        return TokenRevoked(come_back="sign_in")
    return SessionState(org, cast("Role", member.role), None, session is None or session.first_used_at is None)


def _restriction(session: FoundSession) -> Restriction | None:
    if session.address_digest is None and session.booking_id is None:
        return None
    return Restriction(session.address_digest, session.booking_id, session.narrowed_at)
