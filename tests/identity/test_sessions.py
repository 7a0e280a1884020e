"""Sessions: listed, ended, opened by codes, renewed by two at once, and what a repeat brings."""

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import msgspec
import pytest

from booking_api.core.db import event_queries
from booking_api.core.ids import new_id
from booking_api.identity import (
    codes,
    letter_jobs,
    operations,
    queries,
    reach,
    rules,
    session_life_queries,
    tokens,
)
from booking_api.identity.schemas import Reachable
from tests.bookings.journey import CONTACT, confirm, hold, owner_of, visit
from tests.world import bearer, build_world, first_uses_written

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Version/18.1 Mobile Safari/604.1"


def now() -> datetime:
    return datetime.now(UTC)


def mint(world, customer_id=None, **more):
    return tokens.mint(
        world.runtime.vault, world.runtime.settings, world.org, "customer", customer_id or new_id(), now(), **more
    )


async def refresh(api, world, token, **headers):
    body = {"grant": "refresh", "refresh_token": token}
    return await api.post("/v1/tokens", json=body, headers={**world.app, **headers})


async def redeem(api, world, code, headers=None, **more):
    body = {"grant": "code", "code": code, **more}
    return await api.post("/v1/tokens", json=body, headers=headers or world.app)


async def make_code(world, customer_id, purpose="resume", **more):
    async with world.runtime.pool.acquire() as db:
        return await codes.make_code(db, world.org.org_id, purpose, customer_id, None, now(), 600, **more)


