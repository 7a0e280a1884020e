"""`listen`: what happens, as a receiver of webhooks is told it."""

from typing import Annotated

import typer

from booking_api.core.console import Command, note, run, session
from booking_api.identity.console import OrgOption, choose_organisation


def listen(
    org: OrgOption = "",
    event: Annotated[
        list[str] | None, typer.Option("--event", help="Only this type of event; may be given several times.")
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="With the bookings, as webhooks with full payloads get them.")
    ] = False,
    forward_to: Annotated[
        str, typer.Option(help="Where each message is posted as well, signed: such as http://127.0.0.1:3000/hook.")
    ] = "",
    secret: Annotated[str, typer.Option(help="The secret to sign with, whsec_…. [default: a new one]")] = "",
) -> None:
    """Prints what happens from now on, a line of JSON each, until it is interrupted."""
    from contextlib import suppress

    from booking_api.core.clock import utc_now
    from booking_api.core.context import Caller, Context
    from booking_api.core.ids import new_id
    from booking_api.core.outbound.addresses import BadUrl, read_url
    from booking_api.core.outbound.client import Outbound
    from booking_api.core.process import StartFailed, check_secret
    from booking_api.identity import audit
    from booking_api.webhooks.operations.fanning_out import public_events
    from booking_api.webhooks.operations.listening import follow, forward
    from booking_api.webhooks.secrets import new_secret, read_secret, show_secret

    if unknown := sorted(set(event or []) - set(public_events())):
        raise StartFailed(f"There is no event {', '.join(unknown)}; there are {', '.join(sorted(public_events()))}.")
    try:
        key = read_secret(secret) if secret else new_secret()
        if forward_to:
            read_url(forward_to)
    except BadUrl as error:
        raise StartFailed(f"--forward-to: {error}") from None
    except ValueError:
        raise StartFailed("A secret is whsec_ and base64, as an answer of the API has it.") from None

    async def hear() -> None:
        async with session() as (db, settings):
            chosen, now, outbound = await choose_organisation(db, org), utc_now(), Outbound(settings)
            if full:
                # Whoever reads them sees what customers said.
                await audit.note_command(
                    db, chosen.org_id, "data.exported", "organisation", chosen.org_id, now, "listen"
                )
            ctx = Context(
                db=db, org=chosen, caller=Caller(kind="command", credential_id=new_id()), now=now, settings=settings,
                vault=check_secret(settings), caches={},
            )  # fmt: skip
            if forward_to:
                note(f"Messages are signed with {show_secret(key)}")
            note(f"Listening to {chosen.name}.")
            try:
                async for event_id, body in follow(ctx, event or sorted(public_events()), "full" if full else "thin"):
                    print(body.decode(), flush=True)
                    if forward_to:
                        note(f"{event_id}: {await forward(outbound, forward_to, key, event_id, body)}")
            finally:
                outbound.close()

    with suppress(KeyboardInterrupt):
        run(hear)


COMMANDS = [Command("listen", listen, 85)]
