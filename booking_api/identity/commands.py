"""`org`, `staff` and `secret`: setting up an organisation; `mailbox`: what it would have sent."""

import json
from typing import Annotated, Any

import typer

from booking_api.core.console import Command, note, run, session, transaction
from booking_api.identity.console import OrgOption, choose_organisation
from booking_api.identity.key_commands import keys

org = typer.Typer(help="Organisations.", no_args_is_help=True)
staff = typer.Typer(help="Members of staff.", no_args_is_help=True)
secret = typer.Typer(help="The master secret, BOOKING_SECRET_KEY.", no_args_is_help=True)
ROLES = ("agent", "manager", "owner")


def show(values: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(values))
    else:
        width = max(len(name) for name in values)
        for name, value in values.items():
            print(f"{name:{width}}  {value}")


COUNTRY_HELP = "Whose phone numbers are national ones: an ISO 3166 code, such as DE. Default: by locale and time zone."
JsonOption = Annotated[bool, typer.Option("--json", help="One line of JSON instead of a table.")]


@org.command("add")
def add_organisation(
    name: Annotated[str, typer.Argument(help="As customers know it.")],
    time_zone: Annotated[str, typer.Option(help="IANA time zone, such as Europe/Berlin.")],
    currency: Annotated[str, typer.Option(help="ISO 4217 code, such as EUR.")],
    locale: Annotated[str, typer.Option(help="Language of texts that exist in no wanted one, such as en or de-AT.")],
    live: Annotated[
        bool, typer.Option("--live", help="A live organisation, with keys pk_live_… and sk_live_….")
    ] = False,
    country: Annotated[str | None, typer.Option(help=COUNTRY_HELP)] = None,
    as_json: JsonOption = False,
) -> None:
    """Makes an organisation and prints its keys, this once: the database keeps digests only."""
    from booking_api.core.clock import utc_now
    from booking_api.identity import audit, operations
    from booking_api.identity.schemas import NewKeys, NewOrganisation

    async def add() -> NewKeys:
        new = NewOrganisation(
            name=name, time_zone=time_zone, currency=currency, locale=locale, live=live, country=country
        )
        async with transaction() as (db, _):
            now = utc_now()
            made = await operations.add_organisation(db, new, now)
            await audit.note_command(db, made.org_id, "organisation.created", "organisation", made.org_id, now)
            return made

    made = run(add)
    show(
        {"organisation": str(made.org_id), "publishable_key": made.publishable_key, "secret_key": made.secret_key},
        as_json=as_json,
    )
    note("Keep the secret key safe: it can't be shown again.")


@org.command("set")
def set_organisation(
    country: Annotated[str | None, typer.Option(help=COUNTRY_HELP + " Empty: the default again.")] = None,
    retention_days: Annotated[
        int | None,
        typer.Option(
            min=0, max=3650, help="Contacts are erased so many days after a visit; 0: BOOKING_RETENTION_DAYS."
        ),
    ] = None,
    org: OrgOption = "",
    moved_later: Annotated[
        int | None, typer.Option(min=0, max=10_080, help="Minutes by which a slot may move later without a choice.")
    ] = None,
    moved_earlier: Annotated[
        int | None, typer.Option(min=0, max=10_080, help="Minutes by which it may move earlier without one.")
    ] = None,
) -> None:
    """Changes an organisation; what isn't named stays. Running servers know of it within seconds, the audit for good."""
    from booking_api.core.clock import utc_now
    from booking_api.core.process import StartFailed
    from booking_api.identity import audit, operations, queries

    if country is None and retention_days is None and moved_later is None and moved_earlier is None:
        raise StartFailed("Say what to change; see `booking-api org set --help`.")

    async def change() -> None:
        async with transaction() as (db, _):
            chosen, now = await choose_organisation(db, org), utc_now()
            changed = []
            if country is not None and (wanted := operations.check_country(country or None)) != chosen.country:
                await queries.set_country(db, chosen.org_id, wanted)
                changed.append("country")
            if retention_days is not None and await queries.change_retention(db, chosen.org_id, retention_days or None):
                changed.append("retention_days")
            if moved_later is not None or moved_earlier is not None:
                await queries.set_moves(db, chosen.org_id, moved_later, moved_earlier)
                changed.append("moves")
            for what in changed:
                await audit.note_command(
                    db, chosen.org_id, "organisation.changed", "organisation", chosen.org_id, now, what
                )

    run(change)


