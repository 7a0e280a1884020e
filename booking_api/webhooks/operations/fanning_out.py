"""From events to deliveries, in the relay's own transaction."""

from collections.abc import Mapping, Sequence
from functools import cache
from uuid import UUID

from booking_api.capabilities import all_events
from booking_api.core.clock import utc_now
from booking_api.core.db import Connection
from booking_api.core.db.event_queries import StoredEvent
from booking_api.core.queue.events import Fact
from booking_api.webhooks import delivery_queries, queries
from booking_api.webhooks.delivery_schemas import NewDelivery


@cache
def public_events() -> Mapping[str, type[Fact]]:
    """The types of events that others may be told of."""
    return {event.type: event for event in all_events() if event.is_public}


def delivery_of(event: StoredEvent) -> NewDelivery:
    fact = public_events()[event.type]
    return NewDelivery(event.id, event.type, fact.order_key(event), event.created_at)


async def fan_out(db: Connection, events: Mapping[UUID, Sequence[StoredEvent]]) -> None:
    """Makes the deliveries of these events: one statement for each organisation that has endpoints, however many."""
    if not events:
        return
    for listening in await queries.list_listening(db, list(events)):
        wanted = [delivery_of(event) for event in events[listening.org_id] if event.type in public_events()]
        if wanted:
            await delivery_queries.fan_out(db, listening.org_id, wanted, utc_now())
