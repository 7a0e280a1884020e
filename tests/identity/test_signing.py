"""Signing keys and the JWKS."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from jwt import PyJWK, PyJWKSet

from booking_api.core.ids import new_id
from booking_api.identity import operations
from tests.world import build_world

JWKS = "/.well-known/jwks.json"


def now() -> datetime:
    return datetime.now(UTC)


async def active(world, at=None):
    async with world.runtime.pool.acquire() as db:
        return await operations.active_signing_key(world.context(db, now=at))


async def rotate(world, at=None):
    async with world.runtime.pool.acquire() as db, db.transaction():
        return await operations.rotate_signing_key(db, world.runtime.vault, world.org.org_id, at or now())


async def kids(api, query=""):
    return [key["kid"] for key in (await api.get(JWKS + query)).json()["keys"]]


async def add_pass(world, kid, valid_until, revoked_at=None):
    async with world.runtime.pool.acquire() as db:
        await db.execute(
            """
            insert into pass (org_id, id, item_id, slot_id, customer_id, kid, code, issued_at, valid_from, valid_until,
                              revoked_at)
            values ($1, $2, $3, $4, $5, $6, 'code', $7, $7, $8, $9)
            """,
            world.org.org_id, new_id(), new_id(), new_id(), new_id(), kid, now(), valid_until, revoked_at,
        )  # fmt: skip


async def test_the_first_key_is_made_when_it_is_needed_and_kept(world):
    first = await active(world)
    assert (await active(world)).kid == first.kid
    assert 1 <= len(first.kid) <= 8
    world.runtime.caches.clear()
    again = await active(world)
    assert again.private_key.private_bytes_raw() == first.private_key.private_bytes_raw()


async def test_the_first_key_is_one_even_when_many_need_it_at_once(world):
    found = await asyncio.gather(*(active(world) for _ in range(6)))
    assert len({key.kid for key in found}) == 1
    assert len({key.private_key.private_bytes_raw() for key in found}) == 1


async def test_a_key_of_a_request_that_failed_is_not_used_by_the_next(world):
    moment = now()
    async with world.runtime.pool.acquire() as db:
        transaction = db.transaction()
        await transaction.start()
        lost = await operations.active_signing_key(world.context(db, now=moment))
        assert (await operations.active_signing_key(world.context(db, now=moment))).kid == lost.kid
        await transaction.rollback()
    assert (await active(world)).kid != lost.kid


async def test_the_private_key_is_stored_encrypted(world):
    key = await active(world)
    async with world.runtime.pool.acquire() as db:
        row = await db.fetchrow("select * from signing_key")
    assert key.private_key.private_bytes_raw() not in row["private_key_encrypted"]
    assert world.runtime.vault.decrypt(row["private_key_encrypted"]) == key.private_key.private_bytes_raw()


async def test_any_jose_library_verifies_with_the_jwks_alone(api, world):
    key = await active(world)
    token = jwt.encode({"sub": "item"}, key.private_key, algorithm="EdDSA", headers={"kid": key.kid})
    answer = await api.get(JWKS)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    found = PyJWKSet.from_json(answer.text)[jwt.get_unverified_header(token)["kid"]]
    assert jwt.decode(token, found.key, algorithms=["EdDSA"]) == {"sub": "item"}
    document = answer.json()["keys"][0]
    assert set(document) == {"kty", "crv", "use", "alg", "kid", "x"}
    assert (document["kty"], document["crv"], document["alg"], document["use"]) == ("OKP", "Ed25519", "EdDSA", "sig")
    PyJWK(document)


async def test_a_client_that_has_it_gets_304(api, world):
    await active(world)
    first = await api.get(JWKS)
    assert first.headers["cache-control"] == "public, max-age=300"
    again = await api.get(JWKS, headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""
    assert again.headers["etag"] == first.headers["etag"]
    await rotate(world)
    assert (await api.get(JWKS, headers={"If-None-Match": first.headers["etag"]})).status_code == 200


async def test_the_jwks_can_be_empty_and_has_every_organisations_keys(api, world):
    assert await kids(api) == []
    other = await build_world(world.runtime, "Other")
    ours, theirs = await active(world), await active(other)
    assert set(await kids(api)) == {ours.kid, theirs.kid}
    assert await kids(api, f"?kid={theirs.kid}") == [theirs.kid]
    assert await kids(api, "?kid=NOBODYS") == []


@pytest.mark.parametrize("query", ["?kid=", "?kid=123456789", "?kid=a&kid=b", "?other=1", "?kid=%00"])
async def test_queries_that_do_not_fit(api, query):
    assert (await api.get(JWKS + query)).status_code == 400


async def test_a_rotated_key_signs_no_more_but_verifies_until_its_last_pass_ends(api, world):
    old = await active(world, now() - timedelta(days=30))
    new = await rotate(world, now() - timedelta(days=20))
    assert new.kid != old.kid
    world.runtime.caches.clear()
    assert (await active(world)).kid == new.kid
    assert await kids(api) == [new.kid]
    await add_pass(world, old.kid, now() + timedelta(days=10), revoked_at=now())
    assert await kids(api) == [new.kid]
    await add_pass(world, old.kid, now() + timedelta(days=10))
    assert await kids(api) == [new.kid, old.kid]
    assert await kids(api, f"?kid={old.kid}") == [old.kid]


async def test_a_retired_key_stays_a_while_after_its_retirement_and_after_its_last_pass(api, world):
    first = await active(world, now() - timedelta(days=30))
    second = await rotate(world, now() - timedelta(days=20))
    third = await rotate(world, now() - timedelta(minutes=50))
    assert await kids(api) == [third.kid, second.kid]
    await add_pass(world, first.kid, now() - timedelta(minutes=50))
    assert await kids(api) == [third.kid, second.kid, first.kid]


async def test_only_another_organisations_passes_do_not_keep_a_key(api, world):
    other = await build_world(world.runtime, "Other")
    old = await active(world, now() - timedelta(days=30))
    new = await rotate(world, now() - timedelta(days=20))
    await add_pass(other, old.kid, now() + timedelta(days=1))
    assert await kids(api) == [new.kid]


async def test_a_retired_key_is_still_found_for_verifying(world):
    old = await active(world)
    await rotate(world)
    async with world.runtime.pool.acquire() as db:
        for _ in range(2):
            found = await operations.find_public_key(db, world.runtime.caches, world.org.org_id, old.kid)
            assert found is not None
            assert found.public_bytes_raw() == old.private_key.public_key().public_bytes_raw()
        assert await operations.find_public_key(db, world.runtime.caches, world.org.org_id, "NOBODYS") is None
        assert await operations.find_public_key(db, world.runtime.caches, new_id(), old.kid) is None


async def test_two_rotations_at_once_leave_one_active_key(world):
    await active(world)
    await asyncio.gather(rotate(world), rotate(world))
    async with world.runtime.pool.acquire() as db:
        assert await db.fetchval("select count(*) from signing_key where retired_at is null") == 1


async def test_the_jwks_has_no_private_key(api, world):
    key = await active(world)
    text = (await api.get(JWKS)).text
    assert '"d"' not in text
    assert jwt.algorithms.OKPAlgorithm.to_jwk(key.private_key, as_dict=True)["d"] not in json.dumps(text)
