"""`person`: what is known of somebody, and erasing it."""

from typing import Annotated, Any

import typer

from booking_api.core.console import Command, run, transaction
from booking_api.identity.console import OrgOption, choose_organisation

person = typer.Typer(help="What is known of one person.", no_args_is_help=True)
Who = Annotated[str, typer.Argument(help="A customer's id, a mail address or a telephone number.")]


async def _act(verb: str, who: str, org: str) -> Any:
    """Reads the address as the API does, national numbers by the organisation's country."""
    from unicodedata import normalize
    from uuid import UUID

    from booking_api.core.clock import utc_now
    from booking_api.core.context import Caller, Context
    from booking_api.core.ids import new_id
    from booking_api.core.process import StartFailed, check_secret
    from booking_api.core.text.fields import Unfit, apply_rules
    from booking_api.persons import operations
    from booking_api.persons.schemas import Person

    async with transaction() as (db, settings):
        chosen = await choose_organisation(db, org)
        try:
            wanted = Person(customer_id=UUID(who.strip()))
        except ValueError:
            wanted = Person(email=who) if "@" in normalize("NFKC", who) else Person(phone=who)
        try:
            wanted = apply_rules(wanted, Person, chosen.phone_country)
        except Unfit as error:
            raise StartFailed(error.detail) from None
        ctx = Context(
            db=db, org=chosen, caller=Caller(kind="command", credential_id=new_id()),
            now=utc_now(), settings=settings, vault=check_secret(settings), caches={},
        )  # fmt: skip
        if verb == "export":
            return await operations.export(ctx, wanted)
        return (await operations.erase(ctx, wanted))[0]


@person.command("export")
def export_person(who: Who, org: OrgOption = "") -> None:
    """Prints what is known of somebody, as JSON."""
    import msgspec

    print(msgspec.json.format(msgspec.json.encode(run(lambda: _act("export", who, org)))).decode())


@person.command("erase")
def erase_person(who: Who, org: OrgOption = "") -> None:
    """Erases what is known of somebody who has no booking ahead. May be repeated."""
    import msgspec

    print(msgspec.json.encode(run(lambda: _act("erase", who, org))).decode())


COMMANDS = [Command("person", person, 160)]
