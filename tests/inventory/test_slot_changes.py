"""Changing a slot: who may, what it makes of the slot, and that it is safe beside any sale."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from booking_api.bookings import jobs
from booking_api.core.ids import new_id
from tests.bookings.journey import confirm, end_hold, hold, owner_of, party, taken, visit
from tests.contract.scene import bearer
from tests.inventory.helpers import change_slot, delay, news_of, patch_slot, slot_row, take
from tests.world import World

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


async def find_slot(api: httpx.AsyncClient, world: World, slot: object) -> dict[str, Any]:
    answer = await api.get(f"/v1/slots/{slot}", headers=world.app)
    assert answer.status_code == 200
    return answer.json()


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


# what a delay is --------------------------------------------------------------------------------------------------


async def test_a_delay_moves_the_last_gate_and_the_end_of_sales_and_nothing_else(api, world):
    slot = world.flight_slots[3]
    before = await find_slot(api, world, slot)
    starts_at = at(before["starts_at"])
    after = await patch_slot(
        api, world.agent, slot, delay=delay(starts_at + 40 * MINUTE, note="  De-icing\u2028", estimated_ends_at=None)
    )
    assert at(after["delay"]["estimated_starts_at"]) == starts_at + 40 * MINUTE
    assert at(after["delay"]["estimated_starts_at"]).utcoffset() == starts_at.utcoffset()
    assert "estimated_ends_at" not in after["delay"]
    assert after["delay"]["note"] == "De-icing"
    for name in ("starts_at", "ends_at", "admit_from", "status", "vacancies", "gate"):
        assert after[name] == before[name], name
    for name in ("admit_until", "booking_closes_at"):
        assert at(after[name]) == at(before[name]) + 40 * MINUTE, name
    assert await find_slot(api, world, slot) == after


async def test_a_longer_stay_counts_where_the_gate_closes_with_the_end(api, world):
    slot = world.tower_slots[2]
    before = await find_slot(api, world, slot)
    starts_at, ends_at = at(before["starts_at"]), at(before["ends_at"])
    after = await patch_slot(
        api, world.key, slot, delay=delay(starts_at, estimated_ends_at=(ends_at + 25 * MINUTE).isoformat())
    )
    assert at(after["admit_until"]) == ends_at + 25 * MINUTE
    assert after["booking_closes_at"] == before["booking_closes_at"], "it begins as scheduled"
    early = await patch_slot(
        api, world.key, slot,
        delay=delay(starts_at + 20 * MINUTE, estimated_ends_at=(starts_at + 30 * MINUTE).isoformat()),
    )  # fmt: skip
    assert at(early["admit_until"]) == ends_at, "no gate closes earlier than a pass says"


async def test_a_delayed_slot_is_found_and_sold_after_its_scheduled_start(api, world):
    slot, now = world.tower_slots[0], datetime.now(UTC)
    day = now.astimezone().date()
    await change_slot(
        world,
        slot,
        starts_at=now - 20 * MINUTE,
        ends_at=now + 40 * MINUTE,
        booking_closes_at=now - 20 * MINUTE,
        local_date=day,
    )
    found = await api.get(
        "/v1/availability", params={"product_id": str(world.tower.id), "from": str(day)}, headers=world.app
    )
    assert str(slot) not in found.text
    refused = await api.post("/v1/bookings", json=visit(world, "adult", slot=slot), headers=world.app)
    assert refused.json()["code"] == "sales_closed"
    await patch_slot(api, world.agent, slot, delay=delay(now + 30 * MINUTE))
    for sort in ("start", "price"):
        query = {"product_id": str(world.tower.id), "from": str(day), "sort": sort}
        found = (await api.get("/v1/availability", params=query, headers=world.app)).json()
        items = {item["slot_id"]: item for item in found["items"]}
        assert items[str(slot)]["status"] == "available", sort
        assert items[str(slot)]["delay"]["estimated_starts_at"]
    query = {"product_id": str(world.tower.id), "from": str(day)}
    days = (await api.get("/v1/availability/calendar", params=query, headers=world.app)).json()["items"]
    assert days[0]["status"] == "available"
    booking = await hold(api, world.app, visit(world, "adult", slot=slot))
    assert at(booking["slot"]["delay"]["estimated_starts_at"]) == now + 30 * MINUTE
    await patch_slot(api, world.agent, slot, delay=None)
    refused = await api.post("/v1/bookings", json=visit(world, "adult", slot=slot), headers=world.app)
    assert refused.json()["code"] == "sales_closed"


@pytest.mark.parametrize(
    ("begins", "ends", "pointer"),
    [
        (-MINUTE, None, "/delay/estimated_starts_at"),
        (24 * HOUR + MINUTE, None, "/delay/estimated_starts_at"),
        (30 * MINUTE, 29 * MINUTE, "/delay/estimated_ends_at"),
        (30 * MINUTE, 25 * HOUR + MINUTE, "/delay/estimated_ends_at"),
    ],
)
async def test_an_estimate_has_bounds(api, world, begins, ends, pointer):
    slot = world.tower_slots[4]
    row = await slot_row(world, slot)
    starts_at = row["starts_at"]
    more = {} if ends is None else {"estimated_ends_at": (starts_at + ends).isoformat()}
    refused = await patch_slot(api, world.manager, slot, 422, delay=delay(starts_at + begins, **more))
    assert refused["errors"][0]["pointer"] == pointer
    assert await slot_row(world, slot) == row
    assert await news_of(world, slot) == []


async def test_an_estimate_of_a_whole_day_is_the_last_one_allowed(api, world):
    slot = world.tower_slots[4]
    starts_at = (await slot_row(world, slot))["starts_at"]
    after = await patch_slot(api, world.agent, slot, delay=delay(starts_at + 24 * HOUR))
    assert at(after["delay"]["estimated_starts_at"]) == starts_at + 24 * HOUR


async def test_an_estimate_that_is_as_scheduled_is_no_delay(api, world):
    slot = world.tower_slots[4]
    starts_at = (await slot_row(world, slot))["starts_at"]
    await patch_slot(api, world.agent, slot, delay=delay(starts_at + 10 * MINUTE))
    assert "delay" not in await patch_slot(api, world.agent, slot, delay=delay(starts_at))


# who may ----------------------------------------------------------------------------------------------------------


async def test_agents_delay_and_managers_do_the_rest(api, world):
    slot = world.tower_slots[1]
    starts_at = (await slot_row(world, slot))["starts_at"]
    for change in (
        {"status": "closed"}, {"capacity": 21}, {"gate": None}, {"release_holds": True},
        {"delay": delay(starts_at + HOUR), "resource": "Lift 2"},
    ):  # fmt: skip
        assert (await patch_slot(api, world.agent, slot, 403, **change))["code"] == "forbidden"
    assert (await slot_row(world, slot))["version"] == 1
    await patch_slot(api, world.agent, slot, delay=delay(starts_at + HOUR), release_holds=False)
    for headers in (world.manager, world.owner, world.key):
        await patch_slot(api, headers, slot, gate=f"G{new_id().hex[:6]}")
    reader = await api.post(
        "/v1/keys", json={"kind": "secret", "name": "Reports", "scopes": ["catalog:read"]}, headers=world.owner
    )
    await patch_slot(api, bearer(reader.json()["key"]), slot, 403, delay=None)


# moving -----------------------------------------------------------------------------------------------------------


async def test_a_start_that_moves_takes_the_end_and_the_end_of_sales_along(api, world):
    slot = world.flight_slots[5]
    before = await slot_row(world, slot)
    await patch_slot(api, world.agent, slot, delay=delay(before["starts_at"] + HOUR))
    after = await patch_slot(api, world.manager, slot, starts_at=before["starts_at"] + 26 * HOUR)
    row = await slot_row(world, slot)
    assert row["ends_at"] - row["starts_at"] == before["ends_at"] - before["starts_at"]
    assert row["booking_closes_at"] == before["booking_closes_at"] + 26 * HOUR
    assert row["local_date"] == before["local_date"] + timedelta(days=1)
    assert "delay" not in after, "it was estimated for the times before"


async def test_what_is_named_is_not_taken_along(api, world):
    slot = world.flight_slots[5]
    before = await slot_row(world, slot)
    closes = before["starts_at"] - 5 * HOUR
    await patch_slot(
        api,
        world.manager,
        slot,
        starts_at=before["starts_at"] - HOUR,
        ends_at=before["ends_at"],
        booking_closes_at=closes,
    )
    row = await slot_row(world, slot)
    assert (row["starts_at"], row["ends_at"]) == (before["starts_at"] - HOUR, before["ends_at"])
    assert row["booking_closes_at"] == closes


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"starts_at": "2020-01-01T10:00:00Z"}, "/starts_at"),
        ({"starts_at": "0001-01-01T00:00:00+14:00"}, "/starts_at"),
        ({"ends_at": "9999-12-31T23:59:59-12:00"}, "/ends_at"),
        ({"ends_at": "2024-01-01T00:00:00Z"}, "/ends_at"),
        ({"booking_closes_at": "1969-12-31T23:59:59Z"}, "/booking_closes_at"),
        ({"capacity": 1}, "/capacity"),
        ({"status": "cancelled", "delay": {"estimated_starts_at": "2026-12-01T10:00:00Z"}}, "/delay"),
    ],
)
async def test_what_makes_no_sense_changes_nothing(api, world, change, pointer):
    slot = world.tower_slots[3]
    await hold(api, world.app, visit(world, "adult", "child", slot=slot))
    row = await slot_row(world, slot)
    refused = await patch_slot(api, world.manager, slot, 422, **change)
    assert refused["errors"][0]["pointer"] == pointer
    assert await slot_row(world, slot) == row
    assert await news_of(world, slot) == []


async def test_bad_input_has_a_pointer(api, world):
    for change, pointer in (
        ({"starts_at": "tomorrow"}, "/starts_at"), ({"starts_at": None}, "/starts_at"), ({"status": "full"}, "/status"),
        ({"capacity": -1}, "/capacity"), ({"delay": {}}, "/delay/estimated_starts_at"), ({"colour": "red"}, "/colour"),
        ({"gate": ""}, "/gate"), ({"starts_at": "2026-12-24T10:00:00"}, "/starts_at"),
    ):  # fmt: skip
        refused = await patch_slot(api, world.manager, world.tower_slots[3], 400, **change)
        assert refused["errors"][0]["pointer"] == pointer
    assert (await patch_slot(api, world.manager, new_id(), 404, status="closed"))["code"] == "not_found"


# versions and news ------------------------------------------------------------------------------------------------


async def test_what_changes_nothing_is_no_news(api, world):
    slot = world.tower_slots[1]
    row = await slot_row(world, slot)
    wish = {"gate": "North", "capacity": 20, "status": "open", "starts_at": row["starts_at"], "delay": None}
    assert (await patch_slot(api, world.manager, slot, **wish))["status"] == "available"
    assert await slot_row(world, slot) == row
    assert await news_of(world, slot) == []
    first = await patch_slot(api, world.agent, slot, delay=delay(row["starts_at"] + HOUR, note="Fog"))
    again = await patch_slot(api, world.agent, slot, delay=delay(row["starts_at"] + HOUR, note=" Fog "))
    assert first == again
    assert [event.data for event in await news_of(world, slot)] == [{"changed": ["delay"]}]


async def test_if_match_is_looked_at_where_something_would_change(api, world):
    slot = f"/v1/slots/{world.tower_slots[1]}"
    etag = (await api.get(slot, headers=world.app)).headers["ETag"]
    changed = await api.patch(slot, json={"gate": "South"}, headers={**world.manager, "If-Match": etag})
    assert changed.status_code == 200
    late = await api.patch(slot, json={"gate": "West"}, headers={**world.manager, "If-Match": etag})
    assert (late.status_code, late.json()["code"]) == (412, "version_conflict")
    repeat = await api.patch(slot, json={"gate": "South"}, headers={**world.manager, "If-Match": etag})
    assert repeat.status_code == 200
    assert repeat.headers["ETag"] == changed.headers["ETag"] == '"2"'


async def test_a_repeated_key_does_nothing_twice(api, world):
    slot = world.tower_slots[1]
    key = {"Idempotency-Key": new_id().hex}
    held = await hold(api, world.app, visit(world, "adult", slot=slot))
    first = await api.patch(
        f"/v1/slots/{slot}", json={"gate": "South", "release_holds": True}, headers={**world.manager, **key}
    )
    assert first.json()["vacancies"] == 20
    assert (await api.get(f"/v1/bookings/{held['id']}", headers=owner_of(held))).json()["status"] == "expired"
    kept = await hold(api, world.app, visit(world, "adult", slot=slot))
    again = await api.patch(
        f"/v1/slots/{slot}", json={"gate": "South", "release_holds": True}, headers={**world.manager, **key}
    )
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json() == first.json()
    assert (await api.get(f"/v1/bookings/{kept['id']}", headers=owner_of(kept))).json()["status"] == "on_hold"


async def test_quotas_that_limit_nothing_follow_the_capacity(api, world):
    slot, light = world.flight_slots[2], world.option(world.flight, "light")
    await patch_slot(api, world.manager, slot, capacity=4)
    await patch_slot(api, world.manager, slot, capacity=12)
    async with world.runtime.pool.acquire() as db:
        assert await db.fetchval("select capacity from quota where slot_id = $1 and option_id = $2", slot, light) == 12
    await patch_slot(api, world.manager, world.flight_slots[1], capacity=12)
    async with world.runtime.pool.acquire() as db:
        assert await db.fetchval("select capacity from quota where slot_id = $1", world.flight_slots[1]) == 4


async def test_the_calendar_is_never_older_than_a_change(api, world):
    """A kept sum holds no longer than until its slot is delayed, moved or closed, from one date to another too."""
    slot = world.flight_slots[4]
    row = await slot_row(world, slot)
    query = {
        "product_id": str(world.flight.id),
        "from": str(row["local_date"]),
        "to": str(row["local_date"] + timedelta(days=1)),
    }

    async def days() -> list[tuple[str, int]]:
        found = await api.get("/v1/availability/calendar", params=query, headers=world.app)
        return [(day["status"], day["vacancies"]) for day in found.json()["items"]]

    assert await days() == [("available", 10), ("available", 10)]
    await patch_slot(api, world.manager, slot, starts_at=row["starts_at"] + 24 * HOUR)
    assert await days() == [("closed", 0), ("available", 20)]
    await patch_slot(api, world.manager, slot, status="cancelled")
    assert await days() == [("closed", 0), ("available", 10)]
    await patch_slot(api, world.manager, slot, status="open", capacity=50)
    assert await days() == [("closed", 0), ("available", 60)]


# holds ------------------------------------------------------------------------------------------------------------


async def test_closing_keeps_the_holds_and_release_holds_gives_them_back(api, world):
    slot = world.tower_slots[5]
    held = await hold(api, world.app, visit(world, "adult", "adult", slot=slot))
    paid = await hold(api, world.app, visit(world, "adult", slot=slot))
    await confirm(api, owner_of(paid), paid)
    closed = await patch_slot(api, world.manager, slot, status="closed")
    assert closed["status"] == "closed"
    assert (await api.get(f"/v1/bookings/{held['id']}", headers=owner_of(held))).json()["status"] == "on_hold"
    gone = await patch_slot(api, world.manager, slot, status="closed", release_holds=True)
    assert gone["vacancies"] == 19
    seen = (await api.get(f"/v1/bookings/{held['id']}", headers=owner_of(held))).json()
    assert (seen["status"], seen["status_reason"]["code"]) == ("expired", "released")
    assert (await api.get(f"/v1/bookings/{paid['id']}", headers=owner_of(paid))).json()["status"] == "confirmed"
    assert await taken(world, slot) == (1, 1, 0)
    for event in await news_of(world, slot):
        if event.type == "slot.holds_unwanted":
            await jobs.release_holds(world.runtime, event)
    assert await taken(world, slot) == (1, 1, 0)


async def test_an_order_of_several_is_given_back_as_a_whole(api, world):
    wish = {"bookings": [party(world, "adult", slot=world.flight_slots[1]), visit(world, "adult")]}
    del wish["bookings"][1]
    wish["bookings"].append(party(world, "adult", slot=world.flight_slots[2]))
    order = (await api.post("/v1/orders", json=wish, headers=world.app)).json()
    await patch_slot(api, world.manager, world.flight_slots[2], release_holds=True)
    headers = bearer(order["access_token"])
    assert (await api.get(f"/v1/orders/{order['id']}", headers=headers)).json()["status"] == "expired"
    assert [await taken(world, slot) for slot in world.flight_slots[1:3]] == [(0, 0, 0), (0, 0, 0)]


async def test_a_worker_finishes_what_a_dying_process_left(api, world, monkeypatch):
    """The event is committed with the change; holds that came after it are no business of it."""
    slot = world.tower_slots[5]
    held = await hold(api, world.app, visit(world, "adult", slot=slot))

    async def die(*_: object) -> int:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr("booking_api.bookings.slot_routes.release_holds", die)
        await patch_slot(api, world.manager, slot, 500, release_holds=True)
    later = await hold(api, world.app, visit(world, "child", slot=slot))
    (event,) = await news_of(world, slot)
    await jobs.release_holds(world.runtime, event)
    await jobs.release_holds(world.runtime, event)
    assert (await api.get(f"/v1/bookings/{held['id']}", headers=owner_of(held))).json()["status"] == "expired"
    assert (await api.get(f"/v1/bookings/{later['id']}", headers=owner_of(later))).json()["status"] == "on_hold"


async def test_releasing_waits_for_who_is_confirming(api, world):
    slot = world.tower_slots[6]
    held = await hold(api, world.app, visit(world, "adult", slot=slot))
    async with world.runtime.pool.acquire() as db:
        transaction = db.transaction()
        await transaction.start()
        await db.execute("select from booking_order where id = $1 for update", new_id().__class__(held["order_id"]))
        releasing = asyncio.create_task(patch_slot(api, world.manager, slot, release_holds=True))
        await asyncio.sleep(0.2)
        assert not releasing.done()
        await transaction.rollback()
    assert (await releasing)["vacancies"] == 20


async def test_holds_and_changes_at_once_leave_the_books_right(api, world):
    """No hold is of a slot that it wasn't checked against, whatever changes in the middle."""
    slot = world.tower_slots[7]
    starts_at = (await slot_row(world, slot))["starts_at"]

    async def buy() -> httpx.Response:
        return await api.post("/v1/bookings", json=visit(world, "adult", slot=slot), headers=world.app)

    async def change(number: int) -> None:
        await patch_slot(
            api, world.manager, slot, starts_at=starts_at + (number % 7 + 1) * MINUTE, release_holds=number % 5 == 0
        )

    answers = await asyncio.gather(*[buy() if n % 3 else change(n) for n in range(60)])
    made = [answer for answer in answers if isinstance(answer, httpx.Response)]
    assert {answer.status_code for answer in made} <= {201, 409}, [
        a.text for a in made if a.status_code not in (201, 409)
    ]
    places, claimed, _ = await taken(world, slot)
    assert places == claimed
    async with world.runtime.pool.acquire() as db:
        live = await db.fetchval("select count(*) from booking where slot_id = $1 and status = 'on_hold'", slot)
    assert live == places


