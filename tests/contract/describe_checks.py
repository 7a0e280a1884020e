"""docs/checks.md, from what the capabilities declare. `python -m tests.contract.describe` writes it."""

from pathlib import Path

import booking_api
from booking_api.capabilities import capabilities

PAGE = Path(booking_api.__file__).parent.parent / "docs" / "checks.md"
HEAD = """\
# What the doctor asks

`booking-api doctor` looks at the installation itself ([operations.md](operations.md)), and then asks what each capability
declares. It changes nothing, and says how to mend what it finds. This page is made from the code.

| check | by | it asks, or would find |
|---|---|---|
"""


def describe_checks() -> str:
    lines: list[str] = []
    for one in capabilities():
        for check in one.checks:
            said = check.problem or (check.look.__doc__ or "").partition("\n\n")[0]
            lines.append(f"| `{check.name}` | `{one.name}` | {' '.join(said.split())} |")
    return HEAD + "\n".join(lines) + "\n"
