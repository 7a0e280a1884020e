"""Nothing waits for ever: every connection of every process says how long its statements may take."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from booking_api import worker
from booking_api.core.db import open_pool, session_settings
from booking_api.core.errors import Overloaded
from booking_api.core.process import connect
from booking_api.core.settings import Settings
from booking_api.core.web.problems import to_domain_error
from booking_api.importing.commands import STATEMENT_SECONDS


@asynccontextmanager
async def of_pool(settings: Settings, **options: Any) -> AsyncIterator[Any]:
    async with await open_pool(settings, **options) as pool, pool.acquire() as db:
        yield db


@asynccontextmanager
async def of(connecting: Any) -> AsyncIterator[Any]:
    db = await connecting
    try:
        yield db
    finally:
        await db.close()


@pytest.mark.parametrize(
    ("who", "statement_seconds", "lock_seconds"),
    [
        ("server", 10, 10), ("import", STATEMENT_SECONDS, STATEMENT_SECONDS), ("relay", 10, 10), ("command", 60, 10),
    ],
)  # fmt: skip
async def test_every_connection_is_bounded(settings: Settings, who: str, statement_seconds: float, lock_seconds: float):
    opened = {
        "server": lambda: of_pool(settings),
        "import": lambda: of_pool(settings, statement_seconds=STATEMENT_SECONDS),
        "relay": lambda: of(worker.open_relay(settings)),
        "command": lambda: of(connect(settings, name="booking-api-cli")),
    }
    async with opened[who]() as db:
        names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
        found = [int(await db.fetchval("select setting from pg_settings where name = $1", name)) for name in names]
        assert found == [statement_seconds * 1000, lock_seconds * 1000, statement_seconds * 1000 + 5000]


async def test_a_statement_that_takes_too_long_is_ended_by_the_server(settings: Settings):
    async with of(connect(settings, name="test", statement_seconds=0.2)) as db:
        with pytest.raises(asyncpg.QueryCanceledError):
            await db.execute("select pg_sleep(60)")
        assert await db.fetchval("select 1") == 1


async def test_a_transaction_that_takes_too_long_is_ended_by_the_server(settings: Settings):
    """With its connection. Whoever is waiting for it is told to come again."""
    async with of(connect(settings, name="test")) as db:
        if db.get_server_version().major < 17:
            pytest.skip("PostgreSQL 17 was the first with transaction_timeout.")
        await db.execute("set transaction_timeout = '200ms'")
        with pytest.raises((asyncpg.TransactionTimeoutError, asyncpg.PostgresConnectionError)) as ended:
            await db.execute("select pg_sleep(30)")
        assert isinstance(to_domain_error(ended.value), Overloaded)


def test_imports_alone_may_take_their_time():
    assert session_settings("", 10)["transaction_timeout"] == "15000"
    assert "transaction_timeout" not in session_settings("", 10, long_work=True)


def test_a_session_names_itself():
    assert session_settings("booking-api-worker", 10)["application_name"] == "booking-api-worker"
