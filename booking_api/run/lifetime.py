"""What every process opens when it begins and closes when it ends."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from uuid import UUID

from booking_api.core.context import Organisation
from booking_api.core.db import open_pool
from booking_api.core.outbound.client import Outbound
from booking_api.core.runtime import Runtime
from booking_api.core.secrets import Vault
from booking_api.core.settings import Settings
from booking_api.identity import audit, smtp, tokens
from booking_api.identity.session_schemas import Tokens


@asynccontextmanager
async def open_runtime(settings: Settings, *, name: str = "booking-api") -> AsyncIterator[Runtime]:
    """Opens what a process holds open, and closes it again. Used by the server, the worker and the tests."""
    vault = Vault(settings.secret_key, settings.previous_secret_keys)

    def mint(org: Organisation, customer_id: UUID, channel: str, now: datetime) -> Tokens:
        # A customer's first session has the customer's id, so that a repeat opens no other, and that it can be ended
        # although it has no row yet.
        return tokens.mint(vault, settings, org, "customer", customer_id, now, channel=channel, session_id=customer_id)

    pool = await open_pool(settings, name=name)
    threads, outbound = ThreadPoolExecutor(max_workers=2, thread_name_prefix="off-loop"), Outbound(settings)
    try:
        runtime = Runtime(settings=settings, pool=pool, vault=vault, outbound=outbound, threads=threads, mint=mint)
        try:
            yield runtime
        finally:
            with suppress(TimeoutError):
                await asyncio.wait_for(audit.write_counts(runtime), timeout=2)
            smtp.close(runtime)
    finally:
        outbound.close()
        threads.shutdown(wait=False, cancel_futures=True)
        try:
            await asyncio.wait_for(pool.close(), timeout=5)
        except TimeoutError:
            pool.terminate()
