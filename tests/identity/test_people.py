"""Customers' contacts, messages to them, what the command line calls, and what is swept."""

from datetime import UTC, datetime, timedelta

import pytest

from booking_api.core.errors import DomainError
from booking_api.core.ids import new_id
from booking_api.identity import (
    codes,
    contact_queries,
    jobs,
    notifier,
    operations,
    queries,
    session_life_queries,
    tokens,
)
from booking_api.identity.notifier import Message
from booking_api.identity.schemas import NewOrganisation, Reachable
from tests.world import bearer, build_world


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
async def db(runtime):
    async with runtime.pool.acquire() as connection:
        yield connection


def message(world, **more):
    given = {"recipient": "ada@example.org", "subject": "Code", "body": "7K4QM-2X9VB", "created_at": now(), **more}
    return Message(org_id=world.org.org_id, **given)


async def test_a_customer_is_remembered_as_they_last_said(world, db):
    org_id, customer_id = world.org.org_id, new_id()
    assert await operations.customer_contacts(db, org_id, [customer_id]) == {}
    first = Reachable(customer_id, "Ada", "ada@example.org", "+4930901820", "en")
    await operations.remember_customers(db, org_id, [first], now())
    second, third = (Reachable(customer_id, name, "al@example.org", None, "de") for name in ("Ada M", "Ada L"))
    await operations.remember_customers(db, org_id, [second, third], now())
    found = (await operations.customer_contacts(db, org_id, [customer_id]))[customer_id]
    assert (found.name, found.email, found.phone) == ("Ada L", "al@example.org", None)
    assert await db.fetchval("select locale from customer") == "de"


async def test_another_organisation_does_not_know_them(world, db):
    other, customer_id = await build_world(world.runtime, "Other"), new_id()
    await operations.remember_customers(db, world.org.org_id, [Reachable(customer_id, "Ada", None, None, "en")], now())
    assert await operations.customer_contacts(db, other.org.org_id, [customer_id]) == {}
    assert await operations.forget_contacts(db, other.org.org_id, [customer_id], now()) == 0


async def test_contacts_are_forgotten(world, db):
    org_id, ids = world.org.org_id, [new_id(), new_id(), new_id()]
    said = [Reachable(customer_id, "Ada", "ada@example.org", None, "en") for customer_id in reversed(ids)]
    await operations.remember_customers(db, org_id, said, now())
    assert await operations.forget_contacts(db, org_id, ids[:2], now()) == 2
    found = await operations.customer_contacts(db, org_id, ids)
    assert [(found[customer_id].name, found[customer_id].email) for customer_id in ids] == [
        (None, None), (None, None), ("Ada", "ada@example.org"),
    ]  # fmt: skip
    assert await operations.forget_contacts(db, org_id, [], now()) == 0


async def test_messages_arrive_in_the_mailbox_and_the_log_names_nobody(world, db, monkeypatch):
    logged = []
    monkeypatch.setattr(notifier.log, "info", lambda event, **facts: logged.append((event, facts)), raising=False)
    sent = message(world)
    for _ in range(2):
        await notifier.send(world.runtime, sent)
    mail = await contact_queries.list_mail(db, world.org.org_id, 10)
    assert [(found.recipient, found.body) for found in mail] == [("ada@example.org", "7K4QM-2X9VB")]
    assert logged[0][0] == "message.sent"
    assert "@" not in str(logged)
    assert "7K4QM" not in str(logged)


async def test_another_notifier_can_stand_behind_the_seam(world, db):
    sent = []

    class Pigeon:
        async def send(self, runtime, message):
            sent.append(message)

    await notifier.send(world.runtime, message(world), Pigeon())
    assert len(sent) == 1
    assert await contact_queries.list_mail(db, world.org.org_id, 10) == []


async def test_old_codes_messages_and_sessions_are_swept(world, db):
    org_id, days = world.org.org_id, world.runtime.settings.refresh_token_days
    long_ago = now() - timedelta(days=days + 2)
    await codes.make_code(db, org_id, "recover", new_id(), None, long_ago, 600)
    await codes.make_code(db, org_id, "recover", new_id(), None, now(), 600)
    await notifier.send(world.runtime, message(world, created_at=long_ago))
    await notifier.send(world.runtime, message(world))
    await session_life_queries.advance_session(db, org_id, new_id(), new_id(), 0, "customer", "web", None, long_ago)
    await session_life_queries.revoke_session(db, org_id, new_id(), new_id(), now() - timedelta(days=days - 1))
    assert await jobs.sweep_credentials(world.runtime) == 3
    assert await jobs.sweep_credentials(world.runtime) == 0
    for table in ("single_use_code", "mailbox", "session"):
        assert await db.fetchval(f"select count(*) from {table}") == 1


async def test_what_the_command_line_adds_works(api, world, db):
    new = NewOrganisation(name="Westwind", time_zone="America/New_York", currency="USD", locale="en-US", live=True)
    keys = await operations.add_organisation(db, new, now())
    assert keys.publishable_key.startswith("pk_live_")
    org = await queries.find_organisation(db, keys.org_id)
    assert org is not None
    owner = await operations.add_staff(db, org, "Olga", "Olga@Example.org", "owner", now())
    minted = operations.staff_tokens(world.runtime.vault, world.runtime.settings, org, owner, now())
    listed = await api.get("/v1/staff", headers=bearer(minted.access_token))
    assert [member["email"] for member in listed.json()["items"]] == ["olga@example.org"]
    assert (await api.get("/v1/keys", headers=bearer(keys.secret_key))).status_code == 200


async def test_what_the_command_line_may_not_add(world, db):
    zone = NewOrganisation(name="Mars", time_zone="Mars/Olympus", currency="EUR", locale="en", live=False)
    with pytest.raises(DomainError, match="IANA"):
        await operations.add_organisation(db, zone, now())
    with pytest.raises(DomainError, match="address"):
        await operations.add_staff(db, world.org, "Twice", "OWNER@example.org", "owner", now())


async def test_a_session_in_use_notes_it_once_a_minute(api, world, db):
    minted = tokens.mint(world.runtime.vault, world.runtime.settings, world.org, "customer", new_id(), now())
    body = {"grant": "refresh", "refresh_token": minted.refresh_token}
    await api.post("/v1/tokens", json=body, headers=world.app)
    noted = await db.fetchval("select last_used_at from session")
    await api.get("/v1/keys", headers=bearer(minted.access_token))
    assert await db.fetchval("select last_used_at from session") == noted
    await db.execute("update session set last_used_at = last_used_at - interval '61 seconds'")
    await api.get("/v1/keys", headers=bearer(minted.access_token))
    assert await db.fetchval("select last_used_at from session") > noted
