"""What one process holds open for all its requests and jobs."""

import asyncio
import dataclasses
import signal
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import httpx

from booking_api.core.context import Organisation
from booking_api.core.db import Pool, is_lost
from booking_api.core.errors import Overloaded
from booking_api.core.secrets import Vault
from booking_api.core.settings import Settings

RELEASE_SECONDS = 2.0
"""How long the server may take to acknowledge that a statement was cancelled, before the connection is given up."""
CLOSING = signal.SIGUSR1
"""Tells a server process that it is about to be stopped; see `booking_api.serving`."""


@dataclasses.dataclass(slots=True)
class Runtime:
    """Opened by the lifespan of the server, the worker and the tests; closed with them."""

    settings: Settings
    pool: Pool
    vault: Vault
    http: httpx.AsyncClient
    """For calls to other services. Never used inside a transaction."""
    threads: ThreadPoolExecutor
    """For work that would hold up the event loop, such as drawing a QR code."""
    mint: Callable[[Organisation, UUID, str, datetime], Any]
    """Makes the tokens of a customer: (organisation, customer, channel, now). Given by `identity`, which stands above."""
    caches: dict[str, Any] = dataclasses.field(default_factory=dict)
    """Bounded caches of the capabilities, by name, so that each test's runtime begins empty."""
    closing: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)
    """Set when the process is about to end, so that event streams end too."""


@asynccontextmanager
async def acquire(runtime: Runtime) -> AsyncIterator[Any]:
    """A connection of the pool. Raises `Overloaded` when none is free in time or the server can't be reached."""
    try:
        connection = await runtime.pool.acquire(timeout=runtime.settings.pool_wait_seconds)
    except (
        TimeoutError,
        OSError,
        asyncpg.PostgresConnectionError,
        asyncpg.CannotConnectNowError,
        asyncpg.InterfaceError,
    ) as error:
        raise Overloaded(retry_after_seconds=1) from error
    try:
        yield connection
    finally:
        if is_lost(connection):
            # The others were made to the same server, over the same way: they are made anew before they are used.
            await runtime.pool.expire_connections()
        await runtime.pool.release(connection, timeout=RELEASE_SECONDS)
