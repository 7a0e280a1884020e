"""API keys, and how verified credentials are trusted and forgotten."""

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

import msgspec
import pytest

from booking_api.core.errors import TokenRevoked
from booking_api.core.ids import new_id
from booking_api.core.settings import Settings
from booking_api.identity import authentication, operations, tokens
from booking_api.identity.schemas import SCOPES
from booking_api.run.lifetime import open_runtime
from tests.world import bearer, build_world

NEW = {"kind": "secret", "name": "Warehouse", "scopes": ["catalog:read"]}


async def make(api, headers, **changes):
    return await api.post("/v1/keys", json={**NEW, **changes}, headers=headers)


async def every_key(api, world):
    return (await api.get("/v1/keys", headers=world.owner)).json()["items"]


async def key_with(world, *scopes):
    async with world.runtime.pool.acquire() as db:
        _, key = await operations.add_key(db, world.org, "secret", "Limited", datetime.now(UTC), scopes=scopes)
    return bearer(key)


async def test_a_key_is_shown_once_and_works(api, world):
    created = await make(api, world.owner, scopes=["keys:write", "catalog:read", "keys:write"])
    assert created.status_code == 201
    made = created.json()
    assert made["key"].startswith("sk_test_")
    assert made["scopes"] == ["catalog:read", "keys:write"]
    assert made["channel"] == "partner"
    assert made["key"].endswith(made["hint"])
    assert (await api.get("/v1/keys", headers=bearer(made["key"]))).status_code == 200
    listed = next(found for found in await every_key(api, world) if found["id"] == made["id"])
    assert "key" not in listed
    assert listed["last_used_at"]
    assert listed["available_actions"] == ["change", "revoke"]
    async with world.runtime.pool.acquire() as db:
        assert made["key"] not in str([dict(row) for row in await db.fetch("select * from api_key")])


async def test_a_publishable_key(api, world):
    made = (await make(api, world.owner, kind="publishable", scopes=[], channel="ios")).json()
    assert made["key"].startswith("pk_test_")
    assert (made["channel"], made["scopes"]) == ("ios", [])
    # Known as an app: it may ask for tokens, though not with these.
    refused = await api.post("/v1/tokens", json={"grant": "code", "code": "X"}, headers=bearer(made["key"]))
    assert refused.json()["errors"][0]["pointer"] == "/code"


async def test_a_replay_says_the_key_was_shown_once(api, world):
    headers = {**world.owner, "Idempotency-Key": str(uuid4())}
    first, second = await make(api, headers), await make(api, headers)
    assert second.status_code == 201
    assert second.headers["idempotency-replayed"] == "true"
    assert first.json()["id"] == second.json()["id"]
    assert "key" not in second.json()
    async with world.runtime.pool.acquire() as db:
        assert b"sk_test_" not in await db.fetchval("select body from idempotency_key")


@pytest.mark.parametrize(
    ("changes", "status", "pointer"),
    [
        ({"scopes": []}, 422, "/scopes"),
        ({"kind": "publishable"}, 422, "/scopes"),
        ({"scopes": ["everything"]}, 400, "/scopes"),
        ({"kind": "private"}, 400, "/kind"),
        ({"channel": "fax"}, 400, "/channel"),
        ({"name": ""}, 400, "/name"),
        ({"live": True}, 400, "/live"),
        ({"scopes": ["catalog:read"] * 21}, 400, "/scopes"),
    ],
)
async def test_what_does_not_fit_makes_no_key(api, world, changes, status, pointer):
    refused = await make(api, world.owner, **changes)
    assert refused.status_code == status
    assert refused.json()["errors"][0]["pointer"].startswith(pointer)
    assert len(await every_key(api, world)) == 2


async def test_a_key_grants_no_scope_that_it_lacks(api, world):
    limited = await key_with(world, "keys:write", "catalog:read")
    assert (await make(api, limited)).status_code == 201
    refused = await make(api, limited, scopes=["catalog:read", "bookings:read"])
    assert refused.status_code == 403
    assert "bookings:read" in refused.json()["detail"]
    assert (await make(api, world.key, scopes=list(SCOPES))).status_code == 201


