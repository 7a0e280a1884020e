"""What an edit changes, and what it leaves alone: versions, events, passes, seats."""

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from booking_api.bookings import jobs
from booking_api.core.clock import utc_now
from booking_api.core.db import event_queries
from tests.bookings.journey import CONTACT, confirm, hold, owner_of, party, taken, visit
from tests.world import World


async def state(world: World, booking: dict[str, Any]) -> list[Any]:
    """All that an edit may touch: the booking's version and transaction, its events, its passes, its seats."""
    async with world.runtime.pool.acquire() as db:
        return [
            await db.fetch(statement, world.org.org_id, UUID(booking["id"]))
            for statement in (
                "select version, updated_at, changed_xid from booking where org_id = $1 and id = $2",
                "select id, type from event where org_id = $1 and subject_id = $2 order by id",
                """select p.id, p.revoked_at from pass p join item i on i.org_id = p.org_id and i.id = p.item_id
                   where i.org_id = $1 and i.booking_id = $2 order by p.id""",
                "select item_id, seat from seat_claim where org_id = $1 and claim_id = $2 order by item_id",
            )
        ]


async def confirmed_family(api, world: World) -> tuple[dict[str, Any], dict[str, str], str]:
    held = await hold(api, world.app, party(world, "adult", "adult", "infant"))
    return await confirm(api, owner_of(held), held), owner_of(held), f"/v1/bookings/{held['id']}"


async def test_an_unchanged_patch_changes_nothing(api, world: World):
    done, owner, url = await confirmed_family(api, world)
    items = done["items"]
    whole = [
        {"id": item["id"], "name": item["name"], **({"seat": item["seat"]} if "seat" in item else {})} for item in items
    ]
    before = await state(world, done)
    for change in (
        {},
        {"items": []},
        {"contact": CONTACT},
        {"items": whole},
        {"items": whole[::-1], "contact": done["contact"], "answers": {}},
        {"answers": None, "items": [{"id": items[2]["id"], "answers": None, "seat": None}]},
        {"items": [{"id": items[0]["id"]}]},
    ):
        answer = await api.patch(url, json=change, headers=owner)
        assert answer.status_code == 200, answer.text
        assert answer.json()["version"] == done["version"]
        assert answer.headers["etag"] == f'"{done["version"]}"'
        assert await state(world, done) == before, change
    # A repeat whose first answer was lost: what it asked for is so already, whatever version it names.
    again = await api.patch(url, json={"items": whole}, headers={**owner, "If-Match": '"1"'})
    assert again.status_code == 200
    real = await api.patch(
        url, json={"items": [{"id": items[0]["id"], "name": "Grace"}]}, headers={**owner, "If-Match": '"1"'}
    )
    assert (real.status_code, real.json()["code"]) == (412, "version_conflict")
    assert await state(world, done) == before


async def test_an_unchanged_patch_of_a_hold_and_of_answers(api, world: World):
    held = await hold(api, world.app, visit(world, "adult", answers={"language": "de"}))
    url, owner = f"/v1/bookings/{held['id']}", owner_of(held)
    for change in ({"answers": {"language": "de"}}, {"answers": {}}, {"contact": None}, {"items": []}):
        answer = await api.patch(url, json=change, headers=owner)
        assert (answer.status_code, answer.json()["version"]) == (200, held["version"]), change
    cleared = await api.patch(url, json={"answers": {"language": None}}, headers=owner)
    assert cleared.json()["version"] == held["version"] + 1
    again = await api.patch(url, json={"answers": None}, headers=owner)
    assert again.json()["version"] == held["version"] + 1
    # What is wrong is refused though nothing would change.
    wrong = await api.patch(url, json={"answers": {"colour": None}}, headers=owner)
    assert wrong.status_code == 422


async def test_no_name_answer_or_seat_reissues_a_pass(api, world: World):
    done, owner, url = await confirmed_family(api, world)
    ada, alan, infant = (item["id"] for item in done["items"])
    version = done["version"]
    for change in (
        {"items": [{"id": ada, "name": "Ada King"}]},
        {"items": [{"id": infant, "name": "Zoë"}, {"id": alan, "name": "Alan M. Turing"}]},
        {"contact": {**CONTACT, "name": "Somebody else"}},
        {"items": [{"id": ada, "seat": "5A"}]},
    ):
        version += 1
        answer = await api.patch(url, json=change, headers=owner)
        assert answer.status_code == 200, answer.text
        assert answer.json()["version"] == version
        assert [item["pass"] for item in answer.json()["items"]] == [item["pass"] for item in done["items"]]
    assert len((await state(world, done))[2]) == 3


