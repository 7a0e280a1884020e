"""What was sent, and sending it again."""

from datetime import timedelta
from uuid import UUID

from booking_api.core.context import Context
from booking_api.core.db import event_queries
from booking_api.core.db.partitions import first_id
from booking_api.core.errors import NotFound, unprocessable
from booking_api.core.paging import read_cursor, write_cursor
from booking_api.identity import audit
from booking_api.webhooks import delivery_queries, queries
from booking_api.webhooks.delivery_schemas import (
    DeliveriesQuery,
    DeliveryRow,
    EventDelivery,
    EventDeliveryList,
    NewDelivery,
    Replay,
    ReplayBegun,
)
from booking_api.webhooks.operations.fanning_out import delivery_of, public_events
from booking_api.webhooks.rules import KEPT

MOST_REPLAYED = 5_000
"""Events of one request."""
LEASE = timedelta(seconds=45)
"""So long a delivery may be under way: what was tried later than this isn't sent again beside it."""


def delivery_answer(row: DeliveryRow) -> EventDelivery:
    return EventDelivery(
        id=row.event_id, type=row.type, order_key=row.order_key, status=row.status, tries=row.tries,
        created_at=row.created_at, due_at=row.due_at if row.status == "waiting" else None, tried_at=row.tried_at,
        delivered_at=row.delivered_at, answer_status=row.answer_status, failure=row.failure,
        available_actions=["replay"],
    )  # fmt: skip


async def list_deliveries(ctx: Context, endpoint_id: UUID, query: DeliveriesQuery) -> EventDeliveryList:
    """Raises `NotFound`."""
    await _require(ctx, endpoint_id)
    before = read_cursor(query.cursor, tuple[UUID])[0] if query.cursor else None
    rows = await delivery_queries.list_deliveries(
        ctx.db, ctx.org_id, endpoint_id, query.status, before, query.limit + 1
    )
    page = rows[: query.limit]
    return EventDeliveryList(
        items=[delivery_answer(row) for row in page],
        next_cursor=write_cursor(page[-1].event_id) if len(rows) > query.limit else None,
    )


async def show_delivery(ctx: Context, endpoint_id: UUID, event_id: UUID) -> EventDelivery:
    """Raises `NotFound`."""
    row = await delivery_queries.find_delivery(ctx.db, ctx.org_id, endpoint_id, event_id)
    if row is None:
        raise NotFound
    return delivery_answer(row)


async def replay_one(ctx: Context, endpoint_id: UUID, event_id: UUID) -> EventDelivery:
    """Has one event sent again. Raises `NotFound`."""
    await _require(ctx, endpoint_id)
    row = await delivery_queries.find_delivery(ctx.db, ctx.org_id, endpoint_id, event_id)
    if row is None:
        raise NotFound
    again = NewDelivery(event_id, row.type, row.order_key, row.created_at)
    await delivery_queries.send_again(ctx.db, ctx.org_id, endpoint_id, [again], ctx.now, ctx.now - LEASE)
    await audit.note(ctx, "webhook.replayed", "webhook", endpoint_id)
    return await show_delivery(ctx, endpoint_id, event_id)


async def replay(ctx: Context, endpoint_id: UUID, wish: Replay) -> ReplayBegun:
    """Has all events of a period sent that the endpoint wants, also those that it never was to hear.

    Raises `NotFound`, and `Unprocessable` for a period that isn't one or is longer ago than events are kept.
    """
    endpoint = await queries.find_endpoint(ctx.db, ctx.org_id, endpoint_id)
    if endpoint is None:
        raise NotFound
    until = min(wish.to or ctx.now, ctx.now)
    if wish.from_ >= until:
        raise unprocessable("/from", "This must be before `to` and before now.")
    if wish.from_ < ctx.now - KEPT:
        raise unprocessable("/from", f"Events are kept for {KEPT.days} days.")
    types = endpoint.events or sorted(public_events())
    after = read_cursor(wish.cursor, tuple[UUID], "/cursor")[0] if wish.cursor else first_id(wish.from_)
    found = await event_queries.list_events(
        ctx.db, ctx.org_id, types, after, first_id(until), MOST_REPLAYED + 1, relayed_only=True
    )
    page = [delivery_of(event) for event in found[:MOST_REPLAYED]]
    if page:
        await delivery_queries.send_again(ctx.db, ctx.org_id, endpoint_id, page, ctx.now, ctx.now - LEASE)
    await audit.note(ctx, "webhook.replayed", "webhook", endpoint_id)
    more = len(found) > MOST_REPLAYED
    return ReplayBegun(events=len(page), next_cursor=write_cursor(page[-1].event_id) if more else None)


async def _require(ctx: Context, endpoint_id: UUID) -> None:
    if await queries.find_endpoint(ctx.db, ctx.org_id, endpoint_id) is None:
        raise NotFound
