"""An admission, and that it was taken back, is news to whoever looks at a booking: by its version and its order's, in
sync, in lists and in event streams. Scans don't write bookings, so a worker brings it to them."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from booking_api.bookings import jobs
from booking_api.capabilities import all_schedules
from booking_api.checkin.operations.scanning import open_case
from booking_api.checkin.schemas import NewScan
from booking_api.core.clock import utc_now
from booking_api.core.context import Caller
from tests.bookings.conditions import move
from tests.bookings.journey import CONTACT, confirm, hold, owner_of, visit
from tests.bookings.test_law import follow
from tests.bookings.test_streams import opened
from tests.checkin.gate import open_slot, post_scan, scan_at_once
from tests.operations.test_worker import until, working
from tests.world import Headers, World

OVERRIDE = {"override": {"reason": "rehearsal"}}
Json = dict[str, Any]


class Phone:
    """A customer's phone with a booking, what it knows of it, and what it learns."""

    def __init__(self, api: Any, held: Json) -> None:
        self.api, self.id, self.order_id = api, held["id"], held["order_id"]
        self.headers: Headers = owner_of(held)
        self.since: str | None = None

    async def get(self, path: str, **headers: str) -> Any:
        return await self.api.get(path, headers={**self.headers, **headers})

    async def booking(self) -> Json:
        return (await self.get(f"/v1/bookings/{self.id}")).json()

    async def order(self) -> Json:
        return (await self.get(f"/v1/orders/{self.order_id}")).json()

    async def sync(self) -> list[Json]:
        """The bookings that changed since the last time."""
        query = {"since": self.since} if self.since else {}
        answer = await self.api.get("/v1/sync", params=query, headers=self.headers)
        assert answer.status_code == 200, answer.text
        self.since = answer.json()["next_since"]
        return [item["data"] for item in answer.json()["items"]]

    async def versions(self) -> tuple[int, int]:
        return (await self.booking())["version"], (await self.order())["version"]


async def booked(api: Any, world: World, *units: str, slot: UUID | None = None) -> tuple[Phone, list[str]]:
    """A phone with a confirmed and paid visit that it has synchronised, and the ids of its items."""
    held = await hold(api, world.app, visit(world, *units, slot=slot))
    done = await confirm(api, owner_of(held), held)
    cash = {"method": "cash", "amount": done["price"]["due_on_site"]}
    assert (await api.post(f"/v1/bookings/{held['id']}/payments", json=cash, headers=world.agent)).status_code == 200
    phone = Phone(api, held)
    await phone.sync()
    return phone, [item["id"] for item in done["items"]]


async def admit(api: Any, headers: Headers, *items: str, **more: Any) -> str:
    nonce = uuid4().hex
    answer = await post_scan(api, headers, nonce=nonce, item_id=items[0], party_item_ids=list(items), **more)
    assert {item["admit"] for item in answer.json()["items"]} == {True}, answer.text
    return nonce


async def test_an_admission_is_news_everywhere(api, world: World):
    phone, (inside, outside) = await booked(api, world, "adult", "child", slot=await open_slot(world, starts=5))
    before = await phone.versions()
    await admit(api, world.agent, inside)
    assert await jobs.follow_admissions(world.runtime) == 1
    after = await phone.versions()
    assert after == (before[0] + 1, before[1] + 1)
    (synced,) = await phone.sync()
    assert synced["version"] == after[0]
    assert "cancel" not in synced["available_actions"]
    assert [item["id"] for item in synced["items"] if "admitted_at" in item] == [inside]
    (listed,) = (await phone.get("/v1/me/bookings")).json()["items"]
    assert (listed["version"], "cancel" in listed["available_actions"]) == (after[0], False)
    # Told once. Another one of the family is news again.
    assert await jobs.follow_admissions(world.runtime) == 0
    assert await phone.versions() == after
    assert await phone.sync() == []
    await admit(api, world.agent, outside)
    assert await jobs.follow_admissions(world.runtime) == 1
    assert await phone.versions() == (after[0] + 1, after[1] + 1)


async def test_a_family_that_comes_in_together_is_one_piece_of_news(api, world: World):
    phone, items = await booked(api, world, "adult", "adult", "child", slot=await open_slot(world, starts=5))
    before = await phone.versions()
    await admit(api, world.agent, *items)
    assert await jobs.follow_admissions(world.runtime) == 1
    assert await phone.versions() == (before[0] + 1, before[1] + 1)