async def test_a_hold_that_was_checked_before_a_change_is_checked_again(api, world, monkeypatch):
    """Closed between the look and the lock: refused as closed, not as sold out; and nothing is left of the try."""
    from booking_api.bookings.operations import holding

    slot = world.tower_slots[7]
    look_up, looked = holding._look_up, []

    async def slowly(*args: Any) -> Any:
        found = await look_up(*args)
        if not looked:
            looked.append(True)
            await patch_slot(api, world.manager, slot, status="closed")
        return found

    monkeypatch.setattr(holding, "_look_up", slowly)
    refused = await api.post("/v1/bookings", json=visit(world, "adult", slot=slot), headers=world.app)
    assert (refused.status_code, refused.json()["code"]) == (409, "sales_closed")
    assert await taken(world, slot) == (0, 0, 0)


async def test_ended_holds_are_not_counted_against_a_smaller_capacity_for_ever(api, world):
    """What was swept is free again."""
    slot = world.tower_slots[6]
    held = await hold(api, world.app, visit(world, "adult", "adult", slot=slot))
    await end_hold(world, held["order_id"])
    await patch_slot(api, world.manager, slot, 422, capacity=1)
    await jobs.sweep_ended_holds(world.runtime)
    assert (await patch_slot(api, world.manager, slot, capacity=1))["vacancies"] == 1


async def test_claims_that_nobody_checked_are_taken_as_before(world):
    slot = world.tower_slots[0]
    await take(world, slot, world.option(world.tower, "standard"), 2)
    assert await taken(world, slot) == (2, 2, 0)
