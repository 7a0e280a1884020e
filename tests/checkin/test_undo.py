"""Taking a scan back."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from booking_api.checkin import jobs
from tests.checkin.gate import book, change, fetch, open_slot, post_scan, scan
from tests.world import build_world


async def attendance(world):
    rows = await fetch(
        world, "select inside, entries, last_scan_nonce from attendance where org_id = $1 order by item_id"
    )
    return [tuple(row) for row in rows]


async def undo(api, headers, nonce):
    return await api.post(f"/v1/scans/{nonce}/undo", headers=headers)


async def test_each_scan_can_be_undone_from_the_last_backwards(api, world):
    party = await book(world, await open_slot(world))
    code, item_id = party.codes[0], str(party.items[0])
    for nonce, direction in (("in", "entry"), ("out", "exit"), ("again", "entry")):
        assert (await scan(api, world.agent, code, nonce=nonce, direction=direction))["admit"]
    early = await undo(api, world.agent, "in")
    assert (early.status_code, early.json()["code"]) == (409, "later_scan")
    for nonce, inside, entries, left in (
        ("again", False, 1, [(False, 1, "out")]), ("out", True, 1, [(True, 1, "in")]), ("in", False, 0, []),
    ):  # fmt: skip
        undone = await undo(api, world.agent, nonce)
        assert undone.status_code == 200
        assert undone.json()["items"] == [{"item_id": item_id, "inside": inside, "entries": entries}]
        assert await attendance(world) == left
    assert (
        len(
            await fetch(
                world, "select 1 from scan where org_id = $1 and undone_at is not null and undone_by is not null"
            )
        )
        == 3
    )
    assert (await scan(api, world.agent, code))["verdict"] == "admitted"


async def test_undoing_twice_is_undoing_once(api, world):
    party = await book(world, await open_slot(world))
    await scan(api, world.agent, party.codes[0], nonce="in")
    first = await undo(api, world.agent, "in")
    again = await undo(api, world.agent, "in")
    assert (again.status_code, again.json()) == (200, first.json())
    await scan(api, world.agent, party.codes[0], nonce="later")
    assert (await undo(api, world.agent, "in")).json()["undone_at"] == first.json()["undone_at"]
    assert await attendance(world) == [(True, 1, "later")]


async def test_undo_many_times_at_once(api, world):
    party = await book(world, await open_slot(world))
    await scan(api, world.agent, party.codes[0], nonce="in")
    answers = await asyncio.gather(*(undo(api, world.agent, "in") for _ in range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["undone_at"] for answer in answers}) == 1
    assert await attendance(world) == []


async def test_undo_of_a_party_and_of_an_overridden_second_entry(api, world):
    party = await book(world, await open_slot(world), ("adult", "adult", "adult"))
    await scan(api, world.agent, party.codes[0], nonce="first")
    ids = [str(item_id) for item_id in party.items]
    await scan(
        api, world.manager, party.codes[0], nonce="all", party_item_ids=ids, override={"reason": "counted by hand"}
    )
    assert sorted(await attendance(world)) == [(True, 1, "all"), (True, 1, "all"), (True, 2, "all")]
    assert (await undo(api, world.manager, "all")).status_code == 200
    assert await attendance(world) == [(True, 1, "first")]


async def test_undo_of_a_refusal_changes_nobody(api, world):
    party = await book(world, await open_slot(world))
    await scan(api, world.agent, "nonsense", nonce="forged")
    await scan(api, world.agent, party.codes[0], nonce="in")
    await scan(api, world.agent, party.codes[0], nonce="used")
    for nonce in ("forged", "used"):
        assert (await undo(api, world.agent, nonce)).status_code == 200
    assert await attendance(world) == [(True, 1, "in")]


async def test_who_may_undo(api, world):
    party = await book(world, await open_slot(world))
    neighbour = await build_world(world.runtime, "Neighbour")
    await scan(api, world.key, party.codes[0], nonce="by-key")
    for headers, status in (
        ({}, 401), (world.app, 403), (world.customer(party.customer_id), 403), (neighbour.owner, 404), (world.agent, 403), (world.key, 200),
    ):  # fmt: skip
        assert (await undo(api, headers, "by-key")).status_code == status
    await scan(api, world.agent, party.codes[0], nonce="old")
    await change(
        world,
        "update scan set received_at = $2 where org_id = $1 and nonce = 'old'",
        datetime.now(UTC) - timedelta(minutes=11),
    )
    late = await undo(api, world.agent, "old")
    assert (late.status_code, late.json()["code"]) == (403, "forbidden")
    assert (await undo(api, world.manager, "old")).status_code == 200


@pytest.mark.parametrize("nonce", ["never", "%00", "a%20b", "%ff", "x" * 5000, "%F0%9F%8E%9F"])
async def test_unknown_nonce_is_404(api, world, nonce):
    answer = await undo(api, world.owner, nonce)
    assert answer.status_code in {400, 404}
    assert answer.headers["content-type"] == "application/problem+json"


async def test_old_answers_are_erased_but_their_verdict_stays(api, world):
    party = await book(world, await open_slot(world), names=("Ada Lovelace",))
    await scan(api, world.agent, party.codes[0], nonce="old")
    await scan(api, world.agent, "nonsense", nonce="fresh")
    assert await jobs.sweep_scan_answers(world.runtime) == 0
    await change(
        world,
        "update scan set received_at = $2 where org_id = $1 and nonce = 'old'",
        datetime.now(UTC) - timedelta(days=3),
    )
    assert await jobs.sweep_scan_answers(world.runtime) == 1
    assert await jobs.sweep_scan_answers(world.runtime) == 0
    answer = await post_scan(api, {**world.agent, "Accept-Language": "de"}, party.codes[0], nonce="old")
    assert answer.json() == {
        "nonce": "old",
        "admit": True,
        "verdict": "admitted",
        "reason": "Einlass.",
        "attention": [],
    }
    assert len(await fetch(world, "select 1 from scan where org_id = $1 and answer <> ''")) == 1
