"""`doctor`, `health`, `mailbox` and `openapi`: looking at an installation and at the description of its API."""

from pathlib import Path
from typing import Annotated

import typer

from booking_api.cli.console import note, run


def register(app: typer.Typer) -> None:
    app.command("doctor")(doctor)
    app.command("health")(health)
    app.command("mailbox")(mailbox)
    app.command("openapi")(openapi)


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


def mailbox(
    org: Annotated[str, typer.Option("--org", help="Its id or name; may be left out where there is only one.")] = "",
    newest: Annotated[int, typer.Option(min=1, max=1000, help="How many messages.")] = 20,
) -> None:
    """Prints the newest messages to people, codes included, that no channel delivers: see BOOKING_SMTP_URL."""
    from booking_api.cli.console import choose_organisation, transaction
    from booking_api.core.clock import utc_now
    from booking_api.identity import audit, session_queries

    async def read() -> list[session_queries.MailRow]:
        async with transaction() as (db, _):
            org_id = (await choose_organisation(db, org)).org_id
            # Whoever reads them could use the codes.
            await audit.note_command(db, org_id, "data.exported", "organisation", org_id, utc_now(), "mailbox")
            return await session_queries.list_mail(db, org_id, newest)

    for mail in run(read):
        print(f"{mail.created_at:%Y-%m-%d %H:%M:%S}Z  {mail.recipient}  {mail.subject}\n{mail.body}\n")


def openapi(
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write it to this file.")] = None,
    check: Annotated[Path | None, typer.Option("--check", help="Fail if this file is not the current one.")] = None,
) -> None:
    """Prints the OpenAPI document, or writes it, or checks that a file is current."""
    from booking_api.app import handlers
    from booking_api.core.process import StartFailed
    from booking_api.site import document

    if check is not None:
        if not check.exists() or check.read_bytes() != document.encode(document.document(handlers())):
            raise StartFailed(f"{check} is not current; run `booking-api openapi --output {check}` and commit it.")
        note(f"{check} is current.")
    elif output is not None:
        changed = document.write(handlers(), output)
        note(f"{output} was {'written' if changed else 'current already'}.")
    else:
        print(document.encode(document.document(handlers())).decode(), end="")
