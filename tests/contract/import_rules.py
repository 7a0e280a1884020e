"""The import rules, with a place for capabilities that are new in the list. `python -m tests.contract.describe` writes it.

Each gets a layer of its own, right above those before it in the list, and its files the layers of every capability's.
Who is to stand beside another one, so that neither may use the other, is put there by hand.
"""

import re
from pathlib import Path

import booking_api
from booking_api.capabilities import NAMES

RULES = Path(booking_api.__file__).parent.parent / "pyproject.toml"
OF_ITS_OWN = {"site"}
"""Whose files have other names than those of a capability."""


def with_capabilities(rules: str) -> str:
    """`pyproject.toml`, with whatever capability wasn't placed yet."""
    for before, name in zip(("capabilities", *NAMES), NAMES, strict=False):
        outer, inner = rules.split('name = "Inside of a capability"')
        if not re.search(rf'^  ".*\b{name}\b.*",$', outer, re.MULTILINE):
            outer = re.sub(rf'^(  ".*\b{before}\b.*",)$', rf'  "{name}",\n\1', outer, count=1, flags=re.MULTILINE)
        if name not in OF_ITS_OWN and f'"booking_api.{name}",' not in inner:
            inner = inner.replace("containers = [\n", f'containers = [\n  "booking_api.{name}",\n', 1)
        rules = f'{outer}name = "Inside of a capability"{inner}'
    return rules
