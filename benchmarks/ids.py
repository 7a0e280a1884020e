"""Ids that a number stands for, so that pgbench can name a row without looking it up: `scripts/*.sql` spell them alike."""

from typing import Literal
from uuid import UUID

IdKind = Literal["slot", "customer", "order", "booking", "item", "pass"]
KINDS: dict[IdKind, int] = {"slot": 1, "customer": 2, "order": 3, "booking": 4, "item": 5, "pass": 6}


def make_text(kind: IdKind, number: int) -> str:
    """A UUIDv7 of a moment long past, as text: new rows come after it in every index."""
    return f"01900000-{KINDS[kind]:04x}-7000-8000-{number:012x}"


def make_id(kind: IdKind, number: int) -> UUID:
    return UUID(make_text(kind, number))
