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


class Relaying(msgspec.Struct, frozen=True):
    """Who works, and how long what happened has waited for it. Its fields are metrics."""

    workers: Annotated[int, msgspec.Meta(description="Worker processes seen in the last 15 seconds.")]
    oldest_waiting_event_seconds: Annotated[
        float, msgspec.Meta(description="Age of the oldest event that no worker has relayed.")
    ]


class JobCounts(msgspec.Struct, frozen=True):
    """Its fields are metrics."""

    jobs_queued: Annotated[int, msgspec.Meta(description="Jobs that wait.")]
    jobs_running: Annotated[int, msgspec.Meta(description="Jobs under way.")]
    jobs_failed: Annotated[int, msgspec.Meta(description="Jobs that were given up and wait for a person.")]


class ServerFacts(msgspec.Struct, frozen=True):
    version: int
    """As `server_version_num`: 180001 is 18.1."""
    clock: datetime
