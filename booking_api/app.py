"""The HTTP application: the only list of routers, the lifespan, the mapping of errors."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
from litestar import Litestar
from litestar.config.compression import CompressionConfig
from litestar.datastructures import State

from booking_api.core.context import Organisation
from booking_api.core.db import open_pool
from booking_api.core.http import answer_exception
from booking_api.core.log import configure_logging
from booking_api.core.middleware import observe
from booking_api.core.runtime import Runtime
from booking_api.core.secrets import Vault
from booking_api.core.settings import Settings, load_settings
from booking_api.identity import tokens
from booking_api.identity.authentication import authenticate
from booking_api.identity.schemas import Tokens

MAX_BODY_BYTES = 256 * 1024


def handlers() -> list[Any]:
    """Every operation of the API, capability by capability."""
    return []


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


def create_app(settings: Settings | None = None) -> Litestar:
    """The application. Its runtime opens with the lifespan, so that making it touches nothing."""
    settings = settings or load_settings()
    configure_logging(settings)

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        async with open_runtime(settings) as runtime:
            app.state.runtime = runtime
            yield

    app = Litestar(
        route_handlers=handlers(),
        guards=[authenticate],
        lifespan=[lifespan],
        state=State({"settings": settings}),
        exception_handlers={Exception: answer_exception},  # type: ignore[dict-item]
        openapi_config=None,
        logging_config=None,
        request_max_body_size=MAX_BODY_BYTES,
        compression_config=CompressionConfig(backend="brotli", brotli_gzip_fallback=True, minimum_size=600, brotli_quality=4),
    )
    # Outside of Litestar's routing, so that an unknown path too has a request id, a log line and its metrics.
    app.asgi_handler = observe(app.asgi_handler)
    return app
