"""The process `booking-api serve`: granian in front of the application."""

import asyncio
import os
import shutil
import signal
import tempfile
from contextlib import suppress
from multiprocessing import active_children, parent_process
from pathlib import Path
from typing import Any

import psutil

from booking_api.core.log import configure_logging
from booking_api.core.process import end_with_parent
from booking_api.core.runtime import CLOSING
from booking_api.core.settings import Settings
from booking_api.starting import check_address, check_database, check_secret

METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
METRICS_PREFIX = "booking-api-metrics."
# Granian's own lines go to the root logger, which `configure_logging` sets up, in every process.
GRANIAN_LOGGING: dict[str, Any] = {
    "formatters": {},
    "handlers": {},
    "loggers": {name: {"handlers": [], "propagate": True} for name in ("_granian", "granian.access")},
}


def make_app() -> Any:
    """The application in a process of granian's: its own process group, and its life bound to granian's.

    Ctrl-C in a terminal reaches every process of the group; only granian itself may act on it, because it lets its
    workers finish what they are doing.
    """
    if (parent := parent_process()) is not None and parent.pid is not None:
        os.setpgid(0, 0)
        end_with_parent(parent.pid)
    # Until the application listens for it, the announcement of the end must not end the process.
    signal.signal(CLOSING, signal.SIG_IGN)
    from booking_api.app import create_app

    return create_app()


def _announce_the_end() -> None:
    """Tells the workers that the end is near before granian tells them to stop.

    Granian waits for running requests, and an event stream runs for a quarter of an hour unless it knows.
    """

    def announce_before(number: signal.Signals) -> None:
        stop: Any = signal.getsignal(number)

        def act(*arguments: Any) -> None:
            for worker in active_children():
                if worker.pid is not None:
                    with suppress(ProcessLookupError):
                        os.kill(worker.pid, CLOSING)
            stop(*arguments)

        signal.signal(number, act)

    for number in (signal.SIGINT, signal.SIGTERM):
        announce_before(number)


def serve(settings: Settings) -> None:
    """Serves until SIGINT or SIGTERM, then finishes the running requests. Raises `StartFailed`."""
    from granian import Granian
    from granian.constants import Interfaces, Loops

    configure_logging(settings)
    check_secret(settings)
    check_address(settings.host, settings.port)
    asyncio.run(check_database(settings))
    metrics_folder = _share_metrics(settings.workers)
    try:
        server = Granian(
            "booking_api.serving:make_app",
            address=settings.host,
            port=settings.port,
            interface=Interfaces.ASGI,
            factory=True,
            workers=settings.workers,
            loop=Loops.auto,
            websockets=False,
            respawn_failed_workers=True,
            workers_kill_timeout=settings.shutdown_seconds,
            log_level=_granian_level(settings),
            log_dictconfig=GRANIAN_LOGGING,
        )
        server.on_startup(_announce_the_end)
        server.serve()
    finally:
        if metrics_folder is not None:
            shutil.rmtree(metrics_folder, ignore_errors=True)


def _granian_level(settings: Settings) -> Any:
    from granian.log import LogLevels

    known = {level.value: level for level in LogLevels}
    return known.get(settings.log_level.lower(), LogLevels.info)


def _share_metrics(workers: int) -> str | None:
    """Several processes count in files of one folder, so that `/metrics` of any of them shows all of them."""
    if workers < 2 or os.environ.get(METRICS_FOLDER):
        return None
    for left in Path(tempfile.gettempdir()).glob(f"{METRICS_PREFIX}*"):
        pid = left.name.removeprefix(METRICS_PREFIX).partition("-")[0]
        if pid.isdecimal() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(left, ignore_errors=True)  # Of a server that was killed.
    folder = tempfile.mkdtemp(prefix=f"{METRICS_PREFIX}{os.getpid()}-")
    os.environ[METRICS_FOLDER] = folder
    return folder
