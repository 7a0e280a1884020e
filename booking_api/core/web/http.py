"""How an operation is declared, with all that the OpenAPI document says of it and the guard enforces.

There is no dependency injection: three injected dependencies cost half the throughput.
"""

import dataclasses
import functools
import re
import textwrap
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Literal

import asyncpg
import msgspec
from litestar import Litestar, Request, Response
from litestar.connection import ASGIConnection
from litestar.handlers import HTTPRouteHandler, route
from litestar.params import FromPath
from litestar.types import ASGIApp, Empty, ExceptionHandlersMap

from booking_api.core.context import Caller, Role
from booking_api.core.errors import DomainError
from booking_api.core.web.handlers import Handler, answers_of, is_of_context, of_request, type_of
from booking_api.core.web.replies import BytesResponse

HttpMethod = Literal["GET", "POST", "PATCH", "PUT", "DELETE"]
HANDLER_TRIES = 4


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

    @property
    def is_for_pages(self) -> bool:
        """Whether a page of another origin may call it and read the answer."""
        return self.app or self.customer or self.is_public

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
    others: tuple[str, ...] = ()
    """The media types that may come instead."""


@dataclasses.dataclass(frozen=True, slots=True)
class Endpoint:
    """An operation as the OpenAPI document describes it and as the guard enforces it."""

    method: HttpMethod
    path: str
    name: str
    tag: str
    summary: str
    description: str
    access: Access
    body: Any
    body_optional: bool
    lines: bool
    """Whether the body is any number of lines, each of which is one of `body`."""
    query: Any
    answers: Mapping[int, Any]
    answer_descriptions: Mapping[int, str]
    errors: tuple[type[DomainError], ...]
    together: bool
    """Whether its requests share transactions, so that nothing which can wait may stand before them."""
    conditional: bool
    """Whether GET answers with an ETag and honours If-None-Match, or an edit honours If-Match."""

    @property
    def operation_id(self) -> str:
        first, *rest = self.name.split("_")
        return first + "".join(word.capitalize() for word in rest)


class OperationHandler(HTTPRouteHandler):
    """A handler that leaves out what Litestar does for each request anew and what none of ours needs.

    Litestar copies the handler for each guard, collects the exception handlers of every layer, and makes an answer
    that is finished into another one.
    """

    async def authorize_connection(self, connection: ASGIConnection[Any, Any, Any, Any]) -> None:
        for guard in self.resolve_guards():
            await guard(connection, self)  # type: ignore[misc] - Litestar has made them all asynchronous

    def resolve_exception_handlers(self) -> ExceptionHandlersMap:
        if not hasattr(self, "_found_exception_handlers"):
            self._found_exception_handlers = super().resolve_exception_handlers()
        return self._found_exception_handlers

    async def to_response(self, app: Litestar, data: Any, request: Request[Any, Any, Any]) -> ASGIApp:
        return data if type(data) is BytesResponse else await super().to_response(app, data, request)


_PATH_PARAMETER = re.compile(r"\{(\w+):\w+\}")


def endpoint(
    method: HttpMethod,
    path: str,
    *,
    tag: str,
    access: Access,
    answers: Mapping[int, Any] | None = None,
    status: int = 200,
    body: Any = None,
    body_optional: bool = False,
    lines: bool = False,
    query: Any = None,
    answer_descriptions: Mapping[int, str] | None = None,
    errors: tuple[type[DomainError], ...] = (),
    conditional: bool = False,
    together: bool = False,
    max_body_bytes: int | None = None,
    renew: Callable[..., Awaitable[Any]] | None = None,
) -> Callable[[Callable[..., Awaitable[Any]]], HTTPRouteHandler]:
    """Declares an operation. The function's docstring is its summary (first line) and description.

    The function takes a context (see `core.web.handlers`): its annotations say what it reads and what it answers with
    `status`, or nothing with 204. `answers` are for one that has several. Where that doesn't do (streams, pictures, the
    hot paths, two transactions), it takes the request, and `body`, `query` and `answers` say what it does with it.
    Bodies that may be longer than elsewhere have `max_body_bytes`; with `lines` they are any number of `body`.

    An unsafe operation is run again when PostgreSQL resolved a deadlock against it: its transaction was rolled back
    whole, so that nothing of the first run is left.
    """

    def declare(function: Callable[..., Awaitable[Any]]) -> HTTPRouteHandler:
        summary, _, description = (function.__doc__ or "").strip().partition("\n")
        described = Endpoint(
            method=method,
            path=path,
            name=function.__name__,
            tag=tag,
            summary=summary.rstrip("."),
            description=textwrap.dedent(description).strip(),
            access=access,
            body=body or type_of(function, "body"),
            body_optional=body_optional,
            lines=lines,
            query=query or type_of(function, "query"),
            answers=answers or answers_of(function, status),
            answer_descriptions=answer_descriptions or {},
            errors=errors,
            conditional=conditional,
            together=together,
        )
        for name in _PATH_PARAMETER.findall(path):
            function.__annotations__[name] = FromPath[function.__annotations__[name]]
        handler: Handler = function
        if is_of_context(function):
            handler = of_request(
                function, reads=method == "GET", status=status, body_optional=body_optional, conditional=conditional,
                renew=renew,
            )  # fmt: skip
        run = handler if method == "GET" else _again_after_deadlock(handler)
        return OperationHandler(
            path, http_method=method, status_code=200, opt={"endpoint": described}, include_in_schema=False,
            request_max_body_size=Empty if max_body_bytes is None else max_body_bytes,
        )(run)  # fmt: skip

    return declare


def _again_after_deadlock(function: Handler) -> Handler:
    @functools.wraps(function)
    async def run(*args: Any, **kwargs: Any) -> Response[bytes]:
        for _ in range(HANDLER_TRIES - 1):
            try:
                return await function(*args, **kwargs)
            except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
                continue
        return await function(*args, **kwargs)

    return run


def allowed(methods: Iterable[str]) -> str:
    """The header `Allow` for the methods of a path: HEAD works wherever GET does (`core.web.middleware`)."""
    found = set(methods)
    return ", ".join(sorted(found | {"HEAD"} if "GET" in found else found))


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

    return [declare(path, allowed(found)) for path, found in methods.items()]
