"""Refreshing, codes, recovery, signing out."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from booking_api.core.ids import new_id
from booking_api.identity import codes, tokens
from tests.identity.test_rate_limits import from_address
from tests.world import bearer, build_world


def now() -> datetime:
    return datetime.now(UTC)


def mint(world, customer_id=None, at=None, **more):
    return tokens.mint(
        world.runtime.vault, world.runtime.settings, world.org, "customer", customer_id or new_id(), at or now(), **more
    )


async def refresh(api, world, refresh_token, **headers):
    body = {"grant": "refresh", "refresh_token": refresh_token}
    return await api.post("/v1/tokens", json=body, headers={**world.app, **headers})


async def who(api, access_token):
    """An operation that any customer or member of staff may call, without effect on them."""
    return await api.get("/v1/keys", headers=bearer(access_token))


def claims(world, token, use="access"):
    return tokens.read(world.runtime.vault, token, use, now())


async def make_code(world, **more):
    given = {"purpose": "resume", "customer_id": new_id(), "booking_id": None, "now": now(), "seconds": 600, **more}
    async with world.runtime.pool.acquire() as db:
        return await codes.make_code(db, world.org.org_id, **given)


async def redeem(api, world, code, headers=None):
    return await api.post("/v1/tokens", json={"grant": "code", "code": code}, headers=headers or world.app)


# refresh ----------------------------------------------------------------------------------------------------------


async def test_a_refresh_gives_working_tokens_of_the_same_customer_and_session(api, world):
    first = mint(world, channel="ios")
    answer = await refresh(api, world, first.refresh_token)
    assert answer.status_code == 200
    renewed = answer.json()
    assert set(renewed) == {"access_token", "access_token_expires_at", "refresh_token"}
    before, after = claims(world, first.access_token), claims(world, renewed["access_token"])
    for name in ("org_id", "subject_id", "session_id", "subject", "channel"):
        assert getattr(before, name) == getattr(after, name)
    # Verified, but not allowed to see keys.
    assert (await who(api, renewed["access_token"])).status_code == 403
    assert answer.headers["cache-control"] == "no-store"


async def test_a_chain_of_refreshes_goes_on(api, world):
    token = mint(world).refresh_token
    for _ in range(5):
        answer = await refresh(api, world, token)
        assert answer.status_code == 200
        token = answer.json()["refresh_token"]


async def test_a_lost_answer_locks_nobody_out(api, world):
    first = mint(world).refresh_token
    for _ in range(3):
        assert (await refresh(api, world, first)).status_code == 200
    second = (await refresh(api, world, first)).json()["refresh_token"]
    for _ in range(3):
        assert (await refresh(api, world, second)).status_code == 200


async def test_a_token_whose_successor_was_used_is_refused_and_the_session_goes_on(api, world):
    first = mint(world).refresh_token
    second = (await refresh(api, world, first)).json()["refresh_token"]
    third = (await refresh(api, world, second)).json()["refresh_token"]
    refused = await refresh(api, world, first)
    assert refused.status_code == 401
    assert refused.json()["code"] == "token_revoked"
    assert (await refresh(api, world, third)).status_code == 200


async def test_a_later_successor_supersedes_every_earlier_token(api, world):
    chain = [mint(world).refresh_token]
    for _ in range(3):
        chain.append((await refresh(api, world, chain[-1])).json()["refresh_token"])
    for old in chain[:2]:
        assert (await refresh(api, world, old)).json()["code"] == "token_revoked"


async def test_parallel_refreshes_all_succeed(api, world):
    first = mint(world).refresh_token
    answers = await asyncio.gather(*(refresh(api, world, first) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {200}
    # Any of the answers may be the one that the phone keeps.
    for answer in answers:
        assert (await refresh(api, world, answer.json()["refresh_token"])).status_code == 200


async def test_a_refresh_under_one_idempotency_key_is_replayed_with_tokens_and_stores_none(api, world):
    first, key = mint(world).refresh_token, str(uuid4())
    one = await refresh(api, world, first, **{"Idempotency-Key": key})
    two = await refresh(api, world, first, **{"Idempotency-Key": key})
    assert "idempotency-replayed" not in one.headers
    assert two.headers["idempotency-replayed"] == "true"
    assert two.status_code == 200
    assert (
        claims(world, two.json()["refresh_token"], "refresh").session_id == claims(world, first, "refresh").session_id
    )
    async with world.runtime.pool.acquire() as db:
        assert await db.fetchval("select body from idempotency_key") == b"{}"
    other = await refresh(api, world, mint(world).refresh_token, **{"Idempotency-Key": key})
    assert other.json()["code"] == "idempotency_mismatch"


async def test_a_replay_gives_no_tokens_of_a_session_that_has_ended(api, world):
    first, key = mint(world), str(uuid4())
    assert (await refresh(api, world, first.refresh_token, **{"Idempotency-Key": key})).status_code == 200
    assert (await api.delete("/v1/tokens", headers=bearer(first.access_token))).status_code == 204
    replay = await refresh(api, world, first.refresh_token, **{"Idempotency-Key": key})
    assert replay.json()["code"] == "token_revoked"


async def test_an_expired_refresh_token(api, world):
    old = mint(world, at=now() - timedelta(days=181)).refresh_token
    refused = await refresh(api, world, old)
    assert refused.status_code == 401
    assert refused.json()["code"] == "token_expired"


async def test_another_organisations_refresh_token(api, world):
    other = await build_world(world.runtime, "Other")
    refused = await refresh(api, world, mint(other).refresh_token)
    assert refused.status_code == 401
    assert refused.json()["code"] == "unauthenticated"


@pytest.mark.parametrize("token", ["nonsense", "a.b.c", "ü.ü.ü", "e30.e30.", "x" * 2048])
async def test_what_is_no_token(api, world, token):
    assert (await refresh(api, world, token)).json()["code"] == "unauthenticated"


async def test_an_access_token_is_no_refresh_token_and_the_other_way_round(api, world):
    minted = mint(world)
    assert (await refresh(api, world, minted.access_token)).json()["code"] == "unauthenticated"
    assert (await who(api, minted.refresh_token)).json()["code"] == "unauthenticated"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"grant": "refresh"},
        {"grant": "code"},
        {"grant": "password", "code": "x"},
        {"grant": "refresh", "code": "ABC"},
        {"grant": "code", "refresh_token": "x"},
        {"grant": "refresh", "refresh_token": "x", "code": "y"},
        {"grant": "refresh", "refresh_token": ""},
        {"grant": "refresh", "refresh_token": "x" * 2049},
        {"grant": "refresh", "refresh_token": 7},
        {"grant": "code", "code": "A", "more": 1},
        [],
    ],
)
async def test_bodies_that_do_not_fit(api, world, body):
    refused = await api.post("/v1/tokens", json=body, headers=world.app)
    assert refused.status_code == 400
    assert refused.json()["code"] == "invalid"


async def test_who_may_ask_for_tokens(api, world):
    body = {"grant": "refresh", "refresh_token": mint(world).refresh_token}
    assert (await api.post("/v1/tokens", json=body, headers=world.key)).status_code == 200
    assert (await api.post("/v1/tokens", json=body)).status_code == 401
    for headers in (world.customer(), world.owner):
        assert (await api.post("/v1/tokens", json=body, headers=headers)).status_code == 403


async def test_staff_refresh_too_and_get_the_role_they_have_now(api, world):
    created = await api.post(
        "/v1/staff", json={"name": "Ben", "email": "ben@example.org", "role": "agent"}, headers=world.owner
    )
    member = created.json()
    await api.patch(f"/v1/staff/{member['id']}", json={"role": "manager"}, headers=world.owner)
    renewed = await refresh(api, world, member["refresh_token"])
    assert renewed.status_code == 200
    assert claims(world, renewed.json()["access_token"]).role == "manager"
    await api.delete(f"/v1/staff/{member['id']}", headers=world.owner)
    refused = await refresh(api, world, renewed.json()["refresh_token"])
    assert refused.json()["code"] == "token_revoked"


# sign out ---------------------------------------------------------------------------------------------------------


async def test_signing_out_ends_the_session_and_no_other(api, world):
    customer_id = new_id()
    phone, tablet = mint(world, customer_id), mint(world, customer_id)
    signed_out = await api.delete("/v1/tokens", headers=bearer(phone.access_token))
    assert signed_out.status_code == 204
    assert signed_out.content == b""
    assert (await who(api, phone.access_token)).json()["code"] == "token_revoked"
    assert (await refresh(api, world, phone.refresh_token)).json()["code"] == "token_revoked"
    assert (await who(api, tablet.access_token)).status_code == 403
    assert (await refresh(api, world, tablet.refresh_token)).status_code == 200


async def test_signing_out_after_a_refresh_ends_all_of_the_session(api, world):
    first = mint(world)
    second = (await refresh(api, world, first.refresh_token)).json()
    assert (await api.delete("/v1/tokens", headers=bearer(second["access_token"]))).status_code == 204
    for token in (first.access_token, second["access_token"]):
        assert (await who(api, token)).json()["code"] == "token_revoked"
    for token in (first.refresh_token, second["refresh_token"]):
        assert (await refresh(api, world, token)).json()["code"] == "token_revoked"


async def test_staff_sign_out_and_keys_can_not(api, world):
    assert (await api.delete("/v1/tokens", headers=world.agent)).status_code == 204
    assert (await api.delete("/v1/tokens", headers=world.agent)).json()["code"] == "token_revoked"
    assert (await api.delete("/v1/tokens", headers=world.key)).status_code == 403
    assert (await api.delete("/v1/tokens", headers=world.app)).status_code == 403


# codes ------------------------------------------------------------------------------------------------------------


async def test_a_code_gives_tokens_of_its_customer(api, world):
    customer_id, booking_id = new_id(), new_id()
    code = await make_code(world, customer_id=customer_id, booking_id=booking_id)
    answer = await redeem(api, world, code)
    assert answer.status_code == 200
    assert answer.json()["booking_id"] == str(booking_id)
    assert claims(world, answer.json()["access_token"]).subject_id == customer_id
    assert (await refresh(api, world, answer.json()["refresh_token"])).status_code == 200


async def test_a_code_may_be_typed_as_people_type(api, world):
    code = await make_code(world)
    typed = code.lower().replace("-", " ").replace("1", "l").replace("0", "O")
    answer = await redeem(api, world, typed)
    assert answer.status_code == 200
    assert "booking_id" not in answer.json()


async def test_a_code_works_once(api, world):
    code = await make_code(world)
    assert (await redeem(api, world, code)).status_code == 200
    again = await redeem(api, world, code)
    assert again.status_code == 401
    assert again.json()["code"] == "unauthenticated"
    assert again.json()["errors"][0]["pointer"] == "/code"


async def test_of_a_code_used_many_times_at_once_one_gets_it(api, world):
    code = await make_code(world)
    answers = await asyncio.gather(*(redeem(api, world, code) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 7


async def test_an_expired_code(api, world):
    code = await make_code(world, now=now() - timedelta(seconds=601))
    assert (await redeem(api, world, code)).json()["code"] == "unauthenticated"


async def test_another_organisations_code_stays_unused(api, world):
    other = await build_world(world.runtime, "Other")
    code = await make_code(other)
    assert (await redeem(api, world, code)).json()["code"] == "unauthenticated"
    assert (await redeem(api, other, code)).status_code == 200


async def test_a_code_is_not_stored_in_clear(world):
    code = await make_code(world)
    async with world.runtime.pool.acquire() as db:
        row = await db.fetchrow("select * from single_use_code")
    assert code not in str(dict(row))
    assert code.replace("-", "") not in str(dict(row))


async def test_a_lost_answer_to_a_code_is_replayed_with_tokens_of_the_same_customer(api, world):
    customer_id, booking_id = new_id(), new_id()
    code = await make_code(world, customer_id=customer_id, booking_id=booking_id)
    headers = {**world.app, "Idempotency-Key": str(uuid4())}
    first, second = await redeem(api, world, code, headers), await redeem(api, world, code, headers)
    assert second.headers["idempotency-replayed"] == "true"
    for answer in (first, second):
        assert answer.json()["booking_id"] == str(booking_id)
        assert claims(world, answer.json()["access_token"]).subject_id == customer_id
    async with world.runtime.pool.acquire() as db:
        assert b"token" not in await db.fetchval("select body from idempotency_key")


# recovery ---------------------------------------------------------------------------------------------------------


async def recover(api, world, headers=None, **body):
    return await api.post("/v1/tokens/recover", json=body, headers=headers or world.app)


async def test_recovery_is_accepted_and_heard_of_without_anything_in_clear(api, world):
    answer = await recover(api, world, reference="k7qm-4t", email="Ada@Example.org")
    assert answer.status_code == 202
    assert answer.content == b""
    async with world.runtime.pool.acquire() as db:
        events = await db.fetch("select * from event where type = 'recovery.requested'")
    assert [event["org_id"] for event in events] == [world.org.org_id]
    data = events[0]["data"]
    assert data["reference"] == "K7QM4T"
    assert "@" not in str(data)
    assert "example.org" not in str(data).lower()
    contact = codes.open_contact(world.runtime.vault, data["contact"])
    assert (contact.email, contact.phone) == ("ada@example.org", None)


async def test_recovery_by_phone(api, world):
    assert (await recover(api, world, reference="K7QM4T", phone="+49 30 901820")).status_code == 202
    async with world.runtime.pool.acquire() as db:
        data = await db.fetchval("select data from event where type = 'recovery.requested'")
    assert codes.open_contact(world.runtime.vault, data["contact"]).phone == "+4930901820"


@pytest.mark.parametrize(
    "body",
    [
        {"reference": "K7QM4T"},
        {"email": "ada@example.org"},
        {"reference": "K7QM4T", "email": "ada@example.org", "phone": "+4930901820"},
        {"reference": "K7QM4T", "email": "ada"},
        {"reference": "K7QM4T", "email": "ada @example.org"},
        {"reference": "K7QM4T", "phone": "call me"},
        {"reference": "", "email": "ada@example.org"},
        {"reference": "x" * 33, "email": "ada@example.org"},
        {"reference": "K7QM4T\0", "email": "ada@example.org"},
        {"reference": "K7QM4T", "email": "a" * 300 + "@example.org"},
        {"reference": "K7QM4T", "email": None},
    ],
)
async def test_recoveries_that_do_not_fit_change_nothing(api, world, body):
    assert (await recover(api, world, **body)).status_code == 400
    async with world.runtime.pool.acquire() as db:
        assert await db.fetchval("select count(*) from event") == 0


async def test_one_booking_can_not_be_recovered_often_and_nobody_elses_asking_counts(app, api, world):
    for _ in range(3):
        assert (await recover(api, world, world.key, reference="K7QM4T", email="ada@example.org")).status_code == 202
    # Somebody else's address for the same booking, and the same address somewhere else, were asked for by others.
    assert (await recover(api, world, world.key, reference="K7QM4T", email="eve@example.org")).status_code == 202
    async with from_address(app, "10.0.0.2") as other:
        assert (await recover(other, world, reference="K7QM4T", email="ada@example.org")).status_code == 202
    refused = await recover(api, world, world.key, reference="k7qm 4t", email="ADA@example.org")
    assert refused.status_code == 429
    assert refused.json()["code"] == "rate_limited"
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.headers["ratelimit-policy"] == '"recoveries";q=3;w=600'
    assert (await recover(api, world, world.key, reference="ANOTHER1", email="ada@example.org")).status_code == 202


async def test_who_may_ask_for_recovery(api, world):
    body = {"reference": "K7QM4T", "email": "ada@example.org"}
    assert (await api.post("/v1/tokens/recover", json=body)).status_code == 401
    assert (await recover(api, world, world.customer(), **body)).status_code == 403
    assert (await recover(api, world, world.owner, **body)).status_code == 403