async def test_taking_an_admission_back_is_news_at_once(api, world: World):
    phone, (item,) = await booked(api, world, "adult")
    nonce = await admit(api, world.manager, item, **OVERRIDE)
    await jobs.follow_admissions(world.runtime)
    inside = await phone.get(f"/v1/bookings/{phone.id}")
    await phone.sync()
    assert (await api.post(f"/v1/scans/{nonce}/undo", headers=world.manager)).status_code == 200
    again = await phone.get(f"/v1/bookings/{phone.id}", **{"If-None-Match": inside.headers["etag"]})
    assert again.status_code == 200
    assert "cancel" in again.json()["available_actions"]
    (synced,) = await phone.sync()
    assert "cancel" in synced["available_actions"]
    assert synced["version"] == again.json()["version"] == inside.json()["version"] + 1
    versions = await phone.versions()
    assert (await api.post(f"/v1/scans/{nonce}/undo", headers=world.manager)).status_code == 200
    assert await jobs.follow_admissions(world.runtime) == 0
    assert await phone.versions() == versions


async def test_one_that_was_taken_back_before_anybody_was_told(api, world: World):
    phone, (item,) = await booked(api, world, "adult")
    before = await phone.versions()
    nonce = await admit(api, world.manager, item, **OVERRIDE)
    await api.post(f"/v1/scans/{nonce}/undo", headers=world.manager)
    assert await jobs.follow_admissions(world.runtime) == 0
    # Whoever looked between the two has seen it.
    assert await phone.versions() == (before[0] + 1, before[1] + 1)
    assert "cancel" in (await phone.booking())["available_actions"]


async def test_who_leaves_and_comes_back_changes_nothing_that_is_shown(api, world: World):
    phone, (item,) = await booked(api, world, "adult", slot=await open_slot(world, starts=5))
    first = await admit(api, world.agent, item)
    await jobs.follow_admissions(world.runtime)
    before, shown = await phone.versions(), await phone.booking()
    for direction in ("exit", "entry", "exit"):
        last = uuid4().hex
        answer = await post_scan(api, world.agent, item_id=item, direction=direction, nonce=last)
        assert answer.json()["admit"], answer.text
    assert await jobs.follow_admissions(world.runtime) == 0
    assert await phone.versions() == before
    assert (await phone.booking())["items"] == shown["items"]
    assert (await api.post(f"/v1/scans/{last}/undo", headers=world.manager)).status_code == 200
    assert await phone.versions() == before
    assert (await api.post(f"/v1/scans/{first}/undo", headers=world.manager)).status_code == 409


async def test_a_refused_scan_and_an_unknown_exit_are_no_news(api, world: World):
    phone, (item,) = await booked(api, world, "adult")
    before = await phone.versions()
    assert (await post_scan(api, world.agent, item_id=item)).json()["verdict"] == "too_early"
    assert (await post_scan(api, world.agent, item_id=item, direction="exit")).json()["admit"]
    assert await jobs.follow_admissions(world.runtime) == 0
    assert await phone.versions() == before


async def test_scans_that_share_a_transaction_are_all_told_of(api, world: World):
    slot = await open_slot(world, starts=5)
    phones = [await booked(api, world, "adult", slot=slot) for _ in range(4)]
    before = [await phone.versions() for phone, _ in phones]
    cases = []
    agent = Caller(kind="staff", credential_id=uuid4(), subject_id=uuid4(), role="agent")
    async with world.runtime.pool.acquire() as db:
        for _, (item,) in phones[:3]:
            new = NewScan(nonce=uuid4().hex, item_id=UUID(item))
            cases.append(open_case(world.context(db, caller=agent), new))
    await scan_at_once(world, cases)
    assert await jobs.follow_admissions(world.runtime) == 3
    after = [await phone.versions() for phone, _ in phones]
    assert after == [(one + 1, two + 1) for one, two in before[:3]] + before[3:]


async def test_an_order_of_several_tells_of_the_one_that_was_admitted(api, world: World):
    wish = {"bookings": [visit(world, "adult"), visit(world, "adult", slot=world.tower_slots[3])]}
    order = (await api.post("/v1/orders", json=wish, headers=world.app)).json()
    owner = owner_of(order)
    body = {"contact": CONTACT, "payment": {"method": "on_site"}}
    done = (await api.post(f"/v1/orders/{order['id']}/confirm", json=body, headers=owner)).json()
    await admit(api, world.manager, done["bookings"][1]["items"][0]["id"], **OVERRIDE)
    await jobs.follow_admissions(world.runtime)
    now = (await api.get(f"/v1/orders/{order['id']}", headers=owner)).json()
    assert now["version"] == done["version"] + 1
    assert [one["version"] for one in now["bookings"]] == [
        done["bookings"][0]["version"], done["bookings"][1]["version"] + 1,
    ]  # fmt: skip


