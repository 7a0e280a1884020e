"""How commands speak: results on standard output, everything else on standard error, failures in one sentence."""

import asyncio
import errno
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import typer
from typer.core import TyperGroup

T = TypeVar("T")


class OneSentenceGroup(TyperGroup):
    """Ends with status 1 and one sentence where a command can't do what it was asked."""

    program = "booking-api"

    def invoke(self, ctx: Any) -> Any:
        from booking_api.core.environment import forget_database_variables

        forget_database_variables()
        try:
            return super().invoke(ctx)
        except Exception as error:
            if (sentence := explain(error)) is None:
                raise
            print(f"{self.program}: {sentence}", file=sys.stderr)
            raise typer.Exit(1) from None


def explain(error: Exception) -> str | None:
    """What went wrong, for the person at the terminal; None for a defect, whose traceback is worth more."""
    import asyncpg
    import msgspec

    from booking_api.core.errors import DomainError
    from booking_api.core.process import StartFailed
    from booking_api.run.migrate import MigrationFailed

    match error:
        case StartFailed():
            return str(error)
        case MigrationFailed():
            return "The migration failed: " + " ".join(str(error).split())
        case DomainError():
            return error.detail
        case msgspec.ValidationError():
            return f"A setting is wrong: {error}."
        case asyncpg.UndefinedTableError():
            return "The database's schema is older than this program; run `booking-api migrate` first."
        case OSError(errno=errno.ENOSPC | errno.EDQUOT) | asyncpg.DiskFullError():
            return "The disk is full."
        case OSError() | asyncpg.PostgresError() | asyncpg.InterfaceError():
            return f"{type(error).__name__}: {' '.join(str(error).split())}"
        case _:
            return None


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


async def choose_organisation(db: Any, wanted: str) -> Any:
    """The organisation with this id or name, or the only one there is. Raises `StartFailed`."""
    from booking_api.core.process import StartFailed
    from booking_api.core.text.cleaning import clean_line
    from booking_api.identity import queries

    every = await queries.list_organisations(db)
    if not every:
        raise StartFailed("There is no organisation yet; make one with `booking-api org add`.")
    cleaned = clean_line(wanted)
    fitting = [org for org in every if not wanted or cleaned in {str(org.org_id), clean_line(org.name)}]
    if not fitting:
        raise StartFailed(f"There is no organisation {wanted!r}; there are {', '.join(sorted(o.name for o in every))}.")
    if len(fitting) > 1:
        choices = ", ".join(f"{org.org_id} ({org.name})" for org in fitting)
        raise StartFailed(f"Say by --org which organisation is meant: {choices}.")
    return fitting[0]
