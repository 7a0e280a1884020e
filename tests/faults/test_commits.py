"""A commit whose answer was lost: the phone repeats its request with the same key, and everything is there once."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import msgspec
import pytest

from booking_api.core.settings import Settings
from booking_api.payments.jobs import execute_refunds
from tests.bookings.journey import owner_of, party, taken
from tests.faults.books import wrongs
from tests.faults.proxy import Proxy, What, running_proxy
from tests.faults.wishes import WISHES, Shop, Wish, traveller
from tests.payments.provider import Provider
from tests.world import World


@pytest.fixture
async def proxy(database_url: str) -> AsyncIterator[Proxy]:
    async with running_proxy(database_url) as proxy:
        yield proxy


@pytest.fixture
def settings(settings: Settings, proxy: Proxy) -> Settings:
    return msgspec.structs.replace(
        settings, database_url=proxy.url, statement_timeout_seconds=2.0, pool_wait_seconds=5.0, log_level="critical"
    )


async def check(shop: Shop, proxy: Proxy, name: str, nth: int, what: What) -> None:
    """Something happens to the nth commit of a wish, which is repeated until it is answered, and once more."""
    make, commits = WISHES[name]
    told = f"{name}, commit {nth}: {what}"
    wish = (await make(shop)).with_key()
    proxy.at("COMMIT;", what, nth)
    lost = await wish.send(shop.api)
    assert (lost.status_code, lost.json()["code"]) == (503, "overloaded"), f"{told}: {lost.text}"
    assert proxy.trap is None, told
    answer = await wish.repeat(shop.api)
    assert answer.status_code == wish.status, f"{told}: {answer.text}"
    assert answer.json()["status"] == wish.becomes, told
    was_done = what.startswith("carry out") and nth == commits
    assert (answer.headers.get("idempotency-replayed") == "true") == was_done, told
    again = await wish.repeat(shop.api)
    assert again.headers["idempotency-replayed"] == "true", told
    assert again.json()["id"] == answer.json()["id"], told
    is_new_customer = wish.headers["Authorization"] == shop.world.app["Authorization"]
    assert ("access_token" in again.json()) == is_new_customer, told


@pytest.mark.parametrize("what", ["lose", "carry out and cut"])
async def test_every_commit_may_be_repeated(
    what: What, api: httpx.AsyncClient, world: World, proxy: Proxy, provider: Provider, database_url: str
) -> None:
    for name, (_, commits) in WISHES.items():
        for nth in range(1, commits + 1):
            await check(Shop(api, world), proxy, name, nth, what)
    await execute_refunds(world.runtime)
    assert await wrongs(database_url, await provider.charges(), await provider.refunds()) == []
    # One booking for each commit, one more for the order of two, none for the three that were cancelled.
    counted, claimed, _ = await taken(world, world.tower_slots[0])
    assert counted == claimed == sum(commits for _, commits in WISHES.values()) + 1 - 3
    assert len(await provider.charges()) == 2 + 2 + 1


@pytest.mark.parametrize(
    ("name", "nth", "what"),
    [
        ("hold", 1, "be silent"),
        ("confirm, paid", 1, "carry out and be silent"),
        ("express, paid", 2, "carry out and be silent"),
    ],
)
async def test_also_where_nobody_says_that_it_was_lost(
    name: str, nth: int, what: What, api: httpx.AsyncClient, world: World, proxy: Proxy, provider: Provider,
    database_url: str,
) -> None:  # fmt: skip
    await check(Shop(api, world), proxy, name, nth, what)
    assert await wrongs(database_url, await provider.charges(), await provider.refunds()) == []
    assert (await taken(world, world.tower_slots[0]))[:2] == (1, 1)
    assert len(await provider.charges()) == (1 if "paid" in name else 0)


async def test_a_chosen_id_serves_as_key(api: httpx.AsyncClient, world: World, proxy: Proxy) -> None:
    """Without a header: whoever chose the id gets what was made under it."""
    for what in ("lose", "carry out and cut"):
        wish = traveller(world, id=str(uuid4()))
        proxy.at("COMMIT;", what)
        assert (await api.post("/v1/bookings", json=wish, headers=world.app)).status_code == 503
        answer = await api.post("/v1/bookings", json=wish, headers=world.app)
        assert answer.status_code == (201 if what == "lose" else 200), answer.text
        assert (answer.json()["id"], answer.json()["status"]) == (wish["id"], "on_hold")
        assert owner_of(answer.json())
    assert (await taken(world, world.tower_slots[0]))[:2] == (2, 2)
    seat = party(world, "adult", id=str(uuid4()))
    seat["items"][0]["seat"] = "1A"
    proxy.at("COMMIT;", "carry out and cut")
    assert (await api.post("/v1/bookings", json=seat, headers=world.app)).status_code == 503
    answer = await api.post("/v1/bookings", json=seat, headers=world.app)
    assert (answer.status_code, answer.json()["items"][0]["seat"]) == (200, "1A")
    assert await taken(world, world.flight_slots[0]) == (1, 1, 1)


@pytest.mark.parametrize("what", ["lose", "carry out and cut"])
@pytest.mark.parametrize("keyed", [True, False])
async def test_holds_that_shared_a_lost_commit(
    what: What, keyed: bool, api: httpx.AsyncClient, world: World, proxy: Proxy
) -> None:
    """Each is answered for itself, and the server doesn't hold for anybody twice on its own account."""
    count = 6
    await Shop(api, world).held()
    wishes = [Wish("/v1/bookings", world.app, traveller(world), 201, "on_hold") for _ in range(count)]
    wishes = [wish.with_key() if keyed else wish for wish in wishes]
    proxy.at("COMMIT;", what)  # Their key was looked up once for all of them, so that they came together.
    answers = await asyncio.gather(*(wish.send(api) for wish in wishes))
    assert proxy.trap is None
    assert {answer.status_code for answer in answers} <= {201, 503}, [answer.text for answer in answers]
    there = (await taken(world, world.tower_slots[0]))[:2]
    assert there[0] == there[1] <= count + 1
    assert there[0] >= [answer.status_code for answer in answers].count(201) + 1
    if keyed:
        answers = [await wish.repeat(api) for wish in wishes]
        assert len({answer.json()["id"] for answer in answers}) == count
        assert (await taken(world, world.tower_slots[0]))[:2] == (count + 1, count + 1)
