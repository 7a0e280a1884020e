"""The command line, `booking-api`: one module for each group of commands.

Commands import what they need when they run, so that `--help` answers at once. What can't be done is said in one
sentence on standard error, with exit status 1.
"""

import typer

from booking_api.cli import distribution, inspection, organisations, persons, processes
from booking_api.cli.console import OneSentenceGroup
from booking_api.cli.imports import import_app

app = typer.Typer(
    name="booking-api",
    cls=OneSentenceGroup,
    help="A mobile-first booking and self-service API: from search to the gate on a phone alone.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
processes.register(app)
app.add_typer(import_app)
organisations.register(app)
persons.register(app)
inspection.register(app)
distribution.register(app)
