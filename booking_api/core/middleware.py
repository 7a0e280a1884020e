"""What wraps every request: its id, its log line, its metrics, the headers that each answer carries."""

import re
import time
from typing import Any, cast

import structlog
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from prometheus_client import Counter, Histogram

from booking_api.core.ids import new_id
from booking_api.core.log import log

REQUESTS = Counter("booking_api_requests_total", "Requests answered.", ["method", "path", "status"])
DURATIONS = Histogram(
    "booking_api_request_seconds", "Time from the first byte read to the last one sent.", ["method", "path"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)  # fmt: skip
_REQUEST_ID = re.compile(rb"[A-Za-z0-9_\-]{8,64}")
QUIET_PATHS = {"/healthz", "/readyz", "/metrics"}


def observe(app: ASGIApp) -> ASGIApp:
    """Pure ASGI, because it runs on every hot path."""

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        request_id = given.decode() if _REQUEST_ID.fullmatch(given) else new_id().hex
        scope["request_id"] = request_id  # type: ignore[typeddict-unknown-key]
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        began = time.perf_counter()
        status = 500

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                extra: list[Any] = [
                    (b"x-request-id", request_id.encode()),
                    (b"x-content-type-options", b"nosniff"),
                    *cast("list[Any]", scope.get("extra_headers") or []),
                ]
                message["headers"] = [*message["headers"], *extra]
            await send(message)

        try:
            await app(scope, receive, send_with_headers)
        finally:
            seconds = time.perf_counter() - began
            path = scope.get("path_template") or "unknown"
            REQUESTS.labels(scope["method"], path, status).inc()
            DURATIONS.labels(scope["method"], path).observe(seconds)
            if path not in QUIET_PATHS:
                log.info(
                    "request", method=scope["method"], path=path, status=status, duration_ms=round(seconds * 1000, 1)
                )

    return run
