"""Tokens: which ones are believed, and those that come together looked up together."""

import asyncio
import contextlib
import secrets
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
import msgspec
import pytest

from booking_api.core.errors import Overloaded, TokenRevoked, Unauthenticated
from booking_api.core.ids import new_id
from booking_api.core.secrets import Vault
from booking_api.identity import authentication, session_life_queries, session_queries, tokens
from booking_api.run.lifetime import open_runtime
from tests.faults.proxy import running_proxy
from tests.world import build_world


def now() -> datetime:
    return datetime.now(UTC)


def mint(world, subject: tokens.SubjectKind = "customer", subject_id=None, **more):
    runtime = world.runtime
    return tokens.mint(
        runtime.vault, runtime.settings, more.pop("org", world.org), subject, subject_id or new_id(), now(), **more
    )


async def verify_all(runtime, given) -> list[Any]:
    return await asyncio.gather(*(authentication.verify(runtime, token) for token in given), return_exceptions=True)


async def revoke(world, session_id: UUID):
    async with world.runtime.pool.acquire() as db:
        await session_life_queries.revoke_session(db, world.org.org_id, session_id, new_id(), now())


# together ---------------------------------------------------------------------------------------------------------


async def test_each_of_many_hears_of_its_own_token(api, world):
    other = await build_world(world.runtime, "Other")
    ended, member, gone = new_id(), new_id(), new_id()
    await revoke(world, ended)
    async with world.runtime.pool.acquire() as db:
        insert = "insert into staff (org_id, id, email, name, role, created_at) values ($1, $2, $3, 'x', 'agent', $4)"
        await db.execute(insert, world.org.org_id, member, "a@example.org", now())
        await db.execute(insert, world.org.org_id, gone, "b@example.org", now())
        await db.execute("update staff set revoked_at = $1 where id = $2", now(), gone)
    nowhere = msgspec.structs.replace(world.org, org_id=new_id())
    good = [mint(world) for _ in range(20)]
    given = [
        *good[:10], mint(world, session_id=ended), mint(other), mint(world, "staff", member, role="owner"),
        mint(world, "staff", gone, role="agent"), mint(world, org=nowhere), *good[10:],
    ]  # fmt: skip
    found = await verify_all(world.runtime, [pair.access_token for pair in given])
    customers = [*found[:10], *found[15:]]
    assert [org.org_id for org, _ in customers] == [world.org.org_id] * 20
    assert len({caller.credential_id for _, caller in customers}) == 20
    assert isinstance(found[10], TokenRevoked)
    assert found[11][0].org_id == other.org.org_id
    # The role of the row counts, not the one that the token was made with.
    assert (found[12][1].subject_id, found[12][1].role) == (member, "agent")
    assert isinstance(found[13], TokenRevoked)
    assert isinstance(found[14], Unauthenticated)


async def test_those_that_come_together_are_looked_up_together(api, world, monkeypatch):
    asked: list[int] = []
    find = session_queries.find_sessions

    async def count(db, org_id, session_ids):
        asked.append(len(session_ids))
        return await find(db, org_id, session_ids)

    monkeypatch.setattr(session_queries, "find_sessions", count)
    firsts = [new_id() for _ in range(150)]
    found = await verify_all(
        world.runtime, [mint(world, subject_id=first, session_id=first).access_token for first in firsts]
    )
    assert all(isinstance(one, tuple) for one in found)
    assert sum(asked) == 150
    assert len(asked) == 3  # 64, 64 and 22


async def test_the_use_of_all_their_sessions_is_noted(api, world):
    old = now() - timedelta(hours=1)
    pairs = [mint(world, session_id=new_id()) for _ in range(5)]
    sessions = [tokens.read(world.runtime.vault, pair.access_token, "access", now()).session_id for pair in pairs]
    async with world.runtime.pool.acquire() as db:
        for session in sessions[:4]:
            await session_life_queries.advance_session(
                db, world.org.org_id, session, new_id(), 0, "customer", "web", None, old
            )
        await db.execute("update session set revoked_at = $1 where id = $2", old, sessions[0])
        await verify_all(world.runtime, [pair.access_token for pair in pairs])
        rows = {row["id"]: row["last_used_at"] for row in await db.fetch("select id, last_used_at from session")}
    assert rows[sessions[0]] == old, "the use of a session that has ended is none"
    assert all(rows[session] > old for session in sessions[1:4])
    assert rows[sessions[4]] > old, "a session's row appears when one of its tokens is first used"


async def test_whoever_goes_away_takes_nobody_along(api, world):
    given = [mint(world).access_token for _ in range(30)]
    asked = [asyncio.create_task(authentication.verify(world.runtime, token)) for token in given]
    await asyncio.sleep(0)  # They wait in line now.
    for task in asked[::3]:
        task.cancel()
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(one, asyncio.CancelledError) for one in found[::3])
    assert all(isinstance(one, tuple) for position, one in enumerate(found) if position % 3)
    assert isinstance(await authentication.verify(world.runtime, given[0]), tuple)


