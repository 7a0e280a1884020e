"""Who was admitted: what of a booking may still be done by whom, and that no place of somebody inside is sold again."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from booking_api.bookings import check_queries as of_bookings
from booking_api.bookings.operations import cancellation
from booking_api.bookings.operations.facts import load_order
from booking_api.bookings.schemas import Cancellation
from booking_api.checkin import jobs as checkin_jobs
from booking_api.checkin.operations import scanning
from booking_api.checkin.schemas import NewScan, ScanOverride
from booking_api.core.context import Caller
from booking_api.inventory import check_queries as of_capacity
from tests.bookings.journey import CONTACT, confirm, hold, owner_of, party, taken, visit
from tests.world import Headers, World

REASON = {"reason": "Taken ill on board"}
OVERRIDE = {"override": {"reason": "rehearsal"}}


async def confirmed(api, world: World, wish: dict[str, Any]) -> tuple[dict[str, Any], Headers]:
    held = await hold(api, world.app, wish)
    return await confirm(api, owner_of(held), held), owner_of(held)


async def admit(api, world: World, booking: dict[str, Any], *positions: int, nonce: str | None = None) -> None:
    ids = [booking["items"][position]["id"] for position in positions]
    body = {"item_id": ids[0], "party_item_ids": ids, "nonce": nonce or uuid4().hex, **OVERRIDE}
    answer = await api.post("/v1/scans", json=body, headers=world.manager)
    assert [item["admit"] for item in answer.json()["items"]] == [True] * len(ids), answer.text


async def cancel(api, headers: Headers, booking: dict[str, Any], **body: Any) -> httpx.Response:
    return await api.post(f"/v1/bookings/{booking['id']}/cancel", headers=headers, json=body)


async def get(api, headers: Headers, booking: dict[str, Any]) -> dict[str, Any]:
    answer = await api.get(f"/v1/bookings/{booking['id']}", headers=headers)
    assert answer.status_code == 200
    return answer.json()


async def quota_taken(world: World) -> int:
    async with world.runtime.pool.acquire() as db:
        return await db.fetchval("select taken from quota where slot_id = $1", world.flight_slots[0])


async def healthy(world: World) -> None:
    """What the doctor says of places, seats and people inside."""
    async with world.runtime.pool.acquire() as db:
        for check in (
            of_capacity.suspects_slot_taken, of_capacity.suspects_quota_taken, of_capacity.suspects_seats, of_bookings.suspects_claims,
            of_bookings.suspects_inside, of_bookings.suspects_passes, of_bookings.suspects_order_states,
        ):  # fmt: skip
            assert await check(db, 9) == [], check.__name__


@pytest.mark.parametrize("caller", ["owner", "agent"])
async def test_a_booking_with_somebody_admitted_is_not_cancelled(api, world: World, caller):
    done, owner = await confirmed(api, world, party(world, "adult", "adult"))
    headers = {"owner": owner, "agent": world.agent}[caller]
    assert "cancel" in (await get(api, headers, done))["available_actions"]
    await admit(api, world, done, 1)
    now = await get(api, headers, done)
    assert "cancel" not in now["available_actions"]
    assert ["admitted_at" in item for item in now["items"]] == [False, True]
    for body in ({}, REASON):
        for path in (f"bookings/{done['id']}", f"orders/{done['order_id']}"):
            refused = await api.post(f"/v1/{path}/cancel", headers=headers, json=body)
            problem = refused.json()
            assert (refused.status_code, problem["code"], problem["because"]) == (
                409,
                "not_cancellable",
                ["already_used"],
            )
    order = (await api.get(f"/v1/orders/{done['order_id']}", headers=headers)).json()
    assert "cancel" not in order["available_actions"]
    assert (await taken(world, world.flight_slots[0]))[0] == 2
    await healthy(world)


async def test_undoing_the_scan_makes_it_cancellable_again(api, world: World):
    done, owner = await confirmed(api, world, visit(world, "adult"))
    await admit(api, world, done, 0, nonce="in")
    assert (await cancel(api, owner, done)).status_code == 409
    assert (await api.post("/v1/scans/in/undo", headers=world.manager)).status_code == 200
    assert "cancel" in (await get(api, owner, done))["available_actions"]
    assert (await cancel(api, owner, done)).json()["status"] == "cancelled"
    assert (await taken(world, world.tower_slots[0]))[0] == 0


async def test_who_left_again_was_admitted_all_the_same(api, world: World):
    done, owner = await confirmed(api, world, visit(world, "adult"))
    await admit(api, world, done, 0)
    item = {"item_id": done["items"][0]["id"], "direction": "exit", "nonce": uuid4().hex}
    assert (await api.post("/v1/scans", json=item, headers=world.agent)).json()["admit"]
    assert (await cancel(api, owner, done)).json()["because"] == ["already_used"]


async def test_only_the_admitted_item_is_closed_to_changes(api, world: World):
    done, owner = await confirmed(api, world, party(world, "adult", "adult", "infant"))
    first, second, infant = done["items"]
    await admit(api, world, done, 0)
    url = f"/v1/bookings/{done['id']}"
    for change in ({"name": "Somebody Else"}, {"name": None}, {"seat": "5A"}):
        for headers in (owner, world.agent):
            edits = [{"id": second["id"], "name": "Grace Hopper"}, {"id": first["id"], **change}]
            refused = await api.patch(url, json={"items": edits, **REASON}, headers=headers)
            problem = refused.json()
            assert (refused.status_code, problem["code"], problem["item_ids"]) == (
                409,
                "already_used",
                [first["id"]],
            ), change
            assert [error["pointer"] for error in problem["errors"]] == ["/items/1"]
    assert (await get(api, owner, done))["version"] == done["version"]
    for change in (
        {"items": [{"id": second["id"], "name": "Grace Hopper", "seat": "5B"}, {"id": infant["id"], "name": "Zoë"}]},
        {"contact": {"name": "Grace Hopper", "email": "grace@example.org"}},
        # Named and left as it is.
        {"items": [{"id": first["id"], "name": first["name"], "seat": first["seat"]}]},
    ):
        assert (await api.patch(url, json=change, headers=owner)).status_code == 200, change
    assert {"edit", "choose_seat"} <= set((await get(api, owner, done))["available_actions"])
    await admit(api, world, done, 1)
    assert "choose_seat" not in (await get(api, owner, done))["available_actions"]
    assert "choose_seat" in (await get(api, world.manager, done))["available_actions"]
    await healthy(world)


async def test_a_manager_changes_an_admitted_item_with_a_reason(api, world: World):
    done, _ = await confirmed(api, world, party(world, "adult"))
    await admit(api, world, done, 0)
    url, edits = f"/v1/bookings/{done['id']}", [{"id": done["items"][0]["id"], "name": "Correct Name"}]
    for body in ({}, {"reason": ""}, {"reason": "  "}):
        refused = await api.patch(url, json={"items": edits, **body}, headers=world.manager)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/reason"), body
    changed = await api.patch(url, json={"items": edits, "reason": "Misspelt"}, headers=world.manager)
    assert changed.json()["items"][0]["name"] == "Correct Name"
    async with world.runtime.pool.acquire() as db:
        assert await db.fetchval("select change_reason from item where booking_id = $1", UUID(done["id"])) == "Misspelt"
        assert await db.fetchval("select count(*) from audit where action = 'booking.overridden'") == 1


@pytest.mark.parametrize(("option", "quota"), [("light", 2), ("flex", 0)])
async def test_a_manager_cancels_with_a_reason_and_the_places_of_those_inside_stay(api, world: World, option, quota):
    done, owner = await confirmed(api, world, party(world, "adult", "adult", "infant", "adult", option=option))
    await admit(api, world, done, 1, 2, 3)
    for body in ({}, {"reason": " "}):
        refused = await cancel(api, world.manager, done, **body)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/reason")
    assert "cancel" in (await get(api, world.manager, done))["available_actions"]
    answer = await cancel(api, world.manager, done, **REASON)
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert not {"seat", "pass", "admitted_at"} & set().union(*answer.json()["items"])
    assert await taken(world, world.flight_slots[0]) == (2, 2, 2)
    assert await quota_taken(world) == quota
    await healthy(world)
    # The others' places are free, theirs aren't: eight more, and no ninth; and their seats are nobody's.
    seat = done["items"][1]["seat"]
    clash = party(world, "adult")
    clash["items"][0]["seat"] = seat
    assert (await api.post("/v1/bookings", json=clash, headers=world.app)).json()["code"] == "seat_taken"
    await hold(api, world.app, party(world, *["adult"] * 8))
    assert (await api.post("/v1/bookings", json=party(world, "adult"), headers=world.app)).json()["code"] == "sold_out"
    # Again is the same, whoever asks; and nobody is kept inside.
    assert (await cancel(api, owner, done)).json()["status"] == "cancelled"
    assert (await taken(world, world.flight_slots[0]))[0] == 10
    out = {"item_id": done["items"][1]["id"], "direction": "exit", "nonce": uuid4().hex}
    assert (await api.post("/v1/scans", json=out, headers=world.agent)).json()["verdict"] == "exited"
    await healthy(world)


async def test_a_key_overrules_the_gate_only_with_its_scope(api, world: World):
    done, _ = await confirmed(api, world, visit(world, "adult"))
    await admit(api, world, done, 0)
    assert (await cancel(api, world.key, done)).json()["errors"][0]["pointer"] == "/reason"
    async with world.runtime.pool.acquire() as db:
        await db.execute("update api_key set scopes = array_remove(scopes, 'scan:override') where kind = 'secret'")
    assert (await cancel(api, world.key, done, **REASON)).json()["because"] == ["already_used"]


async def test_undone_after_the_cancellation_gives_the_places_back_once(api, world: World):
    done, _ = await confirmed(api, world, party(world, "adult", "adult", "adult", option="light"))
    await admit(api, world, done, 0, nonce="one")
    await admit(api, world, done, 1, 2, nonce="two")
    assert (await cancel(api, world.manager, done, **REASON)).status_code == 200
    assert await taken(world, world.flight_slots[0]) == (3, 3, 3)
    for nonce, left in (("two", 1), ("two", 1), ("one", 0), ("one", 0)):
        assert (await api.post(f"/v1/scans/{nonce}/undo", headers=world.manager)).status_code == 200
        assert await taken(world, world.flight_slots[0]) == (left, left, left)
        assert await quota_taken(world) == left
        await healthy(world)
    async with world.runtime.pool.acquire() as db:
        assert await db.fetchval("select count(*) from claim where id = $1", UUID(done["id"])) == 0


async def test_an_organiser_who_cancels_the_slot_refunds_whoever_was_admitted(api, world: World):
    done, owner = await confirmed(api, world, visit(world, "adult", "child"))
    await admit(api, world, done, 0)
    async with world.runtime.pool.acquire() as db:
        await db.execute("update slot set status = 'cancelled' where id = $1", world.tower_slots[0])
    assert "cancel" in (await get(api, owner, done))["available_actions"]
    answer = await cancel(api, owner, done)
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert (await taken(world, world.tower_slots[0]))[0] == 1
    await healthy(world)


async def test_one_of_two_bookings_was_used(api, world: World):
    """The order as a whole can't be cancelled any more, the other booking can."""
    wish = {"bookings": [visit(world, "adult"), visit(world, "child", slot=world.tower_slots[1])]}
    held = (await api.post("/v1/orders", json=wish, headers=world.app)).json()
    owner = owner_of(held)
    contact = {"name": "Ada", "email": "ada@example.org"}
    order = (
        await api.post(
            f"/v1/orders/{held['id']}/confirm",
            json={"contact": contact, "payment": {"method": "on_site"}},
            headers=owner,
        )
    ).json()
    used, free = order["bookings"]
    await admit(api, world, used, 0)
    refused = await api.post(f"/v1/orders/{order['id']}/cancel", headers=owner)
    assert (refused.status_code, refused.json()["because"]) == (409, ["already_used"])
    shown = (await api.get(f"/v1/orders/{order['id']}", headers=owner)).json()
    assert ["cancel" in booking["available_actions"] for booking in shown["bookings"]] == [False, True]
    assert (await cancel(api, owner, free)).json()["status"] == "cancelled"
    await healthy(world)


