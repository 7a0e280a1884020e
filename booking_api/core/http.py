"""How HTTP comes in and goes out: endpoints, bodies, transactions, answers, problems.

`endpoint` declares an operation with all that the OpenAPI document says of it; `reading` and `writing` open its
context; `send` answers. There is no dependency injection: three injected dependencies cost half the throughput.
"""

import dataclasses
import functools
import hashlib
import re
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Any, Literal, TypeVar
from urllib.parse import quote
from uuid import UUID

import asyncpg
import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler, route
from litestar.params import FromPath

from booking_api.core import queries
from booking_api.core.clock import utc_now
from booking_api.core.context import Caller, Context, Organisation, Role
from booking_api.core.db import is_lost
from booking_api.core.errors import (
    Conflict,
    DomainError,
    FieldError,
    IdempotencyInProgress,
    IdempotencyMismatch,
    Internal,
    Invalid,
    MethodNotAllowed,
    NotFound,
    Overloaded,
    TooLarge,
    Unauthenticated,
    UnsupportedMediaType,
    invalid,
)
from booking_api.core.log import log
from booking_api.core.runtime import Runtime
from booking_api.core.secrets import content_etag, fingerprint
from booking_api.core.texts import accepted, choose_language

T = TypeVar("T")
Query = TypeVar("Query", bound=msgspec.Struct)
Method = Literal["GET", "POST", "PATCH", "PUT", "DELETE"]
JSON = "application/json"
PROBLEM = "application/problem+json"
HANDLER_TRIES = 4
RELEASE_SECONDS = 2.0
"""How long the server may take to acknowledge that a statement was cancelled, before the connection is given up."""
UNFINISHED = 102
"""The status under which a key is stored while its request is between its two transactions."""


class Access(msgspec.Struct, frozen=True):
    """Which callers an operation admits. Nobody may, unless a field says so."""

    anonymous: bool = False
    app: bool = False
    customer: bool = False
    staff: Role | None = None
    """The least role."""
    scope: str | None = None
    """The scope that a secret key needs."""

    @property
    def is_public(self) -> bool:
        """Whether no credential is looked at, rather than one in the URL doing."""
        return self.anonymous and self.scope is None

    def admits(self, caller: Caller) -> bool:
        match caller.kind:
            case "app":
                return self.app
            case "customer":
                return self.customer
            case "staff":
                return self.staff is not None and caller.has_role(self.staff)
            case "key":
                return self.scope is not None and self.scope in caller.scopes
            case _:
                return self.anonymous


class Binary(msgspec.Struct, frozen=True):
    """An answer that isn't JSON, for the OpenAPI document."""

    media_type: str
    description: str
    is_text: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Endpoint:
    """An operation as the OpenAPI document describes it and as the guard enforces it."""

    method: Method
    path: str
    name: str
    tag: str
    summary: str
    description: str
    access: Access
    body: Any
    body_optional: bool
    query: Any
    answers: Mapping[int, Any]
    answer_descriptions: Mapping[int, str]
    errors: tuple[type[DomainError], ...]
    conditional: bool
    """Whether GET answers with an ETag and honours If-None-Match, or an edit honours If-Match."""

    @property
    def operation_id(self) -> str:
        first, *rest = self.name.split("_")
        return first + "".join(word.capitalize() for word in rest)


_PATH_PARAMETER = re.compile(r"\{(\w+):\w+\}")


def endpoint(
    method: Method,
    path: str,
    *,
    tag: str,
    access: Access,
    answers: Mapping[int, Any],
    body: Any = None,
    body_optional: bool = False,
    query: Any = None,
    answer_descriptions: Mapping[int, str] | None = None,
    errors: tuple[type[DomainError], ...] = (),
    conditional: bool = False,
) -> Callable[[Callable[..., Awaitable[Response[bytes]]]], HTTPRouteHandler]:
    """Declares an operation. The function's docstring is its summary (first line) and description.

    An unsafe operation is run again when PostgreSQL resolved a deadlock against it: its transaction was rolled back
    whole, so that nothing of the first run is left.
    """

    def declare(function: Callable[..., Awaitable[Response[bytes]]]) -> HTTPRouteHandler:
        summary, _, description = (function.__doc__ or "").strip().partition("\n")
        described = Endpoint(
            method=method,
            path=path,
            name=function.__name__,
            tag=tag,
            summary=summary.rstrip("."),
            description=textwrap.dedent(description).strip(),
            access=access,
            body=body,
            body_optional=body_optional,
            query=query,
            answers=answers,
            answer_descriptions=answer_descriptions or {},
            errors=errors,
            conditional=conditional,
        )
        for name in _PATH_PARAMETER.findall(path):
            function.__annotations__[name] = FromPath[function.__annotations__[name]]
        run = function if method == "GET" else _again_after_deadlock(function)
        return route(path, http_method=method, status_code=200, opt={"endpoint": described}, include_in_schema=False)(
            run
        )

    return declare


