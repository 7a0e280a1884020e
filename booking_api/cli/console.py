"""How commands fail: in one sentence."""

import errno
import sys
from typing import Any

import typer
from typer.core import TyperGroup


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