async def test_all_are_told_when_the_database_is_lost(settings, world, database_url):
    given = [mint(world).access_token for _ in range(10)]
    async with running_proxy(database_url) as proxy:
        away = msgspec.structs.replace(settings, database_url=proxy.url, pool_wait_seconds=2.0)
        async with open_runtime(away) as runtime:
            assert all(isinstance(one, tuple) for one in await verify_all(runtime, given))
            await proxy.refuse()
            await proxy.cut()
            found = await verify_all(runtime, given)
            assert all(isinstance(one, Overloaded | OSError | Exception) for one in found)
            assert not any(isinstance(one, tuple | Unauthenticated) for one in found), "nobody is turned away for good"
            await proxy.heal()
            with contextlib.suppress(Overloaded):
                await authentication.verify(runtime, given[0])
            assert all(isinstance(one, tuple) for one in await verify_all(runtime, given))


# tokens -----------------------------------------------------------------------------------------------------------


def read(world, token, use: tokens.Use = "access"):
    return tokens.read(world.runtime.vault, token, use, now())


async def test_a_jose_library_reads_our_tokens_and_we_read_its(world):
    key = world.runtime.vault.keys_for("tokens")[0]
    pair = mint(world, channel="ios")
    claims = jwt.decode(pair.access_token, key, algorithms=["HS256"], audience="ca")
    assert set(claims) == {"org", "sub", "sid", "chn", "aud", "exp"}
    assert jwt.get_unverified_header(pair.refresh_token) == {"alg": "HS256"}
    theirs = jwt.encode(claims, key, algorithm="HS256", headers={"typ": ""})
    assert read(world, theirs) == read(world, pair.access_token)


async def test_every_claim_comes_back(world):
    subject, session = new_id(), new_id()
    pair = tokens.mint(
        world.runtime.vault, world.runtime.settings, world.org, "staff", subject, now(), channel="kiosk",
        role="manager", session_id=session, generation=7,
    )  # fmt: skip
    found = read(world, pair.refresh_token, "refresh")
    assert (found.org_id, found.subject_id, found.session_id) == (world.org.org_id, subject, session)
    assert (found.subject, found.role, found.channel, found.generation) == ("staff", "manager", "kiosk", 7)


def altered(world, what: str) -> str:
    key = world.runtime.vault.keys_for("tokens")[0]
    token = mint(world).access_token
    claims = jwt.decode(token, key, algorithms=["HS256"], audience="ca")
    header, payload, signature = token.split(".")
    none = urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    match what:
        case "unsigned":
            return f"{none}.{payload}."
        case "unsigned, with a signature":
            return f"{none}.{payload}.{signature}"
        case "another algorithm":
            return jwt.encode(claims, key * 2, algorithm="HS512", headers={"typ": ""})
        case "another header":
            return jwt.encode(claims, key, algorithm="HS256", headers={"kid": "x"})
        case "another key":
            return jwt.encode(claims, b"k" * 32, algorithm="HS256", headers={"typ": ""})
        case "another purpose's key":
            return jwt.encode(
                claims, world.runtime.vault.keys_for("webhooks")[0], algorithm="HS256", headers={"typ": ""}
            )
        case "another payload":
            other = urlsafe_b64encode(msgspec.json.encode({**claims, "sub": "A" * 22})).decode().rstrip("=")
            return f"{header}.{other}.{signature}"
        case "cut short":
            return token[:-1]
        case "longer":
            return token + "A"
        case "padded":
            return token + "="
        case "the signature's last bits":
            # 256 bits are 43 characters, whose last two bits say nothing: decoded it is the same signature.
            alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
            return token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]
        case "no signature":
            return f"{header}.{payload}"
        case "no payload":
            return jwt.encode({}, key, algorithm="HS256", headers={"typ": ""})
        case "no ids":
            return jwt.encode({**claims, "sid": "AA"}, key, algorithm="HS256", headers={"typ": ""})
        case "not even JSON":
            signed = f"{header}.AAAA".encode()
            return (signed + b"." + tokens._signature(signed, key)).decode()
        case "huge":
            return "A" * 200_000
        case _:
            return what


@pytest.mark.parametrize(
    "what",
    [
        "unsigned", "unsigned, with a signature", "another algorithm", "another header", "another key",
        "another purpose's key", "another payload", "cut short", "longer", "padded", "the signature's last bits",
        "no signature", "no payload", "no ids", "not even JSON", "huge", "", ".", "..", "a.b.c", "ü.ü.ü", "\0",
    ],
)  # fmt: skip
async def test_what_is_none_of_ours_is_refused(world, what):
    with pytest.raises(Unauthenticated):
        read(world, altered(world, what))


async def test_an_older_master_secret_still_verifies(world):
    old, new = secrets.token_hex(32), secrets.token_hex(32)
    given = mint(world)
    pair = tokens.mint(Vault(old), world.runtime.settings, world.org, "customer", new_id(), now())
    for both in (Vault(f"{new},{old}"), Vault(new, old), Vault(old, new), Vault(new, f"{'x' * 40}, {old}")):
        assert tokens.read(both, pair.access_token, "access", now()).org_id == world.org.org_id
    with pytest.raises(Unauthenticated):
        tokens.read(Vault(new), pair.access_token, "access", now())
    with pytest.raises(Unauthenticated):
        tokens.read(Vault(f"{new},{old}"), given.access_token, "access", now())
