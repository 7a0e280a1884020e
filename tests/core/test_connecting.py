"""Which server a connection goes to, and when it is given up."""

import asyncio
import socket
from urllib.parse import parse_qs, urlsplit

import asyncpg
import msgspec
import pytest

from booking_api.core.db.connecting import (
    IDLE_SECONDS,
    NOT_THIS_ONE,
    SERVER_KEEPALIVE,
    UNACKNOWLEDGED_SECONDS,
    Servers,
    one_server_each,
)
from booking_api.core.errors import Overloaded
from booking_api.core.process import StartFailed, connect, database_place
from booking_api.core.runtime import acquire
from booking_api.run.lifetime import open_runtime
from booking_api.run.migrate import MigrationFailed, dbmate_url, writable_url
from booking_api.run.starting import free_port
from tests.bookings.journey import party
from tests.faults.proxy import running_proxy


@pytest.mark.parametrize(
    ("url", "each"),
    [
        ("postgresql://u:p@h/db?sslmode=require", ["postgresql://u:p@h/db?sslmode=require"]),
        ("postgresql:///db", ["postgresql:///db"]),
        (
            "postgresql://u:p@h1:1,h2/db",
            [
                "postgresql://u:p@h1:1/db?target_session_attrs=read-write",
                "postgresql://u:p@h2/db?target_session_attrs=read-write",
            ],
        ),
        (
            "postgresql://[::1]:5,h2/db?target_session_attrs=any",
            ["postgresql://[::1]:5/db?target_session_attrs=any", "postgresql://h2/db?target_session_attrs=any"],
        ),
        (
            "postgresql://u@/db?host=/a,/b&port=1,2",
            [
                "postgresql://u@/db?target_session_attrs=read-write&host=%2Fa&port=1",
                "postgresql://u@/db?target_session_attrs=read-write&host=%2Fb&port=2",
            ],
        ),
        (
            "postgresql://u@/db?host=/a,/b",
            [
                "postgresql://u@/db?target_session_attrs=read-write&host=%2Fa",
                "postgresql://u@/db?target_session_attrs=read-write&host=%2Fb",
            ],
        ),
    ],
)
def test_a_url_names_its_servers(url, each):
    assert one_server_each(url) == each


def test_hosts_and_ports_must_match():
    with pytest.raises(ValueError, match="another number of ports"):
        one_server_each("postgresql:///db?host=a,b,c&port=1,2")


def test_the_place_of_several_servers_names_no_password():
    assert database_place("postgresql://u:secret@h1:1,h2/shop") == "shop at h1:1 or h2"


def both(first: str, second: str) -> str:
    """One URL that names two servers. Those of the tests listen on a socket or a port."""
    parts, query = urlsplit(first), parse_qs(urlsplit(first).query)
    other, other_query = urlsplit(second), parse_qs(urlsplit(second).query)
    hosts = [query.get("host", [parts.hostname])[0], other_query.get("host", [other.hostname])[0]]
    ports = [str(parts.port or 5432), str(other.port or 5432)]
    user = parts.username or other.username or "postgres"
    return (
        f"postgresql://{user}@/{other.path.lstrip('/')}?host={','.join(hosts)}&port={','.join(ports)}&sslmode=disable"
    )


def dead(url: str) -> str:
    """The same database where no server listens."""
    return f"postgresql://127.0.0.1:{free_port()}{urlsplit(url).path}"


async def is_read_write(db) -> bool:
    return await db.fetchval("select not pg_is_in_recovery()")


async def test_a_server_that_is_away_is_passed_over(settings, database_url):
    url = both(dead(database_url), database_url)
    async with open_runtime(msgspec.structs.replace(settings, database_url=url)) as runtime, acquire(runtime) as db:
        assert await is_read_write(db)
    await (await connect(msgspec.structs.replace(settings, database_url=url), name="test")).close()


async def test_a_server_that_keeps_silent_is_passed_over_and_asked_last_from_then_on(
    settings, database_url, monkeypatch
):
    monkeypatch.setattr("booking_api.core.db.connecting.CONNECT_SECONDS_EACH", 0.3)
    async with running_proxy(database_url) as proxy:
        proxy.fault = "silent"
        servers = Servers(both(proxy.url, database_url))
        silent, well = servers.urls
        await (await servers.connect()).close()
        assert servers.urls == [well, silent]


async def test_what_one_connection_learned_of_the_servers_all_of_the_process_know(settings, database_url):
    """A former primary that is reached again is no longer asked first, whoever connects."""
    async with running_proxy(database_url) as proxy:
        changed = msgspec.structs.replace(settings, database_url=both(proxy.url, database_url))
        await proxy.refuse()
        await (await connect(changed, name="test")).close()
        await proxy.heal()
        own = await connect(changed, name="test")
        async with open_runtime(changed) as runtime, acquire(runtime) as db:
            assert await is_read_write(db)
            assert not proxy.links
        await own.close()


