"""Scans that share a transaction: the same outcome as one by one, and nobody harms or waits for anybody else."""

import asyncio
import random
import re
from collections import Counter
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from booking_api.checkin.operations import scanning
from booking_api.checkin.operations.scanning import Answered, Case, open_case
from booking_api.checkin.schemas import NewScan, ScanOverride
from booking_api.core.context import Caller
from booking_api.core.errors import DomainError
from booking_api.core.queue.batching import RunAlone
from tests.checkin.gate import Party, book, change, fetch, open_slot, post_scan, reissue, scan_at_once
from tests.world import World, build_world

MANAGER = Caller(kind="staff", credential_id=UUID(int=1), subject_id=UUID(int=2), role="manager")
AGENT = Caller(kind="staff", credential_id=UUID(int=3), subject_id=UUID(int=4), role="agent")
TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?([+-]\d\d:\d\d|Z)?")


class Stage:
    """One organisation's parties in each state that a gate meets, the same in the same order in each organisation."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.parties: list[Party] = []
        self.codes: list[str] = []
        self.labels: dict[str, str] = {}

    async def build(self) -> "Stage":
        world = self.world
        now, later = await open_slot(world), await open_slot(world, starts=300, gate="South")
        flight = await open_slot(world, world.flight, starts=30, gate=None)
        shapes: list[tuple[UUID, dict[str, Any]]] = [
            (now, {}),
            (now, {"units": ("adult", "adult", "child"), "names": ("Ada", None, "Bo")}),
            (now, {"units": ("adult", "adult")}),
            (now, {"due_on_site": 500}),
            (now, {"status": "on_hold"}),
            (now, {"status": "cancelled"}),
            (later, {"units": ("adult", "child")}),
            (flight, {"product": world.flight, "units": ("adult", "infant")}),
            (flight, {"product": world.flight}),
            (now, {}),
        ]
        for slot, shape in shapes:
            self.parties.append(await book(world, slot, **shape))
        self.codes = [code for party in self.parties for code in party.codes]
        # A second pass for the last, so that its first is revoked.
        self.codes += [(await reissue(world, self.parties[-1])).code, self.codes[0][:-6] + "AAAAAA", "no pass at all"]
        for number, party in enumerate(self.parties):
            self.labels |= {str(party.booking_id): f"booking {number}", party.reference: f"reference {number}"}
            self.labels |= {str(party.slot_id): f"slot of {number}"}
            self.labels |= {str(item): f"item {number}.{position}" for position, item in enumerate(party.items)}
        return self

    @property
    def items(self) -> list[UUID]:
        return [item for party in self.parties for item in party.items]

    def told(self, outcome: object) -> object:
        """An outcome without what differs between two organisations: ids and times."""
        if isinstance(outcome, DomainError):
            return outcome.code
        assert isinstance(outcome, Answered)
        return outcome.replayed, self.read(outcome.body.decode())

    def read(self, text: str) -> str:
        for id_, label in self.labels.items():
            text = text.replace(id_, label)
        return TIME.sub("then", text)

    async def tables(self) -> list[list[tuple[Any, ...]]]:
        statements = (
            """select nonce, item_id, slot_id, gate, direction, admit, verdict, override_reason, scanned_by,
                      convert_from(answer, 'UTF8') from scan where org_id = $1 order by nonce""",
            """select nonce, item_id, admit, verdict, inside_before, entries_before, nonce_before
               from scan_outcome where org_id = $1""",
            "select item_id, slot_id, inside, entries, last_scan_nonce from attendance where org_id = $1",
        )
        rows = [await fetch(self.world, statement) for statement in statements]
        return [sorted(tuple(self.read(str(value)) for value in row) for row in table) for table in rows]


def draw(dice: random.Random, nonces: list[str], codes: int, items: int) -> dict[str, Any]:
    """One scan in numbers, so that it can be made in two organisations. Few bookings, so that they meet often."""
    scan: dict[str, Any] = {
        "code": dice.randrange(codes),
        "direction": dice.choice(["entry", "entry", "exit"]),
        "nonce": dice.choice(nonces) if nonces and dice.random() < 0.15 else f"nonce-{dice.randrange(10**9)}",
        "gate": dice.choice([None, None, "North", "South"]),
        "serving": dice.randrange(10) if dice.random() < 0.1 else None,
        "party": [dice.randrange(items) for _ in range(3)] if dice.random() < 0.3 else None,
        "manager": dice.random() < 0.5,
        "override": dice.random() < 0.2,
    }
    if dice.random() < 0.15:
        scan |= {"code": None, "item": dice.randrange(items + 1)}
    nonces.append(scan["nonce"])
    return scan


def make(stage: Stage, scan: dict[str, Any]) -> NewScan:
    items = [*stage.items, UUID(int=99)]
    return NewScan(
        code=None if scan["code"] is None else stage.codes[scan["code"]],
        item_id=items[scan["item"]] if scan["code"] is None else None,
        gate=scan["gate"],
        slot_id=None if scan["serving"] is None else stage.parties[scan["serving"]].slot_id,
        direction=scan["direction"],
        nonce=scan["nonce"],
        party_item_ids=None if scan["party"] is None else [items[number] for number in scan["party"]],
        override=ScanOverride("The queue is too long") if scan["override"] else None,
    )


async def run_singly(stage: Stage, scan: dict[str, Any]) -> object:
    world = stage.world
    try:
        async with world.runtime.pool.acquire() as db, db.transaction():
            ctx = world.context(db, caller=MANAGER if scan["manager"] else AGENT)
            return await scanning.scan(ctx, make(stage, scan))
    except DomainError as refusal:
        return refusal


async def run_together(stage: Stage, scans: list[dict[str, Any]]) -> list[object]:
    """As the route does it: a request that makes no sense doesn't come to the batch at all."""
    outcomes: list[object] = [None] * len(scans)
    cases: dict[int, Case] = {}
    for position, scan in enumerate(scans):
        ctx = stage.world.context(None, caller=MANAGER if scan["manager"] else AGENT)  # type: ignore[arg-type]
        try:
            cases[position] = open_case(ctx, make(stage, scan))
        except DomainError as refusal:
            outcomes[position] = refusal
    for position, outcome in zip(cases, await scan_at_once(stage.world, list(cases.values())), strict=True):
        outcomes[position] = outcome
    return outcomes


