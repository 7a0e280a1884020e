"""`test-provider`: a payment provider to try things with."""

import os
from pathlib import Path
from typing import Annotated

import typer

from booking_api.core.console import Command


def run_test_provider(
    port: Annotated[int, typer.Option(help="Port of the provider.")] = 8001,
    host: Annotated[str, typer.Option(help="Address of the provider.")] = "127.0.0.1",
    webhook_url: Annotated[str, typer.Option(help="Where it sends its webhooks.")] = "",
    books: Annotated[Path | None, typer.Option(help="File to remember charges in.")] = None,
) -> None:
    """Runs the payment provider `test`: a server that plays one, for the demo and for tests."""
    from booking_api.core.log import configure_logging
    from booking_api.core.process import check_secret, end_with_supervisor
    from booking_api.core.settings import load_settings
    from booking_api.payments.test_provider.server import run as run_provider
    from booking_api.payments.webhooks import webhook_secrets

    end_with_supervisor()
    settings = load_settings()
    configure_logging(settings)
    secret = settings.webhook_secret.encode() or webhook_secrets(settings, check_secret(settings))[0]
    run_provider(host, port, secret=secret, webhook_url=webhook_url or None, state_file=books)
    # The embedded server's own thread may still be winding down, and it aborts the process, trace and all, when the
    # interpreter goes away under it.
    os._exit(0)


COMMANDS = [Command("test-provider", run_test_provider, 50)]
