"""The SQL of whose turn it is, and of what came of a try."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from booking_api.core.db import Connection, execute, fetch_all
from booking_api.webhooks.delivery_queries import DELIVERY_COLUMNS
from booking_api.webhooks.delivery_schemas import DeliveryRow

LOOKED_AT: Final = 200
"""How many of those that are due are looked at to find whose turn it is; the others have theirs when these are parked."""

# whose turn it is -------------------------------------------------------------------------------------------------


class DueEndpoint(msgspec.Struct, frozen=True):
    org_id: UUID
    id: UUID
    failures: int


async def list_due_endpoints(db: Connection, now: datetime, but: Sequence[UUID], limit: int) -> list[DueEndpoint]:
    """Endpoints for which something is due, but not these; who has waited longest first."""
    return await fetch_all(
        db,
        DueEndpoint,
        """
        select e.org_id, e.id, e.failures
        from webhook_endpoint e
        cross join lateral (
          select d.due_at from webhook_delivery d
          where d.org_id = e.org_id and d.endpoint_id = e.id and d.status = 'waiting' and d.due_at <= $1
          order by d.due_at limit 1
        ) first
        where e.status = 'active' and (e.retry_at is null or e.retry_at <= $1) and not e.id = any($2::uuid[])
        order by first.due_at limit $3
        """,
        now,
        but,
        limit,
    )


async def claim_deliveries(
    db: Connection, org_id: UUID, endpoint_id: UUID, now: datetime, again_at: datetime, unseen_after: UUID, limit: int
) -> list[DeliveryRow]:
    """Takes up to `limit` deliveries whose turn it is, each the first that waits of its key. Should this process die,
    they are due again at `again_at`.

    Events come in the order of their ids. One whose own thing has an earlier event that no relay has reached yet waits
    for that: relays work side by side. `unseen_after` bounds how far back is looked.
    """
    return await fetch_all(
        db,
        DeliveryRow,
        f"""
        with looked_at as materialized (
          select d.event_id, d.order_key from webhook_delivery d
          where d.org_id = $1 and d.endpoint_id = $2 and d.status = 'waiting' and d.due_at <= $3
          order by d.due_at, d.event_id limit $7
        ), turns as materialized (
          select d.event_id from looked_at l
          join webhook_delivery d on d.org_id = $1 and d.endpoint_id = $2 and d.event_id = l.event_id
          where d.status = 'waiting' and d.due_at <= $3
            and not exists (
              select from webhook_delivery b
              where b.org_id = $1 and b.endpoint_id = $2 and b.status = 'waiting' and b.order_key = d.order_key
                and b.event_id < d.event_id
            )
            and not exists (
              select from event v
              where v.org_id = $1 and v.subject_id = d.order_key and v.id > $5 and v.id < d.event_id
                and v.relayed_at is null
            )
          order by d.due_at, d.event_id limit $6 for update of d skip locked
        )
        update webhook_delivery d set due_at = $4, tries = d.tries + 1, tried_at = $3
        from turns where d.org_id = $1 and d.endpoint_id = $2 and d.event_id = turns.event_id
        returning {DELIVERY_COLUMNS}
        """,
        org_id, endpoint_id, now, again_at, unseen_after, limit, LOOKED_AT,
    )  # fmt: skip


async def park_followers(db: Connection, org_id: UUID, endpoint_id: UUID, now: datetime) -> int:
    """Lets those that were looked at, but must wait for an earlier one of their key, wait as long as that does."""
    return await execute(
        db,
        """
        with looked_at as materialized (
          select d.event_id, d.order_key from webhook_delivery d
          where d.org_id = $1 and d.endpoint_id = $2 and d.status = 'waiting' and d.due_at <= $3
          order by d.due_at, d.event_id limit $4
        )
        update webhook_delivery d set due_at = h.due_at
        from looked_at l
        join webhook_delivery h on h.order_key = l.order_key and h.event_id < l.event_id
        where d.org_id = $1 and d.endpoint_id = $2 and d.event_id = l.event_id and d.status = 'waiting'
          and h.org_id = $1 and h.endpoint_id = $2 and h.status = 'waiting' and h.due_at > $3
          and not exists (
            select from webhook_delivery b
            where b.org_id = $1 and b.endpoint_id = $2 and b.status = 'waiting' and b.order_key = d.order_key
              and b.event_id < h.event_id
          )
        """,
        org_id,
        endpoint_id,
        now,
        LOOKED_AT,
    )


# what came of it --------------------------------------------------------------------------------------------------


async def note_delivered(
    db: Connection, org_id: UUID, endpoint_id: UUID, event_id: UUID, now: datetime, answer_status: int
) -> int:
    return await execute(
        db,
        """
        update webhook_delivery set status = 'delivered', delivered_at = $4, answer_status = $5, failure = null
        where org_id = $1 and endpoint_id = $2 and event_id = $3 and status = 'waiting'
        """,
        org_id, endpoint_id, event_id, now, answer_status,
    )  # fmt: skip


async def note_failed(
    db: Connection, org_id: UUID, endpoint_id: UUID, event_id: UUID, now: datetime, due_at: datetime | None,
    answer_status: int | None, failure: str,
) -> int:  # fmt: skip
    """Notes a try that failed; without `due_at` it was the last one."""
    return await execute(
        db,
        """
        update webhook_delivery set status = case when $5::timestamptz is null then 'failed' else status end,
          due_at = coalesce($5, due_at), first_failed_at = coalesce(first_failed_at, $4), answer_status = $6, failure = $7
        where org_id = $1 and endpoint_id = $2 and event_id = $3 and status = 'waiting'
        """,
        org_id, endpoint_id, event_id, now, due_at, answer_status, failure,
    )  # fmt: skip


async def release_followers(db: Connection, org_id: UUID, endpoint_id: UUID, order_key: UUID, now: datetime) -> int:
    """Lets what waited behind one that is done with have its turn."""
    return await execute(
        db,
        """
        update webhook_delivery set due_at = $4
        where org_id = $1 and endpoint_id = $2 and order_key = $3 and status = 'waiting' and due_at > $4
        """,
        org_id,
        endpoint_id,
        order_key,
        now,
    )


async def release_all(db: Connection, org_id: UUID, endpoint_id: UUID, now: datetime, tried_before: datetime) -> int:
    """Lets all that waits for an endpoint have its turn, as it takes things again; but what may be under way."""
    return await execute(
        db,
        """
        update webhook_delivery set due_at = $3
        where org_id = $1 and endpoint_id = $2 and status = 'waiting' and due_at > $3 and (tried_at is null or tried_at < $4)
        """,
        org_id,
        endpoint_id,
        now,
        tried_before,
    )
