"""Looking people up, and what a gate has before it."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from tests.checkin.gate import book, change, open_slot, scan, settle
from tests.world import build_world


async def look_up(api, headers, **query):
    answer = await api.get("/v1/gate/lookup", params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_by_reference_as_it_is_read_aloud(api, world):
    party = await book(world, await open_slot(world), ("adult", "child"), names=("Ada",), due_on_site=2980)
    await change(world, "update booking set reference = 'A1B0C9D8' where org_id = $1 and id = $2", party.booking_id)
    (found,) = (await look_up(api, world.agent, reference="aIbo-c9 d8"))["items"]
    assert (found["id"], found["reference"], found["contact_name"]) == (
        str(party.booking_id),
        "A1B0C9D8",
        "Ada Lovelace",
    )
    assert (found["paid"], found["amount_due"]["amount"], found["available_actions"]) == (False, 2980, ["settle"])
    assert [item["unit"] for item in found["items"]] == ["adult", "child"]
    assert found["items"][0] == {
        "id": str(party.items[0]), "unit": "adult", "title": "Adult", "name": "Ada", "status": "active", "pass_state": "valid",
        "inside": False, "entries": 0, "available_actions": [],
    }  # fmt: skip
    await settle(world, party, 2980)
    await scan(api, world.agent, party.codes[0])
    (found,) = (await look_up(api, world.agent, reference="A1B0C9D8"))["items"]
    assert (found["paid"], found["checked_in"], found["available_actions"]) == (True, 1, [])
    assert [item["available_actions"] for item in found["items"]] == [["exit"], ["enter"]]
    assert found["items"][0]["admitted_at"]
    assert (await look_up(api, world.agent, reference="ZZZZZZZZ")) == {"items": []}


async def test_states_of_a_booking_without_a_pass(api, world):
    held = await book(world, await open_slot(world), status="on_hold", passes_too=False)
    ended = await book(world, await open_slot(world, starts=-300))
    (found,) = (await look_up(api, world.agent, reference=held.reference))["items"]
    assert (
        found["status"],
        found["paid"],
        found["items"][0]["pass_state"],
        found["items"][0]["available_actions"],
    ) == ("on_hold", False, "none", [])
    (found,) = (await look_up(api, world.agent, reference=ended.reference))["items"]
    assert (found["items"][0]["pass_state"], found["items"][0]["available_actions"]) == ("ended", [])


async def test_by_name_on_a_slot(api, world):
    slot_id = await open_slot(world)
    ada = await book(world, slot_id, names=("Ada King",), contact="Ada Lovelace")
    child = await book(world, slot_id, ("adult", "child"), names=("Anna", "LOVELACE Jr"), contact=None)
    await book(world, slot_id, names=("100% Wool_Man",), contact="Grace Hopper")
    await book(world, await open_slot(world), contact="Ada Lovelace")
    await book(world, slot_id, contact="Ada Lovelace", status="on_hold", passes_too=False)

    async def references(name):
        found = await look_up(api, world.agent, name=name, slot_id=str(slot_id))
        return [booking["reference"] for booking in found["items"]]

    assert await references("lovelace") == [ada.reference, child.reference]
    assert await references(" KING ") == [ada.reference]
    assert await references("%_") == []
    assert len(await references("0% wool_")) == 1
    assert await references("\\\\") == []
    page = await look_up(api, world.key, name="lovelace", slot_id=str(slot_id), limit=1)
    assert [booking["reference"] for booking in page["items"]] == [ada.reference]
    page = await look_up(api, world.key, name="lovelace", slot_id=str(slot_id), limit=1, cursor=page["next_cursor"])
    assert [booking["reference"] for booking in page["items"]] == [child.reference]
    assert len(page["items"][0]["items"]) == 2
    assert "next_cursor" not in page


@pytest.mark.parametrize(
    "query",
    [
        {}, {"name": "Ada"}, {"slot_id": str(uuid4())}, {"reference": "A", "name": "Ada", "slot_id": str(uuid4())}, {"name": "A", "slot_id": str(uuid4())},
        {"name": "  ", "slot_id": str(uuid4())}, {"name": "Ada", "slot_id": "x"}, {"reference": "A" * 21}, {"reference": ""},
        {"name": "Ada", "slot_id": str(uuid4()), "cursor": "x"}, {"reference": "A", "cursor": "x"}, {"name": "Ada", "slot_id": str(uuid4()), "limit": 0},
        {"name": "Ada", "slot_id": str(uuid4()), "limit": 201}, {"reference": "A", "extra": "1"}, {"reference": "A\0"},
    ],
)  # fmt: skip
async def test_bad_look_ups(api, world, query):
    answer = await api.get("/v1/gate/lookup", params=query, headers=world.agent)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert answer.json()["errors"][0]["pointer"].startswith("/query/")


async def test_who_may_look(api, world):
    party = await book(world, await open_slot(world))
    neighbour = await build_world(world.runtime, "Neighbour")
    for path in (f"/v1/gate/lookup?reference={party.reference}", "/v1/gate/slots"):
        for headers, status in (
            ({}, 401),
            (world.app, 403),
            (world.customer(party.customer_id), 403),
            (world.agent, 200),
            (world.key, 200),
        ):
            assert (await api.get(path, headers=headers)).status_code == status
        assert (await api.get(path, headers=neighbour.owner)).json()["items"] == []


async def test_slots_of_a_gate_with_their_counts(api, world):
    now = datetime.now(UTC)
    running, later = await open_slot(world), await open_slot(world, starts=300)
    await open_slot(world, starts=-300)
    await open_slot(world, starts=500)
    elsewhere = await open_slot(world, gate="South")
    party = await book(world, running, ("adult", "adult", "child"))
    await book(world, running, status="cancelled")
    await book(world, running, status="on_hold", passes_too=False)
    await scan(api, world.agent, party.codes[0])
    await scan(api, world.agent, party.codes[1])
    await scan(api, world.agent, party.codes[1], direction="exit")

    async def slots(**query):
        answer = await api.get("/v1/gate/slots", params=query, headers=world.agent)
        assert answer.status_code == 200, answer.text
        return answer.json()

    found = (await slots(gate="north"))["items"]
    assert [slot["slot_id"] for slot in found] == [str(running), str(later)]
    assert (found[0]["expected"], found[0]["admitted"], found[0]["inside"], found[0]["product"]) == (
        3,
        2,
        1,
        "Tower visit",
    )
    assert (found[1]["expected"], found[1]["admitted"], found[1]["gate"], found[1]["status"]) == (0, 0, "North", "open")
    assert {slot["slot_id"] for slot in (await slots())["items"]} == {str(running), str(later), str(elsewhere)}
    assert len((await slots(gate="North", at=(now + timedelta(hours=3)).isoformat()))["items"]) == 2
    page = await slots(gate="North", limit=1)
    assert [slot["slot_id"] for slot in page["items"]] == [str(running)]
    page = await slots(gate="North", limit=1, cursor=page["next_cursor"])
    assert [slot["slot_id"] for slot in page["items"]] == [str(later)]
    assert "next_cursor" not in page


@pytest.mark.parametrize(
    "query",
    [
        {"at": "now"}, {"at": "2026-05-01T12:00:00"}, {"at": "0001-01-01T00:00:00Z"}, {"at": "9999-12-31T23:00:00Z"}, {"gate": ""}, {"gate": "x" * 65},
        {"cursor": "x"}, {"cursor": "WyIyMDI2LTA1LTAxVDEyOjAwOjAwIiwiMDE5YWE1YzgtNWQ2MC03YzNlLTlmMjEtNGI3ZDBjNmU4YTE2Il0"}, {"limit": "x"}, {"x": "1"},
    ],
)  # fmt: skip
async def test_bad_slot_queries(api, world, query):
    answer = await api.get("/v1/gate/slots", params=query, headers=world.agent)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid"), answer.text
