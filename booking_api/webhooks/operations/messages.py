"""What is sent: made when it is sent, from the event and from what is known by then. So nothing of a person is stored
with a delivery, and whoever was erased meanwhile is in none."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec

from booking_api.bookings.operations.telling import bookings_to_tell
from booking_api.core.context import Context
from booking_api.core.db import event_queries
from booking_api.core.db.event_queries import StoredEvent
from booking_api.webhooks.delivery_schemas import WebhookMessage
from booking_api.webhooks.operations.fanning_out import public_events


async def messages_of(ctx: Context, event_ids: Sequence[UUID], payload: str) -> Mapping[UUID, bytes]:
    """The bodies of these events, of those that are still kept."""
    events = await event_queries.find_events(ctx.db, ctx.org_id, event_ids)
    about = {event.id: booking_id for event in events if (booking_id := _booking_of(event)) is not None}
    told = await bookings_to_tell(ctx, list(set(about.values()))) if payload == "full" and about else {}
    return {
        event.id: msgspec.json.encode(
            WebhookMessage(
                type=event.type, timestamp=event.created_at, order_key=order_key_of(event), data=event.data,
                booking=told.get(about[event.id]) if event.id in about else None,
            )
        )
        for event in events
    }  # fmt: skip


def order_key_of(event: StoredEvent) -> UUID:
    """Whose events come in order; a test is on its own."""
    fact = public_events().get(event.type)
    return event.id if fact is None else fact.order_key(event)


def _booking_of(event: StoredEvent) -> UUID | None:
    """The booking that an event is about, or whose money it is about."""
    fact = public_events().get(event.type)
    if fact is not None and fact.about == "booking":
        return event.subject_id
    named = event.data.get("booking_id")
    return None if named is None else UUID(named)
