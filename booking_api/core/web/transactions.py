"""The context in which a request runs: `reading` without a transaction, `writing` in one, repeated safely."""

import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
from litestar import Request

from booking_api.core.clock import LONGEST_TRANSACTION, utc_now
from booking_api.core.context import Caller, Context, Organisation
from booking_api.core.db import queries
from booking_api.core.errors import (
    IdempotencyInProgress,
    IdempotencyMismatch,
    NotFound,
    Overloaded,
    TokenRevoked,
    Unauthenticated,
    invalid,
)
from booking_api.core.log import log
from booking_api.core.runtime import acquire
from booking_api.core.secrets import fingerprint
from booking_api.core.texts import languages_of
from booking_api.core.web.headers import base_url_of, header
from booking_api.core.web.replies import JSON, PROBLEM, Replayed, Reply, runtime_of
from booking_api.core.web.sameness import is_same_request, request_fingerprint

UNFINISHED = 102
"""The status under which a key is stored while its request is between its two transactions."""
ERASED = 410
"""The status of a stored answer whose body was erased with the person it told of."""


def language_of(scope: Any) -> str:
    """The language of ours that the caller reads: as they ask, else their organisation's."""
    auth: tuple[Organisation, Caller] | None = scope.get("auth")
    asked = (header(scope, b"accept-language") or "")[:500]
    return languages_of(asked, "en" if auth is None else auth[0].locale)[0]


def make_context(request: Request[Any, Any, Any], db: Any) -> Context:
    auth: tuple[Organisation, Caller] | None = request.scope.get("auth")
    if auth is None:
        raise Unauthenticated
    org, caller = auth
    runtime = runtime_of(request)
    language, languages = languages_of((header(request.scope, b"accept-language") or "")[:500], org.locale)
    return Context(
        db=db,
        org=org,
        caller=caller,
        now=utc_now(),
        settings=runtime.settings,
        vault=runtime.vault,
        caches=runtime.caches,
        base_url=base_url_of(runtime.settings, request.scope),
        request_id=request.scope.get("request_id", ""),
        language=language,
        languages=languages,
    )


def refuse_late(now: datetime) -> None:
    """Raises `Overloaded`, so that nothing is committed, where a transaction has lasted too long for what is read by time.

    Its rows carry `now`, and readers of what changed since a moment count on `LONGEST_TRANSACTION`. PostgreSQL
    knows no time-out of whole transactions before version 17, and a process may be suspended at any line.
    """
    if utc_now() - now > LONGEST_TRANSACTION:
        raise Overloaded("This took too long, and nothing was changed.", retry_after_seconds=1)


@asynccontextmanager
async def reading(request: Request[Any, Any, Any]) -> AsyncIterator[Context]:
    """A context that only reads; no transaction, so each statement sees the latest commit."""
    async with acquire(runtime_of(request)) as db:
        yield make_context(request, db)


Renew = Callable[[Context, bytes], Awaitable[Any]]


