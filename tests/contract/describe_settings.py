"""docs/settings.md, from the settings themselves. `python -m tests.contract.describe` writes it."""

import ast
import inspect
from pathlib import Path

import msgspec

import booking_api
from booking_api.core.settings import Settings, variable_of

PAGE = Path(booking_api.__file__).parent.parent / "docs" / "settings.md"
HEAD = """\
# Settings

Each is an environment variable; options of a command come before it. `DATABASE_URL` and `BOOKING_SECRET_KEY` must be set,
everything else is as it stands here. What they are good for is told in [operations.md](operations.md). This page is made
from the code.

| variable | by default | what it is |
|---|---|---|
"""


def docstrings() -> dict[str, str]:
    """What stands below each field of the settings."""
    (body,) = ast.parse(inspect.getsource(Settings)).body
    assert isinstance(body, ast.ClassDef)
    found = {}
    for field, said in zip(body.body, body.body[1:], strict=False):
        match field, said:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = " ".join(text.split())
    return found


def _default(value: object) -> str:
    if value == "":
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def describe_settings() -> str:
    said = docstrings()
    return HEAD + "".join(
        f"| `{variable_of(field.name)}` | {_default(field.default)} | {said[field.name]} |\n".replace("|  |", "| |")
        for field in msgspec.structs.fields(Settings)
    )
