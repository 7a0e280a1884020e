"""docs/events.md, from what the capabilities declare. `python -m tests.contract.describe` writes it."""

from pathlib import Path

from msgspec import NODEFAULT, structs

import booking_api
from booking_api.capabilities import capabilities
from booking_api.core.queue.events import Fact
from booking_api.site.json_schema import field_docstrings

PAGE = Path(booking_api.__file__).parent.parent / "docs" / "events.md"
HEAD = """\
# Events

What capabilities publish in the transaction in which it happens, and who is told of it, at least once. Each is a Struct
in its owner's `events.py`; data are ids and facts, never contact details. Those that are public are also sent to
[webhooks](webhooks.md). This page is made from the code.
"""


def describe_events() -> str:
    told: dict[str, list[str]] = {}
    for one in capabilities():
        for event, subscribers in one.subscribers.items():
            told.setdefault(event.type, []).extend(f"`{one.name}.{hears.__name__}`" for hears in subscribers)  # type: ignore[attr-defined]
    parts = [HEAD]
    for one in capabilities():
        if one.events:
            parts.append(f"## {one.name}\n")
            parts += [_describe(event, told.get(event.type, [])) for event in one.events]
    return "\n".join(parts)


def _describe(event: type[Fact], told: list[str]) -> str:
    notes = field_docstrings(event)
    lines = [f"### `{event.type}`", "", f"{event.__doc__} About: {event.about}.", ""]
    for field in structs.fields(event):
        optional = "" if field.default is NODEFAULT else "?"
        note = f": {notes[field.name]}" if field.name in notes else ""
        lines.append(f"- `{field.name}{optional}`{note}")
    to = [*told, *(["webhooks"] if event.is_public else [])]
    lines += ["", f"Told: {', '.join(to)}." if to else "Nobody is told yet.", ""]
    return "\n".join(lines)
