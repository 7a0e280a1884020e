"""What one process holds open for all its requests and jobs."""

import asyncio
import dataclasses
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx

from booking_api.core.context import Organisation
from booking_api.core.db import Pool
from booking_api.core.secrets import Vault
from booking_api.core.settings import Settings

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
