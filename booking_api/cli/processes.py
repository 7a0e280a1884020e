"""`demo`, `serve`, `worker`, `migrate`, `test-provider`, `import`: what runs."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from booking_api.cli.console import note, run


def register(app: typer.Typer) -> None:
    app.command("demo")(demo)
    app.command("serve")(serve)
    app.command("worker")(worker)
    app.command("migrate")(migrate)
    app.command("test-provider")(run_test_provider)


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
    from booking_api.upkeep.folding import fold_names

    settings = load_settings()

    async def check() -> None:
        await (await connect(settings, name="booking-api-migrate")).close()

    run(check)
    migrations.migrate(settings.database_url)

    async def fold() -> None:
        db = await connect(settings, name="booking-api-migrate")
        try:
            await prepare_connection(db)
            await fold_names(db)
        finally:
            await db.close()

    run(fold)
    note("The schema is up to date.")


def run_test_provider(
    port: Annotated[int, typer.Option(help="Port of the provider.")] = 8001,
    host: Annotated[str, typer.Option(help="Address of the provider.")] = "127.0.0.1",
    webhook_url: Annotated[str, typer.Option(help="Where it sends its webhooks.")] = "",
    books: Annotated[Path | None, typer.Option(help="File to remember charges in.")] = None,
) -> None:
    """Runs the payment provider `test`: a server that plays one, for the demo and for tests."""
    from booking_api.core.log import configure_logging
    from booking_api.core.process import end_with_supervisor
    from booking_api.core.settings import load_settings
    from booking_api.payments.test_provider.server import run as run_provider
    from booking_api.payments.webhooks import webhook_secrets
    from booking_api.run.starting import check_secret

    end_with_supervisor()
    settings = load_settings()
    configure_logging(settings)
    secret = settings.webhook_secret.encode() or webhook_secrets(settings, check_secret(settings))[0]
    run_provider(host, port, secret=secret, webhook_url=webhook_url or None, state_file=books)
    # The embedded server's own thread may still be winding down, and it aborts the process, trace and all, when the
    # interpreter goes away under it.
    os._exit(0)
