"""Logging: one line per fact, JSON in production, readable in a terminal, a `request_id` on every line.

No line carries a name, an address, a phone number, a token or a body. A failure is logged once, where it is handled.
"""

import logging
import sys

import structlog

from booking_api.core.settings import Settings


def configure_logging(settings: Settings) -> None:
    """Sets up structlog and routes the standard library's loggers through it."""
    readable = settings.log_format == "console" or (settings.log_format == "auto" and sys.stderr.isatty())
    shared = [
        structlog.contextvars.merge_contextvars,
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
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(_level(settings))
    # Each outgoing call would be a line with its URL in it; failures are logged by whoever made the call.
    for noisy in ("httpx", "httpcore", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _level(settings: Settings) -> int:
    return logging.getLevelNamesMapping().get(settings.log_level.upper(), logging.INFO)


def _encode(value: object) -> str:
    import msgspec

    return msgspec.json.encode(value, enc_hook=str).decode()


log = structlog.get_logger("booking_api")