@pytest.mark.parametrize("seed", range(8))
async def test_a_batch_decides_as_one_by_one(world: World, seed: int):
    """The same scans, once in shared transactions and once each in its own.

    Who is sent to run alone does so after the batch; the scans of one booking keep their order all the same.
    """
    dice = random.Random(seed)
    one, two = await Stage(world).build(), await Stage(await build_world(world.runtime, "Twin")).build()
    nonces: list[str] = []
    verdicts: Counter[str] = Counter()
    alone = 0
    for _ in range(3):
        scans = [draw(dice, nonces, len(one.codes), len(one.items)) for _ in range(dice.randint(8, 24))]
        outcomes = await run_together(one, scans)
        sent_away = [position for position, outcome in enumerate(outcomes) if isinstance(outcome, RunAlone)]
        alone += len(sent_away)
        for position in sent_away:
            outcomes[position] = await run_singly(one, scans[position])
        decided_at_once = [position for position in range(len(scans)) if position not in sent_away]
        for position in (*decided_at_once, *sent_away):
            assert one.told(outcomes[position]) == two.told(await run_singly(two, scans[position])), scans[position]
            told = one.told(outcomes[position])
            verdicts[msgspec.json.decode(told[1])["verdict"] if isinstance(told, tuple) else str(told)] += 1
        assert await one.tables() == await two.tables()
    assert {"admitted", "forged", "idempotency_mismatch"} <= set(verdicts)
    assert alone


async def test_whoever_is_scanned_elsewhere_is_not_waited_for(world: World):
    slot = await open_slot(world)
    parties = [await book(world, slot) for _ in range(3)]
    cases = [open_case(world.context(None), NewScan(code=p.codes[0], nonce=uuid4().hex)) for p in parties]  # type: ignore[arg-type]
    async with world.runtime.pool.acquire() as db, db.transaction():
        await db.execute("select from booking where id = $1 for update", parties[1].booking_id)
        outcomes = await asyncio.wait_for(scan_at_once(world, cases), 20)
    assert [type(outcome) for outcome in outcomes] == [Answered, RunAlone, Answered]
    recorded = await fetch(world, "select nonce from scan where org_id = $1")
    assert {row["nonce"] for row in recorded} == {cases[0].new.nonce, cases[2].new.nonce}


async def test_scans_that_come_at_once_share_transactions(api, world: World, monkeypatch):
    sizes: list[int] = []
    real = scanning._record

    async def count(cases):
        sizes.append(len(cases))
        await real(cases)

    monkeypatch.setattr(scanning, "_record", count)
    slot = await open_slot(world)
    codes = [(await book(world, slot)).codes[0] for _ in range(20)]
    answers = await asyncio.gather(*(post_scan(api, world.agent, code) for code in codes * 2))
    assert Counter(answer.json()["verdict"] for answer in answers) == {"admitted": 20, "already_used": 20}
    told = [answer.json()["admitted"] for answer in answers if answer.json()["verdict"] == "admitted"]
    assert sorted(told) == list(range(1, 21))
    assert max(sizes) > 1


