"""`distribute`: from one PostgreSQL to many, by organisation."""

from typing import Annotated

import typer

from booking_api.core.console import Command, note, run

LONGEST_STATEMENT_SECONDS = 86_400.0
"""Distributing a table copies its rows to the nodes."""


def distribute(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the statements and do nothing.")] = False,
    shards: Annotated[int, typer.Option(min=1, max=1024, help="Parts that each table is cut into.")] = 32,
) -> None:
    """Distributes a migrated database over the nodes of Citus by organisation. See docs/operations.md first.

    May be repeated, and finishes what an earlier run left undone. Stop servers and workers meanwhile.
    """
    from booking_api.core.process import connect
    from booking_api.core.settings import load_settings
    from booking_api.run.distribution import operations

    settings = load_settings()

    async def begin() -> None:
        db = await connect(settings, name="booking-api-distribute", statement_seconds=LONGEST_STATEMENT_SECONDS)
        try:
            if dry_run:
                print("\n".join(operations.as_sql(await operations.look(db), shards)))
            else:
                done = await operations.distribute(db, shards, lambda table: note(f"{table} is distributed."))
                note(f"{done} tables were distributed." if done else "Every table was distributed already.")
        finally:
            await db.close()

    run(begin)


COMMANDS = [Command("distribute", distribute, 100)]
