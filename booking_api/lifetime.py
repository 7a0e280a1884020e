"""What every process opens when it begins and closes when it ends."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

import httpx

from booking_api.core.context import Organisation
from booking_api.core.db import open_pool
from booking_api.core.runtime import Runtime
from booking_api.core.secrets import Vault
from booking_api.core.settings import Settings
from booking_api.identity import tokens
from booking_api.identity.schemas import Tokens


@asynccontextmanager
async def open_runtime(settings: Settings, *, name: str = "booking-api") -> AsyncIterator[Runtime]:
    """Opens what a process holds open, and closes it again. Used by the server, the worker and the tests."""
    vault = Vault(settings.secret_key)

    def mint(org: Organisation, customer_id: UUID, channel: str, now: datetime) -> Tokens:
        return tokens.mint(vault, settings, org, "customer", customer_id, now, channel=channel)

    pool = await open_pool(settings, name=name)
    threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="off-loop")
    try:
        async with httpx.AsyncClient(timeout=httpx.Timeout(10, connect=3)) as http:
            yield Runtime(settings=settings, pool=pool, vault=vault, http=http, threads=threads, mint=mint)
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        try:
            await asyncio.wait_for(pool.close(), timeout=5)
        except TimeoutError:
            pool.terminate()
