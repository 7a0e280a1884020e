"""`doctor` and `health`: looking at an installation."""

from typing import Annotated

import typer

from booking_api.core.console import Command, run


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="The findings as JSON.")] = False,
) -> None:
    """Checks an installation and its data, and says what is wrong and how to mend it. Changes nothing."""
    import msgspec

    from booking_api.core.clock import utc_now
    from booking_api.core.settings import load_settings
    from booking_api.run.doctor import examine

    settings = load_settings()
    found = run(lambda: examine(settings, utc_now()))
    if as_json:
        print(msgspec.json.encode(found).decode())
    else:
        for check in found.checks:
            wrong = [finding for finding in found.findings if finding.check == check]
            print(f"{'ok  ' if not wrong else 'BAD '} {check}")
            for finding in wrong:
                print(f"     {finding.problem}")
                for example in finding.examples:
                    print(f"       - {example}")
                print(f"     → {finding.remedy}")
        for told in found.notes:
            print(f"note {told}")
    if found.findings:
        raise typer.Exit(1)


def health(
    port: Annotated[int | None, typer.Option(help="Port of the server or worker. [default: BOOKING_PORT]")] = None,
) -> None:
    """Asks the server or worker on this machine whether it is healthy: for a container's health check."""
    from http.client import HTTPConnection, HTTPException

    from booking_api.core.process import StartFailed
    from booking_api.core.settings import load_settings

    asked = port or load_settings().port
    try:
        connection = HTTPConnection("127.0.0.1", asked, timeout=4)
        connection.request("GET", "/healthz")
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        raise StartFailed(f"Nothing healthy answers on port {asked}: {error}.") from None
    if status != 200:
        raise StartFailed(f"What answers on port {asked} says {status}.")


COMMANDS = [Command("doctor", doctor, 60), Command("health", health, 70)]
