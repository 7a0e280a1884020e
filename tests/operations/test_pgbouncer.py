"""Behind PgBouncer in transaction mode, with the very settings that docs/operations.md prints.

A server connection belongs to a client for one transaction only: two requests of one client may run on two of them.
"""

import asyncio
import configparser
import os
import pwd
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import asyncpg
import msgspec
import pytest

from booking_api.bookings import jobs
from booking_api.core.db import session_settings
from booking_api.core.settings import Settings
from booking_api.run.starting import free_port
from tests.bookings.journey import CONTACT, hold, owner_of, party, taken, visit
from tests.conftest import settings as plain_settings
from tests.processes import PATIENCE_SECONDS, get, served, wait_for
from tests.world import World

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
SERVER_CONNECTIONS = 3
"""Fewer than the clients, so that they have to share."""
TRACKED = {"application_name", "timezone"}
"""Startup parameters that PgBouncer itself keeps for each client."""

direct = plain_settings
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed: apt-get install pgbouncer")


def version() -> tuple[int, int]:
    said = subprocess.run([str(PROGRAM), "--version"], capture_output=True, text=True, timeout=10).stdout
    found = re.search(r"PgBouncer (\d+)\.(\d+)", said)
    assert found is not None, said
    return int(found[1]), int(found[2])


KEEPS_STATEMENTS = (1, 21)
"""From this version on it knows prepared statements in transaction mode."""


