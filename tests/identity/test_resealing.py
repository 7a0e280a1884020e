"""Changing the master secret while everybody sells: nothing is lost, whatever is interrupted."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import httpx
import msgspec
import pytest

from booking_api import worker
from booking_api.app import create_app
from booking_api.core.process import StartFailed
from booking_api.core.secrets import Vault
from booking_api.identity import operations, resealing, signing_queries
from booking_api.run.doctor import examine
from booking_api.run.lifetime import open_runtime
from booking_api.run.starting import check_database
from tests.bookings.journey import confirm, hold, owner_of, visit
from tests.conftest import SECRET
from tests.processes import run, served
from tests.world import bearer, build_world

NEW = secrets.token_hex(32)


def now() -> datetime:
    return datetime.now(UTC)


async def command(*arguments, url, **values):
    return await asyncio.to_thread(run, *arguments, DATABASE_URL=url, **values)


async def changed(database_url, **more):
    """`secret rotate` from the tests' secret to a new one."""
    values = {"BOOKING_SECRET_KEY": NEW, "BOOKING_PREVIOUS_SECRET_KEYS": SECRET, **more}
    return await command("secret", "rotate", "--json", url=database_url, **values)


@asynccontextmanager
async def server_with(settings, **changes) -> AsyncIterator[httpx.AsyncClient]:
    settings = msgspec.structs.replace(settings, **changes)
    async with open_runtime(settings) as runtime:
        app = create_app(settings)
        app.state.runtime = runtime
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver") as api:
            yield api


async def bought(api, world):
    held = await hold(api, world.app, visit(world, "adult"))
    return held, await confirm(api, owner_of(held), held)


async def sealed_keys(world):
    async with world.runtime.pool.acquire() as db:
        return await signing_queries.list_sealed_keys(db, None)


async def test_tokens_pictures_and_passes_go_on_through_a_change(api, world, settings, database_url):
    held, booking = await bought(api, world)
    picture = booking["items"][0]["pass"]["svg_url"].partition("testserver")[2]
    async with server_with(settings, secret_key=NEW, previous_secret_keys=SECRET) as other:
        assert (await other.get(f"/v1/bookings/{booking['id']}", headers=owner_of(held))).status_code == 200
        assert (await other.get(picture)).status_code == 200
        _, before = await bought(other, world)
        done = await changed(database_url)
        assert done.returncode == 0, done.stderr
        assert msgspec.json.decode(done.stdout) == {"re-encrypted": 1, "current": 0, "unreadable": 0}
        assert "180 days" in done.stderr
        # The token of a phone that was offline, renewed: from now on it is one of the new secret.
        answer = await other.post(
            "/v1/tokens", json={"grant": "refresh", "refresh_token": held["refresh_token"]}, headers=world.app
        )
        renewed = bearer(answer.json()["access_token"])
        _, after = await bought(other, world)
        for found in (booking, before, after):
            scan = {"code": found["items"][0]["pass"]["code"], "nonce": found["id"], "gate": "North"}
            assert (await other.post("/v1/scans", json=scan, headers=world.manager)).json()["verdict"] != "forged"
    async with server_with(settings, secret_key=NEW) as alone:
        assert (await alone.get(f"/v1/bookings/{booking['id']}", headers=renewed)).status_code == 200
        assert (await alone.get(f"/v1/bookings/{booking['id']}", headers=owner_of(held))).status_code == 401
        _, last = await bought(alone, world)
        assert last["items"][0]["pass"]["code"].split(".")[0] == booking["items"][0]["pass"]["code"].split(".")[0]


async def test_every_key_of_every_organisation_active_or_retired_is_brought_over(world, database_url):
    other = await build_world(world.runtime, "Westwind")
    for one in (world, world, other):
        async with world.runtime.pool.acquire() as db, db.transaction():
            await operations.rotate_signing_key(db, world.runtime.vault, one.org.org_id, now())
    done = await changed(database_url)
    assert msgspec.json.decode(done.stdout) == {"re-encrypted": 3, "current": 0, "unreadable": 0}
    assert all(Vault(NEW).can_open(row.private_key_encrypted) for row in await sealed_keys(world))
    again = await changed(database_url)
    assert msgspec.json.decode(again.stdout) == {"re-encrypted": 0, "current": 3, "unreadable": 0}
    async with world.runtime.pool.acquire() as db:
        noted = await db.fetch("select org_id, action, actor_kind from audit where action = 'secret.changed'")
    assert sorted(tuple(row) for row in noted) == sorted(
        (one.org.org_id, "secret.changed", "command") for one in (world, other)
    )


async def test_interrupted_anywhere_it_is_finished_by_the_next(world, monkeypatch):
    """What the process was killed between is a transaction that came to nothing, or one that came to its end."""
    both = Vault(NEW, SECRET)
    for _ in range(4):
        async with world.runtime.pool.acquire() as db, db.transaction():
            await operations.rotate_signing_key(db, world.runtime.vault, world.org.org_id, now())
    calls = 0
    replace = signing_queries.reseal_key

    async def killed(*arguments):
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return await replace(*arguments)

    monkeypatch.setattr(signing_queries, "reseal_key", killed)
    async with world.runtime.pool.acquire() as db:
        with pytest.raises(KeyboardInterrupt):
            async with db.transaction():
                await resealing.reseal_keys(db, both, world.org.org_id, now())
        assert all(both.can_open(row.private_key_encrypted) for row in await sealed_keys(world))
        async with db.transaction():
            done = await resealing.reseal_keys(db, both, world.org.org_id, now())
    assert (done.resealed, done.current, done.unreadable) == (4, 0, [])


