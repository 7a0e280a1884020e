"""Adding, changing and revoking staff."""

import asyncio
from uuid import uuid4

import pytest

from booking_api.core.context import Caller
from booking_api.core.ids import new_id
from booking_api.identity import operations
from booking_api.identity.rules import ROLE_MAY
from tests.world import bearer, build_world

NEW = {"name": "Ben Bitdiddle", "email": "ben@example.org", "role": "agent"}


async def add(api, headers, key=None, **changes):
    more = {"Idempotency-Key": key} if key else {}
    return await api.post("/v1/staff", json={**NEW, **changes}, headers={**headers, **more})


async def everybody(api, world):
    return (await api.get("/v1/staff", headers=world.owner)).json()["items"]


async def owner_id(api, world):
    return next(member["id"] for member in await everybody(api, world) if member["role"] == "owner")


async def key_with(world, *scopes):
    async with world.runtime.pool.acquire() as db:
        _, key = await operations.add_key(db, world.org, "secret", "Limited", _now(), scopes=scopes)
    return bearer(key)


def _now():
    from booking_api.core.clock import utc_now

    return utc_now()


async def test_a_new_member_gets_tokens_that_work(api, world):
    created = await add(api, world.owner, email="Ben@Example.org", role="manager")
    assert created.status_code == 201
    member = created.json()
    assert (member["name"], member["email"], member["role"]) == ("Ben Bitdiddle", "ben@example.org", "manager")
    assert member["available_actions"] == ["rename", "change_role", "revoke"]
    assert "revoked_at" not in member
    # A manager is known, but doesn't see the staff.
    assert (await api.get("/v1/staff", headers=bearer(member["access_token"]))).status_code == 403


async def test_a_replay_mints_tokens_anew_and_stores_none(api, world):
    key = str(uuid4())
    first, second = await add(api, world.owner, key), await add(api, world.owner, key)
    assert second.headers["idempotency-replayed"] == "true"
    assert first.json()["id"] == second.json()["id"]
    for answer in (first, second):
        assert (await api.get("/v1/staff", headers=bearer(answer.json()["access_token"]))).status_code == 403
    async with world.runtime.pool.acquire() as db:
        assert b"token" not in await db.fetchval("select body from idempotency_key")


async def test_an_address_is_taken_once_whatever_its_case(api, world):
    assert (await add(api, world.owner)).status_code == 201
    refused = await add(api, world.owner, email="BEN@example.org")
    assert refused.status_code == 409
    assert refused.json()["code"] == "email_taken"


