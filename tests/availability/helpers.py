"""Searches and calendars at any moment, without HTTP."""

from datetime import datetime
from typing import Any, cast

import msgspec

from booking_api.availability.calendar import calendar
from booking_api.availability.schemas import (
    Availability,
    AvailabilityCalendar,
    AvailabilityPage,
    AvailabilityQuery,
    SlotsQuery,
)
from booking_api.availability.search import search
from booking_api.core.context import Caller, Context
from tests.world import World

PAGES = 200


async def search_page(world: World, ctx: Context, query: AvailabilityQuery) -> AvailabilityPage:
    """What a search answers, read as its contract says."""
    return msgspec.json.decode(await search(world.runtime, ctx, query), type=AvailabilityPage)


async def search_at(world: World, now: datetime, query: AvailabilityQuery) -> AvailabilityPage:
    """A search at another moment than the present one."""
    return await search_page(world, world.context(cast("Any", None), now=now), query)


async def calendar_at(
    world: World, now: datetime, query: SlotsQuery, caller: Caller | None = None
) -> AvailabilityCalendar:
    """A calendar at another moment than the present one."""
    ctx = world.context(cast("Any", None), now=now, caller=caller)
    return msgspec.json.decode(await calendar(world.runtime, ctx, query), type=AvailabilityCalendar)


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
