"""Events: facts that capabilities publish in their own transaction, and to which others subscribe.

`publish` only inserts. The worker's relay (`booking_api.worker`) claims rows with `for update skip locked`, never by
an id watermark, because commits come out of order. Delivery is at least once.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Self
from uuid import UUID

import msgspec

from booking_api.core.db import Connection, event_queries
from booking_api.core.db.event_queries import Event, StoredEvent


class Fact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What events of one type say: ids and facts, never contact details. Each is a subclass in its owner's `events.py`.

    What was stored before stays readable: a new field has a default, and what must mean something else is another type.
    """

    type: ClassVar[str]
    """`<thing>.<what happened to it>`."""
    about: ClassVar[str]
    """What the event's `subject_id` is."""
    is_public: ClassVar[bool] = False
    """Whether an organisation's own systems may be told: then it holds nothing that is secret or personal."""
    ordered_by: ClassVar[tuple[str, ...]] = ()
    """The fields of which the first that is given says whose events come in order; without them, the subject's do."""

    def event(self, org_id: UUID, subject_id: UUID, now: datetime) -> Event:
        return Event(org_id, self.type, subject_id, self, now)

    @classmethod
    def order_key(cls, stored: StoredEvent) -> UUID:
        """Events with the same key are told one after the other, in the order in which they happened."""
        given = next((value for name in cls.ordered_by if (value := stored.data.get(name)) is not None), None)
        return stored.subject_id if given is None else UUID(given)

    @classmethod
    def of(cls, stored: StoredEvent) -> Self:
        """What a stored event says. Raises `msgspec.ValidationError` for one of another shape."""
        return msgspec.convert(stored.data, cls)


async def publish(db: Connection, events: Sequence[Event]) -> None:
    """Appends the events; they become visible when the caller's transaction commits."""
    if events:
        await event_queries.insert_events(db, events)
