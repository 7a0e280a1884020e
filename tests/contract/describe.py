"""`python -m tests.contract.describe` makes what is made from the declarations of the capabilities.

The pages of events, of personal data, of settings and of the doctor's checks, the list and the layers in docs/architecture.md, and
the places in the import rules.
"""

import re
import tomllib
from importlib import import_module

import booking_api
from booking_api.capabilities import NAMES
from tests.contract import describe_checks, describe_events, describe_personal, describe_settings, import_rules

ARCHITECTURE = describe_events.PAGE.with_name("architecture.md")
LIST = re.compile(r"(?<=\| capability \| what it is about \|\n\|---\|---\|\n)(\|.*\n)+")
PICTURE = re.compile(r"(?<=^    )c0\[.*$", re.MULTILINE)


def with_list(page: str) -> str:
    """docs/architecture.md with the list as it is, each folder's first sentence, and with its layers in the picture."""
    rows = ""
    for name in NAMES:
        said = (import_module(f"{booking_api.__name__}.{name}").__doc__ or "").partition("\n\n")[0]
        rows += f"| `{name}` | {' '.join(said.split())} |\n"
    return PICTURE.sub(lambda _: _layers(), LIST.sub(lambda _: rows, page))


def _layers() -> str:
    rules = tomllib.loads(import_rules.RULES.read_text())["tool"]["importlinter"]["contracts"][0]["layers"]
    stacked = [[name for name in layer.split(" | ") if name in NAMES] for layer in rules]
    boxes = [f'c{at}["{" · ".join(layer)}"]' for at, layer in enumerate(filter(None, stacked))]
    return " --> ".join(boxes)


MADE = {
    import_rules.RULES: import_rules.with_capabilities,
    describe_events.PAGE: lambda _: describe_events.describe_events(),
    describe_checks.PAGE: lambda _: describe_checks.describe_checks(),
    describe_settings.PAGE: lambda _: describe_settings.describe_settings(),
    describe_personal.PAGE: lambda _: describe_personal.describe_personal(),
    ARCHITECTURE: with_list,
}
"""File → what it should be, from what it is."""

if __name__ == "__main__":
    for file, make in MADE.items():
        file.write_text(make(file.read_text() if file.exists() else ""))