async def test_a_seat_of_a_confirmed_booking_is_changed_never_given_up(api, world: World):
    done, owner, url = await confirmed_family(api, world)
    ada, alan, infant = done["items"]
    before = await state(world, done)
    for position, edits in enumerate(
        (
            [{"id": ada["id"], "seat": None}],
            [{"id": ada["id"], "name": "Grace"}, {"id": alan["id"], "seat": None}],
        )
    ):
        refused = await api.patch(url, json={"items": edits}, headers=owner)
        problem = refused.json()
        assert (refused.status_code, problem["code"]) == (422, "invalid")
        assert [error["pointer"] for error in problem["errors"]] == [f"/items/{position}/seat"]
        assert await state(world, done) == before
    twice = await api.patch(
        url,
        json={"items": [{"id": ada["id"], "seat": alan["seat"]}, {"id": alan["id"], "seat": alan["seat"]}]},
        headers=owner,
    )
    assert (twice.status_code, twice.json()["errors"][0]["pointer"]) == (422, "/items/1/seat")
    assert (
        await api.patch(url, json={"items": [{"id": infant["id"], "seat": None}]}, headers=owner)
    ).status_code == 200
    assert await state(world, done) == before
    assert (await taken(world, world.flight_slots[0]))[2] == 2


async def test_a_seat_on_hold_may_be_given_up(api, world: World):
    wish = party(world, "adult", "adult")
    wish["items"][0]["seat"], wish["items"][1]["seat"] = "1A", "1B"
    held = await hold(api, world.app, wish)
    url, owner = f"/v1/bookings/{held['id']}", owner_of(held)
    # One stays where it is and is named all the same; the other gives its seat up.
    edits = [{"id": held["items"][0]["id"], "seat": "1A"}, {"id": held["items"][1]["id"], "seat": None}]
    answer = await api.patch(url, json={"items": edits}, headers=owner)
    assert [item.get("seat") for item in answer.json()["items"]] == ["1A", None]
    assert (await taken(world, world.flight_slots[0]))[2] == 1


async def move(world: World, slot_id: UUID, *, minutes: int, micro: int = 0) -> None:
    async with world.runtime.pool.acquire() as db:
        await db.execute(
            """update slot set starts_at = starts_at + make_interval(mins => $2) + $3 * interval '1 microsecond',
                 ends_at = ends_at + make_interval(mins => $2) where id = $1""",
            slot_id, minutes, micro,
        )  # fmt: skip
    event = event_queries.StoredEvent(world.org.org_id, world.org.org_id, "slot.changed", slot_id, {}, utc_now())
    await jobs.follow_slot(world.runtime, event)


@pytest.mark.parametrize("micro", [0, 250_000])
async def test_a_slot_that_moved_reissues_once_and_only_what_it_concerns(api, world: World, micro):
    slot_id = world.tower_slots[0]
    done, other = [
        await confirm(api, owner_of(held), held)
        for held in [
            await hold(api, world.app, visit(world, "adult", "child")),
            await hold(api, world.app, visit(world, "adult", slot=world.tower_slots[1])),
        ]
    ]
    codes = [{item["pass"]["code"] for item in done["items"]}]
    for _ in range(2):
        await move(world, slot_id, minutes=60, micro=micro)
        now = (await api.get(f"/v1/bookings/{done['id']}", headers=world.agent)).json()
        codes.append({item["pass"]["code"] for item in now["items"]})
        # The same news again: nothing is different, so nothing is issued.
        await move(world, slot_id, minutes=0)
        again = (await api.get(f"/v1/bookings/{done['id']}", headers=world.agent)).json()
        assert [item["pass"] for item in again["items"]] == [item["pass"] for item in now["items"]]
        assert datetime.fromisoformat(now["items"][0]["pass"]["valid_from"]) <= datetime.fromisoformat(
            now["slot"]["admit_from"]
        )
    assert len(set.union(*codes)) == 6
    assert (await state(world, other))[2][0]["revoked_at"] is None
    assert len((await state(world, other))[2]) == 1
    # Every one of them is judged by what is true now, though two others came after the first.
    for code in sorted(set.union(*codes)):
        verdict = (await api.post("/v1/scans", json={"code": code, "nonce": code[-30:]}, headers=world.agent)).json()[
            "verdict"
        ]
        assert verdict == "unpaid"


async def test_only_the_item_without_its_pass_gets_one(api, world: World):
    held = await hold(api, world.app, visit(world, "adult", "child"))
    done = await confirm(api, owner_of(held), held)
    async with world.runtime.pool.acquire() as db:
        await db.execute(
            "delete from pass where org_id = $1 and item_id = $2", world.org.org_id, UUID(done["items"][1]["id"])
        )
    await move(world, world.tower_slots[0], minutes=0)
    now = (await api.get(f"/v1/bookings/{done['id']}", headers=world.agent)).json()
    assert now["items"][0]["pass"] == done["items"][0]["pass"]
    assert now["items"][1]["pass"]["id"] != done["items"][1]["pass"]["id"]


async def test_a_slot_that_moves_under_a_hold_issues_nothing(api, world: World):
    held = await hold(api, world.app, visit(world, "adult"))
    await move(world, world.tower_slots[0], minutes=30)
    assert (await state(world, held))[2] == []


async def test_the_same_edit_many_times_at_once_is_one_change(api, world: World):
    done, owner, url = await confirmed_family(api, world)
    change = {"items": [{"id": done["items"][0]["id"], "name": "Ada King", "seat": "4B"}]}
    answers = await asyncio.gather(*(api.patch(url, json=change, headers=owner) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["version"] for answer in answers} == {done["version"] + 1}
