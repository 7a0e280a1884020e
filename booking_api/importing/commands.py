"""`booking-api import` and `export`: the commands that bring a catalogue in, and take it out."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any

import typer

from booking_api.core.console import Command, note, run, session
from booking_api.identity.console import OrgOption

import_app = typer.Typer(name="import", help="Brings in a catalogue or a timetable.", no_args_is_help=True)
LeftOutOption = Annotated[
    bool, typer.Option("--allow-left-out", help="Succeed (exit status 0) although some lines could not be imported.")
]
PROBLEMS_SHOWN = 50
LEFT_OUT_STATUS = 3
"""All the rest was imported: another status than that of a command that failed, for scripts that tell them apart."""
STATEMENT_SECONDS = 120.0
"""For a batch of thousands of rows, or the wait for another import. Far more than a request gets."""


def _bar() -> tuple[AbstractContextManager[Any], Callable[[int, int, str], None]]:
    """A progress bar on standard error, and the function that moves it."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    bar = Progress(
        TextColumn("Importing"), BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"), TimeElapsedColumn(),
        console=Console(stderr=True), transient=True,
    )  # fmt: skip
    task = bar.add_task("", total=None)

    def move(done: int, total: int, words: str) -> None:
        bar.update(task, completed=done, total=total or None, description=words)

    return bar, move


def _show(summary: Any) -> None:
    """What was done, on standard output; what went wrong, line by line, on standard error."""
    for problem in summary.problems[:PROBLEMS_SHOWN]:
        sys.stderr.write(f"{problem}\n")
    if summary.problem_count > PROBLEMS_SHOWN:
        sys.stderr.write(f"… and {summary.problem_count - PROBLEMS_SHOWN:,} more\n")
    for warning in summary.warnings:
        sys.stderr.write(f"warning: {warning}\n")
    for name, counts in (
        ("places", summary.places), ("seat layouts", summary.layouts), ("products", summary.products), ("slots", summary.slots),
    ):  # fmt: skip
        sys.stdout.write(
            f"{name:14} {counts.created:>9,} new {counts.changed:>9,} changed {counts.unchanged:>9,} the same\n"
        )
    if summary.first_date is not None:
        sys.stdout.write(f"{'dates':14} {summary.first_date} to {summary.last_date}\n")
    sys.stdout.write(f"{'lines':14} {summary.lines:>9,} read {summary.problem_count:>8,} left out\n")
    for assumed in summary.notes:
        sys.stdout.write(f"{assumed}\n")


async def _with_organisation(wanted: str, work: Callable[[Any, Any], Awaitable[Any]]) -> Any:
    """Opens the database for one import into one organisation. Raises `ImportFailed`."""
    from booking_api.core.db import open_pool
    from booking_api.core.settings import load_settings
    from booking_api.identity.queries import list_organisations
    from booking_api.importing.schemas import ImportFailed

    settings = load_settings()
    if not settings.database_url:
        raise ImportFailed("DATABASE_URL is not set; it says which database to import into.")
    pool = await open_pool(settings, size=2, name="booking-api-import", statement_seconds=STATEMENT_SECONDS)
    try:
        async with pool.acquire() as db:
            connection: Any = db
            every = await list_organisations(connection)
        fitting = [org for org in every if wanted in ("", str(org.org_id), org.name)]
        if len(fitting) != 1:
            names = ", ".join(f"{org.org_id} ({org.name})" for org in every) or "none yet"
            raise ImportFailed(f"Say by --org which organisation is meant; there are {names}.")
        return await work(pool, fitting[0])
    finally:
        await pool.close()


def run_import(wanted: str, work: Callable[[Any, Any, Any], Awaitable[Any]], *, allow_left_out: bool) -> None:
    """Imports and shows what was done; ends with another status than 0 where something was left out."""
    from booking_api.importing.schemas import ImportFailed

    bar, move = _bar()
    try:
        with bar:
            summary = asyncio.run(_with_organisation(wanted, lambda pool, org: work(pool, org, move)))
    except ImportFailed as error:
        sys.stderr.write(f"booking-api: {error}\n")
        raise typer.Exit(1) from None
    _show(summary)
    if summary.problem_count and not allow_left_out:
        lines = "1 line was" if summary.problem_count == 1 else f"{summary.problem_count:,} lines were"
        sys.stderr.write(
            f"booking-api: {lines} left out, all the others were imported; say --allow-left-out where that is meant.\n"
        )
        raise typer.Exit(LEFT_OUT_STATUS)


@import_app.command("catalogue")
def catalogue_command(
    path: Annotated[Path, typer.Argument(help="A .json file, or a folder of them with places.csv and slots.csv.")],
    org: OrgOption = "",
    allow_left_out: LeftOutOption = False,
) -> None:
    """Imports places, seat layouts, products and slots. Repeating it doubles nothing.

    What can't be imported is left out and said line by line, and the exit status is 3.
    """
    from booking_api.importing.operations import import_catalogue

    run_import(org, lambda pool, found, move: import_catalogue(pool, found, path, move), allow_left_out=allow_left_out)


export_app = typer.Typer(name="export", help="Takes a catalogue out.", no_args_is_help=True)


@export_app.command("catalogue")
def export_command(
    folder: Annotated[Path, typer.Argument(help="A folder, which is made if there is none.")], org: OrgOption = ""
) -> None:
    """Writes catalogue.json and slots.ndjson, which `import catalogue` reads back."""
    from booking_api.core.process import StartFailed

    async def export() -> None:
        from contextlib import asynccontextmanager

        from booking_api.core.clock import utc_now
        from booking_api.identity import audit
        from booking_api.identity.console import choose_organisation
        from booking_api.importing.exporting import export_catalogue, export_slots

        async with session() as (db, _):

            @asynccontextmanager
            async def opened() -> AsyncIterator[Any]:
                yield db

            chosen = await choose_organisation(db, org)
            await _write_file(folder / "catalogue.json", export_catalogue(opened, chosen))
            await _write_file(folder / "slots.ndjson", export_slots(opened, chosen.org_id))
            await audit.note_command(db, chosen.org_id, "catalogue.exported", None, None, utc_now())

    try:
        folder.mkdir(parents=True, exist_ok=True)
        run(export)
    except OSError as error:
        raise StartFailed(f"{folder} can't be written: {error.strerror}.") from None
    note(f"{folder / 'catalogue.json'} and {folder / 'slots.ndjson'} were written.")


async def _write_file(path: Path, content: AsyncIterator[bytes]) -> None:
    """Beside what is there first, so that nobody finds half a file under the name."""
    unfinished = path.with_name(f"{path.name}.unfinished")
    with unfinished.open("wb") as file:
        async for piece in content:
            file.write(piece)
    unfinished.replace(path)


COMMANDS = [Command("import", import_app, 110), Command("export", export_app, 115)]
