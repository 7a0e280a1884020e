"""`demo`, `serve`, `worker`, `migrate`: what runs."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from booking_api.core.console import Command, note, run


def _without_rich() -> None:
    """Keeps structlog from loading Rich, which it does wherever that is installed.

    Only what draws at a terminal needs it, and for a process that serves it is four megabytes and a tenth of its start.
    """
    sys.modules.setdefault("rich", None)  # type: ignore[arg-type]


def demo(
    port: Annotated[int | None, typer.Option(help="Port of the API; 0 takes a free one. [default: 8000]")] = None,
    host: Annotated[str | None, typer.Option(help="Address of the API. [default: 127.0.0.1]")] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where its data is kept. [default: your user data folder]")
    ] = None,
    ephemeral: Annotated[bool, typer.Option("--ephemeral", help="Keep nothing.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One line of JSON on standard output once it is ready.")
    ] = False,
) -> None:
    """Runs everything on this machine: PostgreSQL, the server, the worker, a payment provider, and data to try.

    With DATABASE_URL set it uses that server instead of its own PostgreSQL.
    """
    from booking_api.run.demo.flow import DemoOptions, run_demo

    overrides: dict[str, Any] = {key: value for key, value in (("port", port), ("host", host)) if value is not None}
    run_demo(DemoOptions(overrides=overrides, data_dir=data_dir, ephemeral=ephemeral, as_json=as_json))


def serve(
    port: Annotated[int | None, typer.Option(help="Instead of BOOKING_PORT. [default: 8000]")] = None,
    host: Annotated[str | None, typer.Option(help="Instead of BOOKING_HOST. [default: 127.0.0.1]")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes, instead of BOOKING_WORKERS. [default: 1]")] = None,
) -> None:
    """Serves the API until it is told to stop, and then finishes the running requests."""
    _without_rich()
    from booking_api.core.process import end_with_supervisor
    from booking_api.core.settings import load_settings
    from booking_api.run import serving

    end_with_supervisor()
    given = {"port": port, "host": host, "workers": workers}
    serving.serve(load_settings(**{name: value for name, value in given.items() if value is not None}))


def worker() -> None:
    """Runs jobs: relays events, expires holds, reconciles payments, deletes what is old."""
    _without_rich()
    from booking_api import worker as worker_process
    from booking_api.core.process import end_with_supervisor
    from booking_api.core.settings import load_settings

    end_with_supervisor()
    settings = load_settings()
    run(lambda: worker_process.run(settings))


def migrate() -> None:
    """Brings the database's schema up to date, and what is in it. May be repeated, and run by several at once."""
    from booking_api.core.db import prepare_connection
    from booking_api.core.process import connect
    from booking_api.core.settings import load_settings
    from booking_api.run import migrate as migrations

    settings = load_settings()

    async def check() -> None:
        await (await connect(settings, name="booking-api-migrate")).close()

    run(check)
    migrations.migrate(settings.database_url)

    async def fill() -> None:
        db = await connect(settings, name="booking-api-migrate")
        try:
            await prepare_connection(db)
            await migrations.fill(db)
        finally:
            await db.close()

    run(fill)
    note("The schema is up to date.")


COMMANDS = [
    Command("demo", demo, 10),
    Command("serve", serve, 20),
    Command("worker", worker, 30),
    Command("migrate", migrate, 40),
]
