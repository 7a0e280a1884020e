"""A delay isn't a move: every booking hears of it, and nothing that was booked changes."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx

from booking_api.bookings import jobs
from tests.bookings.journey import confirm, hold, owner_of, party, visit
from tests.inventory.helpers import change_slot, delay, news_of, patch_slot, slot_row
from tests.world import Headers, World

MINUTE = timedelta(minutes=1)


async def heard(world: World, slot: UUID) -> None:
    """Lets the worker bring the news of a slot to its bookings."""
    for event in await news_of(world, slot):
        if event.type == "slot.changed":
            await jobs.follow_slot(world.runtime, event)


async def see(api: httpx.AsyncClient, booking: dict[str, Any], headers: Headers) -> dict[str, Any]:
    answer = await api.get(f"/v1/bookings/{booking['id']}", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def passes_of(world: World) -> list[tuple[str, bool]]:
    async with world.runtime.pool.acquire() as db:
        rows = await db.fetch("select code, revoked_at from pass order by issued_at, code")
    return [(row["code"], row["revoked_at"] is None) for row in rows]


async def test_a_delay_reaches_every_booking_and_issues_no_pass(api, world):
    slot = world.flight_slots[2]
    confirmed = await hold(api, world.app, party(world, "adult", "child", slot=slot))
    me = owner_of(confirmed)
    confirmed = await confirm(api, me, confirmed)
    held = await hold(api, me, party(world, "adult", slot=slot))
    sync = (await api.get("/v1/sync", headers=me)).json()
    issued = await passes_of(world)
    starts_at = datetime.fromisoformat(confirmed["slot"]["starts_at"])
    await patch_slot(api, world.agent, slot, delay=delay(starts_at + 35 * MINUTE, note="Crew late"))
    await heard(world, slot)
    after = await see(api, confirmed, me)
    assert after["version"] == confirmed["version"] + 1
    assert after["slot"].pop("delay")["note"] == "Crew late"
    until = datetime.fromisoformat(after["slot"].pop("admit_until"))
    assert until == datetime.fromisoformat(confirmed["slot"].pop("admit_until")) + 35 * MINUTE
    for name in ("slot", "items", "cancellation", "price", "available_actions"):
        assert after[name] == confirmed[name], name
    assert await passes_of(world) == issued
    news = (await api.get("/v1/sync", params={"since": sync["next_since"]}, headers=me)).json()["items"]
    assert {item["id"] for item in news} == {confirmed["id"], held["id"]}
    assert all(item["data"]["slot"]["delay"]["note"] == "Crew late" for item in news)
    async with world.runtime.pool.acquire() as db:
        ends = await db.fetchval("select visit_ends_at from booking where id = $1", UUID(confirmed["id"]))
    assert ends == (await slot_row(world, slot))["ends_at"] + 35 * MINUTE
    await patch_slot(api, world.agent, slot, delay=None)
    await heard(world, slot)
    again = await see(api, confirmed, me)
    assert "delay" not in again["slot"]
    assert await passes_of(world) == issued


async def test_refund_deadlines_stay_where_they_were(api, world):
    slot = world.tower_slots[0]
    booking = await hold(api, world.app, visit(world, "adult", slot=slot))
    me = owner_of(booking)
    booking = await confirm(api, me, booking)
    now = datetime.now(UTC)
    await change_slot(world, slot, starts_at=now + 30 * MINUTE, ends_at=now + 90 * MINUTE)
    before = (await see(api, booking, me))["cancellation"]
    await patch_slot(api, world.agent, slot, delay=delay(now + 600 * MINUTE))
    assert (await see(api, booking, me))["cancellation"] == before


async def test_a_change_that_no_booking_shows_raises_no_version(api, world):
    slot = world.tower_slots[0]
    booking = await hold(api, world.app, visit(world, "adult", slot=slot))
    await patch_slot(api, world.manager, slot, capacity=25)
    await heard(world, slot)
    assert (await see(api, booking, owner_of(booking)))["version"] == booking["version"]
    await patch_slot(api, world.manager, slot, gate="South")
    (_, event) = await news_of(world, slot)
    await jobs.follow_slot(world.runtime, event)
    assert (await see(api, booking, owner_of(booking)))["version"] == booking["version"] + 1


async def test_a_pass_that_is_issued_late_lasts_as_long_as_the_gate_admits(api, world):
    """Sold after the scheduled gate has closed: a pass that had ended before it began would be worth nothing."""
    slot, now = world.tower_slots[0], datetime.now(UTC)
    await change_slot(
        world, slot, starts_at=now - 90 * MINUTE, ends_at=now - 30 * MINUTE, booking_closes_at=now - 90 * MINUTE
    )
    await patch_slot(api, world.agent, slot, delay=delay(now + 10 * MINUTE))
    booking = await hold(api, world.app, visit(world, "adult", slot=slot))
    me = owner_of(booking)
    booking = await confirm(api, me, booking)
    issued = booking["items"][0]["pass"]
    assert issued["valid_until"][:19] == booking["slot"]["admit_until"][:19] or datetime.fromisoformat(
        issued["valid_until"]
    ) == datetime.fromisoformat(booking["slot"]["admit_until"]).replace(microsecond=0)
    await patch_slot(api, world.agent, slot, delay=delay(now + 20 * MINUTE))
    await heard(world, slot)
    assert (await see(api, booking, me))["items"][0]["pass"]["code"] == issued["code"]


async def test_a_delay_that_is_told_after_the_scheduled_gate_issues_no_pass(api, world):
    slot, now = world.tower_slots[0], datetime.now(UTC).replace(microsecond=0)
    booking = await hold(api, world.app, visit(world, "adult", slot=slot))
    me = owner_of(booking)
    booking = await confirm(api, me, booking)
    begun, over = now - 63 * MINUTE, now - 1 * MINUTE
    await change_slot(world, slot, starts_at=begun, ends_at=over)
    async with world.runtime.pool.acquire() as db:
        # As it would be had the booking been made long ago.
        await db.execute(
            "update pass set valid_from = $1, valid_until = $2, issued_at = $3", begun - 15 * MINUTE, over, begun
        )
    before = await passes_of(world)
    await patch_slot(api, world.agent, slot, delay=delay(now + 20 * MINUTE))
    await heard(world, slot)
    assert await passes_of(world) == before


async def test_pictures_of_passes_live_as_long_as_the_gate_admits(api, world):
    slot, now = world.tower_slots[0], datetime.now(UTC)
    booking = await hold(api, world.app, visit(world, "adult", slot=slot))
    booking = await confirm(api, owner_of(booking), booking)
    url = booking["items"][0]["pass"]["svg_url"].replace("http://localhost:8000", "")
    async with world.runtime.pool.acquire() as db:
        await db.execute("update pass set valid_until = $1", now - 5 * MINUTE)
    await change_slot(world, slot, starts_at=now - 65 * MINUTE, ends_at=now - 5 * MINUTE)
    assert (await api.get(url)).status_code == 404
    await patch_slot(api, world.agent, slot, delay=delay(now - 30 * MINUTE))
    assert (await api.get(url)).status_code == 200
