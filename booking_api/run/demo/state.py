"""What the demo remembers between its starts: one file in its data directory, readable by its owner alone."""

import fcntl
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from booking_api.core.process import StartFailed

EPHEMERAL_PREFIX = "booking-api-demo-"
LOCK_FILE = "lock"


class DemoState(msgspec.Struct, kw_only=True):
    master_secret: str
    org_id: UUID | None = None
    publishable_key: str = ""
    secret_key: str = ""
    staff_id: UUID | None = None
    data_from: date | None = None
    """The day on which the timetable was last brought up to date."""


class StateFile:
    """Of one database: another DATABASE_URL has its own keys, which this one's database doesn't know."""

    def __init__(self, folder: Path, external_url: str) -> None:
        name = "demo.json"
        if external_url:
            parts = urlsplit(external_url)
            place = f"{parts.hostname}:{parts.port}{parts.path}?{parts.query}"
            name = f"demo-{sha256(place.encode()).hexdigest()[:12]}.json"
        self.path = folder / name

    def read(self) -> DemoState:
        """What is remembered; a new master secret at the first start. Raises `StartFailed` for a damaged file."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=DemoState)
        except FileNotFoundError:
            state = DemoState(master_secret=secrets.token_urlsafe(36))
            self.write(state)
            return state
        except msgspec.MsgspecError:
            raise StartFailed(f"{self.path} is damaged; delete its folder to begin anew.") from None

    def write(self, state: DemoState) -> None:
        """Replaces the file in one step, so that a crash leaves the old one or the new one."""
        fresh = self.path.with_suffix(".new")
        with suppress(FileNotFoundError):
            fresh.unlink()
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(state)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path)


def default_folder() -> Path:
    """Where a user's data belongs on this system."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "booking-api"
    base = os.environ.get("XDG_DATA_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".local" / "share") / "booking-api"


def lock(folder: Path) -> int | None:
    """Locks a folder; None if somebody else has. The lock ends with this process, however it ends."""
    handle = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    os.ftruncate(handle, 0)
    os.write(handle, str(os.getpid()).encode())
    return handle


def sweep_ephemeral() -> None:
    """Deletes the folders of ephemeral demos that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{EPHEMERAL_PREFIX}*"):
        with suppress(OSError):
            if folder.stat().st_uid == os.geteuid() and (handle := lock(folder)) is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(handle)


@contextmanager
def open_folder(wanted: Path | None, *, ephemeral: bool) -> Iterator[Path]:
    """The demo's folder, locked. Raises `StartFailed` if another demo is using it or it can't be made."""
    if ephemeral:
        sweep_ephemeral()
        folder = Path(tempfile.mkdtemp(prefix=EPHEMERAL_PREFIX)).resolve()
    else:
        folder = (wanted or default_folder()).expanduser().resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = lock(folder)
    except OSError as error:
        raise StartFailed(f"The data directory {folder} can't be used: {error.strerror}.") from None
    if handle is None:
        raise StartFailed(f"Another demo is running on the data directory {folder}.")
    try:
        yield folder
    finally:
        if ephemeral:
            shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)
