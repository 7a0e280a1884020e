"""The command line, `booking-api`: what runs and looks at an installation, and the commands of each capability.

Commands import what they need when they run, so that `--help` answers at once. What can't be done is said in one
sentence on standard error, with exit status 1.
"""

from typing import Annotated

import typer

from booking_api import __version__
from booking_api.capabilities import all_commands
from booking_api.cli import distribution, inspection, processes
from booking_api.cli.console import OneSentenceGroup
from booking_api.run.demo import commands as demo

app = typer.Typer(
    name="booking-api",
    cls=OneSentenceGroup,
    help="A mobile-first booking and self-service API: from search to the gate on a phone alone.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _say_version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_say_version, help="Print the version.")
    ] = False,
) -> None:
    """A mobile-first booking and self-service API: from search to the gate on a phone alone."""


commands = sorted(
    [*processes.COMMANDS, *inspection.COMMANDS, *distribution.COMMANDS, *demo.COMMANDS, *all_commands()],
    key=lambda command: command.place,
)
groups = {command.name: command.does for command in commands if isinstance(command.does, typer.Typer)}
for command in commands:
    if isinstance(command.does, typer.Typer):
        app.add_typer(command.does, name=command.name)
    else:
        (groups[command.group] if command.group else app).command(command.name)(command.does)
