"""What keeps a phone going: sync, the event stream, other devices, recovery, retention."""

import asyncio
import re
from datetime import timedelta
from uuid import UUID

from booking_api.bookings import jobs
from booking_api.bookings.operations.facts import load_order_of
from booking_api.bookings.sync_queries import transaction_horizon
from booking_api.core.clock import utc_now
from booking_api.core.db import event_queries
from booking_api.core.paging import write_cursor
from tests.bookings.journey import CONTACT, confirm, hold, owner_of, visit
from tests.world import World, bearer, build_world


async def sync_all(api, headers, since=None, limit=2):
    items, pages = [], 0
    while True:
        query = f"?limit={limit}" + (f"&since={since}" if since else "")
        page = (await api.get(f"/v1/sync{query}", headers=headers)).json()
        items += page["items"]
        since, pages = page["next_since"], pages + 1
        if not page["has_more"]:
            return items, since, pages


async def test_sync_sends_everything_then_what_changed(api, world: World):
    customer = world.customer()
    bookings = [await hold(api, customer, visit(world, "adult")) for _ in range(5)]
    items, since, pages = await sync_all(api, customer)
    assert {item["id"] for item in items} == {booking["id"] for booking in bookings}
    assert pages == 3
    done = await confirm(api, customer, bookings[2])
    changed, since, _ = await sync_all(api, customer, since)
    latest = {item["id"]: item["data"] for item in changed}
    assert latest[done["id"]] == done
    # While any transaction of the cluster is open, a thing may come twice, but nothing new comes.
    quiet, _, _ = await sync_all(api, customer, since)
    assert all(item["data"]["version"] <= latest.get(item["id"], bookings[0])["version"] for item in quiet)
    assert await sync_all(api, world.customer()) != (items, since, pages)


async def test_sync_does_not_lose_a_late_commit(api, world: World):
    """A transaction that began before the sync and commits after it is sent by the next one."""
    customer = world.customer()
    first, second = [await hold(api, customer, visit(world, "adult")) for _ in range(2)]
    async with world.runtime.pool.acquire() as slow:
        transaction = slow.transaction()
        await transaction.start()
        touch = (
            "update booking set version = version + 1, changed_xid = pg_current_xact_id()::text::bigint where id = $1"
        )
        await slow.execute(touch, first["id"])
        await confirm(api, customer, second)
        items, since, _ = await sync_all(api, customer)
        assert {item["id"]: item["data"]["version"] for item in items}[first["id"]] == 1
        await transaction.commit()
    late, _, _ = await sync_all(api, customer, since)
    assert {item["id"]: item["data"]["version"] for item in late}[first["id"]] == 2


async def test_sync_positions_end(api, world: World):
    customer = world.customer()
    async with world.runtime.pool.acquire() as db:
        system = (await transaction_horizon(db)).system
    old = write_cursor(system, int((utc_now() - timedelta(days=91)).timestamp()), 1, UUID(int=0), 0)
    before_a_restore = write_cursor(system + 1, int(utc_now().timestamp()), 1, UUID(int=0), 0)
    for since in (old, before_a_restore):
        gone = await api.get(f"/v1/sync?since={since}", headers=customer)
        assert (gone.status_code, gone.json()["code"]) == (410, "sync_expired")
    assert (await api.get("/v1/sync?since=nonsense", headers=customer)).status_code == 400


async def test_forgotten_holds_leave_tombstones(api, world: World):
    customer = world.customer()
    held = await hold(api, customer, visit(world, "adult"))
    _, since, _ = await sync_all(api, customer)
    async with world.runtime.pool.acquire() as db:
        await db.execute("update booking_order set expires_at = now() - interval '1 minute'")
    await jobs.sweep_ended_holds(world.runtime)
    async with world.runtime.pool.acquire() as db:
        await db.execute("update booking_order set updated_at = now() - interval '30 days'")
    assert await jobs.bury_abandoned_orders(world.runtime) == 1
    items, _, _ = await sync_all(api, customer, since)
    assert items == [{"type": "booking", "id": held["id"], "deleted": True}]
    assert (await api.get(f"/v1/bookings/{held['id']}", headers=customer)).status_code == 404


async def test_another_device_goes_on_with_a_code(api, world: World):
    held = await hold(api, world.app, visit(world, "adult"))
    code = await api.post(f"/v1/bookings/{held['id']}/resume-code", headers=owner_of(held))
    assert code.status_code == 201, code.text
    tokens = await api.post("/v1/tokens", json={"grant": "code", "code": code.json()["code"]}, headers=world.app)
    assert tokens.status_code in {200, 201}, tokens.text
    other = bearer(tokens.json()["access_token"])
    assert (await api.get(f"/v1/bookings/{held['id']}", headers=other)).status_code == 200
    twice = await api.post("/v1/tokens", json={"grant": "code", "code": code.json()["code"]}, headers=world.app)
    assert twice.status_code == 401
    stranger = await api.post(f"/v1/bookings/{held['id']}/resume-code", headers=world.customer())
    assert stranger.status_code == 404