# at one moment ----------------------------------------------------------------------------------------------------


async def test_a_cancellation_waits_for_the_scan_that_came_first(api, world: World):
    """The scan has its booking's lock and hasn't committed; a cancellation that looked before would miss it."""

    done, owner = await confirmed(api, world, party(world, "adult"))
    caller = Caller(kind="staff", credential_id=uuid4(), subject_id=uuid4(), role="manager")
    new = NewScan(item_id=UUID(done["items"][0]["id"]), nonce="first", override=ScanOverride("rehearsal"))
    async with world.runtime.pool.acquire() as db, db.transaction():
        assert b'"admit":true' in (await scanning.scan(world.context(db, caller=caller), new)).body
        attempts = [
            asyncio.create_task(cancel(api, owner, done)),
            asyncio.create_task(
                api.patch(
                    f"/v1/bookings/{done['id']}",
                    json={"items": [{"id": done["items"][0]["id"], "name": "Eve"}]},
                    headers=owner,
                )
            ),
        ]
        await asyncio.sleep(0.3)
        assert not any(task.done() for task in attempts)
    cancelled, edited = await asyncio.gather(*attempts)
    assert (cancelled.status_code, cancelled.json()["because"]) == (409, ["already_used"])
    assert (edited.status_code, edited.json()["code"]) == (409, "already_used")
    await healthy(world)


