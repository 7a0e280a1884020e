"""A primary and its synchronous replica, and what may happen to the primary.

Two clusters on ports of their own; clients name both and want the one that accepts writes. A commit is acknowledged
only when the replica has it on disk too, so that nothing acknowledged is lost with the primary.
"""

import asyncio
import os
import subprocess
from contextlib import suppress
from pathlib import Path

import asyncpg
import psutil

from booking_api.run.demo.embedded import DATABASE, USER, EmbeddedPostgres
from booking_api.run.demo.supervisor import Child
from booking_api.run.starting import free_port
from tests.processes import PATIENCE_SECONDS

STANDBY = "standby"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "wal_level": "replica",
    "max_wal_senders": "4",
    "synchronous_commit": "on",
    "shared_buffers": "32MB",
    "max_connections": "60",
    "jit": "off",
    "autovacuum": "off",
    "log_line_prefix": "%m [%p] ",
}


class Server(EmbeddedPostgres):
    """One of the two."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, folder.with_suffix(".log"))
        self.port = free_port()

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"postgresql://{USER}@{self.place}/{DATABASE}"

    def make_room(self) -> None:
        """An empty folder, for a copy of another cluster."""
        self.folder.mkdir()
        if os.geteuid() == 0:
            self._yield_to_user()
        else:
            self.sockets.mkdir(mode=0o700, exist_ok=True)

    async def start(self) -> None:
        await self._stop_orphan()
        program = str(self.programs / "postgres")
        command = [program, "-D", str(self.folder), "-k", str(self.sockets), "-p", str(self.port)]
        for name, value in SETTINGS.items():
            command += ["-c", f"{name}={value}"]
        with self.log_file.open("ab") as log:
            options = {**self._spawn_options(), "cwd": "/", "stdout": log, "stderr": log}
            self.child = Child("database", command, {}, **options)
            await self.child.begin()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                assert not self.child.ended, self.log_file.read_text()
                with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                    await self.ask("select 1")
                    return
                await asyncio.sleep(0.03)

    async def ask(self, *statements: str) -> object:
        """Runs statements in the database that is always there; the value of the last one."""
        db = await asyncpg.connect(f"postgresql://{USER}@{self.place}/postgres", timeout=5)
        try:
            for statement in statements[:-1]:
                await db.execute(statement)
            return await db.fetchval(statements[-1])
        finally:
            await db.close()

    def run(self, program: str, *arguments: str) -> None:
        """Runs one of PostgreSQL's own programs as the user who owns the cluster."""
        done = subprocess.run(
            [str(self.programs / program), *arguments],
            capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS, cwd="/", **self._spawn_options(),
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    def family(self) -> list[psutil.Process]:
        """The postmaster, which must be the first to stop, and all it started."""
        assert self.child is not None
        assert self.child.process is not None
        with suppress(psutil.NoSuchProcess):
            postmaster = psutil.Process(self.child.process.pid)
            return [postmaster, *postmaster.children()]
        return []

    def freeze(self) -> None:
        """Nothing moves any more, and nobody is told: connections stay open, and new ones are accepted by the kernel."""
        frozen: set[int] = set()
        while fresh := [one for one in self.family() if one.pid not in frozen]:
            for one in fresh:
                with suppress(psutil.NoSuchProcess):
                    one.suspend()
                frozen.add(one.pid)

    def thaw(self) -> None:
        for one in self.family():
            with suppress(psutil.NoSuchProcess):
                one.resume()

    def kill(self) -> None:
        """SIGKILL for all of it."""
        for one in self.family():
            with suppress(psutil.NoSuchProcess):
                one.kill()


class Pair:
    """Takes the place of the one PostgreSQL of an installation; see `installation`."""

    def __init__(self, folder: Path) -> None:
        self.primary, self.standby = Server(folder / "primary"), Server(folder / STANDBY)
        self.url = (
            f"postgresql://{USER}@{self.primary.place},{self.standby.place}/{DATABASE}?target_session_attrs=read-write"
        )

    def prepare(self) -> None:
        self.primary.prepare()

    async def start(self) -> None:
        await self.primary.start()
        await asyncio.to_thread(self._copy)
        await self.standby.start()
        await self.primary.ask(f"alter system set synchronous_standby_names = '{STANDBY}'", "select pg_reload_conf()")
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await self.primary.ask("select sync_state from pg_stat_replication") != "sync":  # noqa: ASYNC110 - PostgreSQL doesn't tell
                await asyncio.sleep(0.05)

    def _copy(self) -> None:
        self.standby.make_room()
        self.primary.run(
            "pg_basebackup", "-D", str(self.standby.folder), "-X", "stream", "-c", "fast", "-R",
            "-d", f"host=127.0.0.1 port={self.primary.port} user={USER} application_name={STANDBY}",
        )  # fmt: skip

    async def promote(self) -> None:
        """The replica becomes the primary."""
        await asyncio.to_thread(self.primary.run, "pg_ctl", "promote", "-D", str(self.standby.folder))

    async def demote(self) -> None:
        """The primary accepts no writes any more, also from those who are connected; what has begun may end."""
        await self.primary.ask("alter system set default_transaction_read_only = on", "select pg_reload_conf()")

    async def stop(self, hurry: asyncio.Event) -> None:
        for server in (self.primary, self.standby):
            if server.child is not None and server.child.process is not None:
                server.kill()
                await server.child.process.wait()