async def test_a_failed_batch_is_run_one_by_one(api, world: World, monkeypatch):
    """The transaction of several fails after it wrote: each is carried out by itself, once."""
    real = scanning._record

    async def fail_for_several(cases):
        await real(cases)
        if len(cases) > 1:
            raise asyncpg.PostgresError("the statement was unlucky")

    monkeypatch.setattr(scanning, "_record", fail_for_several)
    slot = await open_slot(world)
    codes = [(await book(world, slot)).codes[0] for _ in range(10)]
    answers = await asyncio.gather(*(post_scan(api, world.agent, code) for code in codes))
    assert [answer.json()["verdict"] for answer in answers] == ["admitted"] * 10
    assert await counts(world) == (10, 10, 10)


async def test_a_bad_scan_in_a_batch_harms_nobody_else(api, world: World):
    """A gate that PostgreSQL can't store fails the shared transaction; the others are admitted all the same."""
    slot = await open_slot(world)
    codes = [(await book(world, slot)).codes[0] for _ in range(6)]
    good = [post_scan(api, world.agent, code) for code in codes]
    bad = [post_scan(api, world.agent, codes[0][:-4] + "AAAA", gate="\0") for _ in range(2)]
    answers = await asyncio.gather(*good[:3], *bad, *good[3:])
    assert [answer.status_code for answer in (*answers[:3], *answers[5:])] == [200] * 6
    assert {answer.json()["verdict"] for answer in (*answers[:3], *answers[5:])} == {"admitted"}
    assert {answer.status_code for answer in answers[3:5]} <= {400, 422}, [answer.text for answer in answers[3:5]]


async def test_a_nonce_that_another_process_used_meanwhile(world: World, monkeypatch):
    """Two processes see a nonce free at once. The later batch records nothing, and each of its scans runs alone."""
    slot = await open_slot(world)
    parties = [await book(world, slot) for _ in range(2)]
    cases = [open_case(world.context(None), NewScan(code=p.codes[0], nonce=uuid4().hex)) for p in parties]  # type: ignore[arg-type]
    real = scanning._answer

    async def twin_first(own):
        await real(own)
        monkeypatch.setattr(scanning, "_answer", real)
        other = NewScan(item_id=uuid4(), nonce=cases[0].new.nonce)
        async with world.runtime.pool.acquire() as db, db.transaction():
            await scanning.scan(world.context(db, caller=AGENT), other)

    monkeypatch.setattr(scanning, "_answer", twin_first)
    with pytest.raises(scanning.NonceUsed):
        await scan_at_once(world, cases)
    recorded = await fetch(world, "select nonce, verdict from scan where org_id = $1")
    assert [tuple(row) for row in recorded] == [(cases[0].new.nonce, "unknown")]
    assert not await fetch(world, "select from attendance where org_id = $1")


async def test_a_cancelled_scan_is_neither_lost_nor_doubled(api, world: World):
    """The device gives up in the middle and sends the same scan again."""
    slot = await open_slot(world)
    scans = {uuid4().hex: (await book(world, slot)).codes[0] for _ in range(10)}
    tasks = [asyncio.create_task(post_scan(api, world.agent, code, nonce=nonce)) for nonce, code in scans.items()]
    await asyncio.sleep(0.005)
    for task in tasks[::2]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for nonce, code in scans.items():
        again = await post_scan(api, world.agent, code, nonce=nonce)
        assert again.json()["verdict"] == "admitted", again.text
    assert await counts(world) == (10, 10, 10)


async def counts(world: World) -> tuple[int, int, int]:
    """Scans, attendances and entries."""
    (scans,) = await fetch(world, "select count(*) from scan where org_id = $1")
    (present,) = await fetch(world, "select count(*), sum(entries) from attendance where org_id = $1")
    return scans[0], present[0], present[1]


async def test_a_booking_cancelled_meanwhile_admits_nobody(api, world: World):
    """A batch judges by what is on record once it holds the lock."""
    party = await book(world, await open_slot(world))
    await change(world, "update booking set status = 'cancelled' where org_id = $1 and id = $2", party.booking_id)
    answers = await asyncio.gather(*(post_scan(api, world.agent, party.codes[0]) for _ in range(4)))
    assert [answer.json()["verdict"] for answer in answers] == ["cancelled"] * 4
