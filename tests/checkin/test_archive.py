"""Scans that are long past: moved to the archive in batches, still known there, and gone at the end."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import msgspec
import pytest

from booking_api.checkin import archive_queries, jobs
from booking_api.core.db.partitions import begins_of, month_of
from tests.checkin.gate import book, change, fetch, open_slot, post_scan, scan
from tests.world import World, build_world

NOW = datetime.now(UTC)
LATER = NOW + timedelta(days=401)
"""When a scan of today belongs into the archive."""


@pytest.fixture
async def scanned(api, world: World):
    """Three scans of a party of two: in, out, and a forged code; the requests as the device made them."""
    party = await book(world, await open_slot(world), ("adult", "adult"))
    code, at = party.codes[0], NOW.isoformat()
    requests = [
        {"nonce": "in", "code": code, "party_item_ids": [str(item) for item in party.items], "scanned_at": at},
        {"nonce": "out", "code": code, "direction": "exit", "scanned_at": at},
        {"nonce": "forged", "code": "not a pass", "scanned_at": at},
    ]
    answers = [await scan(api, world.agent, **request) for request in requests]
    assert [answer["admit"] for answer in answers] == [True, True, False]
    await change(world, "update scan set answer = '' where org_id = $1")
    return requests


async def age(world: World, days: int = 401) -> None:
    """Lets so many days pass for every scan and for the passes."""
    await change(world, f"update scan set received_at = received_at - interval '{days} days' where org_id = $1")


async def archived(world: World) -> dict[str, asyncpg.Record]:
    return {row["nonce"]: row for row in await fetch(world, "select * from scan_archive where org_id = $1")}


async def live(world: World) -> set[str]:
    return {row["nonce"] for row in await fetch(world, "select nonce from scan where org_id = $1")}


async def test_nothing_young_is_moved(world: World, scanned):
    assert await jobs.archive_scans(world.runtime, LATER - timedelta(days=2)) == 0
    assert len(await live(world)) == 3


async def test_what_is_old_is_moved_whole_and_once(world: World, scanned):
    outcomes = await fetch(world, "select * from scan_outcome where org_id = $1 and nonce = 'in' order by item_id")
    assert await jobs.archive_scans(world.runtime, LATER) == 3
    assert await jobs.archive_scans(world.runtime, LATER) == 0
    found = await archived(world)
    assert set(found) == {"in", "out", "forged"}
    assert await live(world) == set()
    assert await fetch(world, "select 1 from scan_outcome where org_id = $1") == []
    assert found["in"]["outcomes"] == [
        {
            "item_id": str(row["item_id"]), "admit": row["admit"], "verdict": row["verdict"],
            "inside_before": row["inside_before"], "entries_before": row["entries_before"], "nonce_before": row["nonce_before"],
        }
        for row in outcomes
    ]  # fmt: skip
    assert len(outcomes) == 2


async def test_batches_and_months_and_organisations(world: World, scanned, monkeypatch):
    monkeypatch.setattr(jobs, "BATCH", 1)
    other = await build_world(world.runtime, "Other")
    await change(
        world, "update scan set received_at = received_at - interval '40 days' where org_id = $1 and nonce = 'out'"
    )
    await change(world, f"update scan set org_id = '{other.org.org_id}' where org_id = $1 and nonce = 'forged'")
    done = [await jobs.archive_scans(world.runtime, LATER) for _ in range(4)]
    assert done == [1, 1, 1, 0]
    assert set(await archived(world)) == {"in", "out"}
    assert set(await archived(other)) == {"forged"}
    async with world.runtime.pool.acquire() as db:
        assert await begins_of(db, "scan_archive") == sorted(
            {month_of(NOW - timedelta(days=40)).begins, month_of(NOW).begins}
        )


async def test_an_interrupted_move_leaves_every_scan_in_one_place(world: World, scanned, monkeypatch):
    async def fail(*_):
        raise asyncpg.QueryCanceledError("the machine was switched off")

    with monkeypatch.context() as patch:
        patch.setattr(archive_queries, "delete_scans", fail)
        with pytest.raises(asyncpg.QueryCanceledError):
            await jobs.archive_scans(world.runtime, LATER)
    assert (len(await live(world)), len(await archived(world))) == (3, 0)
    assert await jobs.archive_scans(world.runtime, LATER) == 3


async def test_two_workers_move_each_scan_once(world: World, scanned):
    await asyncio.gather(*(jobs.archive_scans(world.runtime, LATER) for _ in range(3)))
    await jobs.archive_scans(world.runtime, LATER)
    assert (await live(world), len(await archived(world))) == (set(), 3)


async def test_a_repeat_of_an_archived_scan_is_known_and_lets_nobody_through_again(api, world: World, scanned):
    long_ago = (NOW - timedelta(days=401)).isoformat()
    await age(world)
    await jobs.archive_scans(world.runtime)
    for request, admit in zip(scanned, (True, True, False), strict=True):
        answer = await post_scan(api, world.agent, **{**request, "scanned_at": long_ago})
        assert answer.status_code == 200, answer.text
        assert answer.headers["idempotency-replayed"] == "true"
        assert answer.json()["admit"] is admit
    assert await live(world) == set(), "nothing was judged or recorded anew"
    other = {**scanned[2], "code": "another code", "scanned_at": long_ago}
    assert (await post_scan(api, world.agent, **other)).json()["code"] == "idempotency_mismatch"


async def test_the_archive_is_asked_only_about_old_scans(api, world: World, scanned, monkeypatch):
    """A fresh scan must not pay for looking into every month."""

    async def fail(*_):
        raise AssertionError("the archive was asked")

    monkeypatch.setattr(archive_queries, "find_archived_scans", fail)
    await scan(api, world.agent, "not a pass", scanned_at=(NOW - timedelta(days=300)).isoformat())
    await scan(api, world.agent, "not a pass")


async def test_an_archived_scan_cannot_be_undone(api, world: World, scanned):
    await age(world)
    await jobs.archive_scans(world.runtime)
    answer = await api.post("/v1/scans/in/undo", headers=world.manager)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert (await api.post("/v1/scans/unknown/undo", headers=world.manager)).status_code == 404
    other = await build_world(world.runtime, "Other")
    assert (await api.post("/v1/scans/in/undo", headers=other.manager)).status_code == 404


async def test_old_months_are_dropped_unless_they_are_to_be_kept(world: World, scanned):
    days = world.runtime.settings.scan_archive_days
    end = LATER + timedelta(days=days + 32)
    await jobs.archive_scans(world.runtime, LATER)
    await jobs.archive_scans(world.runtime, end - timedelta(days=40))
    assert len(await archived(world)) == 3
    kept = world.runtime.settings
    world.runtime.settings = msgspec.structs.replace(kept, scan_archive_days=0)
    await jobs.archive_scans(world.runtime, end)
    assert len(await archived(world)) == 3
    world.runtime.settings = kept
    await jobs.archive_scans(world.runtime, end)
    assert await archived(world) == {}
    async with world.runtime.pool.acquire() as db:
        assert await begins_of(db, "scan_archive") == []
