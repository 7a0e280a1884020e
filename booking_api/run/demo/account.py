"""The user that the embedded PostgreSQL runs as where the demo runs as root, which PostgreSQL refuses to do.

That user must reach the cluster's folder and the programs, and root's own folders are often closed to everybody else,
as they should stay. Nothing that isn't the demo's own changes its owner or permissions. A closed folder is entered
before the rights are given up, and addressed as `/proc/self/cwd` from then on; programs in a closed folder are copied.
"""

import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from booking_api.core.process import StartFailed

NAME = "pgserver"
COPIES = Path("/var/lib/booking-api")
ENTERED = "/proc/self/cwd"
"""The folder in which a process was started, however closed those above it are (Linux)."""


def find_account() -> pwd.struct_passwd:
    """The user, made if there is none. Raises `StartFailed`."""
    with suppress(KeyError):
        return pwd.getpwnam(NAME)
    try:
        subprocess.run(  # noqa: S603 - fixed arguments
            ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/", "--shell", "/bin/sh", NAME],  # noqa: S607
            check=True, capture_output=True, text=True, timeout=30,
        )  # fmt: skip
        return pwd.getpwnam(NAME)
    except (OSError, subprocess.SubprocessError, KeyError):
        raise StartFailed(
            f"PostgreSQL doesn't run as root, and a user {NAME!r} for it can't be made here; "
            "run the demo as another user, or make that one."
        ) from None


def _allows(path: Path, account: pwd.struct_passwd, needed: int) -> bool:
    """Whether the bits of a mode give the account what is needed (4 to read, 1 to enter); access lists aren't asked."""
    found = path.stat()
    if found.st_uid == account.pw_uid:
        bits = found.st_mode >> 6
    elif found.st_gid == account.pw_gid:
        bits = found.st_mode >> 3
    else:
        bits = found.st_mode
    return bits & needed == needed


def can_reach(path: Path, account: pwd.struct_passwd) -> bool:
    """Whether the account may enter every folder above this path."""
    return all(_allows(parent, account, 1) for parent in path.parents)


def can_read(folder: Path, account: pwd.struct_passwd) -> bool:
    """Whether the account may reach and read all there is in a folder, and run what its owner may run."""

    def everything() -> Iterator[tuple[Path, int]]:
        yield folder, 5
        for path, folders, files in os.walk(folder):
            yield from ((Path(path) / name, 5) for name in folders)
            for name in files:
                file = Path(path) / name
                yield file, 5 if file.stat().st_mode & stat.S_IXUSR else 4

    return can_reach(folder, account) and all(_allows(path, account, needed) for path, needed in everything())


def usable_programs(programs: Path, account: pwd.struct_passwd) -> Path:
    """The programs where the account can run them: where they are, or a copy. Raises `StartFailed`."""
    package = programs.resolve().parent.parent
    libraries = package.with_name(f"{package.name}.libs")  # Beside the package, and looked for there.
    if can_read(programs.resolve().parent, account) and (not libraries.is_dir() or can_read(libraries, account)):
        return programs
    kept = _copy_of(programs.resolve().parent, libraries)
    if not can_read(kept / package.name, account):
        raise StartFailed(f"PostgreSQL doesn't run as root, and the user {NAME!r} can't reach its programs in {kept}.")
    return kept / package.name / programs.parent.name / programs.name


def _copy_of(install: Path, libraries: Path) -> Path:
    """A copy that everybody may read and run, made once for each version of the package, whole or not at all."""
    found = (install / "bin" / "postgres").stat()
    version = sha256(f"{install}|{found.st_size}|{found.st_mtime_ns}".encode()).hexdigest()[:16]
    kept = COPIES / f"postgresql-{version}"
    if kept.is_dir():
        return kept
    try:
        COPIES.mkdir(mode=0o755, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=COPIES, prefix="copying-") as name:
            fresh = Path(name) / "fresh"
            shutil.copytree(install, fresh / install.parent.name / install.name)
            if libraries.is_dir():
                shutil.copytree(libraries, fresh / libraries.name)
            for path in (fresh, *fresh.rglob("*")):
                if not path.is_symlink():
                    executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
                    path.chmod(0o755 if executable else 0o644)
            with suppress(OSError):  # Another demo was quicker.
                fresh.rename(kept)
    except (OSError, shutil.Error) as error:
        raise StartFailed(f"PostgreSQL's programs can't be copied to {COPIES}: {error}.") from None
    return kept


def address_of(folder: Path, account: pwd.struct_passwd) -> str:
    """How the account's processes, started in this folder, name it. Raises `StartFailed` where they can't."""
    if can_reach(folder, account):
        return str(folder)
    if sys.platform == "linux" and Path(ENTERED).exists():
        return ENTERED
    raise StartFailed(
        f"PostgreSQL doesn't run as root, and the user {NAME!r} can't reach {folder}; "
        "run the demo as another user, or give it a --data-dir that everybody may enter."
    )


def give(folder: Path, account: pwd.struct_passwd) -> None:
    """Makes the account the owner of a folder of the demo's own. Raises `StartFailed` for what is somebody else's."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {0, account.pw_uid}:
        raise StartFailed(f"{folder} belongs to somebody else; remove it.")
    os.chown(folder, account.pw_uid, account.pw_gid, follow_symlinks=False)
    folder.chmod(0o700)
