"""`bench`: figures of this very installation."""

import typer

bench = typer.Typer(help="Figures of this very installation.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(bench, name="bench")
