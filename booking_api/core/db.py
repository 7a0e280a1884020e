"""The database: one pool a process, three verbs to run a literal statement.

The SQL stands in each capability's `queries.py` as a literal; `LiteralString` lets the type checker refuse a
statement that was glued together.
"""

from collections.abc import Sequence
from typing import Any, LiteralString, TypeVar

import asyncpg
import msgspec

from booking_api.core.settings import Settings

Connection = asyncpg.Connection
Pool = asyncpg.Pool
T = TypeVar("T")


class LeanConnection(asyncpg.Connection):
    """A connection that isn't reset when it goes back to the pool, and is given up when the server keeps silent.

    Nothing here leaves session state behind (no `set`, no `listen`, no session locks on pooled connections), and
    the reset cost 7–27 % of a hold.

    The server itself ends a statement that takes too long. Where not even that is heard, it is gone or out of reach:
    whatever else were said over this connection, a cancellation or a rollback, would be waited for in vain once more.
    """

    def get_reset_query(self) -> str:
        return ""

    async def execute(self, query: str, *args: Any, **options: Any) -> str:
        try:
            return await super().execute(query, *args, **options)
        except TimeoutError:
            self.terminate()
            raise

    async def fetch(self, query: str, *args: Any, **options: Any) -> Any:
        try:
            return await super().fetch(query, *args, **options)
        except TimeoutError:
            self.terminate()
            raise

    async def fetchrow(self, query: str, *args: Any, **options: Any) -> Any:
        try:
            return await super().fetchrow(query, *args, **options)
        except TimeoutError:
            self.terminate()
            raise

    async def fetchval(self, query: str, *args: Any, **options: Any) -> Any:
        try:
            return await super().fetchval(query, *args, **options)
        except TimeoutError:
            self.terminate()
            raise


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


def client_timeout_seconds(settings: Settings) -> float:
    """How long a statement is waited for: longer than the server itself lets it run."""
    return settings.statement_timeout_seconds + 2


async def open_pool(settings: Settings, *, size: int | None = None, name: str = "booking-api") -> Pool:
    """A pool, which connects when it is first asked: a process may start while the server is away for a moment."""
    milliseconds = str(int(settings.statement_timeout_seconds * 1000))
    return await asyncpg.create_pool(
        settings.database_url,
        min_size=0,
        max_size=size or settings.pool_size,
        max_inactive_connection_lifetime=300,
        timeout=10,
        command_timeout=client_timeout_seconds(settings),
        connection_class=LeanConnection,
        init=prepare_connection,
        server_settings={
            "application_name": name,
            "statement_timeout": milliseconds,
            "lock_timeout": milliseconds,
            # A transaction whose client went silent keeps its locks no longer than this.
            "idle_in_transaction_session_timeout": str(int(settings.statement_timeout_seconds * 1000) + 5000),
            "timezone": "UTC",
            "jit": "off",
        },
    )


async def fetch_all(db: Connection, into: type[T], sql: LiteralString, *args: Any) -> list[T]:
    """All rows, each as a `into` Struct whose fields are the statement's columns."""
    return msgspec.convert(await db.fetch(sql, *args), list[into])


async def fetch_one(db: Connection, into: type[T], sql: LiteralString, *args: Any) -> T | None:
    """The first row as a Struct, or None."""
    record = await db.fetchrow(sql, *args)
    return None if record is None else msgspec.convert(record, into)


async def fetch_value(db: Connection, sql: LiteralString, *args: Any) -> Any:
    """The first column of the first row, or None."""
    return await db.fetchval(sql, *args)


async def execute(db: Connection, sql: LiteralString, *args: Any) -> int:
    """Runs a statement; the number of rows it touched."""
    status = await db.execute(sql, *args)
    last = status.rsplit(" ", 1)[-1]
    return int(last) if last.isdigit() else 0


def columns(rows: Sequence[Sequence[Any]], count: int) -> list[list[Any]]:
    """Rows turned into the columns that `unnest($1::…[], …)` wants; `count` empty ones when there is no row."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(count)]
