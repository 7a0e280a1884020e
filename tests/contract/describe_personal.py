"""docs/personal-data.md, from what the capabilities declare. `python -m tests.contract.describe` writes it."""

from pathlib import Path

import booking_api
from booking_api.capabilities import all_personal
from booking_api.core.personal import NOT

PAGE = Path(booking_api.__file__).parent.parent / "docs" / "personal-data.md"
HEAD = """\
# Personal data

For whoever answers for it: each column that could hold something about a person, and what becomes of it. Every other
column with a text, JSON or bytes is declared as not personal: codes, names of things, ids, digests. This page is made
from the code, and a test compares the code with the schema.

| table | columns | what becomes of it |
|---|---|---|
"""


def describe_personal() -> str:
    lines: list[str] = []
    for table, columns in sorted(all_personal().items()):
        by_fate: dict[str, list[str]] = {}
        for column, fate in columns.items():
            if fate != NOT:
                by_fate.setdefault(fate, []).append(f"`{column}`")
        lines += [f"| `{table}` | {', '.join(named)} | {fate} |" for fate, named in by_fate.items()]
    return HEAD + "\n".join(lines) + "\n"