async def listed(api, headers, query=""):
    answer = await api.get(f"/v1/sessions{query}", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


def session_of(world, token):
    return str(tokens.read(world.runtime.vault, token, "access", now()).session_id)


async def age(world, seconds):
    """Lets time pass since refresh tokens were used."""
    async with world.runtime.pool.acquire() as db:
        await db.execute(
            "update session set advances = array(select at - make_interval(secs => $1) from unnest(advances) as at)",
            seconds,
        )


async def run_jobs(world, *types):
    """Runs the subscribers of identity for what was published; the messages that there are then."""
    subscribers = {
        "session.opened": letter_jobs.tell_of_opening,
        "session.reused": letter_jobs.tell_of_reuse,
        "sign_in.requested": letter_jobs.send_sign_in_code,
    }
    async with world.runtime.pool.acquire() as db:
        for event in await event_queries.claim_unrelayed_events(db, now(), 200):
            if event.type in subscribers and (not types or event.type in types):
                await subscribers[event.type](world.runtime, event)
        return [dict(row) for row in await db.fetch("select recipient, subject, body from mailbox order by created_at")]


# listing and ending -----------------------------------------------------------------------------------------------


async def test_a_session_is_listed_from_its_first_use_with_what_it_runs_on(api, world):
    held = await hold(api, world.app, visit(world, "adult"))
    mine = {**owner_of(held), "User-Agent": PHONE}
    (one,) = await listed(api, mine)
    assert one["id"] == session_of(world, held["access_token"])
    assert (one["device"], one["current"], one["opened_by"], one["sees"]) == (
        "Safari on iPhone",
        True,
        "order",
        "everything",
    )
    assert one["last_used_at"] >= one["opened_at"]
    assert one["available_actions"] == ["end"]


async def test_whoever_comes_in_by_a_code_is_seen_at_once_and_can_be_ended(api, world):
    customer = new_id()
    first = bearer(mint(world, customer).access_token)
    await listed(api, first)
    other = (await redeem(api, world, await make_code(world, customer))).json()
    seen = await listed(api, first)
    assert [(one["opened_by"], one["current"], "last_used_at" in one) for one in seen] == [
        ("resume", False, False), ("order", True, True),
    ]  # fmt: skip
    assert seen[0]["id"] == other["session_id"]
    stranger = bearer(mint(world).access_token)
    assert (await api.delete(f"/v1/sessions/{other['session_id']}", headers=stranger)).status_code == 404
    assert (await listed(api, bearer(other["access_token"])))[0]["current"]
    for _ in range(2):
        assert (await api.delete(f"/v1/sessions/{other['session_id']}", headers=first)).status_code == 204
    gone = await api.get("/v1/sessions", headers=bearer(other["access_token"]))
    assert (gone.status_code, gone.json()["code"], gone.json()["come_back"]) == (401, "token_revoked", "recover")
    assert (await refresh(api, world, other["refresh_token"])).json()["code"] == "token_revoked"
    assert [one["id"] for one in await listed(api, first)] == [session_of(world, first["Authorization"][7:])]


async def test_another_organisations_sessions_do_not_exist(api, world):
    other = await build_world(world.runtime, "Other")
    mine = bearer(mint(world).access_token)
    (one,) = await listed(api, mine)
    for headers in (other.owner, other.customer()):
        assert (await api.delete(f"/v1/sessions/{one['id']}", headers=headers)).status_code == 404
    assert len(await listed(api, mine)) == 1


async def test_the_list_comes_in_pages(api, world):
    customer = new_id()
    mine = bearer(mint(world, customer).access_token)
    for _ in range(4):
        await redeem(api, world, await make_code(world, customer))
    await listed(api, mine)
    seen, cursor = [], ""
    while True:
        page = (await api.get(f"/v1/sessions?limit=2{cursor}", headers=mine)).json()
        seen += [one["id"] for one in page["items"]]
        if "next_cursor" not in page:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert len(seen) == len(set(seen)) == 5


async def test_owners_see_and_end_the_sessions_of_their_staff_and_nobody_else_does(api, world):
    await api.get("/v1/sessions", headers=world.agent)
    agent_id = (await api.get("/v1/staff", headers=world.owner)).json()["items"][0]["id"]
    (one,) = await listed(api, world.owner, f"?staff_id={agent_id}")
    assert one["opened_by"] == "handed"
    for headers in (world.manager, world.agent, world.customer()):
        refused = await api.get(f"/v1/sessions?staff_id={agent_id}", headers=headers)
        assert refused.status_code == (200 if headers is world.agent else 403)
    assert (await api.get(f"/v1/sessions?staff_id={uuid4()}", headers=world.owner)).status_code == 404
    assert (await api.delete(f"/v1/sessions/{one['id']}", headers=world.manager)).status_code == 404
    assert (await api.delete(f"/v1/sessions/{one['id']}", headers=world.owner)).status_code == 204
    out = await api.get("/v1/sessions", headers=world.agent)
    assert (out.status_code, out.json()["come_back"]) == (401, "sign_in")
    assert 'come_back="sign_in"' in out.headers["www-authenticate"]


async def test_an_owner_ends_no_customers_session(api, world):
    customer = bearer(mint(world).access_token)
    (one,) = await listed(api, customer)
    assert (await api.delete(f"/v1/sessions/{one['id']}", headers=world.owner)).status_code == 404
    assert len(await listed(api, customer)) == 1


# staff ------------------------------------------------------------------------------------------------------------


async def test_staff_sign_in_again_by_a_code_to_their_address(api, world):
    for email in ("  Agent@Example.org ".strip(), "nobody@example.org"):
        answer = await api.post("/v1/tokens/sign-in", json={"email": email}, headers=world.app)
        assert (answer.status_code, answer.content) == (202, b"")
    (message,) = await run_jobs(world)
    assert message["recipient"] == "agent@example.org"
    code = re.search(r"[0-9A-Z]{5}-[0-9A-Z]{5}", message["body"]).group()
    answer = await redeem(api, world, code)
    assert answer.status_code == 200
    back = bearer(answer.json()["access_token"])
    assert (await api.get("/v1/gate/slots", headers=back)).status_code in {200, 400, 422}
    assert (await api.get("/v1/staff", headers=back)).status_code == 403
    assert {one["opened_by"] for one in await listed(api, back)} == {"sign_in"}
    assert (await refresh(api, world, answer.json()["refresh_token"])).status_code == 200


async def test_a_member_who_has_left_gets_no_code_and_an_earlier_one_opens_nothing(api, world):
    members = (await api.get("/v1/staff", headers=world.owner)).json()["items"]
    agent = next(UUID(one["id"]) for one in members if one["role"] == "agent")
    code = await make_code(world, agent, "sign_in")
    assert (await api.delete(f"/v1/staff/{agent}", headers=world.owner)).status_code == 204
    refused = await redeem(api, world, code)
    assert (refused.status_code, refused.json()["come_back"]) == (401, "ask_organisation")
    await api.post("/v1/tokens/sign-in", json={"email": "agent@example.org"}, headers=world.app)
    assert await run_jobs(world) == []


async def test_few_codes_are_sent_however_often_somebody_asks_and_all_of_them_work(api, world):
    for _ in range(5):
        async with world.runtime.pool.acquire() as db:
            ctx = world.context(db)
            await db.execute("select 1")
            from booking_api.identity import sessions
            from booking_api.identity.session_schemas import NewSignIn

            await sessions.ask_to_sign_in(ctx, NewSignIn(email="agent@example.org"))
    sent = await run_jobs(world)
    assert len(sent) == 3
    codes = [re.search(r"[0-9A-Z]{5}-[0-9A-Z]{5}", message["body"]).group() for message in sent]
    for code in codes:
        assert (await redeem(api, world, code)).status_code == 200


# renewing ---------------------------------------------------------------------------------------------------------


async def chain(api, world, length, token):
    made = [token]
    for _ in range(length):
        made.append((await refresh(api, world, made[-1])).json()["refresh_token"])
    return made


async def test_a_late_reuse_ends_the_session_and_its_owner_is_told(api, world):
    customer = new_id()
    async with world.runtime.pool.acquire() as db:
        said = [Reachable(customer, "Ada", "ada@example.org", None, "de")]
        await operations.remember_customers(db, world.org.org_id, said, now())
    first = mint(world, customer)
    made = await chain(api, world, 2, first.refresh_token)
    await age(world, 61)
    refused = await refresh(api, world, made[0])
    assert (refused.status_code, refused.json()["code"], refused.json()["come_back"]) == (
        401,
        "token_revoked",
        "recover",
    )
    for token in made:
        assert (await refresh(api, world, token)).status_code == 401
    assert (await api.get("/v1/sessions", headers=bearer(first.access_token))).json()["code"] == "token_revoked"
    messages = await run_jobs(world)
    assert [message["recipient"] for message in messages] == ["ada@example.org"]
    assert "beendet" in messages[0]["body"]


@pytest.mark.parametrize(("seconds", "alive"), [(0, True), (59, True), (61, False), (86_400, False)])
async def test_within_a_minute_a_reuse_is_only_refused(api, world, seconds, alive):
    made = await chain(api, world, 2, mint(world).refresh_token)
    await age(world, seconds)
    refused = await refresh(api, world, made[0])
    assert refused.json()["come_back"] == ("use_newer" if alive else "recover")
    assert (await refresh(api, world, made[2])).status_code == (200 if alive else 401)


async def test_a_reuse_of_the_token_before_the_last_is_judged_by_its_own_successor(api, world):
    """The successor of the oldest was used long ago, though later ones were used just now."""
    made = await chain(api, world, 2, mint(world).refresh_token)
    await age(world, 3600)
    made += (await chain(api, world, 1, made[2]))[1:]
    assert (await refresh(api, world, made[1])).json()["come_back"] == "use_newer"
    assert (await refresh(api, world, made[3])).status_code == 200
    assert (await refresh(api, world, made[0])).json()["come_back"] == "recover"
    assert (await refresh(api, world, made[3])).status_code == 401


async def test_the_session_of_a_member_of_staff_too(api, world):
    answer = await api.post(
        "/v1/staff", headers=world.owner, json={"name": "Grace", "email": "grace@example.org", "role": "agent"}
    )
    made = await chain(api, world, 2, answer.json()["refresh_token"])
    await age(world, 61)
    assert (await refresh(api, world, made[0])).json()["come_back"] == "sign_in"
    messages = await run_jobs(world)
    assert [message["recipient"] for message in messages] == ["grace@example.org"]


async def test_an_expired_refresh_token_says_how_to_come_back(api, world):
    settings, old = world.runtime.settings, now() - timedelta(days=world.runtime.settings.refresh_token_days + 1)
    for subject, way in (("customer", "recover"), ("staff", "sign_in")):
        pair = tokens.mint(world.runtime.vault, settings, world.org, subject, new_id(), old)
        refused = await refresh(api, world, pair.refresh_token)
        assert (refused.json()["code"], refused.json()["come_back"]) == ("token_expired", way)
        expired = await api.get("/v1/sessions", headers=bearer(pair.access_token))
        assert expired.json()["come_back"] == "refresh"


# repeats under a publishable key ----------------------------------------------------------------------------------


async def test_a_replay_brings_tokens_until_the_first_was_used(api, world):
    headers = {**world.app, "Idempotency-Key": str(uuid4())}
    wish = visit(world, "adult")
    first = await api.post("/v1/bookings", json=wish, headers=headers)
    again = await api.post("/v1/bookings", json=wish, headers=headers)
    assert session_of(world, again.json()["access_token"]) == session_of(world, first.json()["access_token"])
    assert (await api.get("/v1/me/bookings", headers=bearer(again.json()["access_token"]))).status_code == 200
    late = await api.post("/v1/bookings", json=wish, headers=headers)
    assert late.status_code == 201
    assert late.headers["idempotency-replayed"] == "true"
    assert late.json()["id"] == first.json()["id"]
    assert not {"access_token", "refresh_token", "access_token_expires_at"} & set(late.json())


async def test_a_refresh_is_a_use_too_and_so_is_a_confirmation(api, world):
    for use in ("refresh", "confirm"):
        headers = {**world.app, "Idempotency-Key": str(uuid4())}
        wish = visit(world, "adult")
        first = (await api.post("/v1/bookings", json=wish, headers=headers)).json()
        if use == "refresh":
            assert (await refresh(api, world, first["refresh_token"])).status_code == 200
        else:
            await confirm(api, owner_of(first), first)
            await first_uses_written(world)
        assert "access_token" not in (await api.post("/v1/bookings", json=wish, headers=headers)).json()


async def test_after_ten_minutes_a_replay_brings_no_tokens(api, world):
    headers = {**world.app, "Idempotency-Key": str(uuid4())}
    wish = visit(world, "adult")
    await api.post("/v1/bookings", json=wish, headers=headers)
    async with world.runtime.pool.acquire() as db:
        await db.execute("update idempotency_key set created_at = created_at - interval '9 minutes 50 seconds'")
        assert "access_token" in (await api.post("/v1/bookings", json=wish, headers=headers)).json()
        await db.execute("update idempotency_key set created_at = created_at - interval '11 seconds'")
    assert "access_token" not in (await api.post("/v1/bookings", json=wish, headers=headers)).json()


async def test_a_stored_answer_ends_with_the_session_that_it_opened(api, world):
    headers = {**world.app, "Idempotency-Key": str(uuid4())}
    wish = visit(world, "adult")
    first = (await api.post("/v1/bookings", json=wish, headers=headers)).json()
    assert (await api.delete("/v1/tokens", headers=owner_of(first))).status_code == 204
    refused = await api.post("/v1/bookings", json=wish, headers=headers)
    assert (refused.status_code, refused.json()["come_back"]) == (401, "recover")


async def test_a_redeemed_codes_replay_brings_the_same_session_until_it_is_used(api, world):
    headers = {**world.app, "Idempotency-Key": str(uuid4())}
    code = await make_code(world, new_id())
    one, two = [(await redeem(api, world, code, headers)).json() for _ in range(2)]
    assert one["session_id"] == two["session_id"]
    await listed(api, bearer(two["access_token"]))
    third = await redeem(api, world, code, headers)
    assert third.status_code == 200
    assert "access_token" not in third.json()
    await api.delete(f"/v1/sessions/{one['session_id']}", headers=bearer(one["access_token"]))
    assert (await redeem(api, world, code, headers)).json()["code"] == "token_revoked"


# ending the others ------------------------------------------------------------------------------------------------


async def test_the_owners_own_code_may_end_all_others_those_without_a_row_too(api, world):
    customer = new_id()
    first, other = mint(world, customer, session_id=customer), mint(world, customer)
    answer = (await redeem(api, world, await make_code(world, customer), end_others=True)).json()
    assert answer["ended_sessions"] >= 1
    for pair in (first, other):
        assert (await api.get("/v1/sessions", headers=bearer(pair.access_token))).status_code == 401
        assert (await refresh(api, world, pair.refresh_token)).status_code == 401
    assert len(await listed(api, bearer(answer["access_token"]))) == 1
    later = mint(world, customer)
    assert (await api.get("/v1/sessions", headers=bearer(later.access_token))).status_code == 200


async def test_a_member_of_staff_ends_what_was_handed_over_and_never_used_too(api, world):
    members = (await api.get("/v1/staff", headers=world.owner)).json()["items"]
    agent = next(UUID(one["id"]) for one in members if one["role"] == "agent")
    now = datetime.now(UTC) - timedelta(minutes=1)
    handed = tokens.mint(world.runtime.vault, world.runtime.settings, world.org, "staff", agent, now, role="agent")
    answer = (await redeem(api, world, await make_code(world, agent, "sign_in"), end_others=True)).json()
    assert (await api.get("/v1/sessions", headers=bearer(handed.access_token))).json()["code"] == "token_revoked"
    assert (await refresh(api, world, handed.refresh_token)).status_code == 401
    assert (await api.get("/v1/sessions", headers=world.agent)).status_code == 401
    assert len(await listed(api, bearer(answer["access_token"]))) == 1
    assert (await api.get("/v1/sessions", headers=world.owner)).status_code == 200, "others of the staff stay"


async def test_end_others_needs_a_code(api, world):
    body = {"grant": "refresh", "refresh_token": mint(world).refresh_token, "end_others": True}
    refused = await api.post("/v1/tokens", json=body, headers=world.app)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, "/end_others")