async def test_a_scan_waits_for_the_cancellation_that_came_first(api, world: World):

    done, _ = await confirmed(api, world, party(world, "adult"))
    code = done["items"][0]["pass"]["code"]
    async with world.runtime.pool.acquire() as db, db.transaction():
        ctx = world.context(db)
        await cancellation.cancel(ctx, await load_order(ctx, UUID(done["order_id"]), lock=True), Cancellation())
        scan = asyncio.create_task(api.post("/v1/scans", json={"code": code, "nonce": "late"}, headers=world.agent))
        await asyncio.sleep(0.3)
        assert not scan.done()
    assert (await scan).json()["verdict"] == "cancelled"
    await healthy(world)


async def test_scans_and_cancellations_at_once_never_pass_each_other(api, world: World):
    slot = world.tower_slots[2]
    bookings = [await confirmed(api, world, visit(world, "adult", slot=slot)) for _ in range(8)]

    async def scan(done: dict[str, Any]) -> bool:
        body = {"item_id": done["items"][0]["id"], "nonce": uuid4().hex, **OVERRIDE}
        answer = (await api.post("/v1/scans", json=body, headers=world.manager)).json()
        return answer["admit"] and answer["overridden"] != "cancelled"

    async def give_up(done: dict[str, Any], owner: Headers) -> bool:
        return (await cancel(api, owner, done)).status_code == 200

    tries = [try_ for done, owner in bookings for try_ in (give_up(done, owner), scan(done))]
    outcomes = await asyncio.gather(*tries)
    for gave_up, came_in in zip(outcomes[::2], outcomes[1::2], strict=True):
        assert gave_up != came_in
    inside = sum(outcomes[1::2])
    assert (await taken(world, slot))[:2] == (inside, inside)