async def test_nobody_makes_or_revokes_what_may_do_more_than_they(api, world):
    mighty = (await make(api, world.owner, scopes=["keys:write", "bookings:read"])).json()
    limited = await key_with(world, "keys:write", "catalog:read")
    assert (await api.delete(f"/v1/keys/{mighty['id']}", headers=limited)).status_code == 403
    assert (await api.get("/v1/keys", headers=bearer(mighty["key"]))).status_code == 200
    less = (await make(api, limited)).json()
    assert (await api.delete(f"/v1/keys/{less['id']}", headers=limited)).status_code == 204
    # An app may start orders, which this key may not.
    app = {"kind": "publishable", "name": "App"}
    assert (await api.post("/v1/keys", json=app, headers=limited)).status_code == 403
    selling = await key_with(world, "keys:write", "catalog:read", "bookings:write", "feedback:write")
    made = await api.post("/v1/keys", json=app, headers=selling)
    assert made.status_code == 201
    assert (await api.delete(f"/v1/keys/{made.json()['id']}", headers=limited)).status_code == 403
    assert (await api.delete(f"/v1/keys/{made.json()['id']}", headers=world.owner)).status_code == 204


async def test_only_owners_and_keys_with_the_scope_may(api, world):
    for headers in (world.agent, world.manager, world.customer(), world.app, await key_with(world, "staff:write")):
        assert (await make(api, headers)).status_code == 403
        assert (await api.get("/v1/keys", headers=headers)).status_code == 403
        assert (await api.delete(f"/v1/keys/{new_id()}", headers=headers)).status_code == 403
    assert (await api.get("/v1/keys")).status_code == 401


async def test_a_revoked_key_is_out_for_good(api, world):
    made = (await make(api, world.owner)).json()
    for _ in range(2):
        assert (await api.delete(f"/v1/keys/{made['id']}", headers=world.owner)).status_code == 204
    assert (await api.get("/v1/keys", headers=bearer(made["key"]))).json()["code"] == "token_revoked"
    listed = next(found for found in await every_key(api, world) if found["id"] == made["id"])
    assert listed["revoked_at"]
    assert listed["available_actions"] == []


async def test_another_organisations_keys_do_not_exist(api, world):
    other = await build_world(world.runtime, "Other")
    theirs = (await every_key(api, other))[0]["id"]
    assert (await api.delete(f"/v1/keys/{theirs}", headers=world.owner)).status_code == 404
    assert (await api.delete(f"/v1/keys/{new_id()}", headers=world.owner)).status_code == 404
    assert theirs not in {found["id"] for found in await every_key(api, world)}
    assert (await api.get("/v1/keys", headers=other.key)).status_code == 200


async def test_the_list_comes_in_pages(api, world):
    for _ in range(3):
        await make(api, world.owner)
    first = (await api.get("/v1/keys?limit=4", headers=world.owner)).json()
    second = (await api.get(f"/v1/keys?limit=4&cursor={first['next_cursor']}", headers=world.owner)).json()
    assert (len(first["items"]), len(second["items"])) == (4, 1)
    assert "next_cursor" not in second


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer ", "Basic abc", "Bearer pk_test_", "Bearer sk_test_!!!", "Bearer sk_test_AAAA", "Bearer x", "x"],
)
async def test_what_is_no_credential(api, world, header):
    refused = await api.get("/v1/keys", headers={"Authorization": header})
    assert refused.status_code == 401
    assert refused.json()["code"] == "unauthenticated"
    assert refused.headers["www-authenticate"].startswith("Bearer")


async def test_an_expired_access_token(api, world):
    long_ago = datetime(2025, 1, 1, tzinfo=UTC)
    minted = tokens.mint(world.runtime.vault, world.runtime.settings, world.org, "customer", new_id(), long_ago)
    refused = await api.get("/v1/keys", headers=bearer(minted.access_token))
    assert refused.status_code == 401
    assert refused.json()["code"] == "token_expired"


