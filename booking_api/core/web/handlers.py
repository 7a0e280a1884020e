"""Handlers that are functions of a context: what they name is read for them, and what they return is sent.

    async def edit_feedback(ctx: Context, feedback_id: UUID, body: FeedbackChange) -> Feedback

`body` and `query` are read into the types that they are annotated with, `expected_versions` from `If-Match`,
`precondition` from that and `If-None-Match`, everything else from the path. A GET gets a context that only reads; everything else gets one in a transaction, which commits
before the answer is sent. What should happen only after the commit is left with `ctx.after_commit`.
"""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from litestar import Request, Response

from booking_api.core.context import Context
from booking_api.core.web.inputs import read_body, read_query
from booking_api.core.web.replies import Reply, body_etag, expected_versions, precondition_of, send
from booking_api.core.web.transactions import reading, writing

AnyRequest = Request[Any, Any, Any]
Handler = Callable[..., Awaitable[Response[bytes]]]
NO_CONTENT = 204
NOT_IN_THE_PATH = {"body", "query", "expected_versions", "precondition"}


def is_of_context(function: Callable[..., Any]) -> bool:
    """Whether a handler is a function of a context, not of a request."""
    return next(iter(inspect.signature(function).parameters), None) == "ctx"


def type_of(function: Callable[..., Any], name: str) -> Any:
    """What a handler's parameter is annotated with, None where it has no such one."""
    return function.__annotations__.get(name)


def answers_of(function: Callable[..., Any], status: int) -> dict[int, Any]:
    """The answers that a handler's annotation promises."""
    answer = function.__annotations__["return"]
    return {NO_CONTENT if status == 200 else status: None} if answer is None else {status: answer}


def of_request(
    function: Callable[..., Awaitable[Any]],
    *,
    reads: bool,
    status: int,
    body_optional: bool,
    conditional: bool,
    renew: Callable[..., Awaitable[Any]] | None,
) -> Handler:
    """The handler of a request that runs a function of a context. `renew` takes the context, the stored answer, and
    whatever the function takes; it makes the secrets of an answer that is sent again."""
    parameters = dict(list(inspect.signature(function).parameters.items())[1:])
    body, query = type_of(function, "body"), type_of(function, "query")
    versioned, presupposing = "expected_versions" in parameters, "precondition" in parameters
    path = [one for name, one in parameters.items() if name not in NOT_IN_THE_PATH]

    async def handle(request: AnyRequest, **given: Any) -> Response[bytes]:
        if body is not None:
            given["body"] = await read_body(request, body, optional=body_optional)
        if query is not None:
            given["query"] = read_query(request, query)
        if versioned:
            given["expected_versions"] = expected_versions(request)
        if presupposing:
            given["precondition"] = precondition_of(request)
        if reads:
            async with reading(request) as ctx:
                ctx.reply = _reply(await function(ctx, **given), status, tagged=conditional)
        else:
            async with writing(request, renew and _renewing(renew, given)) as ctx:
                ctx.reply = _reply(await function(ctx, **given), status)
        return send(request, ctx)

    handle.__name__, handle.__doc__ = function.__name__, function.__doc__
    # Litestar reads what it passes from the signature.
    takes = [inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=AnyRequest), *path]
    handle.__signature__ = inspect.Signature(takes, return_annotation=Response[bytes])  # type: ignore[attr-defined]
    handle.__annotations__ = {one.name: one.annotation for one in takes} | {"return": Response[bytes]}
    return handle


def _reply(answer: Any, status: int, *, tagged: bool = False) -> Reply:
    if isinstance(answer, Reply):
        return answer
    reply = Reply(answer, NO_CONTENT if answer is None and status == 200 else status)
    return body_etag(reply) if tagged else reply


def _renewing(
    renew: Callable[..., Awaitable[Any]], given: dict[str, Any]
) -> Callable[[Context, bytes], Awaitable[Any]]:
    async def of_stored(ctx: Context, stored: bytes) -> Any:
        return await renew(ctx, stored, **given)

    return of_stored
