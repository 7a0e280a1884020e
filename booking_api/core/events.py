"""Events: facts that capabilities publish in their own transaction and others hear about later.

`publish` only inserts. The worker's relay (`booking_api.worker`) claims rows with `for update skip locked`, never by
an id watermark, because commits come out of order. Delivery is at least once.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from booking_api.core import queries
from booking_api.core.db import Connection, columns
from booking_api.core.ids import new_id


class Event(msgspec.Struct, frozen=True):
    """Something that happened to `subject_id`. `data` holds ids and facts, never contact details."""

    org_id: UUID
    type: str
    subject_id: UUID
    data: dict[str, Any]
    created_at: datetime


async def publish(db: Connection, events: Sequence[Event]) -> None:
    """Appends the events; they become visible when the caller's transaction commits."""
    if events:
        rows = [(e.org_id, new_id(), e.type, e.subject_id, e.data, e.created_at) for e in events]
        await queries.insert_events(db, columns(rows, 6))
