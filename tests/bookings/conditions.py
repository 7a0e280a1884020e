"""What may happen to a slot under an order, brought about without waiting for it."""

from datetime import timedelta
from uuid import UUID

from booking_api.core.clock import utc_now
from tests.world import World


async def run(world: World, sql: str, *arguments: object) -> None:
    async with world.runtime.pool.acquire() as db:
        await db.execute(sql, *arguments)


async def move(world: World, slot_id: UUID, by: timedelta = timedelta(hours=1)) -> None:
    """The organiser moves the slot: whoever has agreed to the old time hasn't to the new one."""
    await run(
        world,
        "update slot set starts_at = starts_at + $3::interval, ends_at = ends_at + $3::interval, "
        "booking_closes_at = booking_closes_at + $3::interval where org_id = $1 and id = $2",
        world.org.org_id, slot_id, by,
    )  # fmt: skip


async def begin_in(world: World, slot_id: UUID, minutes: float, *, lasts: float = 60) -> None:
    """Time passes until the slot begins in so many minutes (negative: ago). It is what was agreed all along."""
    starts_at = utc_now() + timedelta(minutes=minutes)
    await run(
        world,
        "update slot set starts_at = $3, ends_at = $4, booking_closes_at = $3 where org_id = $1 and id = $2",
        world.org.org_id, slot_id, starts_at, starts_at + timedelta(minutes=lasts),
    )  # fmt: skip
    await run(
        world,
        "update booking set agreed_starts_at = $3, agreed_ends_at = $4 where org_id = $1 and slot_id = $2",
        world.org.org_id, slot_id, starts_at, starts_at + timedelta(minutes=lasts),
    )  # fmt: skip


async def delay_beyond_schedule(world: World, slot_id: UUID) -> None:
    """It was to begin five minutes ago, and is expected in two hours: sales and the gate go by that."""
    await begin_in(world, slot_id, -5, lasts=4)
    now = utc_now()
    await run(
        world, "update slot set estimated_starts_at = $3, delay_updated_at = $4 where org_id = $1 and id = $2",
        world.org.org_id, slot_id, now + timedelta(hours=2), now,
    )  # fmt: skip


async def end_sales(world: World, slot_id: UUID) -> None:
    await run(
        world, "update slot set booking_closes_at = $3 where org_id = $1 and id = $2",
        world.org.org_id, slot_id, utc_now() - timedelta(seconds=1),
    )  # fmt: skip


async def set_status(world: World, slot_id: UUID, status: str) -> None:
    await run(
        world, "update slot set status = $3 where org_id = $1 and id = $2", world.org.org_id, slot_id, status
    )  # fmt: skip


async def withdraw(world: World, slot_id: UUID) -> None:
    """Takes the slot's product off sale."""
    await run(
        world,
        "update product set on_sale = false where org_id = $1 and id = (select product_id from slot where id = $2)",
        world.org.org_id, slot_id,
    )  # fmt: skip
