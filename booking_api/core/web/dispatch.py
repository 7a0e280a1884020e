"""From the routing to the operation, and back: what Litestar does between the two and none of ours needs is left out.

Litestar finds the operation and reads the path, answers what isn't there, and still does all of it for handlers that
aren't of `core.web.http`. For each of ours it would make a stack of exits, a model of the signature that knows what
the path has said already, and a second look at each message that is sent: a tenth of what a hold costs the server.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any

from litestar import Litestar, Response
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp, Receive, Scope, Send
from litestar.utils.path import normalize_path

from booking_api.core.web.handlers import AnyRequest
from booking_api.core.web.headers import read_head
from booking_api.core.web.http import OperationHandler
from booking_api.core.web.inputs import ApiRequest

_HOST = re.compile(rb"[0-9A-Za-z.:\-\[\]]*")
"""What every name and address of a server is made of; whatever else a header says, Litestar judges."""
Guard = Callable[[Any, Any], Awaitable[None]]
Refuse = Callable[[AnyRequest, Exception], Response[bytes]]


def dispatched(app: Litestar, guard: Guard, refuse: Refuse) -> ASGIApp:
    """The application without Litestar's own way to an operation. `guard` comes before anything of a request is read;
    `refuse` makes an answer of what was raised."""
    litestar, find = app.asgi_handler, app.asgi_router.handle_routing

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await litestar(scope, receive, send)
            return
        scope["runtime"] = app.state.runtime  # type: ignore[typeddict-unknown-key]
        try:
            _, handler, path, parameters, template = find(path=normalize_path(scope["path"]), method=scope["method"])
        except HTTPException:
            handler = None
        if type(handler) is not OperationHandler or not _HOST.fullmatch(read_head(scope).get(b"host", b"")):
            await litestar(scope, receive, send)
            return
        scope["path"], scope["path_params"], scope["path_template"] = path, parameters, template
        scope["route_handler"] = handler
        request = ApiRequest(scope, receive, send)
        try:
            await guard(request, handler)
            answer = await handler.to_response(app, await handler.fn(request, **parameters), request)
        except Exception as error:  # noqa: BLE001 - whatever it was becomes a problem document
            answer = refuse(request, error)
        await answer(scope, receive, send)

    return run