def _again_after_deadlock(
    function: Callable[..., Awaitable[Response[bytes]]],
) -> Callable[..., Awaitable[Response[bytes]]]:
    @functools.wraps(function)
    async def run(*args: Any, **kwargs: Any) -> Response[bytes]:
        for _ in range(HANDLER_TRIES - 1):
            try:
                return await function(*args, **kwargs)
            except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
                continue
        return await function(*args, **kwargs)

    return run


def options_handlers(handlers: Iterable[HTTPRouteHandler]) -> list[HTTPRouteHandler]:
    """An OPTIONS for each path, to be registered before the path's operations.

    Litestar's own names only the methods that were registered up to the path's first operation.
    """
    methods: dict[str, set[str]] = {}
    for handler in handlers:
        for path in handler.paths:
            methods.setdefault(path, {"OPTIONS"}).update(handler.http_methods)

    def declare(path: str, allow: str) -> HTTPRouteHandler:
        async def answer_options() -> Response[bytes]:
            return Response(b"", status_code=204, headers={"Allow": allow})

        return route(path, http_method="OPTIONS", status_code=200, include_in_schema=False)(answer_options)

    return [declare(path, ", ".join(sorted(found))) for path, found in methods.items()]


# requests ---------------------------------------------------------------------------------------------------------

_PATH_IN_MESSAGE = re.compile(r"^(?P<detail>.*?)(?: - at (?:`key` in )?`(?P<path>[^`]*)`)?$", re.DOTALL)
_FIELD_IN_DETAIL = re.compile(r"(?:unknown|required) field `(?P<name>[^`]*)`")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def _field_error(error: msgspec.ValidationError, prefix: str = "") -> FieldError:
    """msgspec's `$.items[0].unit` as a JSON pointer."""
    found = _PATH_IN_MESSAGE.match(str(error))
    detail, path = (found["detail"], found["path"] or "$") if found else (str(error), "$")
    steps = [name or ("" if index == "..." else index) for name, index in _STEP.findall(path)]
    if named := _FIELD_IN_DETAIL.search(detail):
        steps.append(named["name"])
    pointer = "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps if step)
    return FieldError(prefix + pointer, detail)


_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


async def read_body(request: Request[Any, Any, Any], into: type[T], *, optional: bool = False) -> T:
    """The JSON body as a Struct. Raises `Invalid` with a pointer to the field for anything that doesn't fit."""
    raw = await request.body()
    if not raw.strip() and optional:
        raw = b"{}"
    elif (content_type := request.headers.get("content-type", JSON).partition(";")[0].strip().lower()) != JSON:
        raise UnsupportedMediaType(f"Send application/json, not {content_type[:60]!r}.")
    decoder = _decoders.get(into)
    if decoder is None:
        decoder = _decoders[into] = msgspec.json.Decoder(into)
    try:
        value = decoder.decode(raw)
    except msgspec.ValidationError as error:
        field = _field_error(error)
        raise Invalid(field.detail, errors=[field]) from None
    except RecursionError:
        raise invalid("", "The JSON is nested too deeply.") from None
    except UnicodeDecodeError:
        raise invalid("", "The body is not valid UTF-8.") from None
    except (msgspec.DecodeError, ValueError) as error:
        raise invalid("", str(error)) from None
    if _NUL.search(raw):
        raise invalid("", "A string contains the character NUL, which no text here may.")
    return value


