"""The database: one pool a process, three verbs to run a literal statement.

The SQL stands in each capability's `queries.py` as a literal; `LiteralString` lets the type checker refuse a
statement that was glued together.
"""

from typing import Any, LiteralString, TypeVar

import asyncpg
import msgspec

from booking_api.core.db.connecting import SERVER_KEEPALIVE, TRANSACTION_TIMEOUT, LeanConnection, servers_of
from booking_api.core.db.rows import read_rows
from booking_api.core.settings import Settings

Connection = asyncpg.Connection
Pool = asyncpg.Pool
T = TypeVar("T")
MARGIN_SECONDS = 2.0
"""How much longer a client waits for a statement than the server lets it run."""


SILENT_MILLISECONDS = 5_000
"""How much longer than a statement a transaction may be left alone by its client."""


def is_lost(connection: asyncpg.pool.PoolConnectionProxy) -> bool:
    """Whether a pooled connection was cut or given up while it was in use."""
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:  # Given up, it has left the pool already.
        return True


def encode_json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


async def prepare_connection(connection: Connection) -> None:
    for name in ("json", "jsonb"):
        await connection.set_type_codec(name, schema="pg_catalog", encoder=encode_json, decoder=msgspec.json.decode)


def session_settings(
    name: str, statement_seconds: float, lock_seconds: float | None = None, *, long_work: bool = False
) -> dict[str, str]:
    """What every connection tells the server about itself: its name, and how long it may take or wait for anything.

    Transactions of `long_work` may have any number of statements, each of which may take its time.
    """
    milliseconds = int(statement_seconds * 1000)
    silent = str(milliseconds + SILENT_MILLISECONDS)
    return {
        "application_name": name,
        "statement_timeout": str(milliseconds),
        "lock_timeout": str(milliseconds if lock_seconds is None else int(lock_seconds * 1000)),
        # A transaction whose client went silent keeps its locks no longer than this.
        "idle_in_transaction_session_timeout": silent,
        # Between the preparation of a statement and its execution a silent client isn't "idle", and nothing else but
        # this ends what it has locked.
        **({} if long_work else {TRANSACTION_TIMEOUT: silent}),
        "timezone": "UTC",
        "jit": "off",
        # Each connection would plan a statement anew five times, and then compare: where a plan for any values is the
        # right one, which it is for all of ours, that is half of what a confirmation costs the server.
        "plan_cache_mode": "force_generic_plan",
        **SERVER_KEEPALIVE,
    }


async def open_pool(
    settings: Settings, *, size: int | None = None, name: str = "booking-api", statement_seconds: float | None = None
) -> Pool:
    """A pool, which connects when it is first asked: a process may start while the server is away for a moment.

    After a failover its connections are made anew, to whichever server of the database URL accepts writes then.
    With `statement_seconds` it is one for long work, whose transactions may take any number of such statements.
    """
    seconds = statement_seconds or settings.statement_timeout_seconds
    return await asyncpg.create_pool(
        settings.database_url,
        connect=servers_of(settings.database_url).connect,
        min_size=0,
        max_size=size or settings.pool_size,
        max_inactive_connection_lifetime=300,
        command_timeout=seconds + MARGIN_SECONDS,
        connection_class=LeanConnection,
        statement_cache_size=settings.statement_cache,
        init=prepare_connection,
        server_settings=session_settings(name, seconds, long_work=statement_seconds is not None),
    )


async def fetch_all(db: Connection, into: type[T], sql: LiteralString, *args: Any) -> list[T]:
    """All rows, each as a `into` Struct whose fields are the statement's columns."""
    return read_rows(await db.fetch(sql, *args), into)


async def fetch_one(db: Connection, into: type[T], sql: LiteralString, *args: Any) -> T | None:
    """The first row as a Struct, or None."""
    record = await db.fetchrow(sql, *args)
    return None if record is None else read_rows([record], into)[0]


async def fetch_value(db: Connection, sql: LiteralString, *args: Any) -> Any:
    """The first column of the first row, or None."""
    return await db.fetchval(sql, *args)


async def execute(db: Connection, sql: LiteralString, *args: Any) -> int:
    """Runs a statement; the number of rows it touched."""
    status = await db.execute(sql, *args)
    last = status.rsplit(" ", 1)[-1]
    return int(last) if last.isdigit() else 0