async def test_a_server_that_does_not_know_how_to_bound_transactions_is_not_asked_to(database_url, monkeypatch):
    """As those before PostgreSQL 17. Another setting that it doesn't know is a mistake."""
    monkeypatch.setattr("booking_api.core.db.connecting.TRANSACTION_TIMEOUT", "setting_of_the_future")
    servers = Servers(database_url)
    for _ in range(2):
        db = await servers.connect(server_settings={"setting_of_the_future": "1", "application_name": "test"})
        assert await db.fetchval("show application_name") == "test"
        await db.close()
        assert not servers.bounds_transactions
    with pytest.raises(asyncpg.UndefinedObjectError):
        await servers.connect(server_settings={"setting_of_nobody": "1"})


async def test_a_server_that_only_reads_is_passed_over(database_url):
    """A database that refuses writes stands for a replica: the server says so as soon as it accepts a connection."""
    admin = await asyncpg.connect(database_url)
    name = await admin.fetchval("select current_database()")
    await admin.execute(
        f'create role "{name}" login superuser; alter role "{name}" set default_transaction_read_only = on'
    )
    try:
        replica = f"postgresql://{name}@{database_url.partition('@')[2]}"
        assert urlsplit(replica).username == name
        with pytest.raises(asyncpg.TargetServerAttributeNotMatched):
            await Servers(both(replica, replica)).connect()
        assert asyncpg.TargetServerAttributeNotMatched in NOT_THIS_ONE
    finally:
        await admin.execute(f'drop role "{name}"')
        await admin.close()


async def test_where_no_server_will_do_requests_are_told_to_come_again(settings, database_url):
    url = both(dead(database_url), dead(database_url))
    changed = msgspec.structs.replace(settings, database_url=url)
    async with open_runtime(changed) as runtime:
        with pytest.raises(Overloaded) as refused:
            async with acquire(runtime):
                pass
        assert refused.value.retry_after_seconds == 1
    with pytest.raises(StartFailed, match=r"127\.0\.0\.1:.* or 127\.0\.0\.1:"):
        await connect(changed, name="test")


async def test_a_demoted_server_loses_every_connection(runtime):
    async with acquire(runtime) as first, acquire(runtime) as second:
        others = {await db.fetchval("select pg_backend_pid()") for db in (first, second)}
    async with acquire(runtime) as db:
        await db.execute("set session characteristics as transaction read only")
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await db.execute("update organisation set name = name")
    async with acquire(runtime) as first, acquire(runtime) as second:
        assert others.isdisjoint({await db.fetchval("select pg_backend_pid()") for db in (first, second)})
        await first.execute("update organisation set name = name")


async def test_a_request_to_a_demoted_server_is_told_to_come_again(api, runtime, world):
    """And the next one finds a server that writes."""
    for wish in ({"option": "flex"}, {"option": "light"}):
        async with acquire(runtime) as db:
            await db.execute("set session characteristics as transaction read only")
        body = party(world, "adult", **wish)
        refused = await api.post("/v1/bookings", json=body, headers=world.app)
        assert refused.status_code == 503, refused.text
        assert refused.headers["retry-after"] == "1"
        assert (await api.post("/v1/bookings", json=body, headers=world.app)).status_code == 201


async def test_migrations_go_to_the_server_that_accepts_writes(database_url):
    url = both(dead(database_url), database_url)
    found = await asyncio.to_thread(writable_url, url)
    assert found == one_server_each(url)[1]
    assert "target_session_attrs" not in dbmate_url(found)
    with pytest.raises(MigrationFailed, match="No server of DATABASE_URL accepts writes"):
        await asyncio.to_thread(writable_url, both(dead(database_url), dead(database_url)))


async def test_both_ends_of_a_connection_are_watched(settings, database_url):
    async with (
        running_proxy(database_url) as proxy,
        open_runtime(msgspec.structs.replace(settings, database_url=proxy.url)) as runtime,
        acquire(runtime) as db,
    ):
        sock = db._con._transport.get_extra_info("socket")
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == IDLE_SECONDS
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == UNACKNOWLEDGED_SECONDS * 1000
    async with open_runtime(settings) as runtime, acquire(runtime) as db:
        asked = await db.fetchval(
            "select count(*) from pg_settings where name like 'tcp\\_%' and source = 'client'",
        )
        assert asked == len(SERVER_KEEPALIVE)