def read_query(request: Request[Any, Any, Any], into: type[Query]) -> Query:
    """The query string as a Struct. Raises `Invalid` with a pointer `/query/<name>`."""
    given: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in given:
            raise invalid(f"/query/{name}", "The parameter is given twice.")
        if "\0" in value or "\ufffd" in value:
            raise invalid(f"/query/{name}", "The value is not text without NUL in valid UTF-8.")
        given[name] = value
    try:
        query = msgspec.convert(given, into, strict=False)
    except msgspec.ValidationError as error:
        field = _field_error(error, "/query")
        raise Invalid(field.detail, errors=[field]) from None
    for field in msgspec.structs.fields(query):
        if field.encode_name in given:
            _refuse_lenience(field.encode_name, given[field.encode_name], getattr(query, field.name))
    return query


def _refuse_lenience(name: str, given: str, value: Any) -> None:
    """Reading text leniently takes `null` for what may be absent, and a number for seconds since 1970."""
    if value is None:
        raise invalid(f"/query/{name}", "The parameter can't be null; leave it out.")
    if isinstance(value, datetime) and "-" not in given[1:]:
        raise invalid(f"/query/{name}", "Expected a time with its offset (RFC 3339), not a number.")


# answers ----------------------------------------------------------------------------------------------------------

encode = msgspec.json.Encoder().encode


class Reply:
    """An answer, serialised at once, so that what is stored for a replay is what is sent."""

    __slots__ = ("body", "etag", "headers", "media_type", "secrets", "status", "tokens_for")

    def __init__(
        self,
        value: Any = None,
        status: int = 200,
        *,
        etag: str | None = None,
        headers: dict[str, str] | None = None,
        tokens_for: UUID | None = None,
        secrets: Any = None,
        media_type: str = JSON,
    ) -> None:
        self.status = status
        self.body: bytes = value if isinstance(value, bytes) else b"" if value is None else encode(value)
        self.etag = etag
        self.headers = headers or {}
        self.tokens_for = tokens_for
        """A customer who gets tokens with this answer. They are minted anew on a replay and never stored."""
        self.secrets = secrets
        """An object whose members join the answer as it is sent and are never stored; see `writing`'s `renew`."""
        self.media_type = media_type


class Replayed(Exception):
    """Not an error: the idempotency key was answered before, and this is the answer."""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply


def version_etag(version: int) -> str:
    """The ETag of a versioned resource."""
    return f'"{version}"'


def expected_version(request: Request[Any, Any, Any]) -> int | None:
    """The version in `If-Match`, None where it is absent or `*`."""
    given = request.headers.get("if-match", "*").strip()
    if given == "*":
        return None
    if not re.fullmatch(r'(W/)?"\d{1,9}"', given):
        raise invalid("/headers/If-Match", "This is not an ETag of this resource.")
    return int(given.strip('W/"'))


def send(request: Request[Any, Any, Any], ctx: Context) -> Response[bytes]:
    """The HTTP answer for `ctx.reply`; 304 where the client has it already."""
    reply: Reply = ctx.reply
    headers = dict(reply.headers)
    headers.setdefault("Content-Language", ctx.language)
    headers.setdefault("Cache-Control", "no-store")
    body = reply.body
    if reply.tokens_for is not None:
        body = _join(body, runtime_of(request).mint(ctx.org, reply.tokens_for, ctx.caller.channel, ctx.now))
    if reply.secrets is not None:
        body = _join(body, reply.secrets)
    if reply.etag is not None:
        headers["ETag"] = reply.etag
        if request.method == "GET" and etag_matches(request.headers.get("if-none-match"), reply.etag):
            return Response(b"", status_code=304, headers=headers)
    return Response(body, status_code=reply.status, headers=headers, media_type=reply.media_type if body else None)


def _join(body: bytes, members: Any) -> bytes:
    """Members that come last in the object: `{…}` and `{"access_token": …}` become one object."""
    return body[:-1] + (b"," if len(body) > 2 else b"") + encode(members)[1:]


def etag_matches(given: str | None, etag: str) -> bool:
    """Whether `If-None-Match` names the ETag (RFC 9110 §13.1.2: the weak comparison)."""
    return given is not None and (
        given.strip() == "*" or any(part.strip().removeprefix("W/") == etag for part in given.split(","))
    )


def body_etag(reply: Reply) -> Reply:
    """Gives a reply the ETag of its content: for answers that don't depend on the minute."""
    reply.etag = content_etag(reply.body)
    reply.headers.setdefault("Cache-Control", "private, no-cache")
    reply.headers.setdefault("Vary", "Accept-Language, Authorization")
    return reply


# contexts ---------------------------------------------------------------------------------------------------------


