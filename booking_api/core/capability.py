"""What a capability declares of itself: whatever the process, its documents and its command line are made of.

The list of capabilities is `booking_api.capabilities`; nothing else knows who is in it.
"""

import dataclasses
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from litestar.handlers import HTTPRouteHandler

from booking_api.core.checks import Check
from booking_api.core.context import Role
from booking_api.core.db import Connection
from booking_api.core.metrics import Metrics
from booking_api.core.personal import Eraser
from booking_api.core.queue.events import Fact
from booking_api.core.sealing import Resealer
from booking_api.core.work import Periodic, Relayed, Service, Subscriber

Backfill = Callable[[Connection, UUID], Awaitable[int]]
"""(connection, organisation): fills in what a migration in SQL had to leave empty, in transactions of its own that may
end anywhere; how much that was. It is called again until that is nothing."""


class Tag(NamedTuple):
    """A group of operations in the description, with what it is about. `place` orders them for reading."""

    name: str
    about: str
    place: int


class Scope(NamedTuple):
    """What a secret key may be allowed, declared in `<capability>/scopes.py`."""

    name: str
    role: Role
    """The least role of staff that may the same."""
    publishable: bool = False
    """Whether apps may it too, with a publishable key."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Capability:
    """A folder of `booking_api` with its name.

    Two more declarations stand in files of their own, because they are read where nothing of the rest is loaded: the
    scopes of keys in `scopes.py`, and commands in `commands.py`.
    """

    name: str
    tags: Sequence[Tag] = ()
    routes: Sequence[HTTPRouteHandler] = ()
    events: Sequence[type[Fact]] = ()
    """Which ones it publishes."""
    subscribers: Mapping[type[Fact], Sequence[Subscriber]] = dataclasses.field(default_factory=dict)
    """What it does about events, its own and those of capabilities below."""
    relayed: Sequence[Relayed] = ()
    """What it makes of all events, where a job for each would be too many."""
    services: Sequence[Service] = ()
    """What it does all the time, in each worker."""
    schedules: Sequence[tuple[float, Periodic]] = ()
    """Seconds between two runs, and the job."""
    checks: Sequence[Check] = ()
    """What the doctor asks about it."""
    metrics: Sequence[Metrics[Any]] = ()
    """What Prometheus is told of it."""
    personal: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)
    """Table → column → what becomes of a person there, in the words of `core.personal`: every column of its tables that
    could hold text."""
    erasers: Sequence[Eraser] = ()
    """What is done, besides, when somebody asks to be erased."""
    resealers: Sequence[Resealer] = ()
    """What encrypts anew what it keeps sealed, when the master secret changes."""
    backfills: Sequence[Backfill] = ()
    """The step of an upgrade that SQL can't do."""
    audited: Mapping[str, str | None] = dataclasses.field(default_factory=dict)
    """Each act that it leaves in the audit, and the kind of thing that it is done to."""