# the doctor -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("damage", "check"),
    [
        ("update claim set places = places + 1, quota_places = quota_places where id = $1", "suspects_claims"),
        ("update claim set expires_at = created_at where id = $1", "suspects_claims"),
        ("update item set after_admission = null where booking_id = $1", "suspects_claims"),
        ("update item set after_admission = null where booking_id = $1", "suspects_seats"),
        ("update item set after_admission = null where booking_id = $1", "suspects_inside_by_pass"),
        ("update booking set status = 'confirmed' where id = $1", "suspects_claims"),
        ("delete from seat_claim where claim_id = $1", "suspects_seats"),
    ],
)
async def test_the_doctor_notices(api, world: World, damage, check):
    done, _ = await confirmed(api, world, party(world, "adult", "adult"))
    await admit(api, world, done, 0)
    if check.endswith("by_pass"):
        async with world.runtime.pool.acquire() as db:
            await db.execute("update scan set override_reason = null")
    await cancel(api, world.manager, done, **REASON)
    await healthy(world)
    async with world.runtime.pool.acquire() as db:
        await db.execute(damage, UUID(done["id"]))
        asked = of_capacity if check == "suspects_seats" else of_bookings
        assert await getattr(asked, check.removesuffix("_by_pass"))(db, 9) != []


@pytest.mark.parametrize("erased", ["after its time", "with the person", "in the archive"])
async def test_an_override_stays_recorded_when_what_was_typed_is_erased(api, world: World, erased: str):
    done, owner = await confirmed(api, world, party(world, "adult"))
    code = done["items"][0]["pass"]["code"]
    assert (await cancel(api, owner, done)).status_code == 200
    scan = {"code": code, "nonce": str(uuid4()), "override": {"reason": f"{CONTACT['name']} is with the captain"}}
    answer = (await api.post("/v1/scans", json=scan, headers=world.manager)).json()
    assert (answer["admit"], answer["overridden"]) == (True, "cancelled"), answer
    await healthy(world)
    long_ago = datetime.now(UTC) - timedelta(days=500)
    async with world.runtime.pool.acquire() as db:
        await db.execute("update organisation set retention_days = 3")
        await db.execute("update scan set received_at = $1, scanned_at = $1", long_ago)
        await db.execute("update booking set visit_ends_at = $1", long_ago)
    if erased == "in the archive":
        await checkin_jobs.archive_scans(world.runtime)
    if erased == "with the person":
        body = {"email": CONTACT["email"]}
        assert (await api.post("/v1/persons/erase", json=body, headers=world.owner)).json()["scans"] == 1
    else:
        assert await checkin_jobs.erase_reasons(world.runtime) == 1
    assert await checkin_jobs.erase_reasons(world.runtime) == 0
    async with world.runtime.pool.acquire() as db:
        for table in ("scan", "scan_archive"):
            assert CONTACT["name"] not in str([dict(row) for row in await db.fetch(f"select * from {table}")])
    await healthy(world)
