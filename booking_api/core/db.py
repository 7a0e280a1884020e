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
    """A connection that is not reset when it goes back to the pool.

    Nothing here leaves session state behind (no `set`, no `listen`, no session locks on pooled connections), and
    the reset cost 7–27 % of a hold.
    """

    def get_reset_query(self) -> str:
        return ""


def encode_json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


async def prepare_connection(connection: Connection) -> None:
    for name in ("json", "jsonb"):
        await connection.set_type_codec(name, schema="pg_catalog", encoder=encode_json, decoder=msgspec.json.decode)


async def open_pool(settings: Settings, *, size: int | None = None, name: str = "booking-api") -> Pool:
    """Opens the pool. Raises `OSError` or `asyncpg.PostgresError` if the server can't be reached."""
    milliseconds = str(int(settings.statement_timeout_seconds * 1000))
    return await asyncpg.create_pool(
        settings.database_url,
        min_size=1,
        max_size=size or settings.pool_size,
        max_inactive_connection_lifetime=300,
        timeout=10,
        command_timeout=settings.statement_timeout_seconds + 2,
        connection_class=LeanConnection,
        init=prepare_connection,
        server_settings={
            "application_name": name,
            "statement_timeout": milliseconds,
            "lock_timeout": milliseconds,
            "idle_in_transaction_session_timeout": "15000",
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