async def test_what_a_phone_saw_before_the_admission_is_another_version(api, world: World):
    """Whoever cancels or changes by what they saw before is told so, or why not."""
    phone, (first, second) = await booked(api, world, "adult", "adult")
    seen = {"If-Match": (await phone.get(f"/v1/bookings/{phone.id}")).headers["etag"]}
    await admit(api, world.manager, first, **OVERRIDE)
    await jobs.follow_admissions(world.runtime)
    url = f"/v1/bookings/{phone.id}"
    stale = await api.patch(url, json={"items": [{"id": second, "name": "Grace"}]}, headers={**phone.headers, **seen})
    assert (stale.status_code, stale.json()["code"]) == (412, "version_conflict")
    refused = await api.post(f"{url}/cancel", headers={**phone.headers, **seen})
    assert (refused.status_code, refused.json()["because"]) == (409, ["already_used"])


async def test_an_order_that_somebody_works_on_is_told_later(api, world: World):
    slot = await open_slot(world, starts=5)
    (busy, (one,)), (free, (other,)) = [await booked(api, world, "adult", slot=slot) for _ in range(2)]
    before = await busy.versions()
    await admit(api, world.agent, one)
    await admit(api, world.agent, other)
    async with world.runtime.pool.acquire() as db, db.transaction():
        await db.execute("select from booking_order where id = $1 for update", UUID(busy.order_id))
        assert await jobs.follow_admissions(world.runtime) == 1
        assert len(await free.sync()) == 1
    async with world.runtime.pool.acquire() as db, db.transaction():
        await db.execute("select from booking where id = $1 for no key update", UUID(busy.id))
        assert await jobs.follow_admissions(world.runtime) == 0
    assert await jobs.follow_admissions(world.runtime) == 1
    assert await busy.versions() == (before[0] + 1, before[1] + 1)


async def test_many_workers_tell_of_each_once(api, world: World):
    slot = await open_slot(world, starts=5)
    phones = [await booked(api, world, "adult", slot=slot) for _ in range(6)]
    before = [await phone.versions() for phone, _ in phones]
    for _, (item,) in phones:
        await admit(api, world.agent, item)
    told = await asyncio.gather(*(jobs.follow_admissions(world.runtime) for _ in range(4)))
    told.append(await jobs.follow_admissions(world.runtime))
    assert sum(told) == 6
    assert [await phone.versions() for phone, _ in phones] == [(one + 1, two + 1) for one, two in before]


async def test_a_crowd_is_told_of_in_one_run(api, world: World, monkeypatch):
    monkeypatch.setattr(jobs, "BATCH", 2)
    slot = await open_slot(world, starts=5)
    for _ in range(3):
        await admit(api, world.agent, *(await booked(api, world, "adult", "adult", slot=slot))[1])
    assert await jobs.follow_admissions(world.runtime) >= 3
    assert await jobs.follow_admissions(world.runtime) == 0


async def test_a_move_and_an_admission_are_both_told(api, world: World):
    phone, (item,) = await booked(api, world, "adult")
    await move(world, world.tower_slots[0], timedelta(hours=2))
    await admit(api, world.manager, item, **OVERRIDE)
    await follow(world, world.tower_slots[0])
    await jobs.follow_admissions(world.runtime)
    (synced,) = await phone.sync()
    assert "admitted_at" in synced["items"][0]
    assert synced["slot_change"]["kind"] == "moved"


async def test_the_worker_tells_an_open_stream(app, api, world: World, settings):
    held = await hold(api, world.app, visit(world, "adult"))
    events = await opened(app, world, held)
    done = await confirm(api, owner_of(held), held)
    assert (await anext(events)).startswith(b"id: %d\n" % done["version"])
    schedules = [one for one in all_schedules() if one[0] == "bookings.follow_admissions"]
    async with working(settings, schedules=schedules):
        nonce = await admit(api, world.manager, done["items"][0]["id"], **OVERRIDE)
        async with asyncio.timeout(20):
            told = await anext(events)
        assert b'"admitted_at"' in told
        await api.post(f"/v1/scans/{nonce}/undo", headers=world.manager)
        async with asyncio.timeout(20):
            told = await anext(events)
        assert b'"admitted_at"' not in told
        await admit(api, world.manager, done["items"][0]["id"], **OVERRIDE)
        phone = Phone(api, held)
        await until(lambda: _is_told(phone))
    await events.aclose()


async def _is_told(phone: Phone) -> bool:
    return any("admitted_at" in item for booking in await phone.sync() for item in booking["items"])


async def test_who_was_admitted_long_ago_is_no_news(api, world: World):
    """People who were inside when this was installed are told of by whatever comes next."""
    _, (item,) = await booked(api, world, "adult")
    async with world.runtime.pool.acquire() as db:
        await db.execute(
            "insert into attendance (org_id, item_id, slot_id, inside, entries, first_admitted_at, last_scan_nonce, updated_at) "
            "values ($1, $2, $3, true, 1, $4, 'old', $4)",
            world.org.org_id, UUID(item), world.tower_slots[0], utc_now(),
        )  # fmt: skip
    assert await jobs.follow_admissions(world.runtime) == 0
