"""How commands are told of which organisation they are."""

from typing import Annotated, Any

import typer

OrgOption = Annotated[str, typer.Option("--org", help="Its id or name; may be left out where there is only one.")]


async def choose_organisation(db: Any, wanted: str) -> Any:
    """The organisation with this id or name, or the only one there is. Raises `StartFailed`."""
    from booking_api.core.process import StartFailed
    from booking_api.core.text.cleaning import clean_line
    from booking_api.identity import queries

    every = await queries.list_organisations(db)
    if not every:
        raise StartFailed("There is no organisation yet; make one with `booking-api org add`.")
    cleaned = clean_line(wanted)
    fitting = [org for org in every if not wanted or cleaned in {str(org.org_id), clean_line(org.name)}]
    if not fitting:
        raise StartFailed(f"There is no organisation {wanted!r}; there are {', '.join(sorted(o.name for o in every))}.")
    if len(fitting) > 1:
        choices = ", ".join(f"{org.org_id} ({org.name})" for org in fitting)
        raise StartFailed(f"Say by --org which organisation is meant: {choices}.")
    return fitting[0]
