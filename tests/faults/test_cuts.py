"""The connection to PostgreSQL is delayed, cut, refused or half-open: everybody is answered, nothing is doubled."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import httpx
import msgspec
import pytest

from booking_api.core.runtime import Runtime, acquire
from booking_api.core.settings import Settings
from tests.bookings.journey import confirm, hold, owner_of, taken, visit
from tests.contract.scene import CALLS, PROVIDER_URL, Call, Claiming, Scene, build_scene
from tests.contract.test_access import OPERATIONS
from tests.faults.proxy import Proxy, What, running_proxy
from tests.processes import PATIENCE_SECONDS
from tests.world import Headers, World

FAULTS = ["cut", "refuse", "silent"]
WITHOUT_DATABASE = {
    "getHealth", "getIndex", "getMetrics", "getOpenapi", "getDocs", "listProblems", "getProblem", "getResumeCodeSvg", "getResumeCodePng",
}  # fmt: skip
POOL_SIZE = 4
GOOD_BYE = b"X\0\0\0\4"
"""What a client sends last; it waits for no answer."""


@pytest.fixture
async def proxy(database_url: str) -> AsyncIterator[Proxy]:
    async with running_proxy(database_url) as proxy:
        yield proxy


@pytest.fixture
def settings(settings: Settings, proxy: Proxy) -> Settings:
    """Through the proxy, and impatient."""
    return msgspec.structs.replace(
        settings, database_url=proxy.url, pool_size=POOL_SIZE, pool_wait_seconds=5.0, statement_timeout_seconds=2.0,
        test_provider_url=PROVIDER_URL, log_level="warning",
    )  # fmt: skip


async def break_down(proxy: Proxy, fault: str) -> None:
    await {"cut": proxy.cut, "refuse": proxy.refuse, "silent": proxy.be_silent}[fault]()


async def in_time(*work: Awaitable[Any]) -> list[Any]:
    """All results; fails where somebody hangs."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await asyncio.gather(*work)


def caller_of(name: str, scene: Scene) -> Headers:
    """Somebody who may call the operation."""
    access = OPERATIONS[name].access
    if access.customer:
        return scene.customer
    if access.staff:
        return scene.world.owner
    return scene.world.app if access.app else {}


async def ask(api: httpx.AsyncClient, scene: Scene, name: str) -> httpx.Response:
    call = CALLS[name](scene)
    if isinstance(call, Claiming):  # Its code can't be made where the database is away; another one asks as much.
        call = Call(call.method, call.path, body={"code": "7K4QM2X9VB"})
    return await call.send(api, caller_of(name, scene))


def is_overloaded(answer: httpx.Response) -> bool:
    """The one refusal that a fault of the database may lead to."""
    return (
        answer.status_code == 503
        and answer.headers["content-type"] == "application/problem+json"
        and int(answer.headers["retry-after"]) > 0
        and (answer.json()["code"], answer.json()["retryable"]) == ("overloaded", True)
    )


async def open_connections(runtime: Runtime) -> None:
    """Fills the pool with idle connections."""
    held = [await runtime.pool.acquire() for _ in range(POOL_SIZE)]
    for connection in held:
        await runtime.pool.release(connection)


@pytest.mark.parametrize("fault", FAULTS)
async def test_every_kind_of_request_is_answered(
    fault: str, api: httpx.AsyncClient, world: World, runtime: Runtime, proxy: Proxy
) -> None:
    scene = await build_scene(api, world)
    await open_connections(runtime)
    await break_down(proxy, fault)
    for _ in range(2):  # With the connections that were there, and without any.
        answers = dict(zip(CALLS, await in_time(*(ask(api, scene, name) for name in CALLS)), strict=True))
        for name, answer in answers.items():
            normal = name in WITHOUT_DATABASE and answer.status_code == 200
            assert normal or is_overloaded(answer), f"{name}: {answer.status_code} {answer.text}"
    await proxy.heal()
    for name in CALLS:
        answer = await ask(api, scene, name)
        assert answer.status_code < 500, f"{name}: {answer.status_code} {answer.text}"
    unused = await api.get(f"/v1/bookings/{scene.unused['id']}", headers=world.key)
    assert unused.json()["status"] == "cancelled", "it was cancelled after all"
    assert await taken(world, world.tower_slots[0]) == (2, 2, 0), "who was admitted keeps the place"


