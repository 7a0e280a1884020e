"""What is measured on: an embedded PostgreSQL and a `booking-api serve` of the bench's own, in a temporary folder."""

import asyncio
import dataclasses
import resource
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import psutil

from benchmarks.programs import our_environment
from booking_api.core.errors import DomainError
from booking_api.core.process import StartFailed
from booking_api.core.runtime import Runtime
from booking_api.core.settings import Settings
from booking_api.run.demo.embedded import EmbeddedPostgres
from booking_api.run.demo.supervisor import Child, our_command
from booking_api.run.lifetime import open_runtime
from booking_api.run.migrate import migrate
from booking_api.run.starting import free_port

READY_SECONDS = 60.0
OPEN_FILES = 8_192
"""The flash sale has a thousand connections, in the server and in the generator."""
LARGEST_BUFFERS = 4 * 2**30
NO_LIMIT = str(10**9)
HOLD_SECONDS = 6 * 3600
"""Longer than any run: holds must not end while they wait to be confirmed."""
TUNED = {
    # Requests are counted against their limits, and none is refused: all of them come from one address.
    "BOOKING_RATE_LIMIT_PER_MINUTE": NO_LIMIT,
    "BOOKING_KEY_RATE_LIMIT_PER_MINUTE": NO_LIMIT,
    "BOOKING_ADDRESS_RATE_LIMIT_PER_MINUTE": NO_LIMIT,
    "BOOKING_SECRET_KEY_RATE_LIMIT_PER_MINUTE": NO_LIMIT,
    # Customers' counts are looked up, and none is refused. No real contact or address keeps a hundred thousand places.
    "BOOKING_UNPAID_PLACES_PER_CUSTOMER": NO_LIMIT,
    "BOOKING_UNPAID_PLACES_PER_SLOT": NO_LIMIT,
    "BOOKING_UNPAID_PLACES_PER_CONTACT": "0",
    "BOOKING_UNPAID_PLACES_PER_ADDRESS": "0",
    "BOOKING_HOLD_SECONDS": str(HOLD_SECONDS),
    "BOOKING_HOLD_LIMIT_SECONDS": str(HOLD_SECONDS),
}
"""The settings of the measured server that aren't the defaults."""


@dataclasses.dataclass
class Stage:
    """Everything that a measurement needs; `runtime` is the bench's own way to the database."""

    folder: Path
    database: EmbeddedPostgres
    runtime: Runtime
    settings: Settings
    workers: int
    server: Child | None = None

    @property
    def database_url(self) -> str:
        return self.settings.database_url

    @property
    def database_name(self) -> str:
        return self.database_url.partition("?")[0].rpartition("/")[2]

    def worker_processes(self) -> list[psutil.Process]:
        """The server's processes that answer requests, the largest first."""
        if self.server is None or self.server.process is None:
            return []
        children = psutil.Process(self.server.process.pid).children(recursive=True)
        working = [child for child in children if "resource_tracker" not in " ".join(child.cmdline())]
        return sorted(working, key=lambda child: child.memory_info().rss, reverse=True)

    def cpu_seconds(self) -> tuple[float, float]:
        """What the server's and the database's processes have used, those that have ended included."""
        server = self.server.process if self.server is not None else None
        database = self.database.child.process if self.database.child is not None else None
        return tuple(_cpu_of(found.pid) if found is not None else 0.0 for found in (server, database))  # type: ignore[return-value]

    async def start_server(self, workers: int | None = None) -> None:
        """Starts the server, in place of one that runs. Raises `StartFailed`."""
        await self.stop_server()
        environment = our_environment(
            **TUNED, DATABASE_URL=self.database_url, BOOKING_SECRET_KEY=self.settings.secret_key
        )
        command = our_command("serve", "--port", str(self.settings.port), "--workers", str(workers or self.workers))
        with (self.folder / "server.log").open("ab") as output:
            self.server = Child("server", command, environment, stdout=output, stderr=output)
            await self.server.begin()
        await self._wait_until_ready()

    async def _wait_until_ready(self) -> None:
        assert self.server is not None
        deadline = asyncio.get_running_loop().time() + READY_SECONDS
        async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
            while asyncio.get_running_loop().time() < deadline:
                if self.server.ended:
                    said = (self.folder / "server.log").read_text(errors="replace").strip().splitlines()
                    raise StartFailed(f"The measured server ended while it was starting: {' '.join(said[-1:])}")
                with suppress(httpx.HTTPError):
                    if (await client.get(f"http://127.0.0.1:{self.settings.port}/readyz")).status_code == 200:
                        return
                await asyncio.sleep(0.05)
        raise StartFailed(f"The measured server was not ready within {READY_SECONDS:.0f} seconds.")

    async def stop_server(self) -> None:
        if self.server is not None:
            await self.server.stop(asyncio.Event())
            self.server = None


def _cpu_of(pid: int) -> float:
    """Of a process, its children, and those that it has waited for."""
    used = 0.0
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                used += times.user + times.system
                # psutil gives those only on Linux and macOS, where they are what the ended backends used.
                used += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return used


def _raise_file_limit() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if most == resource.RLIM_INFINITY else min(OPEN_FILES, most)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


@contextmanager
def open_folder(wanted: Path | None) -> Iterator[Path]:
    """A new folder in the one given, or where temporary files go; nothing of it is left."""
    if wanted is not None and not wanted.is_dir():
        raise StartFailed(f"{wanted} is not a folder.")
    folder = Path(tempfile.mkdtemp(prefix="booking-api-bench-", dir=wanted))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def open_database(folder: Path) -> AsyncIterator[EmbeddedPostgres]:
    """PostgreSQL as the demo runs it, with the memory that its manual advises: a quarter of the machine's.

    What is acknowledged is on the disk. Raises `StartFailed`.
    """
    _raise_file_limit()
    memory = min(psutil.virtual_memory().total // 4, LARGEST_BUFFERS)
    database = EmbeddedPostgres(
        folder / "postgres", folder / "postgres.log",
        {"shared_buffers": f"{memory // 2**20}MB", "max_wal_size": "4GB"},
    )  # fmt: skip
    await asyncio.to_thread(database.prepare)
    try:
        await database.start()
        yield database
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, DomainError) as error:
        if database.child is not None and database.child.ended:
            said = database.log_file.read_text(errors="replace").strip().splitlines()[-1:]
            raise StartFailed(f"PostgreSQL ended while it was measured: {' '.join(said)}") from error
        raise
    finally:
        await database.stop(asyncio.Event())


@asynccontextmanager
async def open_stage(folder: Path, database: EmbeddedPostgres, name: str, workers: int) -> AsyncIterator[Stage]:
    """A migrated, empty database of this name, and a server on it that is yet to be started."""
    overrides: dict[str, Any] = {
        "database_url": f"postgresql://postgres@/{name}?host={database.sockets}", "port": free_port(),
        "secret_key": secrets.token_hex(32), "log_level": "warning", "hold_seconds": HOLD_SECONDS,
        "hold_limit_seconds": HOLD_SECONDS, "statement_timeout_seconds": 1800.0,
    }  # fmt: skip
    settings = Settings(**overrides)
    await asyncio.to_thread(migrate, settings.database_url)
    async with AsyncExitStack() as stack:
        runtime = await stack.enter_async_context(open_runtime(settings, name="booking-api-bench"))
        stage = Stage(folder, database, runtime, settings, workers)
        stack.push_async_callback(stage.stop_server)
        yield stage