# pure -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("user_agent", "hint"),
    [
        (PHONE, "Safari on iPhone"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0.0.0 Safari/537.36", "Chrome on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/130 Safari/537.36 Edg/130", "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 14; SM-S921B) AppleWebKit Chrome/130 Mobile Safari", "Chrome on Android"),
        ("Ostwind/4.2.1 (iPad; iOS 18.1)", "Ostwind on iPad"),
        ("okhttp/4.12.0", "okhttp"),
        ("curl/8.1", "curl"),
        ("\u202e\u0000", None),
        ("", None),
        (None, None),
        ("x" * 1000, "x" * 40),
        ("Mozilla/5.0", None),
    ],
)
def test_the_hint_of_a_device_names_a_family_and_nothing_more(user_agent, hint):
    assert rules.device_of(user_agent) == hint


def test_a_session_without_a_row_ends_with_those_that_were_before_it():
    old, cut = new_id(), now() + timedelta(seconds=1)
    assert rules.is_ended(old, exists=False, revoked_at=None, others_ended_at=cut)
    assert not rules.is_ended(old, exists=False, revoked_at=None, others_ended_at=cut - timedelta(hours=1))
    assert not rules.is_ended(old, exists=False, revoked_at=None, others_ended_at=None)
    assert not rules.is_ended(old, exists=True, revoked_at=None, others_ended_at=cut)
    assert rules.is_ended(old, exists=True, revoked_at=cut, others_ended_at=None)
    assert rules.is_ended(uuid4(), exists=False, revoked_at=None, others_ended_at=cut), "one that doesn't tell its age"


