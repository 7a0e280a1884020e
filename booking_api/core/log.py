"""Logging: one line per fact, JSON in production, readable in a terminal, a `request_id` on every line.

No line carries a name, an address, a phone number, a token or a body. A failure is logged once, where it is handled.
"""

import asyncio
import atexit
import logging
import re
import sys
import traceback
from contextvars import ContextVar
from typing import Any

import structlog

from booking_api.core.clock import utc_now
from booking_api.core.settings import Settings

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""Of the request that is being answered."""
CALLER: ContextVar[tuple[str, str] | None] = ContextVar("caller", default=None)
"""The organisation and the credential (a key or a session, never a person) that the request came with."""


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
        processors=[*shared, _render_exceptions, renderer],
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
                _render_exceptions,
                renderer,
            ],
        )
    )
    _request_lines = None if _level(settings) > logging.INFO else "readable" if readable else "json"
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(_level(settings))
    # Each outgoing call would be a line with its URL in it; failures are logged by the caller.
    for noisy in ("httpx", "httpcore", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


_request_lines: str | None = "readable"


def log_request(
    method: str, path: str, status: int, seconds: float, request_id: str, caller: tuple[str, str] | None
) -> None:
    """The line that each request has. It is written as it stands where it is JSON, since a hold would spend a
    twentieth of its time on it otherwise: its texts are our own, with nothing in them to be escaped."""
    milliseconds = round(seconds * 1000, 1)
    if _request_lines == "json":
        at = utc_now().isoformat(timespec="microseconds")[:26]
        by = "" if caller is None else f'"org_id":"{caller[0]}","credential_id":"{caller[1]}",'
        _write_soon(
            f'{{"method":"{method}","path":"{path}","status":{status},"duration_ms":{milliseconds},{by}"event":"request",'
            f'"request_id":"{request_id}","level":"info","timestamp":"{at}Z"}}\n'
        )
    elif _request_lines is not None:
        log.info("request", method=method, path=path, status=status, duration_ms=milliseconds)


_lines: list[str] = []


def _write_soon(line: str) -> None:
    """Those who share a transaction are answered together, and their lines are written together, right after it."""
    _lines.append(line)
    if len(_lines) == 1:
        try:
            asyncio.get_running_loop().call_soon(_write_lines)
        except RuntimeError:  # Nothing runs that could be waited for.
            _write_lines()


@atexit.register
def _write_lines() -> None:
    text = "".join(_lines)
    _lines.clear()
    sys.stderr.write(text)


def _add_request_id(_: Any, __: str, line: Any) -> Any:
    if request_id := REQUEST_ID.get():
        line.setdefault("request_id", request_id)
    if (caller := CALLER.get()) is not None:
        line.setdefault("org_id", caller[0])
        line.setdefault("credential_id", caller[1])
    return line


# tracebacks -------------------------------------------------------------------------------------------------------

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|\([^()]*\)=\([^()]*\)")
_NAMING = re.compile(r"\S+@\S+|\+?\d[\d ()/.-]{6,}\d|\b[\w-]{20,}\b|\b[0-9A-Z]{5}-[0-9A-Z]{5}\b")
"""An address, a telephone number, a token, a code."""


def words_of(error: BaseException) -> str:
    """What an exception says, without what it quotes: that may be what a customer wrote.

    An error of the database is named by its code and by what it is about, never by its text, which has rows in it.
    """
    if isinstance(code := getattr(error, "sqlstate", None), str):
        about = [getattr(error, name, None) for name in ("table_name", "column_name", "constraint_name")]
        return " ".join([code, *(part for part in about if isinstance(part, str))])
    found = _QUOTED.sub("…", str(error))
    return _NAMING.sub("…", found)[:500]


def format_traceback(error: BaseException) -> str:
    """A traceback as Python writes it: every frame, and of what the exceptions say only what `words_of` leaves."""
    parts: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        lines = "".join(traceback.format_tb(current.__traceback__))
        parts.append(f"Traceback (most recent call last):\n{lines}{type(current).__qualname__}: {words_of(current)}")
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return "\n\nwhich came of\n\n".join(reversed(parts))


_render_exceptions = structlog.processors.ExceptionRenderer(lambda found: format_traceback(found[1]))  # type: ignore[arg-type, index]


def _level(settings: Settings) -> int:
    return logging.getLevelNamesMapping().get(settings.log_level.upper(), logging.INFO)


def _encode(value: object) -> str:
    import msgspec

    return msgspec.json.encode(value, enc_hook=str).decode()


log = structlog.get_logger("booking_api")
