"""What one process holds open for all its requests and jobs."""

import asyncio
import dataclasses
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any
from uuid import UUID

from booking_api.core.context import Organisation
from booking_api.core.db import Pool, is_lost
from booking_api.core.db.connecting import CANT_CONNECT
from booking_api.core.errors import Overloaded
from booking_api.core.outbound.client import Outbound
from booking_api.core.per_process import Caches
from booking_api.core.secrets import Vault
from booking_api.core.settings import Settings

RELEASE_SECONDS = 2.0
"""How long the server may take to acknowledge that a statement was cancelled, before the connection is given up."""
CLOSING = signal.SIGUSR1
"""Tells a server process that it is about to be stopped; see `booking_api.run.serving`."""


@dataclasses.dataclass(slots=True)
class Runtime:
    """Opened by the lifespan of the server, the worker and the tests; closed with them."""

    settings: Settings
    pool: Pool
    vault: Vault
    outbound: Outbound
    """Calls others, and is the only one that does. Never used inside a transaction."""
    threads: ThreadPoolExecutor
    """For work that would hold up the event loop, such as drawing a QR code."""
    mint: Callable[[Organisation, UUID, str, datetime], Any]
    """Makes the tokens of a customer: (organisation, customer, channel, now). Given by `identity`, which stands above."""
    caches: Caches = dataclasses.field(default_factory=dict)
    """See `core.per_process`."""
    waiting: int = 0
    """How many wait for a connection right now."""
    closing: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)
    """Set when the process is about to end, so that event streams end too."""


class acquire(AbstractAsyncContextManager[Any]):  # noqa: N801 - reads as a verb where it is used
    """A connection of the pool. Raises `Overloaded` when too many wait already, when none is free in time, and when no
    server can be reached that accepts writes."""

    __slots__ = ("_connection", "_runtime")

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def __aenter__(self) -> Any:
        runtime = self._runtime
        if runtime.waiting >= runtime.settings.pool_queue:
            raise Overloaded("Too many requests wait already.", retry_after_seconds=1)
        runtime.waiting += 1
        try:
            self._connection = await runtime.pool.acquire(timeout=runtime.settings.pool_wait_seconds)
        except CANT_CONNECT as error:
            raise Overloaded(retry_after_seconds=1) from error
        finally:
            runtime.waiting -= 1
        return self._connection

    async def __aexit__(self, *_: object) -> None:
        pool = self._runtime.pool
        try:
            if is_lost(self._connection):
                # The others were made to the same server, over the same way: they are made anew before they are used.
                await pool.expire_connections()
        finally:
            await pool.release(self._connection, timeout=RELEASE_SECONDS)