async def recover(api, world: World, body) -> list[str]:
    """Asks for recovery and runs its job; the bodies of the messages that were sent."""
    assert (await api.post("/v1/tokens/recover", json=body, headers=world.app)).status_code == 202
    async with world.runtime.pool.acquire() as db:
        for event in await event_queries.claim_unrelayed_events(db, utc_now(), 200):
            if event.type == "recovery.requested":
                await jobs.send_recovery_code(world.runtime, event)
        rows = await db.fetch(
            "select body from mailbox where org_id = $1 and recipient = $2", world.org.org_id, CONTACT["email"]
        )
    return [row["body"] for row in rows]


async def test_a_lost_phone_recovers_by_reference_and_mail(api, world: World):
    held = await hold(api, world.app, visit(world, "adult"))
    await confirm(api, owner_of(held), held)
    assert await recover(api, world, {"reference": held["reference"], "email": "mallory@example.org"}) == []
    sent = await recover(api, world, {"reference": held["reference"].lower(), "email": "ADA@example.org"})
    assert len(sent) == 1
    code = re.search(r"[0-9A-Z]{5}-[0-9A-Z]{5}", sent[0]).group()
    tokens = await api.post("/v1/tokens", json={"grant": "code", "code": code}, headers=world.app)
    mine = await api.get("/v1/me/bookings", headers=bearer(tokens.json()["access_token"]))
    assert [booking["id"] for booking in mine.json()["items"]] == [held["id"]]


async def test_the_list_pages_through_everything(api, world: World):
    customer = world.customer()
    ids = [(await hold(api, customer, visit(world, "adult")))["id"] for _ in range(5)]
    seen, cursor = [], None
    while True:
        page = (
            await api.get("/v1/me/bookings?limit=2" + (f"&cursor={cursor}" if cursor else ""), headers=customer)
        ).json()
        seen += [booking["id"] for booking in page["items"]]
        if (cursor := page.get("next_cursor")) is None:
            break
    assert seen == ids[::-1]


async def test_a_stream_tells_each_change_and_ends(api, app, world: World):
    from booking_api.bookings.customer_routes import _events, show_booking

    held = await hold(api, world.app, visit(world, "adult"))

    class Request:
        pass

    async with world.runtime.pool.acquire() as db:
        ctx = world.context(db)
        facts = await load_order_of(ctx, UUID(held["id"]))
        first = show_booking(ctx, facts, facts.bookings[0])
    request = Request()
    request.app = app
    request.headers = {}
    request.scope = {"auth": (world.org, ctx.caller), "scheme": "http", "headers": [], "runtime": world.runtime}
    events = _events(request, facts.bookings[0].id, first)
    assert (await anext(events)).startswith(b"id: 1\n")

    async def change():
        await asyncio.sleep(0)
        await confirm(api, owner_of(held), held)

    task = asyncio.create_task(change())
    assert b'"status":"confirmed"' in await asyncio.wait_for(anext(events), 10)
    await task
    await api.post(f"/v1/bookings/{held['id']}/cancel", headers=owner_of(held))
    assert b'"status":"cancelled"' in await asyncio.wait_for(anext(events), 10)
    assert [event async for event in events] == []


async def test_retention_erases_contacts_and_answers(api, world: World):
    held = await hold(api, world.app, visit(world, "adult", answers={"language": "de"}))
    await confirm(api, owner_of(held), held)
    other = await build_world(world.runtime, "Other")
    async with world.runtime.pool.acquire() as db:
        await db.execute("update organisation set retention_days = 30 where org_id = $1", world.org.org_id)
        await db.execute("update booking set visit_ends_at = now() - interval '29 days'")
        assert await jobs.apply_retention(world.runtime) == 0
        await db.execute("update booking set visit_ends_at = now() - interval '31 days'")
    assert await jobs.apply_retention(world.runtime) == 1
    shown = (await api.get(f"/v1/bookings/{held['id']}", headers=owner_of(held))).json()
    assert "contact" not in shown
    assert "answers" not in shown
    async with world.runtime.pool.acquire() as db:
        assert await db.fetchval("select email from customer where org_id = $1", world.org.org_id) is None
        assert await db.fetchval("select count(*) from customer where org_id = $1", other.org.org_id) == 0


async def test_a_moved_slot_reaches_its_bookings(api, world: World):
    held = await hold(api, world.app, visit(world, "adult"))
    done = await confirm(api, owner_of(held), held)
    _, since, _ = await sync_all(api, owner_of(held))
    async with world.runtime.pool.acquire() as db:
        await db.execute(
            "update slot set starts_at = starts_at + interval '1 hour', ends_at = ends_at + interval '1 hour', gate = 'South' "
            "where id = $1", world.tower_slots[0],
        )  # fmt: skip
    event = event_queries.StoredEvent(
        world.org.org_id, world.org.org_id, "slot.changed", world.tower_slots[0], {}, utc_now()
    )
    await jobs.follow_slot(world.runtime, event)
    items, _, _ = await sync_all(api, owner_of(held), since)
    moved = items[-1]["data"]
    assert moved["slot"]["gate"] == "South"
    assert moved["version"] == done["version"] + 1
    assert moved["items"][0]["pass"]["valid_from"] > done["items"][0]["pass"]["valid_from"]
    assert moved["items"][0]["pass"]["id"] != done["items"][0]["pass"]["id"]