class writing(AbstractAsyncContextManager[Context]):  # noqa: N801 - reads as a verb where it is used
    """A context in one transaction that commits before the answer is sent.

    With an `Idempotency-Key`, entering raises `Replayed` with the stored answer, `IdempotencyMismatch` for another
    request (`core.web.sameness` says which ones are the same), and `IdempotencyInProgress` while a twin is under way; leaving stores `ctx.reply` in the same transaction.
    An exception rolls everything back and stores nothing, so that a refusal may be tried again.

    A request in two transactions with a network call between them sets `ctx.begun` in the first to what it made;
    a repeat of its key then finds that in `ctx.resumes` instead of making another one.

    Secrets are never stored. `renew` makes those of a replay, from its context and the stored answer; without it a
    replay has none.
    """

    def __init__(self, request: Request[Any, Any, Any], renew: Renew | None = None) -> None:
        self.request = request
        self.renew = renew

    async def __aenter__(self) -> Context:
        request = self.request
        key = header(request.scope, b"idempotency-key")
        key_hash = digest = b""
        auth = request.scope.get("auth")
        if auth is None:
            raise Unauthenticated
        if key is not None:
            key_hash, digest = await read_key(request, key, auth[1])
        self.key_hash, self.digest = key_hash, digest
        self._acquired = acquire(runtime_of(request))
        db = await self._acquired.__aenter__()
        try:
            self.ctx = ctx = make_context(request, db)
            self.transaction = db.transaction()
            await self.transaction.start()
            if key is not None:
                await self._find_earlier(ctx)
        except BaseException:
            await self._leave_after(failed=True)
            raise
        return ctx

    async def _find_earlier(self, ctx: Context) -> None:
        lock = twin_lock(ctx.org_id, ctx.caller.credential_id, self.key_hash)
        found = await queries.find_answer(ctx.db, ctx.org_id, ctx.caller.credential_id, self.key_hash, lock)
        if found.body is not None and found.status is not None:
            if found.fingerprint != self.digest and not await self._said_the_same(found.fingerprint):
                raise IdempotencyMismatch
            if found.status == UNFINISHED:
                ctx.resumes = UUID(bytes=found.body)
                return
            reply = earlier_reply(found, ctx)
            if found.status < 400 and self.renew is not None:
                reply.secrets = await self.renew(ctx, found.body)
            raise Replayed(reply)
        if not found.locked:
            raise IdempotencyInProgress(retry_after_seconds=1)

    async def _said_the_same(self, stored: bytes | None) -> bool:
        return stored is not None and is_same_request(
            stored, self.request.scope["query_string"], await self.request.body()
        )

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            if error is None:
                if self.key_hash:
                    await self._store(self.ctx)
                refuse_late(self.ctx.now)
        except BaseException:
            await self._leave_after(failed=True)
            raise
        await self._leave_after(failed=error is not None)

    async def _store(self, ctx: Context) -> None:
        reply: Reply | None = ctx.reply
        if reply is not None:
            status, body, customer_id = reply.status, reply.body, reply.tokens_for
        elif ctx.begun is not None:
            status, body, customer_id = UNFINISHED, ctx.begun.bytes, None
        else:
            return
        stored = await queries.store_answer(
            ctx.db, ctx.org_id, ctx.caller.credential_id, self.key_hash, self.digest, status, body, customer_id, ctx.now,
            UNFINISHED, ctx.about_id,
        )  # fmt: skip
        if not stored:
            raise IdempotencyInProgress(retry_after_seconds=1)

    async def _leave_after(self, *, failed: bool) -> None:
        try:
            if hasattr(self, "transaction"):
                if failed:
                    try:
                        await self.transaction.rollback()
                    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                        # The connection is gone, and with it the transaction; what failed first is what matters.
                        log.debug("rollback.skipped")
                else:
                    await self.transaction.commit()
                    for act in self.ctx.afterwards or ():
                        act()
        finally:
            await self._acquired.__aexit__(None, None, None)


async def read_key(request: Request[Any, Any, Any], key: str, caller: Caller) -> tuple[bytes, bytes]:
    """A valid key's digest, scoped to method and path, and the fingerprint of its request. Raises `Invalid`."""
    _check_idempotency_key(key, caller)
    target = f"{request.method} {request.scope['path']}\0{key}"
    said = request_fingerprint(request.scope["query_string"], await request.body())
    return hashlib.sha256(target.encode()).digest(), said


def twin_lock(org_id: UUID, credential_id: UUID, key_hash: bytes) -> int:
    """The advisory lock that requests with the same key contend for."""
    return int.from_bytes(fingerprint(org_id.bytes, credential_id.bytes, key_hash)[:8], "big", signed=True)


TOKENS_AGAIN = timedelta(minutes=10)
"""How long a repeat brings the tokens of a lost answer: neither a key nor an id in a body is a credential."""


def earlier_reply(found: queries.StoredAnswer | queries.FoundAnswer, ctx: Context) -> Reply:
    """A stored answer, to be sent again; the tokens that came with it are minted anew, while they may be.

    Raises `TokenRevoked` where the session that it opened has ended, and `NotFound` where the caller's session has
    lost sight of something since, or the answer was erased with the person whom it told of.
    """
    assert found.status is not None
    assert found.created_at is not None
    if found.status == ERASED:
        raise NotFound("What was answered here has been erased.")
    if found.is_ended:
        raise TokenRevoked("The session that this request opened has ended.")
    restriction = ctx.caller.restriction
    if restriction is not None and restriction.narrowed_at is not None and found.created_at <= restriction.narrowed_at:
        raise NotFound
    tokens_for = None if found.is_used or found.created_at <= ctx.now - TOKENS_AGAIN else found.customer_id
    headers = {"Idempotency-Replayed": "true"}
    media_type = PROBLEM if found.status >= 400 else JSON
    return Reply(found.body, found.status, headers=headers, tokens_for=tokens_for, media_type=media_type)


_IDEMPOTENCY_KEY = re.compile(r"[!-~]{16,255}")


def _check_idempotency_key(key: str, caller: Caller) -> None:
    if not _IDEMPOTENCY_KEY.fullmatch(key):
        raise invalid("/headers/Idempotency-Key", "An idempotency key has 16 to 255 visible ASCII characters.")
    if caller.kind == "app":
        try:
            random = UUID(key).version in {4, 7}
        except ValueError:
            random = False
        if not random:
            raise invalid(
                "/headers/Idempotency-Key",
                "Under a publishable key, which all phones share, an idempotency key must be a random UUID.",
            )
