"""Slots that come in by HTTP, line by line."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest

from booking_api.core.web import lines as reading
from booking_api.inventory import bulk
from tests.importing.support import rows, slots_by_code, take
from tests.world import Headers, World, build_world

TYPE = {"Content-Type": "application/x-ndjson"}


def slot(number: int, **more: Any) -> dict[str, Any]:
    """An entry window of the tower, each at another time."""
    return {
        "product": "tower", "code": f"t-{number}", "capacity": 20,
        "starts_at": f"203{number // 8_000}-{1 + number // 700 % 12:02}-{1 + number // 25 % 28:02}T{number % 24:02}:{number % 25:02}",
        **more,
    }  # fmt: skip


async def send(
    api: httpx.AsyncClient,
    headers: Headers,
    given: list[Any] | bytes | AsyncIterator[bytes],
    status: int = 200,
    **more: str,
) -> dict[str, Any]:
    content = b"\n".join(map(msgspec.json.encode, given)) if isinstance(given, list) else given
    answer = await api.post("/v1/slots/bulk", content=content, headers={**headers, **TYPE, **more})
    assert answer.status_code == status, answer.text
    return answer.json()


def counts(report: dict[str, Any]) -> tuple[int, int, int, int]:
    return report["created"], report["changed"], report["unchanged"], report["refused"]


async def test_lines_are_carried_out_and_repeated_without_harm(api: httpx.AsyncClient, world: World):
    given = [slot(number) for number in range(5)]
    report = await send(api, world.key, given)
    assert counts(report) == (5, 0, 0, 0)
    assert (report["lines"], report["last_line"], report["complete"], report["problems"]) == (5, 5, True, [])
    before = await slots_by_code(world, "t-%")
    assert counts(await send(api, world.manager, given)) == (0, 0, 5, 0)
    assert await slots_by_code(world, "t-%") == before
    given[2] = slot(2, capacity=7, gate="South")
    assert counts(await send(api, world.manager, given)) == (0, 1, 4, 0)
    after = await slots_by_code(world, "t-%")
    assert (after["t-2"]["capacity"], after["t-2"]["gate"], after["t-2"]["id"]) == (7, "South", before["t-2"]["id"])
    noted = await rows(world, "select * from audit where org_id = $1 and action = 'slots.offered'")
    assert [row["actor_kind"] for row in noted] == ["key", "staff"], "what changed nothing leaves no entry"


async def test_a_wrong_line_costs_no_other_one(api: httpx.AsyncClient, world: World):
    whole = [
        msgspec.json.encode(slot(0)), b"", b"{", msgspec.json.encode(slot(1, capacity=-1)), b'["tower"]',
        msgspec.json.encode(slot(2, product="nothing")), msgspec.json.encode(slot(3, starts_at="2031-05-01T25:00")),
        msgspec.json.encode(slot(4, seat_layout="nothing")), msgspec.json.encode(slot(0)),
        msgspec.json.encode(slot(5, quotas={"nothing": 1})), b'{"product":"to\\u0000wer","starts_at":"2031-05-01T10:00","capacity":1}', b"\xff\xfe",
        b'{"product":"' + b"x" * reading.LONGEST_LINE + b'"}', msgspec.json.encode(slot(6, capacty=1)),
        msgspec.json.encode(slot(7, seat_layout="tiny")), b"  \r", msgspec.json.encode(slot(8)) + b"\r", b"[" * 50_000,
    ]  # fmt: skip
    report = await send(api, world.manager, b"\xef\xbb\xbf" + b"\n".join(whole))
    assert counts(report) == (2, 0, 0, 14)
    assert [(p["line"], p.get("code"), [e["pointer"] for e in p["errors"]]) for p in report["problems"]] == [
        (3, None, [""]), (4, None, ["/capacity"]), (5, None, [""]), (6, "t-2", ["/product"]), (7, "t-3", ["/starts_at"]),
        (8, "t-4", ["/seat_layout"]), (9, "t-0", [""]), (10, "t-5", ["/quotas"]), (11, None, [""]), (12, None, [""]),
        (13, None, [""]), (14, None, ["/capacty"]), (15, "t-7", ["/capacity"]), (18, None, [""]),
    ]  # fmt: skip
    assert (report["lines"], report["last_line"]) == (16, 18)
    assert set(await slots_by_code(world, "t-%")) == {"t-0", "t-8"}


async def test_what_is_sold_stays_as_it_is_and_says_why(api: httpx.AsyncClient, world: World):
    await send(api, world.manager, [slot(0), slot(1)])
    found = await slots_by_code(world, "t-%")
    await take(world, found["t-0"]["id"], world.option(world.tower, "standard"), 5)
    given = [slot(0, capacity=4), slot(1, product="advice"), slot(0, code="t-2", quotas={"standard": 3})]
    report = await send(api, world.manager, given, **{"Accept-Language": "de"})
    assert counts(report) == (1, 0, 0, 2)
    assert [problem["errors"] for problem in report["problems"]] == [
        [{"pointer": "/capacity", "detail": "5 Plätze sind vergeben, mehr als die 4, die es geben soll."}],
        [{"pointer": "/code", "detail": "Sein Code gehört zu einem Termin eines anderen Angebots."}],
    ]
    assert (await slots_by_code(world, "t-0"))["t-0"]["capacity"] == 20


async def test_both_days_of_the_clock(api: httpx.AsyncClient, world: World):
    given = [
        slot(0, starts_at="2031-03-30T02:30"), slot(1, starts_at="2031-10-26T02:30"),
        slot(2, starts_at="2031-10-26T02:30+01:00"), slot(3, starts_at="2031-10-26T01:30", ends_at="2031-10-26T02:00"),
    ]  # fmt: skip
    report = await send(api, world.manager, given)
    assert [(p["line"], p["errors"][0]["pointer"]) for p in report["problems"]] == [(1, "/starts_at")]
    found = await slots_by_code(world, "t-%")
    assert [found[code]["starts_at"].isoformat() for code in ("t-1", "t-2")] == [
        "2031-10-26T00:30:00+00:00", "2031-10-26T01:30:00+00:00",
    ]  # fmt: skip


async def test_what_the_database_refuses_costs_no_other_one(api: httpx.AsyncClient, world: World):
    async with world.runtime.pool.acquire() as db:
        await db.execute("alter table slot add constraint slot_gate_is_no_q check (gate <> 'Q')")
    given = [slot(number, gate="Q" if number in {3, 7} else "A") for number in range(10)]
    report = await send(api, world.manager, given)
    assert counts(report) == (8, 0, 0, 2)
    assert [(problem["line"], problem["code"]) for problem in report["problems"]] == [(4, "t-3"), (8, "t-7")]


async def test_the_sender_is_read_while_it_sends(api: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch):
    """Lines cut anywhere, in batches, of which those that came are carried out when the rest breaks off."""
    monkeypatch.setattr(bulk, "BATCH", 50)
    whole = b"\n".join(msgspec.json.encode(slot(number)) for number in range(120))

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(whole), 777):
            yield whole[at : at + 777]
            await asyncio.sleep(0)

    assert counts(await send(api, world.manager, pieces())) == (120, 0, 0, 0)


async def test_too_many_wrong_lines_end_it(api: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bulk, "MOST_PROBLEMS", 10)
    given = [slot(0), *[slot(number, capacity=-1) for number in range(1, 30)], slot(40)]
    report = await send(api, world.manager, given)
    assert (counts(report), report["complete"], report["last_line"]) == ((1, 0, 0, 10), False, 11)
    assert set(await slots_by_code(world, "t-%")) == {"t-0"}
    monkeypatch.setattr(bulk, "MOST_LINES", 3)
    report = await send(api, world.manager, [slot(number) for number in range(50, 58)])
    assert (counts(report), report["complete"], report["last_line"]) == ((3, 0, 0, 0), False, 3)


async def test_kinds_of_bodies(api: httpx.AsyncClient, world: World):
    assert counts(await send(api, world.manager, b"")) == (0, 0, 0, 0)
    answer = await api.post("/v1/slots/bulk", json=[slot(0)], headers=world.manager)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


async def test_a_sender_that_says_no_more_is_late(
    api: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(bulk, "BATCH", 1)
    world.runtime.settings = msgspec.structs.replace(world.runtime.settings, body_seconds=0.2)

    async def stuck() -> AsyncIterator[bytes]:
        yield msgspec.json.encode(slot(0)) + b"\n"
        await asyncio.sleep(5)

    answer = await send(api, world.manager, stuck(), 408)
    assert answer["code"] == "body_timed_out"
    assert set(await slots_by_code(world, "t-%")) == {"t-0"}, "what came is carried out"


async def test_two_at_once_make_each_slot_once(api: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bulk, "BATCH", 25)
    given = [slot(number) for number in range(200)]
    reports = await asyncio.gather(send(api, world.manager, given), send(api, world.key, given[::-1]))
    assert sum(report["created"] for report in reports) == 200
    assert sum(report["unchanged"] for report in reports) == 200


async def test_another_organisations_products(api: httpx.AsyncClient, world: World):
    other = await build_world(world.runtime, "Westwind")
    await send(api, world.manager, [slot(0)])
    assert counts(await send(api, other.manager, [slot(0)])) == (1, 0, 0, 0)
    first = (await slots_by_code(world, "t-0"))["t-0"]
    second = (await slots_by_code(other, "t-0"))["t-0"]
    assert first["id"] != second["id"]
    assert first["product_id"] != second["product_id"]
