"""Slots taken and parties gathered, without going through bookings."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import msgspec

from booking_api.catalog.write_queries import mark_everything
from booking_api.core.context import Caller, Context
from booking_api.core.ids import new_id
from booking_api.inventory import operations as inventory
from booking_api.inventory import search
from booking_api.inventory.calendar import calendar
from booking_api.inventory.schemas import (
    Availability,
    AvailabilityPage,
    AvailabilityQuery,
    Calendar,
    ClaimRequest,
    SlotsQuery,
)
from tests.world import World

PAGES = 200


async def take(
    world: World, slot_id: UUID, option_id: UUID, places: int, *, holder: UUID | None = None,
    seconds: int | None = 600, now: datetime | None = None,
) -> UUID:  # fmt: skip
    """Takes places for somebody; `seconds` may be negative for a hold that ended and isn't swept yet."""
    now = now or datetime.now(UTC)
    claim = ClaimRequest(
        id=new_id(), slot_id=slot_id, option_id=option_id, holder_id=holder or new_id(), places=places,
        quota_places=places, expires_at=None if seconds is None else now + timedelta(seconds=seconds),
    )  # fmt: skip
    async with world.runtime.pool.acquire() as db, db.transaction():
        outcomes = await inventory.take(db, world.org.org_id, [claim], now)
    assert outcomes[0].ok
    return claim.id


async def change_slot(world: World, slot_id: UUID, **values: object) -> None:
    async with world.runtime.pool.acquire() as db:
        for name, value in values.items():
            await db.execute(
                f"update slot set {name} = $3 where org_id = $1 and id = $2", world.org.org_id, slot_id, value
            )
        await mark_everything(db, world.org.org_id, datetime.now(UTC))


async def search_page(ctx: Context, query: AvailabilityQuery) -> AvailabilityPage:
    """What a search answers, read as its contract says."""
    return msgspec.json.decode(msgspec.json.encode(await search.search(ctx, query)), type=AvailabilityPage)


async def search_at(world: World, now: datetime, query: AvailabilityQuery) -> AvailabilityPage:
    """A search at another moment than the present one."""
    async with world.runtime.pool.acquire() as db:
        return await search_page(world.context(db, now=now), query)


async def calendar_at(world: World, now: datetime, query: SlotsQuery, caller: Caller | None = None) -> Calendar:
    """A calendar at another moment than the present one."""
    ctx = world.context(cast("Any", None), now=now, caller=caller)
    return msgspec.json.decode(await calendar(world.runtime, ctx, query), type=Calendar)


async def all_pages(world: World, now: datetime, query: AvailabilityQuery) -> list[Availability]:
    """Every item of a search, page by page."""
    found: list[Availability] = []
    cursor = query.cursor
    for _ in range(PAGES):
        fields = {name: getattr(query, name) for name in query.__struct_fields__} | {"cursor": cursor}
        page = await search_at(world, now, AvailabilityQuery(**fields))
        found += page.items
        assert len(page.items) <= query.limit
        cursor = page.next_cursor
        if cursor is None:
            return found
        assert page.items
    raise AssertionError("The pages don't end.")