@staff.command("add")
def add_staff(
    name: str,
    email: str,
    role: Annotated[str, typer.Option(help="agent, manager or owner.")] = "agent",
    org: OrgOption = "",
    as_json: JsonOption = False,
) -> None:
    """Adds a member of staff and prints their tokens."""
    from booking_api.core.clock import utc_now
    from booking_api.core.process import StartFailed, check_secret
    from booking_api.identity import audit, operations
    from booking_api.identity.session_schemas import Tokens

    if role not in ROLES:
        raise StartFailed(f"{role!r} is not a role; those are {', '.join(ROLES)}.")

    async def add() -> tuple[Any, Tokens]:
        async with transaction() as (db, settings):
            chosen = await choose_organisation(db, org)
            now = utc_now()
            row = await operations.add_staff(db, chosen, name, email, role, now)  # type: ignore[arg-type]
            await audit.note_command(db, chosen.org_id, "staff.created", "staff", row.id, now, f"as_{role}")
            return row, operations.staff_tokens(check_secret(settings), settings, chosen, row, now)

    row, minted = run(add)
    show(
        {
            "id": str(row.id), "role": row.role, "access_token": minted.access_token,
            "access_token_expires_at": minted.access_token_expires_at.isoformat(), "refresh_token": minted.refresh_token,
        },
        as_json=as_json,
    )  # fmt: skip


@secret.command("rotate")
def rotate_secret(as_json: JsonOption = False) -> None:
    """Encrypts with BOOKING_SECRET_KEY what is stored under BOOKING_PREVIOUS_SECRET_KEYS, while everything runs.

    Every server and worker must know both secrets by then. May be interrupted and repeated.
    """
    from booking_api.core.clock import utc_now
    from booking_api.core.process import StartFailed, check_secret
    from booking_api.core.settings import load_settings
    from booking_api.identity import queries, resealing

    vault = check_secret(load_settings())

    async def rotate() -> list[Any]:
        done = []
        async with session() as (db, _):
            for chosen in await queries.list_organisations(db):
                async with db.transaction():
                    done.append((chosen, await resealing.reseal_all(db, vault, chosen.org_id, utc_now())))
        return done

    done = run(rotate)
    unreadable = [str(chosen.org_id) for chosen, one in done if one.unreadable]
    counts = {"re-encrypted": sum(one.resealed for _, one in done), "current": sum(one.current for _, one in done)}
    show({**counts, "unreadable": sum(len(one.unreadable) for _, one in done)}, as_json=as_json)
    if unreadable:
        raise StartFailed(
            f"Keys of {', '.join(unreadable[:5])} can't be read with any configured secret; see `doctor`."
        )
    days = load_settings().refresh_token_days
    note(
        f"Leave the secret before it in BOOKING_PREVIOUS_SECRET_KEYS for {days} days: so long apps come back with what "
        "it signed. Taken out earlier, their customers recover their bookings by a code."
    )


def mailbox(
    org: OrgOption = "",
    newest: Annotated[int, typer.Option(min=1, max=1000, help="How many messages.")] = 20,
) -> None:
    """Prints the newest messages to people, codes included, that no channel delivers: see BOOKING_SMTP_URL."""
    from booking_api.core.clock import utc_now
    from booking_api.identity import audit, contact_queries

    async def read() -> list[contact_queries.MailRow]:
        async with transaction() as (db, _):
            org_id = (await choose_organisation(db, org)).org_id
            # Whoever reads them could use the codes.
            await audit.note_command(db, org_id, "data.exported", "organisation", org_id, utc_now(), "mailbox")
            return await contact_queries.list_mail(db, org_id, newest)

    for mail in run(read):
        print(f"{mail.created_at:%Y-%m-%d %H:%M:%S}Z  {mail.recipient}  {mail.subject}\n{mail.body}\n")


COMMANDS = [
    Command("mailbox", mailbox, 80),
    Command("org", org, 120),
    Command("staff", staff, 130),
    Command("keys", keys, 140),
    Command("secret", secret, 150),
]