def runtime_of(request: Request[Any, Any, Any]) -> Runtime:
    return request.app.state.runtime


_HOST = re.compile(r"[A-Za-z0-9.\-]{1,253}(:\d{1,5})?|\[[0-9a-fA-F:]+\](:\d{1,5})?")


def base_url_of(request: Request[Any, Any, Any]) -> str:
    """The server's public URL: the setting, else as the client reached it."""
    settings = runtime_of(request).settings
    if settings.base_url:
        return settings.base_url.rstrip("/")
    host = request.headers.get("host", "")
    return f"{request.scope['scheme']}://{host if _HOST.fullmatch(host) else f'{settings.host}:{settings.port}'}"


def make_context(request: Request[Any, Any, Any], db: Any) -> Context:
    auth: tuple[Organisation, Caller] | None = request.scope.get("auth")
    if auth is None:
        raise Unauthenticated
    org, caller = auth
    runtime = runtime_of(request)
    header = request.headers.get("accept-language", "")
    return Context(
        db=db,
        org=org,
        caller=caller,
        now=utc_now(),
        settings=runtime.settings,
        vault=runtime.vault,
        caches=runtime.caches,
        base_url=base_url_of(request),
        request_id=request.scope.get("request_id", ""),
        language=choose_language(header, org.locale),
        languages=(*accepted(header), org.locale.split("-")[0].lower()),
    )


@asynccontextmanager
async def acquire(runtime: Runtime) -> AsyncIterator[Any]:
    """A connection of the pool. Raises `Overloaded` when none is free in time or the server can't be reached."""
    try:
        connection = await runtime.pool.acquire(timeout=runtime.settings.pool_wait_seconds)
    except (
        TimeoutError,
        OSError,
        asyncpg.PostgresConnectionError,
        asyncpg.CannotConnectNowError,
        asyncpg.InterfaceError,
    ) as error:
        raise Overloaded(retry_after_seconds=1) from error
    try:
        yield connection
    finally:
        if is_lost(connection):
            # The others were made to the same server, over the same way: they are made anew before they are used.
            await runtime.pool.expire_connections()
        await runtime.pool.release(connection, timeout=RELEASE_SECONDS)


@asynccontextmanager
async def reading(request: Request[Any, Any, Any]) -> AsyncIterator[Context]:
    """A context that only reads; no transaction, so each statement sees the latest commit."""
    async with acquire(runtime_of(request)) as db:
        yield make_context(request, db)


Renew = Callable[[Context, bytes], Awaitable[Any]]


class writing(AbstractAsyncContextManager[Context]):  # noqa: N801 - reads as a verb where it is used
    """A context in one transaction that commits before the answer is sent.

    With an `Idempotency-Key`, entering raises `Replayed` with the stored answer, `IdempotencyMismatch` for another
    body, and `IdempotencyInProgress` while a twin is under way; leaving stores `ctx.reply` in the same transaction.
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
        key = request.headers.get("idempotency-key")
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
            if found.fingerprint != self.digest:
                raise IdempotencyMismatch
            if found.status == UNFINISHED:
                ctx.resumes = UUID(bytes=found.body)
                return
            reply = earlier_reply(found)
            if found.status < 400 and self.renew is not None:
                reply.secrets = await self.renew(ctx, found.body)
            raise Replayed(reply)
        if not found.locked:
            raise IdempotencyInProgress(retry_after_seconds=1)

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            if error is None and self.key_hash:
                await self._store(self.ctx)
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
            UNFINISHED,
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
        finally:
            await self._acquired.__aexit__(None, None, None)


async def read_key(request: Request[Any, Any, Any], key: str, caller: Caller) -> tuple[bytes, bytes]:
    """A valid key's digest, scoped to method and path, and the fingerprint of its request. Raises `Invalid`."""
    _check_idempotency_key(key, caller)
    target = f"{request.method} {request.scope['path']}\0{key}"
    return hashlib.sha256(target.encode()).digest(), fingerprint(request.scope["query_string"], await request.body())


def twin_lock(org_id: UUID, credential_id: UUID, key_hash: bytes) -> int:
    """The advisory lock that requests with the same key contend for."""
    return int.from_bytes(fingerprint(org_id.bytes, credential_id.bytes, key_hash)[:8], "big", signed=True)


