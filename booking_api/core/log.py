"""Logging: one line per fact, JSON in production, readable in a terminal, a `request_id` on every line.

No line carries a name, an address, a phone number, a token or a body. A failure is logged once, where it is handled.
"""

import logging
import sys
from contextvars import ContextVar
from typing import Any

import structlog

from booking_api.core.clock import utc_now
from booking_api.core.settings import Settings

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""Of the request that is being answered."""


def configure_logging(settings: Settings) -> None:
    """Sets up structlog and routes the standard library's loggers through it."""
    global _request_lines
    readable = settings.log_format == "console" or (settings.log_format == "auto" and sys.stderr.isatty())
    shared = [
        structlog.contextvars.merge_contextvars,
        _add_request_id,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer = (
        structlog.dev.ConsoleRenderer(colors=True)
        if readable
        else structlog.processors.JSONRenderer(serializer=lambda value, **_: _encode(value))
    )
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(_level(settings)),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                renderer,
            ],
        )
    )
    _request_lines = None if _level(settings) > logging.INFO else "readable" if readable else "json"
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(_level(settings))
    # Each outgoing call would be a line with its URL in it; failures are logged by whoever made the call.
    for noisy in ("httpx", "httpcore", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


_request_lines: str | None = "readable"


def log_request(method: str, path: str, status: int, seconds: float, request_id: str) -> None:
    """The line that each request has. It is written as it stands where it is JSON, since a hold would spend a
    twentieth of its time on it otherwise: its texts are our own, with nothing in them to be escaped."""
    milliseconds = round(seconds * 1000, 1)
    if _request_lines == "json":
        at = utc_now().isoformat(timespec="microseconds")[:26]
        sys.stderr.write(
            f'{{"method":"{method}","path":"{path}","status":{status},"duration_ms":{milliseconds},"event":"request",'
            f'"request_id":"{request_id}","level":"info","timestamp":"{at}Z"}}\n'
        )
    elif _request_lines is not None:
        log.info("request", method=method, path=path, status=status, duration_ms=milliseconds)


def _add_request_id(_: Any, __: str, line: Any) -> Any:
    if request_id := REQUEST_ID.get():
        line.setdefault("request_id", request_id)
    return line


def _level(settings: Settings) -> int:
    return logging.getLevelNamesMapping().get(settings.log_level.upper(), logging.INFO)


def _encode(value: object) -> str:
    import msgspec

    return msgspec.json.encode(value, enc_hook=str).decode()


log = structlog.get_logger("booking_api")
