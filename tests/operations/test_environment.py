"""Nothing that is exported for `psql` decides which database is used, or how."""

import asyncio
import os
from pathlib import Path

import asyncpg
import httpx
import pytest

from booking_api.core.environment import forget_database_variables
from booking_api.core.settings import Settings
from booking_api.run.lifetime import open_runtime
from booking_api.run.migrate import migrate
from booking_api.run.starting import free_port
from tests.conftest import SECRET, with_database
from tests.operations.hostile import HOSTILE
from tests.processes import demo, is_ready, run, running, served, stop, wait_for
from tests.world import bearer


@pytest.fixture
def hostile(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database, and an environment that is hostile once it is there."""
    for name, value in HOSTILE.items():
        monkeypatch.setenv(name, value)
    return database_url


def test_the_demo_starts_works_and_starts_again(tmp_path: Path) -> None:
    for _ in range(2):
        with demo(tmp_path / "demo", **HOSTILE) as (process, announced):
            places = httpx.get(f"{announced['url']}/v1/places", headers=bearer(announced["publishable_key"]))
            assert (places.status_code, len(places.json()["items"]) > 0) == (200, True), places.text
            assert stop(process)[0] == 0


@pytest.mark.parametrize(("name", "value"), [("LC_ALL", "xx_YY.nonsense"), ("LANG", "de_DE"), ("TZ", "Nowhere/Land")])
def test_the_demo_does_not_depend_on_the_locale_either(tmp_path: Path, name: str, value: str) -> None:
    with demo(tmp_path / "demo", **{name: value}) as (process, announced):
        assert is_ready(announced["url"], workers=1)
        assert stop(process)[0] == 0


async def test_an_existing_database_is_migrated_served_worked_and_examined(database_url: str) -> None:
    name = database_url.partition("?")[0].rpartition("/")[2] + "_hostile"
    db = await asyncpg.connect(database_url)
    await db.execute(f"create database {name}")
    url = with_database(database_url, name)
    try:
        done = await asyncio.to_thread(run, "migrate", DATABASE_URL=url, **HOSTILE)
        assert done.returncode == 0, done.stderr
        made = await asyncio.to_thread(
            run, "org", "add", "Nordwind", "--time-zone", "Europe/Berlin", "--currency", "EUR", "--locale", "de", "--json",
            DATABASE_URL=url, **HOSTILE,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        async with served(url, **HOSTILE) as (_, server):
            with running("worker", DATABASE_URL=url, **HOSTILE):
                await asyncio.to_thread(wait_for, lambda: is_ready(server, workers=1))
            seen = await db.fetch(
                "select distinct application_name from pg_stat_activity where datname = $1 and pid <> pg_backend_pid()",
                name,
            )
            assert {row["application_name"] for row in seen} <= {
                "booking-api",
                "booking-api-worker",
                "booking-api-relay",
            }
        examined = await asyncio.to_thread(run, "doctor", DATABASE_URL=url, **HOSTILE)
        assert "Traceback" not in examined.stderr
        assert "can't be reached" not in examined.stderr + examined.stdout
    finally:
        await db.execute(f"drop database {name} with (force)")
        await db.close()


async def test_a_program_that_opens_the_runtime_itself_is_safe_too(hostile: str) -> None:
    settings = Settings(database_url=hostile, secret_key=SECRET)
    async with open_runtime(settings) as runtime, runtime.pool.acquire() as db:
        assert await db.fetchval("show search_path") == '"$user", public'
        assert await db.fetchval("show application_name") == "booking-api"
        assert await db.fetchval("show timezone") == "UTC"
        assert await db.fetchval("show client_encoding") == "UTF8"
    assert not [name for name in HOSTILE if name in os.environ]


def test_migrating_again_changes_nothing(hostile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even where dbmate would find a file of settings in the folder in which the command is given."""
    (tmp_path / ".env").write_text("DBMATE_MIGRATIONS_TABLE=elsewhere\nPGOPTIONS=-c search_path=nowhere\nPGPORT=1\n")
    monkeypatch.chdir(tmp_path)
    migrate(hostile)


def test_what_was_not_read_is_named_where_it_may_have_been_meant() -> None:
    done = run("migrate", DATABASE_URL=f"postgresql://somebody@127.0.0.1:{free_port()}/booking", PGPASSWORD="their own")
    assert done.returncode == 1
    assert "Not read: PGPASSWORD; DATABASE_URL alone says which database to use." in done.stderr
    assert "their own" not in done.stderr


def test_other_variables_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PATH_OF_PG", "MYPGPORT", "pgport", "BOOKING_PORT"):
        monkeypatch.setenv(name, "kept")
    monkeypatch.setenv("PGPORT", "1")
    forget_database_variables()
    assert "PGPORT" not in os.environ
    assert all(os.environ[name] == "kept" for name in ("PATH_OF_PG", "MYPGPORT", "pgport", "BOOKING_PORT"))
