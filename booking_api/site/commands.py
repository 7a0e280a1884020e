"""`openapi`: the description of the API."""

from pathlib import Path
from typing import Annotated

import typer

from booking_api.core.console import Command, note


def openapi(
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write it to this file.")] = None,
    check: Annotated[Path | None, typer.Option("--check", help="Fail if this file is not the current one.")] = None,
) -> None:
    """Prints the OpenAPI document, or writes it, or checks that a file is current."""
    from booking_api.capabilities import all_routes
    from booking_api.core.process import StartFailed
    from booking_api.site import document

    if check is not None:
        if not check.exists() or check.read_bytes() != document.encode(document.document(all_routes())):
            raise StartFailed(f"{check} is not current; run `booking-api openapi --output {check}` and commit it.")
        note(f"{check} is current.")
    elif output is not None:
        changed = document.write(all_routes(), output)
        note(f"{output} was {'written' if changed else 'current already'}.")
    else:
        print(document.encode(document.document(all_routes())).decode(), end="")


COMMANDS = [Command("openapi", openapi, 90)]
