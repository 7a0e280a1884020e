"""Answers and rows of upkeep."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

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


class ZoneRow(msgspec.Struct, frozen=True):
    time_zone: str
    used_by: str


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


class CheckUp(msgspec.Struct, frozen=True):
    """The doctor's whole answer: what was looked at, and what of it isn't right."""

    checks: list[str]
    findings: list[Finding]
    notes: list[str] = []
    """What is as configured and good to know: nothing to mend."""


class LiveOrganisation(msgspec.Struct, frozen=True):
    org_id: UUID
    name: str