async def test_two_at_once_replace_each_key_once(world):
    both = Vault(NEW, SECRET)
    async with world.runtime.pool.acquire() as db, db.transaction():
        await operations.rotate_signing_key(db, world.runtime.vault, world.org.org_id, now())

    async def one():
        async with world.runtime.pool.acquire() as db, db.transaction():
            return await resealing.reseal_keys(db, both, world.org.org_id, now())

    done = await asyncio.gather(*(one() for _ in range(4)))
    assert sum(part.resealed for part in done) == 1
    [row] = await sealed_keys(world)
    assert Vault(NEW).can_open(row.private_key_encrypted)


# what can't be read -----------------------------------------------------------------------------------------------


async def unreadable(world):
    async with world.runtime.pool.acquire() as db, db.transaction():
        await operations.rotate_signing_key(db, Vault(NEW), world.org.org_id, now())


async def test_nothing_starts_that_could_not_issue_a_pass(world, settings, database_url):
    await check_database(settings)
    await unreadable(world)
    for what in (check_database(settings), worker.run(settings)):
        with pytest.raises(StartFailed, match=f"organisation {world.org.org_id} signs passes with can't be read"):
            await what
    for name in ("serve", "worker"):
        arguments = (name, "--port", "0") if name == "serve" else (name,)
        done = await command(*arguments, url=database_url)
        assert done.returncode == 1
        assert "BOOKING_PREVIOUS_SECRET_KEYS" in done.stderr
        assert "\n" not in done.stderr.strip()
    await check_database(msgspec.structs.replace(settings, previous_secret_keys=NEW))


async def test_the_doctor_names_it_and_says_when_a_change_was_not_finished(world, settings):
    await unreadable(world)
    found = [one for one in (await examine(settings, now())).findings if one.check == "keys"]
    assert str(world.org.org_id) in found[0].problem
    both = msgspec.structs.replace(settings, previous_secret_keys=NEW)
    found = [one for one in (await examine(both, now())).findings if one.check == "keys"]
    assert found[0].problem == "1 private keys are still encrypted with a previous secret."
    swapped = msgspec.structs.replace(settings, secret_key=NEW, previous_secret_keys=SECRET)
    assert [one for one in (await examine(swapped, now())).findings if one.check == "keys"] == []


async def test_the_doctor_refuses_a_secret_that_could_be_guessed(world, settings):
    weak = msgspec.structs.replace(settings, secret_key="changeme" * 5)
    found = [one for one in (await examine(weak, now())).findings if one.check == "settings"]
    assert "openssl rand -hex 32" in found[0].problem
    assert "BOOKING_PREVIOUS_SECRET_KEYS" in found[0].remedy


async def test_a_key_of_a_wrong_secret_is_made_only_where_the_right_one_is_lost(world, database_url):
    await unreadable(world)
    refused = await command("keys", "rotate", url=database_url)
    assert refused.returncode == 1
    assert "--secret-lost" in refused.stderr
    assert len(await sealed_keys(world)) == 1
    done = await command("keys", "rotate", "--secret-lost", url=database_url)
    assert done.returncode == 0, done.stderr
    [active] = [row for row in await sealed_keys(world) if row.is_active]
    assert Vault(SECRET).can_open(active.private_key_encrypted)


async def test_rotating_without_the_old_secret_changes_nothing_and_says_so(world, database_url):
    await unreadable(world)
    before = await sealed_keys(world)
    done = await command("secret", "rotate", "--json", url=database_url)
    assert done.returncode == 1
    assert str(world.org.org_id) in done.stderr
    assert await sealed_keys(world) == before


async def test_a_guessable_secret_starts_nothing(database_url):
    for arguments in (("serve", "--port", "0"), ("worker",), ("secret", "rotate")):
        done = await command(*arguments, url=database_url, BOOKING_SECRET_KEY="0123456789abcdef" * 3)
        assert done.returncode == 1
        assert done.stderr.strip().endswith("make one with `openssl rand -hex 32`.")


async def test_a_server_sells_on_while_the_secret_is_changed(world, database_url):
    """A real one, with both secrets; the command runs beside it, and afterwards it starts without the old one."""
    both = {"BOOKING_SECRET_KEY": NEW, "BOOKING_PREVIOUS_SECRET_KEYS": SECRET}
    async with world.runtime.pool.acquire() as db, db.transaction():
        await operations.rotate_signing_key(db, world.runtime.vault, world.org.org_id, now())
    async with served(database_url, **both) as (_, url), httpx.AsyncClient(base_url=url, timeout=60) as api:
        sold = []

        async def sell():
            for _ in range(12):
                sold.append(await bought(api, world))

        selling = asyncio.create_task(sell())
        done = await changed(database_url)
        await selling
        assert done.returncode == 0, done.stderr
        assert len(sold) == 12
    async with served(database_url, BOOKING_SECRET_KEY=NEW) as (process, url), httpx.AsyncClient(base_url=url) as api:
        assert process.poll() is None, process.said()
        for _, booking in sold:
            scan = {"code": booking["items"][0]["pass"]["code"], "nonce": booking["id"]}
            answer = await api.post("/v1/scans", json=scan, headers=world.key)
            assert answer.json()["verdict"] not in {"forged", "unknown"}
