"""How commands speak and reach the database: results on standard output, everything else on standard error.

Commands stand in `<capability>/commands.py` and import what they need when they run, so that `--help` answers at once.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, TypeVar

import typer

T = TypeVar("T")


class Command(NamedTuple):
    """A command of `booking-api`, or a group of them. `place` orders them for reading, groups below single ones."""

    name: str
    does: Callable[..., None] | typer.Typer
    place: int
    group: str = ""
    """Of which it is one, where somebody else brings that."""


def note(text: str) -> None:
    """A word to the person at the terminal."""
    print(text, file=sys.stderr)


def run(make: Callable[[], Awaitable[T]]) -> T:
    """Runs the coroutine of a command."""

    async def begin() -> T:
        return await make()

    return asyncio.run(begin())


@asynccontextmanager
async def transaction() -> AsyncIterator[tuple[Any, Any]]:
    """(connection, settings) for a command that writes: one transaction. Raises `StartFailed`."""
    async with session() as (db, settings), db.transaction():
        yield db, settings


@asynccontextmanager
async def session() -> AsyncIterator[tuple[Any, Any]]:
    """(connection, settings) for a command of several transactions. Raises `StartFailed`."""
    from booking_api.core.db import prepare_connection
    from booking_api.core.process import connect
    from booking_api.core.settings import load_settings

    settings = load_settings()
    db = await connect(settings, name="booking-api-cli")
    try:
        await prepare_connection(db)
        yield db, settings
    finally:
        await db.close()
