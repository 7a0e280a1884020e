"""The list of capabilities, from the lowest layer to the highest: each may use those before it and none after it.

A new capability is its folder, its name here, and its migration.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # The command line reads the list too, and `--help` needs nothing of these.
    from litestar.handlers import HTTPRouteHandler

    from booking_api.core.capability import Backfill, Capability, Scope, Tag
    from booking_api.core.checks import Check
    from booking_api.core.console import Command
    from booking_api.core.metrics import Metrics
    from booking_api.core.personal import Eraser
    from booking_api.core.queue.events import Fact
    from booking_api.core.sealing import Resealer
    from booking_api.core.work import Periodic, Relayed, Service, Subscriber

NAMES = (
    "identity",
    "catalog",
    "inventory",
    "availability",
    "feedback",
    "payments",
    "passes",
    "bookings",
    "checkin",
    "importing",
    "webhooks",
    "persons",
    "upkeep",
    "site",
)


@cache
def capabilities() -> tuple[Capability, ...]:
    return tuple(import_module(f"booking_api.{name}.capability").CAPABILITY for name in NAMES)


def all_routes() -> list[HTTPRouteHandler]:
    """Every operation of the API."""
    return [handler for one in capabilities() for handler in one.routes]


def all_tags() -> list[Tag]:
    """In reading order. Capabilities may share a tag; the first to declare it says what it is about."""
    return sorted((tag for one in capabilities() for tag in one.tags), key=lambda tag: tag.place)


def all_events() -> list[type[Fact]]:
    return [event for one in capabilities() for event in one.events]


def all_subscribers() -> dict[str, tuple[Subscriber, ...]]:
    """Event type → who is told."""
    found: dict[str, tuple[Subscriber, ...]] = {}
    for one in capabilities():
        for event, subscribers in one.subscribers.items():
            found[event.type] = (*found.get(event.type, ()), *subscribers)
    return found


def all_relayed() -> list[Relayed]:
    """What is made of events in the relay's transaction."""
    return [relayed for one in capabilities() for relayed in one.relayed]


def all_services() -> list[tuple[str, Service]]:
    """(name, what runs as long as the worker)."""
    return [(f"{one.name}.{service.__name__}", service) for one in capabilities() for service in one.services]  # type: ignore[attr-defined]


def all_resealers() -> list[Resealer]:
    return [resealer for one in capabilities() for resealer in one.resealers]


def all_schedules() -> list[tuple[str, float, Periodic]]:
    """(name, seconds between runs, job)."""
    return [
        (f"{one.name}.{job.__name__}", seconds, job)  # type: ignore[attr-defined]
        for one in capabilities()
        for seconds, job in one.schedules
    ]


def all_checks() -> Sequence[Check]:
    return [check for one in capabilities() for check in one.checks]


def all_metrics() -> list[Metrics[Any]]:
    return [metrics for one in capabilities() for metrics in one.metrics]


@cache
def all_scopes() -> tuple[Scope, ...]:
    """They stand in files of their own, because the lowest capability reads them while the others aren't made yet."""
    return tuple(scope for module in _modules("scopes") for scope in module.SCOPES)


def all_commands() -> list[Command]:
    """They stand in files of their own, so that the command line starts without loading what its commands do."""
    return [command for module in _modules("commands") for command in module.COMMANDS]


def _modules(name: str) -> list[Any]:
    """The file of this name of each capability that has one."""
    names = [f"booking_api.{capability}.{name}" for capability in NAMES]
    return [import_module(one) for one in names if find_spec(one) is not None]


def all_personal() -> dict[str, dict[str, str]]:
    """Table → column → what becomes of a person there. Partitions are as their table."""
    return {table: dict(columns) for one in capabilities() for table, columns in one.personal.items()}


def all_erasers() -> list[Eraser]:
    return [eraser for one in capabilities() for eraser in one.erasers]


def all_backfills() -> list[Backfill]:
    return [backfill for one in capabilities() for backfill in one.backfills]


def all_audited() -> dict[str, str | None]:
    """Act → the kind of thing that it is done to."""
    return {act: kind for one in capabilities() for act, kind in one.audited.items()}