def printed() -> configparser.ConfigParser:
    """The configuration that the page prints."""
    blocks = re.findall(r"^```ini\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    ini = configparser.ConfigParser(interpolation=None, inline_comment_prefixes=None)
    ini.read_string(next(block for block in blocks if "[pgbouncer]" in block))
    return ini


def database_line(url: str, line: str) -> str:
    """The page's line for the database, with the place of this test's."""
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    place = {
        "host": parts.hostname or query["host"], "port": str(parts.port or query.get("port", 5432)),
        "dbname": parts.path.lstrip("/"), "pool_size": str(SERVER_CONNECTIONS),
    }  # fmt: skip
    for name, value in place.items():
        line, count = re.subn(rf"\b{name}=\S+", f"{name}={value}", line)
        assert count == 1, name
    password = f" password={parts.password}" if parts.password else ""
    return f"{line} user={parts.username or 'postgres'}{password}"


def user_of(url: str) -> list[str]:
    """PgBouncer refuses to run as root; the user who owns the server's sockets can reach them."""
    if os.geteuid() != 0:
        return []
    folder = next(iter(parse_qs(urlsplit(url).query).get("host", [])), "")
    return ["-u", pwd.getpwuid(Path(folder).stat().st_uid).pw_name if folder.startswith("/") else "nobody"]


class Pooler:
    def __init__(self, url: str, folder: Path) -> None:
        self.port = free_port()
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/booking"
        ini = printed()
        ini["databases"]["booking"] = database_line(url, ini["databases"]["booking"])
        section = ini["pgbouncer"]
        section.update({"listen_addr": "127.0.0.1", "listen_port": str(self.port), "auth_type": "any"})
        for place in ("auth_file", "logfile", "pidfile"):
            section.pop(place)
        if version() < KEEPS_STATEMENTS:
            section.pop("max_prepared_statements")
        with (folder / "pgbouncer.ini").open("w") as file:
            ini.write(file)
        self.command = [str(PROGRAM), "-q", *user_of(url), str(folder / "pgbouncer.ini")]
        self.log = folder / "pgbouncer.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(self.answers)

    def answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(PATIENCE_SECONDS)


@pytest.fixture
def pooler(database_url: str, tmp_path: Path) -> Iterator[Pooler]:
    pooler = Pooler(database_url, tmp_path)
    pooler.start()
    yield pooler
    pooler.kill()


@pytest.fixture(params=["no statement cache", "statement cache"])
def settings(direct: Settings, pooler: Pooler, request: pytest.FixtureRequest) -> Settings:
    """The whole application of these tests speaks through PgBouncer."""
    if request.param == "no statement cache":
        return msgspec.structs.replace(direct, database_url=pooler.url, statement_cache=0)
    if version() < KEEPS_STATEMENTS:
        pytest.skip(f"PgBouncer {'.'.join(map(str, version()))} doesn't keep prepared statements in transaction mode")
    return msgspec.structs.replace(direct, database_url=pooler.url)


async def test_the_journey_holds_with_few_connections(api, world: World) -> None:
    """Holds, confirmations and cancellations at once, on few places, between reads outside of transactions."""
    slot = world.flight_slots[0]

    async def customer(number: int) -> int:
        """Buys, perhaps thinks better of it; how many places are theirs in the end."""
        wish = party(world, *["adult"] * (1 + number % 2), slot=slot)
        answer = await api.post("/v1/bookings", json=wish, headers={**world.app, "Idempotency-Key": str(uuid4())})
        assert answer.status_code in {201, 409}, answer.text
        if answer.status_code != 201:
            return 0
        booking, owner = answer.json(), owner_of(answer.json())
        url = f"/v1/bookings/{booking['id']}"
        confirmed = await api.post(
            f"{url}/confirm", headers=owner, json={"contact": CONTACT, "payment": {"method": "on_site"}}
        )
        assert confirmed.status_code == 200, confirmed.text
        for path in (url, "/v1/sync", "/v1/places"):
            assert (await api.get(path, headers=owner)).status_code == 200
        if number % 4 == 0:
            cancelled = await api.post(f"{url}/cancel", headers=owner)
            assert cancelled.status_code == 200, cancelled.text
            return 0
        return len(wish["items"])

    sold = sum(await asyncio.gather(*(customer(number) for number in range(32))))
    assert await taken(world, slot) == (sold, sold, sold)
    assert 0 < sold <= 10


async def test_what_the_worker_does_on_pooled_connections(api, world: World) -> None:
    booking = await hold(api, world.app, visit(world, "adult"))
    async with world.runtime.pool.acquire() as db, db.transaction():
        await db.execute("update booking_order set expires_at = expires_at - interval '1 day'")
        await db.execute("update claim set expires_at = expires_at - interval '1 day'")
    assert await jobs.sweep_ended_holds(world.runtime) == 1
    answer = await api.get(f"/v1/bookings/{booking['id']}", headers=owner_of(booking))
    assert answer.json()["status"] == "expired"


async def test_every_time_out_is_in_force(pooler: Pooler) -> None:
    """PgBouncer ignores what clients ask for, so that its own settings have to say it."""
    wanted = session_settings("", Settings().statement_timeout_seconds)
    ignored = {name.strip() for name in printed()["pgbouncer"]["ignore_startup_parameters"].split(",")}
    assert ignored - {"extra_float_digits"} == set(wanted) - TRACKED
    connection = await asyncpg.connect(pooler.url, statement_cache_size=0)
    try:
        for name in (
            "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "transaction_timeout", "jit",
            "plan_cache_mode",
        ):  # fmt: skip
            found = await connection.fetchval("select setting from pg_settings where name = $1", name)
            is_too_old = name == "transaction_timeout" and connection.get_server_version().major < 17
            assert found == (None if is_too_old else wanted[name]), name
    finally:
        await connection.close()


async def test_a_server_outlives_its_pooler(pooler: Pooler) -> None:
    """It starts through PgBouncer, says that it isn't ready while that is away, and is again when it is back."""
    async with served(pooler.url, BOOKING_STATEMENT_CACHE="0", BOOKING_POOL_WAIT_SECONDS="2") as (_, url):

        def status() -> int:
            answer = get(f"{url}/readyz")
            return 0 if answer is None else answer.status_code

        assert await asyncio.to_thread(status) == 200
        pooler.kill()
        await asyncio.to_thread(wait_for, lambda: status() == 503)
        pooler.start()
        await asyncio.to_thread(wait_for, lambda: status() == 200)
