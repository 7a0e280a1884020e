"""What the doctor is told of an installation: each capability's checks, and what they found."""

import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from booking_api.core.db import Connection
from booking_api.core.secrets import Vault
from booking_api.core.settings import Settings

SHOWN = 5
"""How many examples of one mistake are shown."""
REPORT_IT = "This is a defect: nothing an operator does can cause it. Report it with these ids before mending the rows."


class Suspect(msgspec.Struct, frozen=True):
    """One thing that contradicts another, and how."""

    org_id: UUID
    subject: str
    found: str


class Finding(msgspec.Struct, frozen=True):
    """What the doctor found wrong, and how to mend it."""

    check: str
    problem: str
    remedy: str
    examples: list[str] = []


@dataclasses.dataclass(slots=True, frozen=True)
class Examined:
    """The installation that is looked at, by a connection that nothing else uses."""

    settings: Settings
    vault: Vault | None
    """None where the secret itself is refused."""
    db: Connection
    now: datetime


class Check(NamedTuple):
    """One check. It changes nothing, and yields what it found wrong."""

    name: str
    look: Callable[[Examined], AsyncIterator[Finding]]
    of_data: bool = False
    """Whether it asks if rows contradict each other, whatever the machine and the processes are like."""
    problem: str = ""
    """What it would find, where that is one sentence; else `look` says it in its docstring."""


def suspects(name: str, problem: str, remedy: str, query: Callable[[Examined, int], Awaitable[list[Suspect]]]) -> Check:
    """A check that is one statement: whatever it returns contradicts something, and the number of rows is bounded."""

    async def look(examined: Examined) -> AsyncIterator[Finding]:
        if found := await query(examined, SHOWN + 1):
            yield Finding(name, problem, remedy, shown(found))

    return Check(name, look, of_data=True, problem=problem)


def shown(found: list[Suspect]) -> list[str]:
    """The first few of them, in words."""
    words = [f"{one.subject} (organisation {one.org_id}): {one.found}" for one in found[:SHOWN]]
    return [*words, "and more"] if len(found) > SHOWN else words
