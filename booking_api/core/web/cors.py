"""What lets a page of another origin call this server and read the answers (the CORS protocol of the Fetch standard).

There are no cookies: a credential is a header that the page sends itself. So every origin may call and read whatever an
app or a customer may, and it costs nobody anything. A key that is bound to origins (`core.context.Binding`) answers
these alone. What only staff and secret keys may call has none of these headers: such credentials belong on no page.

Requests without `Origin`, which is what apps and servers send, pay a look into a dictionary for all of this.
"""

from collections.abc import Callable, Iterable
from typing import Any

from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.utils.path import normalize_path

from booking_api.core.context import Caller, Organisation
from booking_api.core.web.headers import header, read_head
from booking_api.core.web.http import Endpoint, allowed

ORIGIN = b"origin"
SENT_HEADERS = (
    "Accept-Language", "App-Id", "Authorization", "Cache-Control", "Content-Type", "Idempotency-Key", "If-Match",
    "If-None-Match", "Journey-Id", "Last-Event-ID", "X-Request-Id",
)  # fmt: skip
"""What a page may send beyond what every page may."""
READ_HEADERS = (
    "Date", "ETag", "Retry-After", "Location", "Content-Language", "Idempotency-Replayed", "RateLimit",
    "RateLimit-Policy", "WWW-Authenticate", "X-Request-Id", "Allow", "Deprecation", "Sunset", "Link",
)  # fmt: skip
"""What a page may read beyond what every page may."""
PREFLIGHT_SECONDS = 7_200
"""As long as Chromium remembers one at most."""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

Lines = list[tuple[bytes, bytes]]
_EXPOSED = (b"access-control-expose-headers", ", ".join(READ_HEADERS).encode())
_ANY_ORIGIN: Lines = [(b"access-control-allow-origin", b"*"), _EXPOSED]
_PREFLIGHT: Lines = [
    (b"access-control-allow-headers", ", ".join(SENT_HEADERS).encode()),
    (b"access-control-max-age", str(PREFLIGHT_SECONDS).encode()),
]

FindRoute = Callable[..., tuple[Any, Any, Any, Any, str]]


def lines_of(scope: Any, origin: bytes) -> Lines:
    """The headers of an answer to a request with this `Origin`; what found no operation is a refusal for everybody."""
    handler = scope.get("route_handler")
    if handler is not None:
        described: Endpoint | None = handler.opt.get("endpoint")
        if described is None or not described.access.is_for_pages:
            return []
    auth: tuple[Organisation, Caller] | None = scope.get("auth")
    binding = None if auth is None else auth[1].binding
    if binding is None or not binding.origins:
        return _ANY_ORIGIN
    vary = (b"vary", b"Origin")
    if origin.decode("latin-1") not in binding.origins:
        return [vary]
    return [(b"access-control-allow-origin", origin), vary, _EXPOSED]


def make_preflight(route: FindRoute, handlers: Iterable[HTTPRouteHandler]) -> Callable[[Any], Lines | None]:
    """What answers whether a page may send what it is about to send; `route` finds the operation of a path and method.

    None for what is no such question, and for what pages may not call. A path that isn't there is answered too, so that
    the page gets to read the refusal.
    """
    open_methods: dict[str, set[str]] = {}
    for handler in handlers:
        described: Endpoint = handler.opt["endpoint"]
        if described.access.is_for_pages:
            open_methods.setdefault(described.path, set()).add(described.method)

    def preflight(scope: Any) -> Lines | None:
        asked = read_head(scope).get(b"access-control-request-method")
        if asked is None or scope["method"] != "OPTIONS":
            return None
        method = "GET" if asked == b"HEAD" else asked.decode("latin-1")
        methods = set(METHODS)
        if method in methods:
            try:
                _, handler, _, _, scope["path_template"] = route(path=normalize_path(scope["path"]), method=method)
            except HTTPException:
                pass
            else:
                methods = open_methods.get(handler.opt["endpoint"].path, set())
                if method not in methods:
                    return None
        return [(b"access-control-allow-methods", allowed(methods).encode()), *_PREFLIGHT]

    return preflight


def origin_of_page(scope: Any, own: str) -> str | None:
    """The origin of the page that sent a request. Browsers leave it out of what a page gets from its own server."""
    if (origin := header(scope, ORIGIN)) is not None:
        return origin
    return "/".join(own.split("/")[:3]) if header(scope, b"sec-fetch-site") == "same-origin" else None
