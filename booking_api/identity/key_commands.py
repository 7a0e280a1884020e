"""`keys`: API keys and whom they are bound to; the keys that passes are signed with."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

import typer

from booking_api.core.console import note, run, transaction
from booking_api.identity.console import OrgOption, choose_organisation

keys = typer.Typer(help="API keys, and the keys that passes are signed with.", no_args_is_help=True)
NONE = "none"
MOST_LISTED = 1_000


def _line(row: Any) -> str:
    bound = [*row.allowed_origins, *row.allowed_apps]
    rate = f"{row.rate_limit_per_minute} a minute" if row.rate_limit_per_minute else ""
    state = "revoked" if row.revoked_at else ", ".join([*bound, *([rate] if rate else [])]) or "-"
    return f"{row.id}  {row.kind:11}  {row.channel:8}  …{row.hint}  {row.name}  {state}"


@keys.command("list")
def list_keys(org: OrgOption = "") -> None:
    """Lists the API keys, each with what it is bound to; never the keys themselves."""
    from booking_api.identity import queries

    async def read() -> list[Any]:
        async with transaction() as (db, _):
            return await queries.list_keys(db, (await choose_organisation(db, org)).org_id, None, MOST_LISTED)

    for row in run(read):
        print(_line(row))


@keys.command("set")
def set_key(
    key_id: Annotated[UUID, typer.Argument(help="As `keys list` shows it.")],
    origin: Annotated[
        list[str] | None,
        typer.Option(help="Pages of this origin may use it, such as https://shop.example; may be repeated. none: of every one."),
    ] = None,
    app: Annotated[
        list[str] | None,
        typer.Option(help="Apps that send this as App-Id may use it; may be repeated. none: every app."),
    ] = None,
    rate: Annotated[
        int | None, typer.Option(min=0, max=1_000_000, help="Requests a minute and process; 0: as the installation has it.")
    ] = None,
    org: OrgOption = "",
) -> None:  # fmt: skip
    """Binds a publishable key to pages or apps, or gives a key a rate of its own; what isn't named stays."""
    from booking_api.core.clock import utc_now
    from booking_api.core.process import StartFailed
    from booking_api.identity import administration, audit, queries

    if origin is None and app is None and rate is None:
        raise StartFailed("Say what to change; see `booking-api keys set --help`.")

    async def change() -> Any:
        async with transaction() as (db, _):
            org_id = (await choose_organisation(db, org)).org_id
            row = await queries.find_key(db, org_id, key_id)
            if row is None or row.revoked_at is not None:
                raise StartFailed("The organisation has no such key that isn't revoked; see `booking-api keys list`.")
            limits = administration.check_limits(
                row.kind,
                row.allowed_origins if origin is None else [one for one in origin if one != NONE],
                row.allowed_apps if app is None else [one for one in app if one != NONE],
                row.rate_limit_per_minute if rate is None else rate or None,
            )
            await queries.change_key(db, org_id, key_id, row.name, limits)
            await audit.note_command(db, org_id, "key.changed", "key", key_id, utc_now())
            return await queries.find_key(db, org_id, key_id)

    print(_line(run(change)))


@keys.command("rotate")
def rotate_keys(
    org: OrgOption = "",
    secret_lost: Annotated[
        bool, typer.Option("--secret-lost", help="Also where the key before can't be read with the configured secrets.")
    ] = False,
) -> None:
    """Signs passes with a new key from now on. Old keys verify until the last of their passes has ended."""
    from booking_api.core.clock import utc_now
    from booking_api.core.process import StartFailed, check_secret
    from booking_api.identity import audit, operations, resealing

    async def rotate() -> Any:
        async with transaction() as (db, settings):
            chosen = await choose_organisation(db, org)
            now, vault = utc_now(), check_secret(settings)
            if not secret_lost and chosen.org_id in (found := await resealing.unreadable_keys(db, vault)):
                # Made with a wrong secret, the new key would be one that the servers can't read.
                raise StartFailed(f"{resealing.sentence_of(found)} {resealing.REMEDY}")
            made = await operations.rotate_signing_key(db, vault, chosen.org_id, now)
            await audit.note_command(db, chosen.org_id, "signing_key.rotated", "signing_key", None, now)
            return made

    print(run(rotate).kid)
    note(f"Servers go on signing with the key before it for up to {timedelta(seconds=60).seconds} seconds.")
