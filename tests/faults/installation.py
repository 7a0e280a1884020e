"""A whole installation of a test's own: PostgreSQL, `booking-api serve`, `booking-api worker`, the payment provider.

Each part can be killed with SIGKILL and started again, as a machine's supervisor would.
"""

import asyncio
import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import psutil

from booking_api.core.settings import Settings
from booking_api.demo.embedded import EmbeddedPostgres
from booking_api.lifetime import open_runtime
from booking_api.migrate import migrate
from tests.payments.provider import WEBHOOK_PATH, WEBHOOK_SECRET, RunningProvider
from tests.processes import PATIENCE_SECONDS, SECRET, command, environment, free_port, is_ready, wait_until_gone
from tests.world import World, build_world

PROVIDER_SECONDS = 1.0
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


class Installation:
    """Use `installed`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.postgres = EmbeddedPostgres(folder / "postgres", folder / "postgres.log")
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.provider = RunningProvider(late_seconds=0.2)
        self.settings = Settings(database_url=self.postgres.url, secret_key=SECRET)
        self.values = {
            "DATABASE_URL": self.postgres.url,
            "BOOKING_TEST_PROVIDER_URL": self.provider.url,
            "BOOKING_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "BOOKING_PROVIDER_TIMEOUT_SECONDS": str(PROVIDER_SECONDS),
            "BOOKING_HOLD_SECONDS": "4",
            "BOOKING_PENDING_SECONDS": "8",
            "BOOKING_POOL_WAIT_SECONDS": "5",
            "BOOKING_RATE_LIMIT_PER_MINUTE": "100000",
            "BOOKING_ADDRESS_RATE_LIMIT_PER_MINUTE": "100000",
        }
        self.server = Program(folder, "serve", "--port", str(port), **self.values)
        self.worker = Program(folder, "worker", **self.values)
        self.world: World

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

    async def kill_postgres(self) -> None:
        """The postmaster. Its processes end when they notice, and only then may another one begin."""
        await self.end_postgres()
        await self.postgres.start()

    async def end_postgres(self) -> None:
        child = self.postgres.child
        assert child is not None
        assert child.process is not None
        child.process.kill()
        await child.process.wait()

    async def kill_backend(self) -> None:
        """One process of PostgreSQL that serves a client: the postmaster ends all others and recovers."""
        child = self.postgres.child
        assert child is not None
        assert child.process is not None
        for one in psutil.Process(child.process.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if "[local]" in " ".join(one.cmdline()):
                    one.kill()
                    return

    async def kill_all(self) -> None:
        """A power cut. What comes up before PostgreSQL does is started again."""
        await asyncio.gather(self.kill_server(), self.kill_worker(), self.kill_postgres())

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
        files = (self.server.log, self.worker.log, self.postgres.log_file)
        return "\n".join(f"--- {file.name}\n{file.read_text()[-4000:]}" for file in files if file.exists())


@contextlib.asynccontextmanager
async def installed() -> AsyncIterator[Installation]:
    """An installation that is ready; nothing of it is left afterwards."""
    memory = MEMORY if os.access(MEMORY, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="booking-faults-", dir=memory))
    installation = Installation(folder)
    try:
        await installation.start()
        yield installation
    finally:
        await installation.stop()
        shutil.rmtree(folder, ignore_errors=True)
