"""What wraps every request: its id, its log line, its metrics, the headers that each answer carries, its compression."""

import re
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

from litestar.config.compression import CompressionConfig
from litestar.middleware.compression import CompressionMiddleware
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from prometheus_client import Counter, Histogram

from booking_api.core.errors import DomainError, HeadersTooLarge, UriTooLong
from booking_api.core.ids import new_request_id
from booking_api.core.log import CALLER, REQUEST_ID, log_request
from booking_api.core.web.cors import ORIGIN, Lines, lines_of
from booking_api.core.web.headers import check_head, choose_encoding, read_head

REQUESTS = Counter("booking_api_requests_total", "Requests answered.", ["method", "path", "status"])
DURATIONS = Histogram(
    "booking_api_request_seconds", "Time from the first byte read to the last one sent.", ["method", "path"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)  # fmt: skip
COMPRESSION = CompressionConfig(backend="brotli", brotli_gzip_fallback=True, minimum_size=600, brotli_quality=5)
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
"""Any other word that a client makes up is counted as `other`."""
_REQUEST_ID = re.compile(rb"[A-Za-z0-9_\-]{8,64}")
_HEXADECIMAL = re.compile(rb"[0-9A-Fa-f]{16,64}")
_NUMBER = re.compile(rb"[0-9]{7}")
_NOSNIFF = (b"x-content-type-options", b"nosniff")
QUIET_PATHS = {"/healthz", "/readyz", "/metrics"}
_meters: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
"""What counts a method, path template and status: there are as many as there are operations and their answers."""


def is_request_id(given: bytes) -> bool:
    """Whether a client's own id for a request may stand in the log and in the audit, where nobody erases it: as programs
    make them, and no name and no telephone number. A UUID, a trace id, or letters with a few digits."""
    if not _REQUEST_ID.fullmatch(given):
        return False
    plain = given.translate(None, b"-_")
    if plain.isdigit() or plain.isalpha():
        return False
    return _HEXADECIMAL.fullmatch(plain) is not None or _NUMBER.search(plain) is None


ENCODED = "encoded"
"""Set in a request's scope where its answer is compressed already."""


class Compression(CompressionMiddleware):
    """Litestar's, choosing as RFC 9110 says, and leaving alone what is compressed already."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        encoding = choose_encoding(read_head(scope)[b"accept-encoding"].decode("latin-1"))
        if encoding is None:
            await self.app(scope, receive, send)
            return
        compress = self.create_compression_send_wrapper(send=send, compression_encoding=encoding, scope=scope)

        def send_encoded(message: Message) -> Awaitable[None]:
            return send(message) if ENCODED in scope else compress(message)

        await self.app(scope, receive, send_encoded)


def compressed(app: ASGIApp) -> ASGIApp:
    """The application for clients that accept a compression."""
    return Compression(app, COMPRESSION)


def observe(
    app: ASGIApp,
    compressed: ASGIApp,
    refuse: Callable[[Scope, Receive, Send, DomainError], Any],
    preflight: Callable[[Any], Lines | None],
) -> ASGIApp:
    """Pure ASGI, because it runs on every hot path. `refuse` answers what is refused before it is routed, `preflight`
    what browsers ask before they send a page's request."""

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        head = read_head(scope)
        given = head.get(b"x-request-id")
        request_id = new_request_id() if given is None or not is_request_id(given) else given.decode()
        scope["request_id"] = request_id  # type: ignore[typeddict-unknown-key]
        REQUEST_ID.set(request_id)
        CALLER.set(None)
        began = time.perf_counter()
        method, status = scope["method"], 500
        origin = head.get(ORIGIN)
        if method == "HEAD":
            receive, send = _answer_head(cast("HTTPScope", scope), receive, send)

        def send_with_headers(message: Message) -> Awaitable[None]:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                extra = cast("list[Any]", scope.get("extra_headers") or [])
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode()), _NOSNIFF, *extra]
                if origin is not None:
                    message["headers"] += lines_of(scope, origin)
            return send(message)

        try:
            check_head(scope)
            if origin is not None and (lines := preflight(scope)) is not None:
                await send_with_headers({"type": "http.response.start", "status": 204, "headers": lines})
                await send_with_headers({"type": "http.response.body", "body": b"", "more_body": False})
                return
            await (compressed if b"accept-encoding" in head else app)(scope, receive, send_with_headers)
        except (UriTooLong, HeadersTooLarge) as error:
            await refuse(scope, receive, send_with_headers, error)
        finally:
            seconds = time.perf_counter() - began
            path = scope.get("path_template") or "unknown"
            method = method if method in METHODS else "other"
            count, duration = _meters.get((method, path, status)) or _meter(method, path, status)
            count.inc()
            duration.observe(seconds)
            if path not in QUIET_PATHS:
                log_request(method, path, status, seconds, request_id, CALLER.get())

    return run


def _answer_head(scope: HTTPScope, receive: Receive, send: Send) -> tuple[Receive, Send]:
    """Lets HEAD be carried out as GET, of which it has status and headers and no content (RFC 9110 §9.3.2).

    The client is gone for whoever goes on sending, such as an event stream, as soon as the headers are out.
    """
    scope["method"] = "GET"
    is_answered = False

    async def receive_until_answered() -> Any:
        return {"type": "http.disconnect"} if is_answered else await receive()

    async def send_headers(message: Message) -> None:
        nonlocal is_answered
        if message["type"] == "http.response.start":
            is_answered = True
            await send(message)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return receive_until_answered, send_headers


def _meter(method: str, path: str, status: int) -> tuple[Counter, Histogram]:
    found = _meters[method, path, status] = REQUESTS.labels(method, path, status), DURATIONS.labels(method, path)
    return found
