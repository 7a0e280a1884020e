"""Events: facts that capabilities publish in their own transaction and others hear about later.

`publish` only inserts. The worker's relay (`booking_api.worker`) claims rows with `for update skip locked`, never by
an id watermark, because commits come out of order. Delivery is at least once.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, Self
from uuid import UUID

import msgspec

from booking_api.core.db import Connection, columns, queries
from booking_api.core.db.queries import StoredEvent
from booking_api.core.ids import new_id


class Event(msgspec.Struct, frozen=True):
    """Something that happened to `subject_id`."""

    org_id: UUID
    type: str
    subject_id: UUID
    data: Any
    created_at: datetime


class Fact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What events of one type say: ids and facts, never contact details. Each is a subclass in its owner's `events.py`.

    What was stored before stays readable: a new field has a default, and what must mean something else is another type.
    """

    type: ClassVar[str]
    """`<thing>.<what happened to it>`."""
    about: ClassVar[str]
    """What the event's `subject_id` is."""

    def event(self, org_id: UUID, subject_id: UUID, now: datetime) -> Event:
        return Event(org_id, self.type, subject_id, self, now)

    @classmethod
    def of(cls, stored: StoredEvent) -> Self:
        """What a stored event says. Raises `msgspec.ValidationError` for one of another shape."""
        return msgspec.convert(stored.data, cls)


async def publish(db: Connection, events: Sequence[Event]) -> None:
    """Appends the events; they become visible when the caller's transaction commits."""
    if events:
        rows = [(e.org_id, new_id(), e.type, e.subject_id, e.data, e.created_at) for e in events]
        await queries.insert_events(db, columns(rows, 6))