@pytest.mark.parametrize("fault", FAULTS)
async def test_the_very_next_requests_work(
    fault: str, api: httpx.AsyncClient, world: World, runtime: Runtime, proxy: Proxy
) -> None:
    """Also where one request alone has met the fault, and the other connections of the pool are dead unnoticed."""
    booking = await confirm(api, *await held_by_customer(api, world))
    await open_connections(runtime)
    await break_down(proxy, fault)
    (answer,) = await in_time(api.get(f"/v1/orders/{booking['order_id']}", headers=world.key))
    assert is_overloaded(answer), answer.text
    await proxy.heal()
    answers = await in_time(*(api.get(f"/v1/bookings/{booking['id']}", headers=world.key) for _ in range(20)))
    assert [answer.status_code for answer in answers] == [200] * 20


async def held_by_customer(api: httpx.AsyncClient, world: World) -> tuple[Headers, dict[str, Any]]:
    booking = await hold(api, world.app, visit(world, "adult"))
    return owner_of(booking), booking


async def test_nothing_more_is_said_over_a_silent_connection(
    api: httpx.AsyncClient, world: World, proxy: Proxy
) -> None:
    """No rollback, no cancellation: each would be waited for in vain once more."""
    owner, booking = await held_by_customer(api, world)
    proxy.at("for update", "be silent")
    (answer,) = await in_time(api.post(f"/v1/bookings/{booking['id']}/extend", headers=owner))
    assert is_overloaded(answer), answer.text
    statements = [packet for packet in proxy.unheard if not packet.endswith(GOOD_BYE)]
    assert len(statements) == 1, statements
    (answer,) = await in_time(api.post(f"/v1/bookings/{booking['id']}/extend", headers=owner))
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("what", ["be silent", "be silent afterwards"])
async def test_locks_of_a_silent_connection_end(api: httpx.AsyncClient, world: World, proxy: Proxy, what: What) -> None:
    """PostgreSQL still keeps an order locked for a client that has long given up; others are told to come again.

    Also where the statement was prepared and its client went silent before it was executed. Then only the
    transaction's own time-out helps, and before PostgreSQL 17 nothing but the keepalive of the connection.
    """
    if what == "be silent afterwards":
        async with acquire(world.runtime) as db:
            if db.get_server_version().major < 17:
                pytest.skip("PostgreSQL 17 was the first with transaction_timeout.")
    owner, booking = await held_by_customer(api, world)
    proxy.at("update booking_order", what)
    (answer,) = await in_time(api.post(f"/v1/bookings/{booking['id']}/extend", headers=owner))
    assert is_overloaded(answer), answer.text
    tries = 0
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (answer := await api.post(f"/v1/bookings/{booking['id']}/extend", headers=owner)).status_code != 200:
            assert is_overloaded(answer), answer.text
            tries += 1
    assert tries > 0, "the order was locked"


async def test_a_slow_way_is_only_slow(api: httpx.AsyncClient, world: World, proxy: Proxy) -> None:
    proxy.delay_seconds = 0.005
    booking = await confirm(api, *await held_by_customer(api, world))
    assert (booking["status"], await taken(world, world.tower_slots[0])) == ("confirmed", (1, 1, 0))


async def test_a_way_that_is_too_slow(api: httpx.AsyncClient, world: World, runtime: Runtime, proxy: Proxy) -> None:
    """Slower than anybody waits: nobody hangs, and once it is quick again, so are the answers."""
    owner, booking = await held_by_customer(api, world)
    await open_connections(runtime)
    proxy.delay_seconds = 2 * runtime.settings.statement_timeout_seconds + 2
    answers = await in_time(*(api.get(f"/v1/bookings/{booking['id']}", headers=owner) for _ in range(2 * POOL_SIZE)))
    assert all(is_overloaded(answer) for answer in answers)
    await proxy.heal()
    answers = await in_time(*(api.get(f"/v1/bookings/{booking['id']}", headers=owner) for _ in range(2 * POOL_SIZE)))
    assert [answer.status_code for answer in answers] == [200] * len(answers)
