"""The process `booking-api serve`: granian in front of the application."""

import asyncio
import gc
import os
import resource
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from contextlib import suppress
from importlib import import_module
from multiprocessing import active_children, parent_process
from pathlib import Path
from typing import Any

import psutil

from booking_api.core.log import configure_logging, log
from booking_api.core.process import StartFailed, check_secret, end_with_parent
from booking_api.core.runtime import CLOSING
from booking_api.core.settings import Settings, load_settings
from booking_api.run.starting import check_address, check_database, check_mail

METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
METRICS_PREFIX = "booking-api-metrics."
CONNECTIONS_EACH = 8_000
"""Of one process; the next ones wait unheard. More than may wait for the database and watch a booking together, so that
those are told to come again (503), and than phones keep open without a word: by default a thousand made it mute."""
MOST_HEAD_BYTES = 64 * 1024
"""What a connection may buffer; a longer head is answered 431 by the server itself, without a body. From half of it on
the application refuses it with a problem document."""
LISTENING_SECONDS = 30.0
MALLOC_SETTINGS = "_RJEM_MALLOC_CONF"
GIVE_BACK = "dirty_decay_ms:50,muzzy_decay_ms:0"
"""Granian's own allocator (jemalloc) gives back at once what a rush of requests needed, instead of keeping it for ten
seconds and, where nothing happens afterwards, for ever."""
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

    settings = load_settings()
    if sys.platform == "linux":
        threading.Thread(target=_bound_unread, args=(settings.port, settings.unread_seconds), daemon=True).start()
    app = create_app(settings)
    # What lives as long as the process isn't looked at again: the collector goes through what requests leave behind.
    gc.freeze()
    # A batch of requests makes thousands of objects, and nearly all of them go when it ends: looked for every 700, as
    # Python does by itself, garbage costs a twentieth of a hold.
    gc.set_threshold(10_000, 20, 20)
    return app


def _bound_unread(port: int, seconds: int) -> None:
    """Lets the kernel give up on a client that doesn't read or acknowledge what was sent, once this process listens.

    The HTTP server waits for such a client without end and has no setting for it. Connections inherit this from the
    socket that they were accepted by, which the server makes only after the application is there.
    """
    deadline = time.monotonic() + LISTENING_SECONDS
    while not _bound_listeners(port, seconds):
        if time.monotonic() > deadline:
            log.warning("serving.unread_unbounded", port=port)
            return
        time.sleep(0.02)


def _bound_listeners(port: int, seconds: int) -> int:
    """Sets the time-out of the sockets of this process that listen on the port; how many there are (Linux)."""
    found = 0
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            if not str(link.readlink()).startswith("socket:"):
                continue
            with socket.socket(fileno=os.dup(int(link.name))) as copy:
                # Nothing here may touch whether it blocks: that is shared with the server's own handle of the socket.
                listens = copy.family in {socket.AF_INET, socket.AF_INET6} and copy.getsockname()[1] == port
                if listens and copy.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    copy.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, seconds * 1_000)
                    found += 1
    return found


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
    gc.disable()
    os.environ.setdefault(MALLOC_SETTINGS, GIVE_BACK)
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces, Loops
    from granian.http import HTTP1Settings

    configure_logging(settings)
    check_secret(settings)
    check_mail(settings)
    check_address(settings.host, settings.port)
    if settings.metrics_port:
        if settings.metrics_port == settings.port:
            raise StartFailed("BOOKING_METRICS_PORT and BOOKING_PORT are the same; one of them has to be another one.")
        check_address(settings.host, settings.metrics_port, "BOOKING_METRICS_PORT")
    # What was said on the command line holds for the processes that are forked, too.
    os.environ |= {"BOOKING_HOST": settings.host, "BOOKING_PORT": str(settings.port)}
    asyncio.run(check_database(settings))
    _allow_connections()
    metrics_folder = _share_metrics(settings.workers)
    # Loaded before the processes are forked, so that they share its memory, and start in a moment, also in place of
    # one that died. Nothing of it is garbage, and so the collector was off until here.
    import_module("booking_api.app")
    gc.freeze()
    gc.enable()
    try:
        server = Granian(
            "booking_api.run.serving:make_app",
            address=settings.host,
            port=settings.port,
            interface=Interfaces.ASGI,
            factory=True,
            workers=settings.workers,
            loop=Loops.auto,
            websockets=False,
            # Guessing the version costs nothing but has no time-out: a connection that says nothing would stay for ever.
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(
                header_read_timeout=int(settings.idle_seconds * 1_000), max_buffer_size=MOST_HEAD_BYTES
            ),
            respawn_failed_workers=True,
            workers_kill_timeout=settings.shutdown_seconds,
            backpressure=CONNECTIONS_EACH,
            log_level=_granian_level(settings),
            log_dictconfig=GRANIAN_LOGGING,
        )
        server.on_startup(_announce_the_end)
        server.serve()
    finally:
        if metrics_folder is not None:
            shutil.rmtree(metrics_folder, ignore_errors=True)


def _allow_connections() -> None:
    """Raises the limit of open files, which is often 1,024, as far as this process may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS_EACH + 1_000
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


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
