"""What a process needs to know of its surroundings: why it can't start, and whether its parent still lives."""

import ctypes
import os
import signal
import sys
import threading
import time
from urllib.parse import parse_qsl, urlsplit

import asyncpg

from booking_api.core.db import MARGIN_SECONDS, session_settings
from booking_api.core.db.connecting import CANT_CONNECT, one_server_each, servers_of
from booking_api.core.environment import ignored_variables
from booking_api.core.secrets import Vault
from booking_api.core.settings import Settings

PARENT_VARIABLE = "BOOKING_PARENT_PID"
"""Set by the demo for the processes it starts: they end when that process does."""
PR_SET_PDEATHSIG = 1
LONGEST_LOCK_SECONDS = 10.0
"""How long a command waits for a lock: less than its statements may take, so that it doesn't hold others up."""


class StartFailed(Exception):
    """Why a process can't do what it was started for, in one sentence for the person who started it."""


def end_with_parent(parent_pid: int) -> None:
    """Ends this process when its parent dies, by whatever signal, so that no orphan keeps a port or a lock.

    The kernel does it on Linux; elsewhere a thread looks every half second.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent_pid:  # It died before the kernel was asked.
            os._exit(1)
    else:
        threading.Thread(target=_watch_parent, args=(parent_pid,), daemon=True).start()


def _watch_parent(parent_pid: int) -> None:
    while os.getppid() == parent_pid:
        time.sleep(0.5)
    os._exit(1)


def end_with_supervisor() -> None:
    """Ends this process with the demo that started it, if one did."""
    if parent := os.environ.pop(PARENT_VARIABLE, ""):
        end_with_parent(int(parent))


def check_secret(settings: Settings) -> Vault:
    """The vault of the master secret. Raises `StartFailed` where that is missing or could be guessed."""
    try:
        return Vault(settings.secret_key, settings.previous_secret_keys)
    except ValueError as error:
        raise StartFailed(f"{error}.") from None


def database_place(database_url: str) -> str:
    """Where a database is, for a sentence: never its user or password."""
    try:
        urls = one_server_each(database_url)
        name = urlsplit(database_url).path.lstrip("/") or "postgres"
        return f"{name} at {' or '.join(_server_place(url) for url in urls)}"
    except ValueError:
        return "named by DATABASE_URL"


def _server_place(database_url: str) -> str:
    parts = urlsplit(database_url)
    query = dict(parse_qsl(parts.query))
    port = parts.port or query.get("port")
    return (parts.hostname or query.get("host") or "localhost") + (f":{port}" if port else "")


async def connect(settings: Settings, *, name: str, statement_seconds: float = 60.0) -> asyncpg.Connection:
    """One connection of a process's own, outside of a pool. No statement may take longer than `statement_seconds`.

    Raises `StartFailed`.
    """
    if not settings.database_url:
        raise StartFailed("DATABASE_URL is not set; it names the PostgreSQL database to use.")
    try:
        return await servers_of(settings.database_url).connect(
            command_timeout=statement_seconds + MARGIN_SECONDS,
            statement_cache_size=settings.statement_cache,
            server_settings=session_settings(name, statement_seconds, min(statement_seconds, LONGEST_LOCK_SECONDS)),
        )
    except (*CANT_CONNECT, asyncpg.PostgresError, ValueError) as error:
        why = " ".join(str(error).split()) or type(error).__name__
        place = database_place(settings.database_url)
        ignored = ignored_variables()
        hint = f" Not read: {', '.join(ignored)}; DATABASE_URL alone says which database to use." if ignored else ""
        raise StartFailed(f"The database {place} can't be reached: {why.rstrip('.')}.{hint}") from error