async def test_a_restricted_token_whose_row_is_gone_sees_nothing_rather_than_everything(api, world):
    pair = mint(world, restricted=True)
    refused = await api.get("/v1/me/bookings", headers=bearer(pair.access_token))
    assert refused.json()["code"] == "token_revoked"
    assert (await refresh(api, world, pair.refresh_token)).json()["code"] == "token_revoked"


async def test_a_digest_tells_an_address_however_it_is_written_and_no_other(world):
    vault, org = world.runtime.vault, world.org
    (digest,) = reach.digests(vault, org, "email", "Ada@Example.org ")
    assert reach.matches(vault, org, digest, " ada@example.ORG", None)
    assert not reach.matches(vault, org, digest, "ada@example.com", "ada@example.org")
    assert not reach.matches(vault, msgspec.structs.replace(org, org_id=new_id()), digest, "ada@example.org", None)
    assert not reach.matches(vault, org, digest, None, None)
    assert b"ada" not in digest
    (phone,) = reach.digests(vault, org, "phone", "+49 30 901820")
    for written in ("+49 (30) 90-18-20", "030 901820", "0049 30 901820", "\u202a+4930901820\u202c"):
        assert reach.matches(vault, msgspec.structs.replace(org, country="DE"), phone, None, written)
    (domain,) = reach.digests(vault, org, "email", "ada@bücher.example")
    assert reach.matches(vault, org, domain, "ADA@xn--bcher-kva.example", None)


async def test_confirming_needs_no_row_first_and_notes_one(api, world):
    held = await hold(api, world.app, visit(world, "adult"))
    await confirm(api, owner_of(held), held)
    await first_uses_written(world)
    async with world.runtime.pool.acquire() as db:
        row = (
            await session_life_queries.find_session_rows(
                db, world.org.org_id, [UUID(session_of(world, held["access_token"]))]
            )
        )[0]
        assert await queries.find_organisation(db, world.org.org_id)
    assert row.first_used_at is not None
    assert CONTACT["email"] not in str(row)