async def test_of_several_at_once_one_gets_the_address(api, world):
    answers = await asyncio.gather(*(add(api, world.owner) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5


async def test_somebody_who_comes_back_is_added_anew(api, world):
    member = (await add(api, world.owner)).json()
    assert (await api.delete(f"/v1/staff/{member['id']}", headers=world.owner)).status_code == 204
    again = await add(api, world.owner)
    assert again.status_code == 201
    assert again.json()["id"] != member["id"]


@pytest.mark.parametrize(
    "changes",
    [
        {"role": "king"}, {"role": None}, {"name": ""}, {"name": "   "}, {"name": "x" * 201}, {"email": "ben"},
        {"email": ""}, {"more": 1}, {"name": "a\0b"}, {"name": 7},
    ],
)  # fmt: skip
async def test_what_does_not_fit_adds_nobody(api, world, changes):
    assert (await add(api, world.owner, **changes)).status_code == 400
    assert len(await everybody(api, world)) == 3


async def test_only_owners_and_keys_with_the_scope_may(api, world):
    for headers in (world.agent, world.manager, world.customer(), world.app, await key_with(world, "keys:write")):
        assert (await add(api, headers)).status_code == 403
        assert (await api.get("/v1/staff", headers=headers)).status_code == 403
        assert (await api.patch(f"/v1/staff/{new_id()}", json={}, headers=headers)).status_code == 403
        assert (await api.delete(f"/v1/staff/{new_id()}", headers=headers)).status_code == 403
    assert (await api.get("/v1/staff")).status_code == 401
    assert (await add(api, await key_with(world, "staff:write", *ROLE_MAY["agent"]))).status_code == 201


async def test_no_key_makes_or_removes_an_owner_who_may_what_no_scope_allows(api, world):
    person = {"customer_id": str(new_id())}
    assert (await api.post("/v1/persons/erase", json=person, headers=world.key)).status_code == 403
    second = (await add(api, world.owner, role="owner", email="second@example.org")).json()
    for key in (await key_with(world, "staff:write", "keys:write", *ROLE_MAY["agent"]), world.key):
        assert (await add(api, key, role="owner", email="boss@example.org")).status_code == 403
        member = (await add(api, key, email=f"{new_id().hex}@example.org")).json()
        path = f"/v1/staff/{member['id']}"
        assert (await api.patch(path, json={"role": "owner"}, headers=key)).status_code == 403
        for role in ("agent", "owner"):
            refused = await api.patch(f"/v1/staff/{second['id']}", json={"role": role}, headers=key)
            assert refused.status_code == 403
        assert (await api.delete(f"/v1/staff/{second['id']}", headers=key)).status_code == 403
    made = await add(api, world.key, role="manager", email="manager2@example.org")
    assert made.status_code == 201
    assert (await api.delete(f"/v1/staff/{made.json()['id']}", headers=world.key)).status_code == 204
    assert (await add(api, bearer(second["access_token"]), role="owner", email="third@example.org")).status_code == 201


async def test_nobody_promotes_demotes_or_removes_who_may_do_more_than_they(api, world):
    limited = await key_with(world, "staff:write", *ROLE_MAY["agent"])
    manager = (await add(api, world.owner, role="manager", email="m@example.org")).json()
    assert (await add(api, limited, role="manager", email="n@example.org")).status_code == 403
    for change in ({"role": "agent"}, {"role": "owner"}, {"role": "manager"}):
        assert (await api.patch(f"/v1/staff/{manager['id']}", json=change, headers=limited)).status_code == 403
    assert (await api.delete(f"/v1/staff/{manager['id']}", headers=limited)).status_code == 403
    bare = await key_with(world, "staff:write")
    agent = (await add(api, limited, email="a@example.org")).json()
    assert (await add(api, bare, email="b@example.org")).status_code == 403
    assert (await api.delete(f"/v1/staff/{agent['id']}", headers=bare)).status_code == 403
    assert (await api.patch(f"/v1/staff/{agent['id']}", json={"name": "Renamed"}, headers=bare)).status_code == 200
    assert (await api.delete(f"/v1/staff/{agent['id']}", headers=limited)).status_code == 204


async def test_a_new_role_counts_at_once_under_the_tokens_there_are(api, world):
    member = (await add(api, world.owner)).json()
    headers = bearer(member["access_token"])
    assert (await api.get("/v1/staff", headers=headers)).status_code == 403
    changed = await api.patch(f"/v1/staff/{member['id']}", json={"role": "owner", "name": "Ben"}, headers=world.owner)
    assert changed.status_code == 200
    assert (changed.json()["role"], changed.json()["name"]) == ("owner", "Ben")
    assert (await api.get("/v1/staff", headers=headers)).status_code == 200
    await api.patch(f"/v1/staff/{member['id']}", json={"role": "agent"}, headers=world.owner)
    assert (await api.get("/v1/staff", headers=headers)).status_code == 403


async def test_a_revoked_member_is_out(api, world):
    member = (await add(api, world.owner, role="owner")).json()
    headers = bearer(member["access_token"])
    assert (await api.get("/v1/staff", headers=headers)).status_code == 200
    for _ in range(2):
        assert (await api.delete(f"/v1/staff/{member['id']}", headers=world.owner)).status_code == 204
    assert (await api.get("/v1/staff", headers=headers)).json()["code"] == "token_revoked"
    row = next(found for found in await everybody(api, world) if found["id"] == member["id"])
    assert row["revoked_at"]
    assert row["available_actions"] == []
    refused = await api.patch(f"/v1/staff/{member['id']}", json={"name": "Ben"}, headers=world.owner)
    assert refused.status_code == 409


async def test_an_empty_change_changes_nothing(api, world):
    before = await everybody(api, world)
    assert (await api.patch(f"/v1/staff/{before[0]['id']}", json={}, headers=world.owner)).json() == before[0]
    refused = await api.patch(f"/v1/staff/{before[0]['id']}", json={"name": None}, headers=world.owner)
    assert refused.status_code == 400
    assert [member["name"] for member in await everybody(api, world)] == [member["name"] for member in before]


async def test_the_last_owner_stays(api, world):
    last = await owner_id(api, world)
    row = next(member for member in await everybody(api, world) if member["id"] == last)
    assert row["available_actions"] == ["rename"]
    demoted = await api.patch(f"/v1/staff/{last}", json={"role": "agent"}, headers=world.owner)
    revoked = await api.delete(f"/v1/staff/{last}", headers=world.owner)
    for refused in (demoted, revoked):
        assert refused.status_code == 409
        assert refused.json()["code"] == "last_owner"
    assert (
        await api.patch(f"/v1/staff/{last}", json={"role": "owner", "name": "Olga"}, headers=world.owner)
    ).status_code == 200
    await add(api, world.owner, role="owner")
    assert (await api.patch(f"/v1/staff/{last}", json={"role": "agent"}, headers=world.owner)).status_code == 200
    assert (await api.get("/v1/staff", headers=world.owner)).status_code == 403


async def test_two_owners_who_demote_each_other_at_once_leave_one(api, world):
    first = await owner_id(api, world)
    other = (await add(api, world.owner, role="owner")).json()
    await asyncio.gather(
        api.patch(f"/v1/staff/{other['id']}", json={"role": "agent"}, headers=world.owner),
        api.delete(f"/v1/staff/{first}", headers=bearer(other["access_token"])),
    )
    async with world.runtime.pool.acquire() as db:
        assert await db.fetchval("select count(*) from staff where role = 'owner' and revoked_at is null") == 1


async def test_another_organisations_staff_do_not_exist(api, world):
    other = await build_world(world.runtime, "Other")
    theirs = await owner_id(api, other)
    assert (await api.patch(f"/v1/staff/{theirs}", json={"name": "Eve"}, headers=world.owner)).status_code == 404
    assert (await api.delete(f"/v1/staff/{theirs}", headers=world.owner)).status_code == 404
    assert (await api.delete(f"/v1/staff/{new_id()}", headers=world.owner)).status_code == 404
    assert theirs not in {member["id"] for member in await everybody(api, world)}


async def test_the_list_comes_in_pages(api, world):
    for number in range(4):
        await add(api, world.owner, email=f"{number}@example.org")
    seen, cursor = [], None
    while True:
        page = (
            await api.get(
                "/v1/staff", params={"limit": 3, **({"cursor": cursor} if cursor else {})}, headers=world.owner
            )
        ).json()
        seen += [member["email"] for member in page["items"]]
        cursor = page.get("next_cursor")
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 7


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "cursor=x", "cursor=bnVsbA", "more=1"])
async def test_pages_that_do_not_exist(api, world, query):
    assert (await api.get(f"/v1/staff?{query}", headers=world.owner)).status_code == 400


