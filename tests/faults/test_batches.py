"""Many share a transaction, and something happens to it: each is answered for itself, and is there once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest

from booking_api.core.queue.batching import Batcher
from booking_api.core.settings import Settings
from tests.bookings.journey import taken
from tests.checkin.gate import fetch, open_slot
from tests.faults.batches import gathered
from tests.faults.books import wrong_scans, wrongs
from tests.faults.dying import Received
from tests.faults.proxy import Proxy, What, running_proxy
from tests.faults.test_steps import dies
from tests.faults.wishes import CASH, ON_SITE, WISHES, Shop, Wish
from tests.payments.provider import Provider
from tests.world import World

COUNT = 6


async def scan(shop: Shop) -> Wish:
    """Somebody who has paid is at the gate."""
    booking, _ = await shop.confirmed(ON_SITE)
    paid = await shop.api.post(f"/v1/bookings/{booking['id']}/payments", json=CASH, headers=shop.world.agent)
    assert paid.status_code == 200, paid.text
    code = booking["items"][0]["pass"]["code"]
    return Wish("/v1/scans", shop.world.agent, {"code": code, "nonce": uuid4().hex}, 200, "admitted")


KINDS: dict[str, Callable[[Shop], Awaitable[Wish]]] = {
    **{name: WISHES[name][0] for name in ("hold", "express, on site", "confirm, on site")},
    "scan": scan,
}


async def party_of(api: httpx.AsyncClient, world: World, kind: str) -> tuple[UUID, list[Wish]]:
    """Wishes that are made at once, and the slot they are about, whose gate is open."""
    slot = await open_slot(world, starts=10)
    wishes = [await KINDS[kind](Shop(api, world, slot)) for _ in range(COUNT)]
    if kind.startswith("confirm"):
        # That a session was used for the first time is noted beside the request, and isn't what is to be cut here.
        for wish in wishes:
            await api.get("/v1/me/bookings", headers=wish.headers)
    return slot, [wish if kind == "scan" else wish.with_key() for wish in wishes]


async def check_repeats(api: httpx.AsyncClient, wishes: list[Wish], *, was_done: bool) -> None:
    """All come again at once, and once more: each gets what it wished for, by the first commit that there was."""
    first = await asyncio.gather(*(wish.repeat(api) for wish in wishes))
    again = await asyncio.gather(*(wish.repeat(api) for wish in wishes))
    for wish, answer, replay in zip(wishes, first, again, strict=True):
        told, body = answer.json(), replay.json()
        assert (answer.status_code, told.get("status", told.get("verdict"))) == (wish.status, wish.becomes), answer.text
        assert (answer.headers.get("idempotency-replayed") == "true") == was_done
        assert replay.headers["idempotency-replayed"] == "true"
        assert body.get("id", body.get("nonce")) == told.get("id", told.get("nonce"))
    assert len({answer.json().get("id", answer.json().get("nonce")) for answer in first}) == COUNT


async def check_books(database_url: str, world: World, kind: str, slot: UUID) -> None:
    assert await wrongs(database_url, [], []) == []
    assert await wrong_scans(database_url, {}) == []
    assert (await taken(world, slot))[:2] == (COUNT, COUNT)
    admitted = await fetch(world, "select from scan where org_id = $1 and slot_id = $2 and admit", slot)
    assert len(admitted) == (COUNT if kind == "scan" else 0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("step", ["a batch was written", "a batch was committed"])
async def test_a_server_killed_in_a_batch(
    kind: str, step: str, api: httpx.AsyncClient, world: World, provider: Provider, settings: Settings
) -> None:
    slot, wishes = await party_of(api, world, kind)
    await dies(
        settings, provider, step, *(Received(wish.method, wish.path, wish.headers, wish.body) for wish in wishes)
    )
    await check_repeats(api, wishes, was_done=step == "a batch was committed")
    await check_books(settings.database_url, world, kind, slot)


class TestCut:
    """The connection to PostgreSQL is cut in the middle of a batch, or falls silent."""

    @pytest.fixture
    async def proxy(self, database_url: str) -> AsyncIterator[Proxy]:
        async with running_proxy(database_url) as proxy:
            yield proxy

    @pytest.fixture
    def settings(self, settings: Settings, proxy: Proxy) -> Settings:
        return msgspec.structs.replace(
            settings, database_url=proxy.url, statement_timeout_seconds=2.0, pool_wait_seconds=5.0, log_level="critical"
        )

    @pytest.mark.parametrize("kind", KINDS)
    async def test_each_is_answered_for_itself(
        self, kind: str, api: httpx.AsyncClient, world: World, proxy: Proxy, database_url: str
    ) -> None:
        # The second packet is the first statement in the transaction; the text says which one ends it.
        faults: list[tuple[str, What, int]] = [
            ("", "lose", 2), ("", "carry out and cut", 4), ("COMMIT;", "lose", 1), ("COMMIT;", "carry out and cut", 1),
            ("COMMIT;", "carry out and be silent", 1),
        ]  # fmt: skip
        for statement, what, nth in faults:
            slot, wishes = await party_of(api, world, kind)

            def spoil(
                _: Batcher[object, object], statement: str = statement, what: What = what, nth: int = nth
            ) -> None:
                proxy.at(statement, what, nth)

            with gathered(COUNT, spoil):
                answers = await asyncio.gather(*(wish.send(api) for wish in wishes))
            assert proxy.trap is None, (statement, what, nth)
            told = [(answer.status_code, answer.json()["code"]) for answer in answers]
            assert told == [(503, "overloaded")] * COUNT, (statement, what, nth)
            await check_repeats(api, wishes, was_done=statement == "COMMIT;" and what != "lose")
            await check_books(database_url, world, kind, slot)