def earlier_reply(found: queries.StoredAnswer | queries.FoundAnswer) -> Reply:
    """A stored answer, to be sent again; the tokens that came with it are minted anew."""
    assert found.status is not None
    headers = {"Idempotency-Replayed": "true"}
    media_type = PROBLEM if found.status >= 400 else JSON
    return Reply(found.body, found.status, headers=headers, tokens_for=found.customer_id, media_type=media_type)


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


# problems ---------------------------------------------------------------------------------------------------------


class Problem(msgspec.Struct, omit_defaults=True, kw_only=True):
    """RFC 9457 problem details. Apps branch on `code`; `detail` is for people."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    retryable: bool | msgspec.UnsetType = msgspec.UNSET
    errors: list[FieldError] | None = None


CONSTRAINTS: dict[str, Callable[[], DomainError]] = {}
"""Constraint name → the refusal it means. Capabilities add theirs where their statements stand."""


def to_domain_error(error: BaseException) -> DomainError:
    """Anything that was raised, as a refusal. What isn't foreseen is `Internal`, and logged with its traceback."""
    match error:
        case DomainError():
            return error
        case HTTPException(status_code=404):
            return NotFound("There is nothing at this path.")
        case HTTPException(status_code=405):
            return MethodNotAllowed()
        case HTTPException(status_code=413):
            return TooLarge()
        case HTTPException(status_code=415):
            return UnsupportedMediaType()
        case HTTPException(status_code=status) if 400 <= status < 500:
            return Invalid(str(error.detail))
        case asyncpg.IntegrityConstraintViolationError():
            name = getattr(error, "constraint_name", None) or ""
            if make := CONSTRAINTS.get(name):
                return make()
            log.warning("constraint.violated", constraint=name, sqlstate=error.sqlstate)
            return Conflict("The change contradicts something that is already there.")
        case asyncpg.DataError():
            return Invalid("A value is outside of what can be stored.")
        case (
            asyncpg.QueryCanceledError() | asyncpg.LockNotAvailableError() | asyncpg.TooManyConnectionsError()
            | asyncpg.PostgresConnectionError() | asyncpg.CannotConnectNowError() | asyncpg.OperatorInterventionError()
            | asyncpg.DeadlockDetectedError() | asyncpg.SerializationError() | asyncpg.InsufficientResourcesError()
            | asyncpg.InterfaceError() | asyncpg.InternalClientError() | asyncpg.ReadOnlySQLTransactionError()
            | asyncpg.IdleInTransactionSessionTimeoutError() | OSError() | TimeoutError()
        ):  # fmt: skip
            log.warning("database.unavailable", error=type(error).__name__)
            return Overloaded(retry_after_seconds=1)
        case _:
            log.error("request.failed", exc_info=error)
            return Internal()


def problem_body(error: DomainError, base_url: str, request_id: str) -> bytes:
    """The problem document of a refusal, its own members last."""
    problem = {
        "type": f"{base_url}/problems/{quote(error.code)}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
        "request_id": request_id,
        "retryable": error.retryable,
    }
    if error.errors:
        problem["errors"] = error.errors
    return encode({**problem, **error.members})


def problem_reply(ctx: Context, error: DomainError) -> Reply:
    """A refusal that changed something and must be kept, such as a declined payment."""
    reply = Reply(problem_body(error, ctx.base_url, ctx.request_id), error.status, media_type=PROBLEM)
    if error.retry_after_seconds is not None:
        reply.headers["Retry-After"] = str(error.retry_after_seconds)
    return reply


def answer_exception(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """The one place where what was raised becomes an answer."""
    if isinstance(error, Replayed):
        reply = error.reply
        auth = request.scope.get("auth")
        assert auth is not None
        ctx = make_context(request, None)
        ctx.reply = reply
        return send(request, ctx)
    refusal = to_domain_error(error)
    headers = {"Cache-Control": "no-store"}
    if refusal.retry_after_seconds is not None:
        headers["Retry-After"] = str(refusal.retry_after_seconds)
    if refusal.status == 401:
        headers["WWW-Authenticate"] = f'Bearer error="{refusal.code}"'
    if isinstance(error, HTTPException) and error.status_code == 405 and error.headers:
        headers["Allow"] = error.headers.get("allow", "")
    body = problem_body(refusal, base_url_of(request), request.scope.get("request_id", ""))
    return Response(body, status_code=refusal.status, headers=headers, media_type=PROBLEM)
