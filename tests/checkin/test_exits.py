"""Nobody is kept inside: an exit is recorded whatever became of the booking, the pass or the slot meanwhile."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from booking_api.passes import operations as passes
from tests.checkin.gate import book, change, fetch, open_slot, reissue, scan
from tests.checkin.test_lookup import look_up
from tests.world import build_world

MEANWHILE = {
    "the item was cancelled": "update item set status = 'cancelled' where org_id = $1 and booking_id = $2",
    "the booking was cancelled": "update booking set status = 'cancelled' where org_id = $1 and id = $2",
    "the slot was cancelled": """update slot set status = 'cancelled'
        where org_id = $1 and id = (select slot_id from booking where org_id = $1 and id = $2)""",
    "the slot moved to tomorrow": """update slot set starts_at = starts_at + interval '1 day', ends_at = ends_at + interval '1 day'
        where org_id = $1 and id = (select slot_id from booking where org_id = $1 and id = $2)""",
    "the slot is long over": """update slot set starts_at = '2020-01-01', ends_at = '2020-01-02'
        where org_id = $1 and id = (select slot_id from booking where org_id = $1 and id = $2)""",
    "an amount is due": """update booking set price = jsonb_set(price, '{due_on_site,amount}', '500')
        where org_id = $1 and id = $2""",
}


@pytest.mark.parametrize("what", MEANWHILE)
async def test_whoever_is_inside_may_leave(api, world, what):
    party = await book(world, await open_slot(world), ("adult", "adult"))
    family = [str(item_id) for item_id in party.items]
    assert (await scan(api, world.agent, party.codes[0], party_item_ids=family))["admit"]
    await change(world, MEANWHILE[what], party.booking_id)
    out = await scan(
        api,
        world.agent,
        party.codes[0],
        party_item_ids=family,
        direction="exit",
        gate="Elsewhere",
        slot_id=str(uuid4()),
    )
    assert [(item["admit"], item["verdict"]) for item in out["items"]] == [(True, "exited")] * 2
    assert "entry_unknown" not in {notice["code"] for notice in out["attention"]}
    assert [row["inside"] for row in await fetch(world, "select inside from attendance where org_id = $1")] == [
        False,
        False,
    ]


async def test_whose_pass_was_revoked_or_taken_away_may_leave(api, world):
    slot_id = await open_slot(world)
    revoked, bare = await book(world, slot_id), await book(world, slot_id)
    for party in (revoked, bare):
        assert (await scan(api, world.agent, party.codes[0]))["admit"]
    await reissue(world, revoked)
    async with world.runtime.pool.acquire() as db:
        await passes.revoke(db, world.org.org_id, bare.items, datetime.now(UTC))
    for party in (revoked, bare):
        assert (await scan(api, world.agent, party.codes[0]))["verdict"] == "revoked"
        out = await scan(api, world.agent, party.codes[0], direction="exit")
        assert (out["admit"], out["verdict"], out["attention"]) == (True, "exited", [])
        assert out["item"]["id"] == str(party.items[0])


async def test_a_code_that_names_nobody_of_ours_has_no_exit_to_record(api, world):
    neighbour = await build_world(world.runtime, "Neighbour")
    theirs = await book(neighbour, await open_slot(neighbour))
    held = await book(world, await open_slot(world), status="on_hold")
    for code, verdict in (("nonsense", "forged"), (theirs.codes[0], "unknown"), (held.codes[0], "unknown")):
        out = await scan(api, world.manager, code, direction="exit", override={"reason": "please"})
        assert (out["admit"], out["verdict"], out["attention"]) == (False, verdict, [])
    answer = await scan(
        api, world.agent, (await book(world, held.slot_id)).codes[0], direction="exit",
        party_item_ids=[str(held.items[0]), str(theirs.items[0])],
    )  # fmt: skip
    assert [item["verdict"] for item in answer["items"]] == ["exited", "unknown", "unknown"]


async def test_an_exit_without_an_entry_leaves_the_first_entry_open(api, world):
    """Somebody came in where nobody scanned. Their next entry is a first one, and both scans can be taken back."""
    party = await book(world, await open_slot(world, world.flight, starts=30, gate=None), product=world.flight)
    out = await scan(api, world.agent, party.codes[0], direction="exit", nonce="out")
    assert [notice["text"] for notice in out["attention"] if notice["code"] == "entry_unknown"] == [
        "No entry is on record."
    ]
    assert await fetch(world, "select 1 from attendance where org_id = $1") == []
    assert (await scan(api, world.agent, party.codes[0], nonce="in"))["verdict"] == "admitted"
    for nonce in ("in", "out"):
        assert (await api.post(f"/v1/scans/{nonce}/undo", headers=world.agent)).status_code == 200
    assert await fetch(world, "select 1 from attendance where org_id = $1") == []
    german = await scan(api, {**world.agent, "Accept-Language": "de"}, party.codes[0], direction="exit")
    assert "Es ist kein Eintritt erfasst." in {notice["text"] for notice in german["attention"]}


async def test_twenty_exits_at_once_all_let_out_and_one_has_the_entry(api, world):
    party = await book(world, await open_slot(world))
    await scan(api, world.agent, party.codes[0])
    answers = await asyncio.gather(*(scan(api, world.agent, party.codes[0], direction="exit") for _ in range(20)))
    assert {(answer["admit"], answer["verdict"]) for answer in answers} == {(True, "exited")}
    assert sorted(len(answer["attention"]) for answer in answers) == [0, *[1] * 19]


async def test_look_up_offers_the_exit_to_whoever_is_inside_though_cancelled(api, world):
    party = await book(world, await open_slot(world), ("adult", "adult"))
    await scan(api, world.agent, party.codes[0])
    await change(world, MEANWHILE["the booking was cancelled"], party.booking_id)
    (found,) = (await look_up(api, world.agent, reference=party.reference))["items"]
    assert [item["available_actions"] for item in found["items"]] == [["exit"], []]
    assert (await scan(api, world.agent, item_id=str(party.items[0]), direction="exit"))["verdict"] == "exited"


async def test_record_from_before_is_still_told_in_words(api, world):
    """An exit that an earlier version refused, repeated after its text was erased."""
    party = await book(world, await open_slot(world))
    body = {"direction": "exit", "nonce": "old"}
    await scan(api, world.agent, party.codes[0], **body)
    await change(
        world,
        "update scan set verdict = 'not_inside', admit = false, answer = '', received_at = $2 where org_id = $1",
        datetime.now(UTC) - timedelta(days=3),
    )
    again = await scan(api, {**world.agent, "Accept-Language": "de"}, party.codes[0], **body)
    assert (again["admit"], again["verdict"], again["reason"]) == (False, "not_inside", "Ist nicht drinnen.")