async def test_the_last_use_is_noted_once_a_minute(api, world):
    async def used():
        async with world.runtime.pool.acquire() as db:
            return await db.fetchval("select last_used_at from staff where role = 'owner'")

    assert await used() is None
    await api.get("/v1/staff", headers=world.owner)
    noted = await used()
    assert noted is not None
    await api.get("/v1/staff", headers=world.owner)
    assert await used() == noted
    async with world.runtime.pool.acquire() as db:
        await db.execute("update staff set last_used_at = last_used_at - interval '61 seconds'")
    await api.get("/v1/staff", headers=world.owner)
    assert await used() > noted


def test_the_caller_of_a_job_is_not_a_member_of_staff():
    assert not Caller(kind="system", credential_id=new_id()).has_role("agent")


@pytest.mark.parametrize("email", ["BEN@Example.ORG\n", " ben@example.org.", "b\u200ben@ex\u00adample.org", "mailto:ben@example.org", "ｂｅｎ＠example.org"])  # fmt: skip
async def test_an_address_is_one_however_it_is_written(api, world, email):
    first = await add(api, world.owner, name="Ben\u00a0 Beck\n", email="ben@example.org")
    assert (first.status_code, first.json()["name"], first.json()["email"]) == (201, "Ben Beck", "ben@example.org")
    again = await add(api, world.owner, email=email)
    assert (again.status_code, again.json()["code"]) == (409, "email_taken")


async def test_a_name_that_nobody_sees_changes_nothing(api, world):
    member = (await add(api, world.owner)).json()
    for name in ("\u3164", " \u200b"):
        refused = await api.patch(f"/v1/staff/{member['id']}", json={"name": name}, headers=world.owner)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, "/name")
