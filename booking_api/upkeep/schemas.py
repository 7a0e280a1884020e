"""Answers and rows of upkeep."""

from datetime import datetime
from typing import Annotated

import msgspec


class Health(msgspec.Struct, frozen=True):
    """The process is up. It says nothing of the database; `/readyz` does."""

    status: Annotated[str, msgspec.Meta(description="x-extensible-enum: ok", examples=["ok"])]


class Readiness(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The process can answer requests. A missing worker is reported here but doesn't make it unready."""

    status: Annotated[str, msgspec.Meta(description="x-extensible-enum: ready", examples=["ready"])]
    workers: Annotated[
        int, msgspec.Meta(ge=0, description="Worker processes seen in the last 15 seconds.", examples=[1])
    ]
    oldest_waiting_event_at: Annotated[
        datetime | None, msgspec.Meta(description="When the oldest event that waits for a worker was published.")
    ] = None
    warnings: Annotated[
        list[str] | None,
        msgspec.Meta(description="What an operator should look at.", examples=[["No worker is running."]]),
    ] = None


class JobCounts(msgspec.Struct, frozen=True):
    queued: int
    running: int
    failed: int


class ServerFacts(msgspec.Struct, frozen=True):
    version: int
    """As `server_version_num`: 180001 is 18.1."""
    clock: datetime
