"""A whole installation of a test's own: PostgreSQL, `booking-api serve`, `booking-api worker`, the payment provider.

Each part can be killed with SIGKILL and started again, as a machine's supervisor would.
"""

import asyncio
import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Generic, Protocol, TypeVar
from uuid import UUID

import psutil

from booking_api.core.clock import utc_now
from booking_api.core.runtime import acquire
from booking_api.core.settings import Settings
from booking_api.run.demo.embedded import EmbeddedPostgres
from booking_api.run.lifetime import open_runtime
from booking_api.run.migrate import migrate
from booking_api.run.starting import free_port
from tests.payments.provider import WEBHOOK_PATH, WEBHOOK_SECRET, RunningProvider
from tests.processes import PATIENCE_SECONDS, SECRET, command, environment, is_ready, wait_until_gone
from tests.world import World, add_slot, build_world

PROVIDER_SECONDS = 1.0
BOARDS_BEFORE = timedelta(minutes=40)
MEMORY = Path("/dev/shm")


class Program:
    """A command that runs in the background and writes to a file, which nobody has to read."""

    def __init__(self, folder: Path, *arguments: str, **values: str) -> None:
        self.arguments = arguments
        self.environment = environment(**values)
        self.log = folder / f"{arguments[0]}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command(*self.arguments), env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def revive(self) -> None:
        """Starts it again if it ended because PostgreSQL wasn't up yet, which is the only good reason."""
        assert self.process is not None
        if self.process.poll() is not None:
            said = self.log.read_text().strip()
            assert "can't be reached" in said.rpartition("\n")[2], said
            self.start()

    def family(self) -> list[psutil.Process]:
        assert self.process is not None
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(self.process.pid).children(recursive=True)
        return []

    def kill(self) -> None:
        """SIGKILL for the process that was started. What it started itself must end by itself."""
        assert self.process is not None
        family = self.family()
        self.process.kill()
        self.process.wait(PATIENCE_SECONDS)
        wait_until_gone(family)

    def end(self) -> None:
        """Whatever is left of it."""
        if self.process is not None:
            for one in self.family():
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
            self.process.kill()
            self.process.wait(PATIENCE_SECONDS)


class Database(Protocol):
    """What an installation needs of its PostgreSQL."""

    @property
    def url(self) -> str: ...
    def prepare(self) -> None: ...
    async def start(self) -> None: ...
    async def stop(self, hurry: asyncio.Event) -> None: ...


class Postgres(EmbeddedPostgres):
    """One server, which can be killed."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "postgres", folder / "postgres.log")

    async def end(self) -> None:
        """SIGKILL for the postmaster. Its processes end when they notice."""
        assert self.child is not None
        assert self.child.process is not None
        self.child.process.kill()
        await self.child.process.wait()

    async def kill(self) -> None:
        """The same, and another one begins once the last process of this one has ended."""
        await self.end()
        await self.start()

    async def kill_backend(self) -> None:
        """One process that serves a client: the postmaster ends all others and recovers."""
        assert self.child is not None
        assert self.child.process is not None
        for one in psutil.Process(self.child.process.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if "[local]" in " ".join(one.cmdline()):
                    one.kill()
                    return


D = TypeVar("D", bound=Database)


class Installation(Generic[D]):
    """Use `installed`."""

    def __init__(self, folder: Path, postgres: D) -> None:
        self.folder = folder
        self.postgres = postgres
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.provider = RunningProvider(late_seconds=0.2)
        self.settings = Settings(database_url=self.postgres.url, secret_key=SECRET)
        self.values = {
            "DATABASE_URL": self.postgres.url,
            "BOOKING_TEST_PROVIDER_URL": self.provider.url,
            "BOOKING_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "BOOKING_PROVIDER_TIMEOUT_SECONDS": str(PROVIDER_SECONDS),
            "BOOKING_HOLD_SECONDS": "3",
            "BOOKING_PENDING_SECONDS": "5",
            "BOOKING_POOL_WAIT_SECONDS": "5",
            "BOOKING_STATEMENT_TIMEOUT_SECONDS": "2",
            "BOOKING_RATE_LIMIT_PER_MINUTE": "100000",
            "BOOKING_ADDRESS_RATE_LIMIT_PER_MINUTE": "100000",
            "BOOKING_UNPAID_PLACES_PER_CUSTOMER": "100000",
            "BOOKING_UNPAID_PLACES_PER_SLOT": "100000",
            "BOOKING_UNPAID_PLACES_PER_CONTACT": "100000",
            "BOOKING_UNPAID_PLACES_PER_ADDRESS": "100000",
        }
        self.server = Program(folder, "serve", "--port", str(port), **self.values)
        self.worker = Program(folder, "worker", **self.values)
        self.world: World
        self.boarding: UUID
        """A flight that is boarded right now, with room for everybody."""

    async def start(self) -> None:
        await asyncio.to_thread(self.postgres.prepare)
        await self.postgres.start()
        await asyncio.to_thread(migrate, self.postgres.url)
        self.server.start()
        self.worker.start()
        self.provider.start()
        self.provider.bank.webhook_url = self.url + WEBHOOK_PATH
        async with open_runtime(self.settings) as runtime:
            self.world = await build_world(runtime)
            async with acquire(runtime) as db:
                self.boarding = await add_slot(
                    db, self.world.org.org_id, self.world.flight, utc_now() + BOARDS_BEFORE, capacity=100_000
                )
        await self.until_ready(workers=1)

    async def until_ready(self, workers: int = 0) -> None:
        """Waits until the server answers from the database. After a kill, the worker may still be starting."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await asyncio.to_thread(is_ready, self.url, workers):
                self.server.revive()
                self.worker.revive()
                await asyncio.sleep(0.05)

    # killing --------------------------------------------------------------------------------------------------------

    async def kill_server(self) -> None:
        await asyncio.to_thread(self.server.kill)
        self.server.start()

    async def kill_server_process(self) -> None:
        """One of those that answer; the server itself starts another one."""
        victims = self.server.family()
        for one in victims:
            one.kill()
        await asyncio.to_thread(wait_until_gone, victims)

    async def kill_worker(self) -> None:
        await asyncio.to_thread(self.worker.kill)
        self.worker.start()

    async def revive_worker(self) -> None:
        self.worker.revive()

    async def stop(self) -> None:
        for program in (self.server, self.worker):
            await asyncio.to_thread(program.end)
        with contextlib.suppress(AttributeError):
            await asyncio.to_thread(self.provider.stop)
        hurry = asyncio.Event()
        hurry.set()
        await self.postgres.stop(hurry)

    def logs(self) -> str:
        """The last lines of each program, for a failure's report."""
        return "\n".join(f"--- {file.name}\n{file.read_text()[-4000:]}" for file in sorted(self.folder.glob("*.log")))


@contextlib.asynccontextmanager
async def installed(make: Callable[[Path], D]) -> AsyncIterator[Installation[D]]:
    """An installation that is ready, with the PostgreSQL that `make` puts into a folder; nothing of it is left."""
    memory = MEMORY if os.access(MEMORY, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="booking-faults-", dir=memory))
    os.chmod(folder, 0o755)  # noqa: PTH101 - as quick as anything; root's PostgreSQL runs as another user
    installation = Installation(folder, make(folder))
    try:
        await installation.start()
        yield installation
    finally:
        await installation.stop()
        shutil.rmtree(folder, ignore_errors=True)
