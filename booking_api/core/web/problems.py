"""The one place where what was raised becomes an answer: RFC 9457 problem details."""

from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import quote

import asyncpg
import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import Receive, Scope, Send

from booking_api.core.context import Context
from booking_api.core.errors import (
    Conflict,
    DomainError,
    FieldError,
    Internal,
    Invalid,
    MethodNotAllowed,
    NotFound,
    Overloaded,
    TooLarge,
    UnsupportedMediaType,
)
from booking_api.core.languages import translate
from booking_api.core.log import log
from booking_api.core.web.headers import base_url_of
from booking_api.core.web.http import allowed
from booking_api.core.web.replies import PROBLEM, BytesResponse, Replayed, Reply, encode, runtime_of, send
from booking_api.core.web.transactions import language_of, make_context


class Problem(msgspec.Struct, omit_defaults=True, kw_only=True):
    """RFC 9457 problem details. Apps branch on `code`; `detail` is for people."""

    type: Annotated[str, msgspec.Meta(examples=["https://api.example.org/problems/sold_out"])]
    """A page of this server that explains the code and what to do about it."""
    title: str
    """The code in a few words, in the reader's language; the same for each such problem."""
    status: Annotated[int, msgspec.Meta(examples=[409])]
    """The answer's HTTP status once more."""
    detail: str
    """What was wrong this time, for people, in the reader's language."""
    code: Annotated[str, msgspec.Meta(examples=["sold_out"])]
    """What apps branch on. More codes may come: treat an unknown one as its status says, and show `detail`."""
    request_id: str
    """The request in the server's log, as in the header `X-Request-Id`: tell it to us when something went wrong."""
    retryable: bool
    """Whether the very same request can succeed later."""
    errors: list[FieldError] | None = None
    """The fields that are wrong. Absent unless the input is at fault."""


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
            | asyncpg.IdleInTransactionSessionTimeoutError() | asyncpg.TransactionTimeoutError() | OSError()
            | TimeoutError()
        ):  # fmt: skip
            log.warning("database.unavailable", error=type(error).__name__)
            return Overloaded(retry_after_seconds=1)
        case _:
            log.error("request.failed", exc_info=error)
            return Internal()


def problem_body(error: DomainError, base_url: str, request_id: str, language: str) -> bytes:
    """The problem document of a refusal in one of our languages, its own members last."""
    problem = {
        "type": f"{base_url}/problems/{quote(error.code)}",
        "title": translate(error.title, language),
        "status": error.status,
        "detail": translate(error.detail, language),
        "code": error.code,
        "request_id": request_id,
        "retryable": error.retryable,
    }
    if error.errors:
        problem["errors"] = [FieldError(one.pointer, translate(one.detail, language)) for one in error.errors]
    return encode({**problem, **error.members})


async def refuse_unrouted(scope: Scope, receive: Receive, send: Send, error: DomainError) -> None:
    """Answers a request that no operation was looked for."""
    base_url = base_url_of(scope["litestar_app"].state.settings, scope)
    body = problem_body(error, base_url, scope.get("request_id", ""), language_of(scope))  # type: ignore[arg-type]
    await BytesResponse(body, error.status, {"Cache-Control": "no-store"}, PROBLEM)(scope, receive, send)


def problem_reply(ctx: Context, error: DomainError) -> Reply:
    """A refusal that changed something and must be kept, such as a declined payment."""
    reply = Reply(problem_body(error, ctx.base_url, ctx.request_id, ctx.language), error.status, media_type=PROBLEM)
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
    language = language_of(request.scope)
    headers = {"Cache-Control": "no-store", "Content-Language": language}
    if refusal.retry_after_seconds is not None:
        headers["Retry-After"] = str(refusal.retry_after_seconds)
    if refusal.status == 401:
        # RFC 6750 §3, with a parameter of ours (RFC 9110 §11.2), so that no client needs the body to come back.
        come_back = refusal.members.get("come_back", "authenticate")
        headers["WWW-Authenticate"] = f'Bearer error="{refusal.code}", come_back="{come_back}"'
    if isinstance(error, HTTPException) and error.status_code == 405 and error.headers:
        headers["Allow"] = allowed(error.headers.get("allow", "").split(", "))
    body = problem_body(
        refusal, base_url_of(runtime_of(request).settings, request.scope), request.scope.get("request_id", ""), language
    )
    return BytesResponse(body, refusal.status, headers, PROBLEM)
