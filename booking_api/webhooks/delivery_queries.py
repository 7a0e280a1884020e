"""The SQL of deliveries: which there are, whose turn it is, what came of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec

from booking_api.core.db import Connection, execute, fetch_all, fetch_one
from booking_api.core.db.rows import columns_of
from booking_api.webhooks.delivery_schemas import DeliveryRow, NewDelivery

DELIVERY_COLUMNS: Final = """
  d.event_id, d.type, d.order_key, d.status, d.tries, d.due_at, d.created_at, d.tried_at, d.first_failed_at,
  d.delivered_at, d.answer_status, d.failure
"""


# making -----------------------------------------------------------------------------------------------------------


async def fan_out(db: Connection, org_id: UUID, events: Sequence[NewDelivery], now: datetime) -> int:
    """Makes a delivery of each event for each endpoint of the organisation that wants it and was there when it happened,
    paused ones included."""
    return await execute(
        db,
        """
        insert into webhook_delivery (org_id, endpoint_id, event_id, type, order_key, status, due_at, created_at)
        select $1, e.id, n.event_id, n.type, n.order_key, 'waiting', $6, n.created_at
        from unnest($2::uuid[], $3::text[], $4::uuid[], $5::timestamptz[]) as n (event_id, type, order_key, created_at)
        join webhook_endpoint e on e.org_id = $1 and e.status <> 'deleted' and e.created_at <= n.created_at
          and (e.events = '{}' or n.type = any(e.events))
        on conflict (org_id, endpoint_id, event_id) do nothing
        """,
        org_id,
        *columns_of(events, NewDelivery),
        now,
    )


async def send_again(
    db: Connection,
    org_id: UUID,
    endpoint_id: UUID,
    events: Sequence[NewDelivery],
    now: datetime,
    tried_before: datetime,
) -> int:
    """Makes deliveries of these events for one endpoint, or has them sent once more; but what may be under way."""
    return await execute(
        db,
        """
        insert into webhook_delivery (org_id, endpoint_id, event_id, type, order_key, status, due_at, created_at)
        select $1, $7, n.event_id, n.type, n.order_key, 'waiting', $6, n.created_at
        from unnest($2::uuid[], $3::text[], $4::uuid[], $5::timestamptz[]) as n (event_id, type, order_key, created_at)
        on conflict (org_id, endpoint_id, event_id) do update set status = 'waiting', tries = 0, due_at = excluded.due_at,
          first_failed_at = null, delivered_at = null, answer_status = null, failure = null
        where webhook_delivery.status <> 'waiting' or webhook_delivery.tried_at is null or webhook_delivery.tried_at < $8
        """,
        org_id,
        *columns_of(events, NewDelivery),
        now,
        endpoint_id,
        tried_before,
    )


# looking ----------------------------------------------------------------------------------------------------------


async def list_deliveries(
    db: Connection, org_id: UUID, endpoint_id: UUID, status: str | None, before: UUID | None, limit: int
) -> list[DeliveryRow]:
    return await fetch_all(
        db,
        DeliveryRow,
        f"""
        select {DELIVERY_COLUMNS} from webhook_delivery d
        where d.org_id = $1 and d.endpoint_id = $2 and ($3::text is null or d.status = $3)
          and ($4::uuid is null or d.event_id < $4)
        order by d.event_id desc limit $5
        """,
        org_id, endpoint_id, status, before, limit,
    )  # fmt: skip


async def find_delivery(db: Connection, org_id: UUID, endpoint_id: UUID, event_id: UUID) -> DeliveryRow | None:
    return await fetch_one(
        db,
        DeliveryRow,
        f"""
        select {DELIVERY_COLUMNS} from webhook_delivery d
        where d.org_id = $1 and d.endpoint_id = $2 and d.event_id = $3
        """,
        org_id,
        endpoint_id,
        event_id,
    )


class TroubledWebhooks(msgspec.Struct, frozen=True):
    """Its fields are metrics."""

    webhooks_paused: Annotated[int, msgspec.Meta(description="Webhooks that were paused because they failed.")]
    webhooks_failing: Annotated[int, msgspec.Meta(description="Webhooks that took nothing lately.")]


async def count_troubled(db: Connection) -> TroubledWebhooks:
    found = await fetch_one(
        db,
        TroubledWebhooks,
        """
        select count(*) filter (where status = 'paused' and paused_because <> 'asked')::int as webhooks_paused,
          count(*) filter (where status = 'active' and failing_since is not null)::int as webhooks_failing
        from webhook_endpoint
        """,
    )
    assert found is not None
    return found


async def delete_old_deliveries(db: Connection, org_id: UUID, endpoint_id: UUID, before: UUID, limit: int) -> int:
    """Deletes deliveries of older events, at most `limit` at a time."""
    return await execute(
        db,
        """
        with old as materialized (
          select event_id from webhook_delivery where org_id = $1 and endpoint_id = $2 and event_id < $3
          order by event_id limit $4 for update skip locked
        )
        delete from webhook_delivery d using old
        where d.org_id = $1 and d.endpoint_id = $2 and d.event_id = old.event_id
        """,
        org_id, endpoint_id, before, limit,
    )  # fmt: skip
