"""Requests, answers and rows of what is sent to webhooks."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from booking_api.core.paging import Cursor, Limit
from booking_api.core.text import fields


class NewDelivery(msgspec.Struct, frozen=True):
    """An event that some endpoints may want."""

    event_id: UUID
    type: str
    order_key: UUID
    created_at: datetime


class DeliveryRow(msgspec.Struct, frozen=True, kw_only=True):
    event_id: UUID
    type: str
    order_key: UUID
    status: str
    tries: int
    due_at: datetime
    created_at: datetime
    tried_at: datetime | None
    first_failed_at: datetime | None
    delivered_at: datetime | None
    answer_status: int | None
    failure: str | None


class EventDelivery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event for one endpoint, and what came of it."""

    id: Annotated[UUID, Meta(description="The event's id: `webhook-id` of every try.")]
    type: Annotated[str, Meta(examples=["booking.confirmed"])]
    order_key: Annotated[UUID, Meta(description="Events with the same key are sent one after the other.")]
    status: Annotated[str, Meta(description="x-extensible-enum: waiting, delivered, failed", examples=["delivered"])]
    tries: Annotated[int, Meta(ge=0, examples=[1])]
    created_at: Annotated[datetime, Meta(description="When it happened.")]
    due_at: Annotated[datetime, Meta(description="When it is tried next, while it waits.")] | None = None
    tried_at: Annotated[datetime, Meta(description="When it was tried last.")] | None = None
    delivered_at: Annotated[datetime, Meta(description="When the server took it.")] | None = None
    answer_status: Annotated[int, Meta(description="What the server said last.", examples=[200])] | None = None
    failure: (
        Annotated[
            str,
            Meta(
                description=(
                    "Why the last try failed. x-extensible-enum: answered, bad_url, unresolved, forbidden_address, "
                    "unconnected, untrusted, timed_out, too_large, broken, expired"
                ),
                examples=["timed_out"],
            ),
        ]
        | None
    ) = None
    available_actions: Annotated[list[str], Meta(description="x-extensible-enum: replay", examples=[["replay"]])]


class DeliveriesQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    status: Annotated[Literal["waiting", "delivered", "failed"], Meta(description="Only these.")] | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class EventDeliveryList(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Newest first."""

    items: list[EventDelivery]
    next_cursor: str | None = None


class Replay(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which events are to be sent again: all of a period that the endpoint wants, whether they arrived or not."""

    from_: Annotated[
        datetime, Meta(tz=True, description="Events of this moment or later.", examples=["2026-03-01T00:00:00Z"])
    ] = msgspec.field(name="from")
    to: (
        Annotated[datetime, Meta(tz=True, description="Events before this moment.", examples=["2026-03-02T00:00:00Z"])]
        | None
    ) = None
    cursor: Annotated[str, fields.token(400, description="`next_cursor` of the answer before.")] | None = None


class ReplayBegun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How many events are on their way again."""

    events: Annotated[int, Meta(ge=0, description="Of this request.", examples=[120])]
    next_cursor: Annotated[str, Meta(description="There are more: ask again, with this as `cursor`.")] | None = None


class WebhookMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of a webhook."""

    type: str
    timestamp: datetime
    order_key: UUID
    data: dict[str, Any]
    booking: Any = None
