"""The list of capabilities, from the lowest layer to the highest: each may use those before it and none after it.

A new capability is its folder, its name here, and its migration.
"""

from collections.abc import Sequence
from functools import cache
from importlib import import_module

from booking_api.core.capability import Capability, Periodic, Subscriber, Tag
from booking_api.core.checks import Check
from booking_api.core.queue.events import Fact

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
    "persons",
    "upkeep",
    "site",
)


@cache
def capabilities() -> tuple[Capability, ...]:
    return tuple(import_module(f"booking_api.{name}.capability").CAPABILITY for name in NAMES)


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


def all_schedules() -> list[tuple[str, float, Periodic]]:
    """(name, seconds between runs, job)."""
    return [
        (f"{one.name}.{job.__name__}", seconds, job)  # type: ignore[attr-defined]
        for one in capabilities()
        for seconds, job in one.schedules
    ]


def all_checks() -> Sequence[Check]:
    return [check for one in capabilities() for check in one.checks]