class TestTrusted:
    """Credentials are trusted for an hour here, so that only a revocation can end the trust."""

    @pytest.fixture
    def settings(self, settings):
        return msgspec.structs.replace(settings, credential_cache_seconds=3600.0)

    async def test_a_revoked_key_is_refused_at_once(self, api, world):
        made = (await make(api, world.owner, scopes=["keys:write"])).json()
        assert (await api.get("/v1/keys", headers=bearer(made["key"]))).status_code == 200
        await api.delete(f"/v1/keys/{made['id']}", headers=world.owner)
        assert (await api.get("/v1/keys", headers=bearer(made["key"]))).json()["code"] == "token_revoked"

    async def test_a_session_that_ended_is_refused_at_once(self, api, world):
        headers = world.customer()
        assert (await api.get("/v1/keys", headers=headers)).status_code == 403
        await api.delete("/v1/tokens", headers=headers)
        assert (await api.get("/v1/keys", headers=headers)).json()["code"] == "token_revoked"

    async def test_a_member_who_was_revoked_or_demoted_is_refused_at_once(self, api, world):
        new = {"name": "Ben", "email": "ben@example.org", "role": "owner"}
        member = (await api.post("/v1/staff", json=new, headers=world.owner)).json()
        headers = bearer(member["access_token"])
        assert (await api.get("/v1/staff", headers=headers)).status_code == 200
        await api.patch(f"/v1/staff/{member['id']}", json={"role": "agent"}, headers=world.owner)
        assert (await api.get("/v1/staff", headers=headers)).status_code == 403
        await api.delete(f"/v1/staff/{member['id']}", headers=world.owner)
        assert (await api.get("/v1/staff", headers=headers)).json()["code"] == "token_revoked"

    async def test_what_was_read_before_a_revocation_is_not_trusted_after_it(self, world, monkeypatch):
        """A verification that overlaps a revocation: it read the row before, and finishes after."""
        runtime, key = world.runtime, world.key["Authorization"].removeprefix("Bearer ")
        verify_key = authentication._verify_key

        async def slow_verify(*args):
            verified = await verify_key(*args)
            async with runtime.pool.acquire() as db:
                await db.execute("update api_key set revoked_at = now()")
            authentication.CREDENTIALS.of(runtime.caches).revoke(verified[1].credential_id)
            return verified

        monkeypatch.setattr(authentication, "_verify_key", slow_verify)
        await authentication.verify(runtime, key)
        monkeypatch.undo()
        with pytest.raises(TokenRevoked):
            await authentication.verify(runtime, key)

    async def test_trusted_credentials_cost_no_query(self, world):
        runtime, key = world.runtime, world.key["Authorization"].removeprefix("Bearer ")
        first = await authentication.verify(runtime, key)
        async with runtime.pool.acquire() as db:
            await db.execute("update api_key set revoked_at = now()")
        assert await authentication.verify(runtime, key) == first


class TestMany:
    """All phones share a key, and ask at once when it was trusted for long enough."""

    async def test_requests_of_one_key_share_their_look_ups(self, api, world, monkeypatch):
        looked_up = []
        find = authentication.queries.find_keys_with_organisation

        async def counting(db, org_ids, hashes):
            looked_up.append(len(hashes))
            return await find(db, org_ids, hashes)

        monkeypatch.setattr(authentication.queries, "find_keys_with_organisation", counting)
        answers = await asyncio.gather(*(api.get("/v1/places", headers=world.app) for _ in range(120)))
        assert {answer.status_code for answer in answers} == {200}
        assert len(looked_up) < 20

    async def test_who_is_removed_by_one_process_is_out_on_the_others_too(self, api, world, settings):
        """Each process trusts what it has verified, by default for a moment that nobody notices."""
        assert Settings().credential_cache_seconds <= 0.25
        new = {"name": "Ben", "email": "ben@example.org", "role": "manager"}
        member = (await api.post("/v1/staff", json=new, headers=world.owner)).json()
        key = (await make(api, world.owner, scopes=["catalog:read"])).json()
        trusting = msgspec.structs.replace(settings, credential_cache_seconds=0.25)
        async with open_runtime(trusting) as elsewhere:
            credentials = (member["access_token"], key["key"])
            for credential in credentials:
                await authentication.verify(elsewhere, credential)
            await api.delete(f"/v1/staff/{member['id']}", headers=world.owner)
            await api.delete(f"/v1/keys/{key['id']}", headers=world.owner)
            await asyncio.sleep(0.3)
            for credential in credentials:
                with pytest.raises(TokenRevoked):
                    await authentication.verify(elsewhere, credential)
