"""What is told of many slots that were handed over at once."""

from typing import Annotated

import msgspec

from booking_api.core.errors import FieldError


class SlotProblem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line that was left out, and why. Its slot, where there is one, is as it was."""

    line: Annotated[int, msgspec.Meta(examples=[3])]
    """Counted from 1, blank lines included."""
    code: str | None = None
    """The slot's, as far as the line could be read."""
    errors: list[FieldError]
    """Each with a pointer into the line."""


class SlotsReport(msgspec.Struct, kw_only=True):
    """What became of the lines. Those that aren't in `problems` are carried out."""

    lines: int = 0
    """How many were read, without blank ones."""
    created: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0
    """How many were left out: each is in `problems`."""
    complete: bool = True
    """False where so many were refused, or so many sent, that the rest was left unread: all from the line after
    `last_line` on is to be sent again."""
    last_line: int = 0
    """The number of the last line that was read."""
    problems: list[SlotProblem] = msgspec.field(default_factory=list)
