"""Who did what: an entry for each act, in its transaction; refusals counted; nothing ever changed; read by owners."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from booking_api.bookings import jobs as bookings
from booking_api.core.db.partitions import begins_of, first_id, month_of
from booking_api.core.ids import new_id
from booking_api.core.secrets import Vault
from booking_api.identity import audit, jobs, tokens
from booking_api.run.lifetime import open_runtime
from tests.bookings.journey import confirm, hold, owner_of, visit
from tests.contract.test_queries import STATEMENTS
from tests.inventory.helpers import news_of, patch_slot
from tests.processes import run
from tests.world import bearer, build_world


def now() -> datetime:
    return datetime.now(UTC)


async def entries(api, world, headers=None, **query):
    answer = await api.get("/v1/audit", headers=headers or world.owner, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


def told(found):
    return [(one["action"], one.get("reason_code"), one["occurrences"]) for one in found]


# acts -------------------------------------------------------------------------------------------------------------


async def test_keys_staff_and_roles_leave_an_entry_each_and_repeats_leave_none(api, world):
    key = (
        await api.post("/v1/keys", json={"kind": "secret", "name": "Till", "scopes": ["scan"]}, headers=world.owner)
    ).json()
    for _ in range(2):
        assert (await api.delete(f"/v1/keys/{key['id']}", headers=world.owner)).status_code == 204
    new = {"name": "Grace Hopper", "email": "grace@example.org", "role": "agent"}
    idempotent = {**world.owner, "Idempotency-Key": str(uuid4())}
    await api.post("/v1/staff", json=new, headers=idempotent)
    member = (await api.post("/v1/staff", json=new, headers=idempotent)).json()
    path = f"/v1/staff/{member['id']}"
    for change in (
        {"role": "manager"},
        {"role": "manager"},
        {"name": "Rear Admiral Hopper"},
        {"name": "Rear Admiral Hopper"},
    ):
        assert (await api.patch(path, json=change, headers=world.owner)).status_code == 200
    for _ in range(2):
        assert (await api.delete(path, headers=world.key)).status_code == 204
    found = await entries(api, world)
    assert told(found) == [
        ("staff.revoked", None, 1), ("staff.changed", "name", 1), ("staff.role_changed", "agent_to_manager", 1),
        ("staff.created", "as_agent", 1), ("key.revoked", None, 1), ("key.created", "secret", 1),
    ]  # fmt: skip
    assert {one["object"]["id"] for one in found[:4]} == {member["id"]}
    assert {one["object"]["id"] for one in found[4:]} == {key["id"]}
    assert [one["actor"]["kind"] for one in found] == ["key", *["staff"] * 5]
    assert all(one["request_id"] for one in found)


async def test_an_entry_names_who_acted_through_what_and_in_which_request(api, world):
    headers = {**world.owner, "X-Request-Id": "0123456789abcdef"}
    await api.post("/v1/keys", json={"kind": "publishable", "name": "Kiosk"}, headers=headers)
    [entry] = await entries(api, world)
    claims = tokens.read(world.runtime.vault, world.owner["Authorization"].split()[1], "access", now())
    assert entry["actor"] == {"kind": "staff", "id": str(claims.subject_id), "credential_id": str(claims.session_id)}
    assert entry["request_id"] == "0123456789abcdef"
    assert abs(datetime.fromisoformat(entry["created_at"]) - now()) < timedelta(minutes=1)


async def test_what_is_refused_or_rolled_back_leaves_no_entry_of_an_act(api, world):
    await api.post("/v1/staff", json={"name": "A", "email": "owner@example.org", "role": "agent"}, headers=world.owner)
    await api.delete(f"/v1/staff/{uuid4()}", headers=world.owner)
    await api.delete(f"/v1/keys/{uuid4()}", headers=world.owner)
    await api.post("/v1/keys", json={"kind": "secret", "name": "x", "scopes": []}, headers=world.owner)
    assert await entries(api, world) == []


@pytest.mark.parametrize("alone", [True, False])
async def test_an_override_is_noted_by_its_verdict_and_never_by_what_was_typed(api, world, alone):
    held = await hold(api, world.app, visit(world, "adult", "adult"))
    booking = await confirm(api, owner_of(held), held)
    scan = {
        "code": booking["items"][0]["pass"]["code"], "nonce": str(new_id()), "override": {"reason": "Mrs Hopper is ill"},
        "party_item_ids": [booking["items"][1]["id"]],
    }  # fmt: skip
    headers = {**world.manager, **({"Idempotency-Key": str(uuid4())} if alone else {})}
    for _ in range(2):
        assert (await api.post("/v1/scans", json=scan, headers=headers)).json()["admit"]
    found = await entries(api, world)
    assert told(found) == [("scan.overridden", "unpaid", 1)] * 2
    assert {one["object"]["id"] for one in found} == {item["id"] for item in booking["items"]}
    undone = await api.post(f"/v1/scans/{scan['nonce']}/undo", headers=world.owner)
    assert undone.status_code == 200
    await api.post(f"/v1/scans/{scan['nonce']}/undo", headers=world.owner)
    assert told(await entries(api, world, action="scan.undone")) == [("scan.undone", "by_another", 1)]
    async with world.runtime.pool.acquire() as db:
        assert "Hopper" not in str([tuple(row) for row in await db.fetch("select * from audit")])


async def test_a_scan_without_an_override_adds_no_statement(api, world, monkeypatch):
    asked = []

    async def insert(*arguments):
        asked.append(arguments)

    monkeypatch.setattr(audit.audit_queries, "insert_notes", insert)
    booking = await confirm(api, owner_of(held := await hold(api, world.app, visit(world, "adult"))), held)
    await api.post(
        "/v1/scans", json={"code": booking["items"][0]["pass"]["code"], "nonce": str(new_id())}, headers=world.agent
    )
    assert asked == []


async def test_who_cancelled_for_somebody_and_who_took_money_is_noted_without_what_was_typed(api, world):
    for headers, kind in ((world.agent, "staff"), (world.key, "key")):
        held = await hold(api, world.app, visit(world, "adult"))
        booking = await confirm(api, owner_of(held), held)
        paid = {"method": "terminal", "amount": booking["price"]["due_on_site"]}
        if kind == "staff":
            answer = await api.post(f"/v1/bookings/{held['id']}/payments", json=paid, headers=headers)
            assert answer.status_code == 200, answer.text
        for _ in range(2):
            wish = {"reason": "Mrs Hopper is ill"}
            cancelled = await api.post(f"/v1/bookings/{held['id']}/cancel", json=wish, headers=headers)
            assert cancelled.status_code == 200, cancelled.text
        found = [one for one in await entries(api, world) if one["object"]["id"] == held["id"]]
        assert {one["actor"]["kind"] for one in found} == {kind}
        expected = [("booking.cancelled", "refunded", 1), ("booking.settled", "terminal", 1)]
        assert told(found) == (expected if kind == "staff" else [("booking.cancelled", None, 1)])
    async with world.runtime.pool.acquire() as db:
        assert "Hopper" not in str([tuple(row) for row in await db.fetch("select * from audit")])


@pytest.mark.parametrize("paid", [True, False])
async def test_a_customer_who_cancels_is_noted_where_money_goes_back(api, world, paid):
    held = await hold(api, world.app, visit(world, "child"))
    owner = owner_of(held)
    booking = await confirm(api, owner, held)
    if paid:
        money = {"method": "cash", "amount": booking["price"]["due_on_site"]}
        await api.post(f"/v1/bookings/{held['id']}/payments", json=money, headers=world.agent)
    assert (await api.post(f"/v1/bookings/{held['id']}/cancel", headers=owner)).status_code == 200
    found = await entries(api, world, action="booking.cancelled")
    assert [(one["actor"]["kind"], one["reason_code"]) for one in found] == ([("customer", "refunded")] if paid else [])


async def test_passes_that_a_moved_slot_issues_anew_are_noted_once(api, world):
    held = await hold(api, world.app, visit(world, "adult", "child", slot=world.tower_slots[5]))
    booking = await confirm(api, owner_of(held), held)
    later = datetime.fromisoformat(booking["slot"]["starts_at"]) + timedelta(hours=3)
    await patch_slot(api, world.manager, world.tower_slots[5], starts_at=later)
    event = [one for one in await news_of(world, world.tower_slots[5]) if one.type == "slot.changed"][-1]
    for _ in range(2):
        await bookings.follow_slot(world.runtime, event)
    [entry] = await entries(api, world, action="pass.reissued")
    assert (entry["actor"]["kind"], entry["object"]) == ("system", {"type": "booking", "id": held["id"]})
    assert entry["reason_code"] == "slot_changed"


async def test_persons_and_codes_for_helped_customers_are_noted(api, world):
    held = await hold(api, world.app, visit(world, "adult"))
    booking = await confirm(api, owner_of(held), held)
    code = await api.post(f"/v1/bookings/{held['id']}/resume-code", headers=world.agent)
    assert code.status_code == 201, code.text
    who = {"email": booking["contact"]["email"]}
    assert (await api.post("/v1/persons/export", json=who, headers=world.owner)).status_code == 200
    assert (await api.post("/v1/persons/erase", json=who, headers=world.owner)).status_code == 409
    found = await entries(api, world)
    assert told(found) == [("person.exported", None, 1), ("code.issued", None, 1)]
    assert [one["object"]["type"] for one in found] == ["person", "booking"]


async def test_commands_leave_entries(database_url, runtime, api, world):
    environment = {"DATABASE_URL": database_url, "BOOKING_SECRET_KEY": runtime.settings.secret_key}
    org = str(world.org.org_id)
    for arguments in (
        ("org", "add", "Nordwind", "--time-zone", "Europe/Oslo", "--currency", "NOK", "--locale", "en"),
        ("staff", "add", "Ada", "ada@example.org", "--role", "manager", "--org", org),
        ("keys", "rotate", "--org", org),
        ("mailbox", "--org", org),
    ):
        done = await asyncio.to_thread(run, *arguments, **environment)
        assert done.returncode == 0, done.stderr
    found = await entries(api, world)
    assert told(found) == [
        ("data.exported", "mailbox", 1), ("signing_key.rotated", None, 1), ("staff.created", "as_manager", 1),
    ]  # fmt: skip
    assert {one["actor"]["kind"] for one in found} == {"command"}
    async with runtime.pool.acquire() as db:
        assert await db.fetchval("select count(*) from audit where action = 'organisation.created'") == 1


# what was refused -------------------------------------------------------------------------------------------------


async def refused(api, credential, times=1):
    for _ in range(times):
        answer = await api.get("/v1/staff", headers=bearer(credential))
        assert answer.status_code == 401


async def test_wrong_keys_are_counted_and_leave_two_entries_a_minute(api, world):
    wrong = world.key["Authorization"].split()[1][:-3] + "AAA"
    await refused(api, wrong, 50)
    await audit.write_counts(world.runtime)
    assert told(await entries(api, world)) == [
        ("sign_in.failed", "unknown_key", 49),
        ("sign_in.failed", "unknown_key", 1),
    ]


async def test_each_kind_of_failed_sign_in_has_its_code(api, world):
    foreign = tokens.mint(
        Vault("z9" + "k3v8q1x7" * 4 + "hello"), world.runtime.settings, world.org, "customer", new_id(), now()
    )
    await refused(api, foreign.access_token)
    key = (
        await api.post("/v1/keys", json={"kind": "secret", "name": "x", "scopes": ["scan"]}, headers=world.owner)
    ).json()
    await api.delete(f"/v1/keys/{key['id']}", headers=world.owner)
    await refused(api, key["key"])
    assert (
        await api.post("/v1/tokens", json={"grant": "code", "code": "AAAAA-AAAAA"}, headers=world.app)
    ).status_code == 401
    signed_out = world.customer()
    await api.delete("/v1/tokens", headers=signed_out)
    await refused(api, signed_out["Authorization"].split()[1])
    await audit.write_counts(world.runtime)
    found = await entries(api, world, action="sign_in.failed")
    assert sorted(one["reason_code"] for one in found) == [
        "revoked_key",
        "revoked_token",
        "unknown_code",
        "unknown_token",
    ]
    assert {one["actor"]["kind"] for one in found} == {"anonymous"}


@pytest.mark.parametrize(
    "credential", ["sk_test_", "sk_live_%%%", "a.b.c", "..", "eyJhbGciOiJIUzI1NiJ9.e30.x", "ü.ü.ü", "x" * 4000]
)
async def test_a_credential_that_names_nobody_is_nobodys_failure(api, world, credential):
    answer = await api.get("/v1/staff", headers={"Authorization": f"Bearer {credential}".encode()})
    assert answer.status_code == 401
    await audit.write_counts(world.runtime)
    assert await entries(api, world) == []


async def test_organisations_that_do_not_exist_fill_nothing(api, world):
    settings = world.runtime.settings
    for _ in range(20):
        nowhere = msgspec.structs.replace(world.org, org_id=new_id())
        await refused(
            api,
            tokens.mint(
                Vault("0e8f" * 3 + "another secret of some length"), settings, nowhere, "staff", new_id(), now()
            ).access_token,
        )
    await audit.write_counts(world.runtime)
    async with world.runtime.pool.acquire() as db:
        assert await db.fetchval("select count(*) from audit") == 0
    assert world.runtime.caches[audit.COUNTS].windows == {}


async def test_no_more_kinds_are_counted_at_once_than_there_is_room_for(world, monkeypatch):
    monkeypatch.setattr(audit, "MOST_WINDOWS", 2)
    for reason in ("a", "b", "c", "a"):
        audit.count_failure(world.runtime, world.org.org_id, "sign_in.failed", reason)
    await audit.write_counts(world.runtime)
    async with world.runtime.pool.acquire() as db:
        rows = await db.fetch("select reason_code, sum(occurrences)::int as n from audit group by 1 order by 1")
    assert [tuple(row) for row in rows] == [("a", 2), ("b", 1)]


async def test_a_minute_that_is_over_is_written_without_anybody_asking(world, monkeypatch):
    monkeypatch.setattr(audit, "WINDOW_SECONDS", 0.05)
    for _ in range(5):
        audit.count_failure(world.runtime, world.org.org_id, "webhook.forged", "bad_signature")
    async with world.runtime.pool.acquire() as db:
        for _ in range(200):
            if await db.fetchval("select sum(occurrences)::int from audit") == 5:
                break
            await asyncio.sleep(0.02)
        else:
            raise AssertionError("what was counted was never written")


async def test_a_process_that_ends_writes_what_it_counted(settings, world):
    async with open_runtime(settings) as other:
        for _ in range(7):
            audit.count_failure(other, world.org.org_id, "sign_in.failed", "unknown_key")
    async with world.runtime.pool.acquire() as db:
        assert await db.fetchval("select sum(occurrences)::int from audit") == 7


async def test_a_database_that_is_away_stops_no_refusal(settings, world):
    async with open_runtime(settings) as other:
        await other.pool.close()
        audit.count_failure(other, world.org.org_id, "sign_in.failed", "unknown_key")
        await audit.write_counts(other)
        assert other.caches[audit.COUNTS].windows == {}


# reading ----------------------------------------------------------------------------------------------------------


async def write_many(world, *times):
    async with world.runtime.pool.acquire() as db:
        for n, at in enumerate(times):
            await audit.note_command(db, world.org.org_id, "data.exported", "order", UUID(int=n), at)


async def test_pages_filters_and_the_other_organisation(api, world):
    other = await build_world(world.runtime, "Westwind")
    async with world.runtime.pool.acquire() as db:
        await audit.note_command(db, other.org.org_id, "data.exported", None, None, now())
    await write_many(world, *[now()] * 5)
    first = (await api.get("/v1/audit", params={"limit": 2}, headers=world.owner)).json()
    second = (
        await api.get("/v1/audit", params={"limit": 3, "cursor": first["next_cursor"]}, headers=world.owner)
    ).json()
    assert "next_cursor" not in second
    seen = [one["object"]["id"] for one in first["items"] + second["items"]]
    assert seen == [str(UUID(int=n)) for n in (4, 3, 2, 1, 0)]
    assert await entries(api, world, action="key.created") == []
    assert await entries(api, world, actor=str(uuid4())) == []
    assert len(await entries(api, other, headers=other.owner)) == 1


async def test_a_period_begins_with_its_first_moment_and_ends_before_its_last(api, world):
    at = now().replace(microsecond=0)
    await write_many(world, at - timedelta(seconds=1), at, at + timedelta(seconds=1))
    iso = [(at + timedelta(seconds=n)).isoformat() for n in (0, 1)]
    found = await entries(api, world, **{"from": iso[0], "to": iso[1]})
    assert [one["object"]["id"] for one in found] == [str(UUID(int=1))]
    assert len(await entries(api, world, **{"from": iso[0]})) == 2
    assert len(await entries(api, world, to=iso[0])) == 1
    assert await entries(api, world, **{"from": (at + timedelta(days=3)).isoformat()}) == []


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"from": "2026-01-01"}, "/query/from"),
        ({"from": "2026-01-01T00:00:00"}, "/query/from"),
        ({"from": "9999-12-31T23:59:59-14:00"}, "/query/from"),
        ({"to": "0001-01-01T00:00:00+14:00"}, "/query/to"),
        ({"to": "1700000000"}, "/query/to"),
        ({"actor": "me"}, "/query/actor"),
        ({"limit": "0"}, "/query/limit"),
        ({"limit": "201"}, "/query/limit"),
        ({"cursor": "WyJ4Il0"}, "/query/cursor"),
        ({"who": "x"}, "/query/who"),
    ],
)
async def test_a_bad_filter_is_pointed_at(api, world, query, pointer):
    answer = await api.get("/v1/audit", params=query, headers=world.owner)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == pointer


# only ever added to -----------------------------------------------------------------------------------------------


def test_no_statement_changes_an_entry():
    """What is old in the default partition is the one thing that goes row by row."""
    changing = re.compile(r"\b(update|delete\s+from|truncate|into)\s+audit(_rest)?\b", re.IGNORECASE)
    found = {
        s.name for s in STATEMENTS if changing.search(s.sql) and not s.sql.lstrip().startswith("insert into audit")
    }
    assert found == {"identity.audit_queries.delete_rest"}
    upserts = [s.name for s in STATEMENTS if "insert into audit" in s.sql and "on conflict" in s.sql]
    assert upserts == []


@pytest.mark.parametrize("reason", ["Mrs Hopper is ill", "Krank", "", "x" * 65, "ill\n"])
async def test_the_table_itself_refuses_what_is_no_code(world, reason):
    async with world.runtime.pool.acquire() as db:
        with pytest.raises(asyncpg.CheckViolationError):
            await audit.note_command(db, world.org.org_id, "key.created", None, None, now(), reason)


# months -----------------------------------------------------------------------------------------------------------


async def add_at(db, org_id, at):
    made = UUID(int=first_id(at).int | 7 << 76 | 2 << 62)
    await db.execute(
        "insert into audit (org_id, id, action, actor_kind, request_id, occurrences, created_at) "
        "values ($1, $2, 'key.created', 'command', '', 1, $3)",
        org_id, made, at,
    )  # fmt: skip
    return made


async def test_months_are_made_ahead_and_leave_whole_when_they_are_old(world):
    runtime, org_id = world.runtime, world.org.org_id
    today = now()
    assert await jobs.keep_audit_partitions(runtime) == 1 + jobs.MONTHS_AHEAD
    assert await jobs.keep_audit_partitions(runtime) == 0
    later = today + timedelta(days=runtime.settings.audit_retention_days)
    async with runtime.pool.acquire() as db:
        in_month, in_rest = await add_at(db, org_id, today), await add_at(db, org_id, today - timedelta(days=400))
        await db.execute("select 1")
        of_month = await db.fetchval("select tableoid::regclass::text from audit where id = $1", in_month)
        assert of_month == f"audit_{month_of(today).begins:%Y%m%d}"
        assert await db.fetchval("select tableoid::regclass::text from audit where id = $1", in_rest) == "audit_rest"
    await jobs.keep_audit_partitions(runtime, later)
    async with runtime.pool.acquire() as db:
        assert await db.fetch("select id from audit where id = $1", in_rest) == []
        assert month_of(today).begins in await begins_of(db, "audit"), "its month isn't over for as long as it is kept"
    await jobs.keep_audit_partitions(runtime, later + timedelta(days=40))
    async with runtime.pool.acquire() as db:
        assert month_of(today).begins not in await begins_of(db, "audit")
        assert await db.fetchval("select count(*) from audit") == 0


async def test_kept_for_ever_means_for_ever(world, settings):
    async with open_runtime(msgspec.structs.replace(settings, audit_retention_days=0)) as runtime:
        await jobs.keep_audit_partitions(runtime)
        async with runtime.pool.acquire() as db:
            await add_at(db, world.org.org_id, now())
            await add_at(db, world.org.org_id, now() - timedelta(days=3000))
        await jobs.keep_audit_partitions(runtime, now() + timedelta(days=20_000))
        async with runtime.pool.acquire() as db:
            assert await db.fetchval("select count(*) from audit") == 2
