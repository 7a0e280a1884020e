"""What the tests of feedback share: prompts, bookings written directly, answers."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx

from booking_api.core.db import Connection
from booking_api.core.ids import new_code, new_id
from booking_api.feedback import operations
from booking_api.feedback.prompts import add_prompts
from booking_api.feedback.schemas import NewPrompt, PromptRow
from tests.world import Headers, World

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
QUESTION = {"en": "How was it?", "de": "Wie war es?"}


async def configure(world: World, *prompts: NewPrompt) -> list[PromptRow]:
    """Configures prompts as if another process had, then lets this one see them."""
    async with world.runtime.pool.acquire() as db:
        rows = await add_prompts(db, world.org.org_id, prompts, datetime.now(UTC))
        operations.forget_prompts(world.context(db))
    return rows


def prompt(step: Any = "confirmed", kind: Any = "csat", share: int = 100, pause: int = 30, **more: Any) -> NewPrompt:
    return NewPrompt(step=step, kind=kind, question=QUESTION, share_percent=share, pause_days=pause, **more)


async def add_booking(
    db: Connection,
    world: World,
    customer_id: UUID,
    product_id: UUID | None = None,
    *,
    visit_ends_at: datetime | None = None,
) -> UUID:
    """A confirmed booking, as far as feedback looks at it."""
    now, org_id, order_id, booking_id = datetime.now(UTC), world.org.org_id, new_id(), new_id()
    await db.execute(
        """
        insert into booking_order (org_id, id, customer_id, status, hold_limit_at, channel, created_at, updated_at)
        values ($1, $2, $3, 'confirmed', $4, 'web', $4, $4)
        """,
        org_id, order_id, customer_id, now,
    )  # fmt: skip
    await db.execute(
        """
        insert into booking (org_id, id, order_id, position, customer_id, reference, slot_id, product_id, product_version,
                             option_id, status, version, price, total, channel, visit_ends_at, created_at, updated_at, changed_xid)
        values ($1, $2, $3, 0, $4, $5, $6, $7, 1, $8, 'confirmed', 1, '{}', 0, 'web', $9, $10, $10, 0)
        """,
        org_id, booking_id, order_id, customer_id, new_code(8), world.tower_slots[0], product_id or world.tower.id,
        world.tower.options[0].id, visit_ends_at or now + timedelta(days=1), now,
    )  # fmt: skip
    return booking_id


async def ask(
    world: World, customer_id: UUID, now: datetime = NOON, *, step: str = "confirmed", booking_id: UUID | None = None,
    product_id: UUID | None = None, channel: str = "ios",
):  # fmt: skip
    """What is due, asked outside of any transaction, as a GET does."""
    async with world.runtime.pool.acquire() as db:
        return await operations.due_prompt(
            world.context(db, now=now), step, customer_id, booking_id, product_id, channel
        )


async def post(api: httpx.AsyncClient, headers: Headers, **body: Any) -> httpx.Response:
    body = {"step": "confirmed", "kind": "csat", "score": 5, **body}
    return await api.post(
        "/v1/feedback", json={k: str(v) if isinstance(v, UUID) else v for k, v in body.items()}, headers=headers
    )


async def count(world: World, table: str) -> int:
    async with world.runtime.pool.acquire() as db:
        return await db.fetchval(f"select count(*) from {table}")


async def low_events(world: World) -> list[Any]:
    async with world.runtime.pool.acquire() as db:
        return await db.fetch("select subject_id, data from event where type = 'feedback.low' order by created_at")
