"""The server process: how it starts, refuses to start, and stops."""

import asyncio
import signal
import socket
import sys

import asyncpg
import httpx
import pytest

from booking_api.run.starting import free_port
from tests.conftest import with_database
from tests.processes import family_of, get, is_ready, run, running, served, stop, wait_for, wait_until_gone


async def wait_for_lock(db: asyncpg.Connection) -> None:
    """Waits until somebody else in the database waits for a lock."""
    waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    for _ in range(1000):
        if await db.fetchval(waiting):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("nobody waits")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_running_request_is_finished_before_the_server_stops(database_url: str, number: signal.Signals) -> None:
    async with served(database_url) as (process, url), httpx.AsyncClient(timeout=30) as client:
        blocker = await asyncpg.connect(database_url)
        transaction = blocker.transaction()
        await transaction.start()
        await blocker.execute("lock table worker_heartbeat in access exclusive mode")
        request = asyncio.create_task(client.get(f"{url}/readyz"))
        await wait_for_lock(blocker)
        stopping = asyncio.create_task(asyncio.to_thread(stop, process, number))
        await asyncio.sleep(0.5)
        await transaction.rollback()
        assert (await request).status_code == 200
        status, out, _ = await stopping
        assert (status, out) == (0, "")
        await blocker.close()


async def test_no_worker_process_outlives_a_killed_server(database_url: str) -> None:
    async with served(database_url, "--workers", "2") as (process, url):
        family = family_of(process)
        assert len(family) >= 2
        process.kill()
        await asyncio.to_thread(wait_until_gone, family)
        assert get(f"{url}/healthz") is None


async def test_a_killed_worker_process_is_replaced(database_url: str) -> None:
    async with served(database_url) as (process, url):
        (before,) = family_of(process)
        before.kill()
        await asyncio.to_thread(wait_until_gone, [before])
        await asyncio.to_thread(wait_for, lambda: get(f"{url}/healthz"))


async def test_many_silent_connections_keep_nobody_out(database_url: str) -> None:
    async with served(database_url) as (_, url), asyncio.timeout(60):
        host, _, port = url.removeprefix("http://").partition(":")
        silent = [await asyncio.open_connection(host, int(port)) for _ in range(1_100)]
        async with httpx.AsyncClient(timeout=30) as client:
            assert (await client.get(f"{url}/healthz")).status_code == 200
        for _, writer in silent:
            writer.close()


async def test_metrics_count_the_requests_of_every_process(database_url: str) -> None:
    async with served(database_url, "--workers", "2") as (_, url):
        for _ in range(20):
            async with httpx.AsyncClient() as client:  # Each over a connection of its own.
                assert (await client.get(f"{url}/healthz")).status_code == 200
        async with httpx.AsyncClient() as client:
            text = (await client.get(f"{url}/metrics")).text
        line = next(
            line for line in text.splitlines() if line.startswith("booking_api_requests_total") and "/healthz" in line
        )
        assert float(line.rpartition(" ")[2]) == 20
        assert text.count("booking_api_database_up 1.0") == 1


async def test_a_head_is_followed_by_nothing_and_the_connection_goes_on(database_url: str) -> None:
    async with served(database_url) as (_, url), asyncio.timeout(60):
        host, _, port = url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        for path, status in (("/docs", b"200"), ("/healthz", b"200"), ("/nowhere", b"404"), ("/v1/staff", b"401")) * 2:
            writer.write(f"HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 " + status), head
            lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length: ")]
            assert len(lengths) == 1
            assert int(lengths[0].split()[1]) > 0
        writer.close()


def says(done: object, sentence: str) -> None:
    """The command failed with this one sentence and nothing else."""
    assert done.returncode != 0  # type: ignore[attr-defined]
    assert done.stdout == ""  # type: ignore[attr-defined]
    error = done.stderr.strip()  # type: ignore[attr-defined]
    assert "\n" not in error, error
    assert sentence in error


def test_a_taken_port_is_said(database_url: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        says(run("serve", "--port", str(port), DATABASE_URL=database_url), f"Port {port} on 127.0.0.1 is taken")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems can't reserve a port for another process")
async def test_a_free_port_goes_to_the_server_it_was_found_for(database_url: str) -> None:
    port = free_port()
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", port))
    with running("serve", "--port", str(port), DATABASE_URL=database_url) as process:
        await asyncio.to_thread(wait_for, lambda: is_ready(f"http://127.0.0.1:{port}") or process.poll() is not None)
        assert process.poll() is None, process.said()


async def test_a_port_that_granian_would_share_is_said(database_url: str) -> None:
    async with served(database_url) as (_, url):
        says(run("serve", "--port", url.rpartition(":")[2], DATABASE_URL=database_url), "is taken by another program")


@pytest.mark.parametrize("program", ["serve", "worker", "migrate"])
def test_a_database_that_cannot_be_reached_is_said(program: str) -> None:
    url = f"postgresql://somebody:their-password@127.0.0.1:{free_port()}/booking"
    done = run(program, DATABASE_URL=url, BOOKING_PORT=str(free_port()))
    says(done, "can't be reached")
    assert "their-password" not in done.stderr


@pytest.mark.parametrize("program", ["serve", "worker", "migrate"])
def test_a_missing_database_url_is_said(program: str) -> None:
    says(run(program, BOOKING_PORT=str(free_port())), "DATABASE_URL is not set")


@pytest.mark.parametrize("program", ["serve", "worker", "doctor"])
def test_a_setting_that_does_not_fit_is_said(program: str, database_url: str) -> None:
    says(run(program, DATABASE_URL=database_url, BOOKING_POOL_SIZE="many"), "BOOKING_POOL_SIZE")


@pytest.mark.parametrize("program", ["serve", "worker", "test-provider"])
def test_a_short_secret_is_said(program: str, database_url: str) -> None:
    done = run(program, DATABASE_URL=database_url, BOOKING_SECRET_KEY="short", BOOKING_PORT=str(free_port()))
    says(done, "BOOKING_SECRET_KEY has 5 characters, of at least 32")


@pytest.mark.parametrize("program", ["serve", "worker"])
async def test_an_old_schema_is_said(program: str, database_url: str) -> None:
    db = await asyncpg.connect(database_url)
    await db.execute("delete from schema_migrations")
    await db.close()
    done = await asyncio.to_thread(run, program, DATABASE_URL=database_url, BOOKING_PORT=str(free_port()))
    says(done, "run `booking-api migrate` first")


async def test_migrating_may_be_repeated_and_done_by_several_at_once(database_url: str) -> None:
    name = database_url.partition("?")[0].rpartition("/")[2] + "_empty"
    url = with_database(database_url, name)
    done = await asyncio.gather(*(asyncio.to_thread(run, "migrate", DATABASE_URL=url) for _ in range(1)))
    assert [one.returncode for one in done] == [1], "there is no such database yet"
    db = await asyncpg.connect(database_url)
    await db.execute(f"create database {name}")
    done = await asyncio.gather(*(asyncio.to_thread(run, "migrate", DATABASE_URL=url) for _ in range(3)))
    assert [one.returncode for one in done] == [0, 0, 0], [one.stderr for one in done]
    await db.execute(f"drop database {name} with (force)")
    await db.close()
