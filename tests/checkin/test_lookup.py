"""Looking people up, and what a gate has before it."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from booking_api.bookings import retention_queries
from booking_api.bookings.operations import names
from booking_api.run.migrate import fill
from tests.bookings.journey import CONTACT, hold, owner_of, visit
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
    assert len(await references("wool 100")) == 1
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
        {}, {"name": "Ada"}, {"slot_id": str(uuid4())}, {"reference": "A", "name": "Ada", "slot_id": str(uuid4())}, {"name": "", "slot_id": str(uuid4())},
        {"name": "  ", "slot_id": str(uuid4())}, {"name": "\u3164\u200b", "slot_id": str(uuid4())}, {"name": "Ada", "slot_id": "x"}, {"reference": "A" * 21}, {"reference": ""},
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


@pytest.mark.parametrize(
    ("named", "asked"),
    [("Süd", "SÜD"), ("Süd", "Su\u0308d\n"), ("Tor\u00a0 3", "tor 3"), ("Ｂ７", "b7"), ("Straße", "STRASSE"), ("Выход", "ВЫХОД"), ("North", "\u200bNorth\ufeff"), ("ﬁrst", "FIRST")],
)  # fmt: skip
async def test_a_gate_is_found_and_is_the_right_one_however_its_name_is_written(api, world, named, asked):
    slot = await open_slot(world, gate=named)
    party = await book(world, slot)
    answer = await api.get("/v1/gate/slots", params={"gate": asked}, headers=world.agent)
    assert [found["slot_id"] for found in answer.json()["items"]] == [str(slot)]
    assert (await scan(api, world.agent, party.codes[0], gate=asked))["verdict"] == "admitted"


async def test_gates_that_differ_in_an_accent_are_two(api, world):
    await open_slot(world, gate="Gate Ä")
    answer = await api.get("/v1/gate/slots", params={"gate": "Gate A"}, headers=world.agent)
    assert answer.json() == {"items": []}


@pytest.mark.parametrize("typed", ["a1b0\u2011c9d8", " #Ａ１Ｂ０Ｃ９Ｄ８\n", "A1B0\u2013C9D8\u200b"])
async def test_by_reference_as_it_was_copied(api, world, typed):
    party = await book(world, await open_slot(world))
    await change(world, "update booking set reference = 'A1B0C9D8' where org_id = $1 and id = $2", party.booking_id)
    assert [found["id"] for found in (await look_up(api, world.agent, reference=typed))["items"]] == [
        str(party.booking_id)
    ]


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


NAMES = [
    "Jörg Müller",
    "Siân O’Brien",
    "Jean‑Luc Picard",
    "王小明",
    "Nguyễn Thị Ánh",
    "Işıl Çelik",
    "محمد علی‌پور",
    "김철수",
    "Łukasz Żółć",
    "Bø",
]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("mueller", "Jörg Müller"), ("MULLER jorg", "Jörg Müller"), ("m", "Jörg Müller"), ("sian obrien", "Siân O’Brien"),
        ("o'b", "Siân O’Brien"), ("brien", "Siân O’Brien"), ("jean-luc", "Jean‑Luc Picard"), ("jeanluc", "Jean‑Luc Picard"),
        ("pic  luc", "Jean‑Luc Picard"), ("王", "王小明"), ("小明", "王小明"), ("anh thi", "Nguyễn Thị Ánh"), ("CELIK", "Işıl Çelik"),
        ("محمد", "محمد علی‌پور"), ("김", "김철수"), ("zolc", "Łukasz Żółć"), ("ＬＵＫＡＳＺ", "Łukasz Żółć"), ("boe", "Bø"), ("\u202eJÖRG\u00a0", "Jörg Müller"),
    ],
)  # fmt: skip
async def test_names_are_found_however_they_are_written(api, world, asked, found):
    """Of contacts and of travellers, whether the program that saved them knew of words or not."""
    slot_id = await open_slot(world)
    parties = [
        await book(world, slot_id, contact=name)
        if position % 2
        else await book(world, slot_id, names=(name,), contact=None)
        for position, name in enumerate(NAMES)
    ]
    for _ in range(2):
        page = await look_up(api, world.agent, name=asked, slot_id=str(slot_id))
        assert [booking["reference"] for booking in page["items"]] == [parties[NAMES.index(found)].reference]


async def test_a_new_name_is_found_and_the_old_one_is_not(api, world):
    wish = visit(world, "adult", confirm=True, contact=CONTACT, payment={"method": "on_site"})
    wish["items"][0]["name"] = "Grace Hopper"
    booking = await hold(api, world.app, wish)

    async def finds(name):
        return bool((await look_up(api, world.agent, name=name, slot_id=wish["slot_id"]))["items"])

    assert await finds("hopper")
    assert await finds("lovelace")
    change = {
        "contact": {**CONTACT, "name": "Ada Byron"},
        "items": [{"id": booking["items"][0]["id"], "name": "Grace Murray"}],
    }
    edited = await api.patch(f"/v1/bookings/{booking['id']}", json=change, headers=owner_of(booking))
    assert edited.status_code == 200
    assert [await finds(name) for name in ("hopper", "lovelace", "murray", "byron")] == [False, False, True, True]


async def test_words_are_erased_with_their_name(api, world):
    wish = visit(world, "adult", confirm=True, contact=CONTACT, payment={"method": "on_site"})
    wish["items"][0]["name"] = "Grace Hopper"
    bookings = [UUID((await hold(api, world.app, wish))["id"])]
    async with world.runtime.pool.acquire() as db:
        erased = await retention_queries.erase_bookings(db, world.org.org_id, bookings, datetime.now(UTC))
        await retention_queries.erase_items(db, world.org.org_id, [row.id for row in erased])
        left = await db.fetch("select name_words from booking union all select name_words from item")
        # Nor can anybody forget to.
        for table in ("booking set contact", "item set name"):
            await db.execute(
                "update booking set contact = '{}', name_words = 'x'; update item set name = 'x', name_words = 'x'"
            )
            with pytest.raises(asyncpg.CheckViolationError):
                await db.execute(f"update {table} = null")
    assert [row["name_words"] for row in left] == [None, None]


async def test_the_step_of_an_upgrade_can_be_ended_anywhere(api, world, monkeypatch):
    """Everybody who was there before has words afterwards, however often it was ended and begun anew."""
    monkeypatch.setattr(names, "BATCH", 2)
    slot_id = await open_slot(world)
    for number in range(7):
        await book(world, slot_id, names=(f"Person {number}",), contact=f"Nämé {number}")
    async with world.runtime.pool.acquire() as db:

        async def unfolded():
            return await db.fetchval(
                "select (select count(*) from booking where name_words is null) + (select count(*) from item where name_words is null)"
            )

        assert await unfolded() == 14
        ended = db.transaction()  # Ended within its first batch, as by a signal: nothing of it is left.
        await ended.start()
        assert await names.fold_next(db, world.org.org_id)
        await ended.rollback()
        assert await unfolded() == 14
        assert await names.fold_next(db, world.org.org_id)
        assert await unfolded() == 10
        await fill(db)
        assert await unfolded() == 0
        await book(world, slot_id, contact="Late Comer")
        await fill(db)
        assert await db.fetchval("select count(*) from booking where name_words is null") == 0
        assert await db.fetchval("select count(*) from place where words is null") == 0
        assert await db.fetchval("select count(*) from product where words is null") == 0
