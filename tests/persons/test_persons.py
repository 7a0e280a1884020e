"""One person: where they can be, what is known of them, and that nothing is left once they are erased."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest
from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries

from booking_api.bookings import jobs as bookings
from booking_api.capabilities import all_personal, all_subscribers
from booking_api.checkin import jobs as checkin
from booking_api.core.db import event_queries
from booking_api.core.ids import new_id
from booking_api.core.money import Money
from booking_api.identity import jobs as identity
from booking_api.identity import notifier
from booking_api.identity.notifier import Message
from booking_api.payments import operations as payments
from booking_api.payments.schemas import Outcome
from booking_api.upkeep import jobs as upkeep
from tests.bookings.journey import confirm, hold, owner_of, visit
from tests.processes import run
from tests.world import build_world

NAME, EMAIL, PHONE = "Wilhelmina Quixote", "wilhelmina.quixote@example.org", "+493012345678"
NEEDLES = ("wilhelmina", "quixote", "3012345678", "allergic to walnuts")


def now() -> datetime:
    return datetime.now(UTC)


# where they can be ------------------------------------------------------------------------------------------------


async def text_columns(database_url):
    db = await asyncpg.connect(database_url)
    rows = await db.fetch(
        """
        select t.relname as table, a.attname as column
        from pg_class t join pg_namespace n on n.oid = t.relnamespace join pg_attribute a on a.attrelid = t.oid
        where n.nspname = 'public' and t.relkind in ('r', 'p') and not t.relispartition and a.attnum > 0
          and not a.attisdropped
          and a.atttypid in ('text'::regtype, 'varchar'::regtype, 'jsonb'::regtype, 'json'::regtype, 'bytea'::regtype, 'tsvector'::regtype,
                             'text[]'::regtype)
        """
    )
    await db.close()
    return {(row["table"], row["column"]) for row in rows}


async def test_every_column_that_could_hold_a_person_is_declared_and_no_other(database_url):
    declared = {(table, column) for table, columns in all_personal().items() for column in columns}
    found = await text_columns(database_url)
    assert found - declared == set(), "say in the capability's `personal` what becomes of a person there"
    assert declared - found == set(), "these are gone"


async def test_a_column_that_nobody_declared_is_found(database_url):
    db = await asyncpg.connect(database_url)
    await db.execute("alter table slot add column crew_names text[]; alter table place add column photo bytea")
    await db.close()
    declared = {(table, column) for table, columns in all_personal().items() for column in columns}
    assert await text_columns(database_url) - declared == {("slot", "crew_names"), ("place", "photo")}


async def dump(db):
    """Everything in the database as text, bytes as far as they are text."""
    found = {}
    for row in await db.fetch("select tablename from pg_tables where schemaname = 'public'"):
        rows = await db.fetch(f"select * from {row['tablename']}")
        found[row["tablename"]] = " ".join(
            value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
            for one in rows
            for value in one
        ).lower()
    return found


async def where(world):
    async with world.runtime.pool.acquire() as db:
        return {table for table, text in (await dump(db)).items() if any(needle in text for needle in NEEDLES)}


async def plant(api, world, *, cancelled=False):
    """A person in every place where the API lets them be."""
    contact = {"name": NAME, "email": EMAIL, "phone": PHONE}
    wish = {**visit(world, "adult", "child"), "contact": contact}
    wish["items"] = [{**item, "name": NAME} for item in wish["items"]]
    wish["answers"] = {"language": "en"}
    idempotent = {"Idempotency-Key": str(uuid4())}
    held = await hold(api, {**world.app, **idempotent}, wish)
    customer = {**owner_of(held), "User-Agent": "Wilhelmina/4.2 (iPhone; iOS 18.1)"}
    answer = await api.patch(
        f"/v1/bookings/{held['id']}", json={"contact": contact}, headers={**customer, "Idempotency-Key": str(uuid4())}
    )
    assert answer.status_code == 200, answer.text
    body = {"contact": contact, "payment": {"method": "on_site"}}
    booking = (
        await api.post(
            f"/v1/bookings/{held['id']}/confirm", json=body, headers={**customer, "Idempotency-Key": str(uuid4())}
        )
    ).json()
    assert booking["status"] == "confirmed", booking
    said = {
        "step": "confirmed",
        "kind": "csat",
        "score": 5,
        "text": f"I, {NAME}, am allergic to walnuts",
        "booking_id": booking["id"],
    }
    assert (await api.post("/v1/feedback", json=said, headers=customer)).status_code == 201
    scan = {
        "code": booking["items"][0]["pass"]["code"],
        "nonce": str(new_id()),
        "override": {"reason": f"{NAME} is late"},
    }
    assert (await api.post("/v1/scans", json=scan, headers=world.manager)).json()["admit"]
    assert (
        await api.post(
            "/v1/tokens/recover", json={"reference": booking["reference"], "email": EMAIL}, headers=world.app
        )
    ).status_code == 202
    assert (await api.post("/v1/me/contact-code", json={"email": EMAIL}, headers=customer)).status_code == 202
    letter = Message(org_id=world.org.org_id, recipient=EMAIL, subject=f"Dear {NAME}", body="x", created_at=now())
    await notifier.send(world.runtime, letter)
    other = await hold(api, customer, {**wish, "slot_id": str(world.tower_slots[3])})
    answer = await api.post(f"/v1/bookings/{other['id']}/cancel", json={"reason": f"{NAME} fell ill"}, headers=customer)
    assert answer.status_code == 200, answer.text
    return booking, customer


async def visits_are_over(world, days=1):
    async with world.runtime.pool.acquire() as db:
        await db.execute("update booking set visit_ends_at = $1", now() - timedelta(days=days))
        await db.execute("update feedback set retention_from = $1", now() - timedelta(days=days))
        await db.execute("update scan set received_at = $1", now() - timedelta(days=days))


PLANTED = {"booking", "customer", "feedback", "idempotency_key", "item", "mailbox", "scan", "session"}


async def pass_on(world):
    """What happened is handed to the worker's queue and carried out, so that codes lie in the mailbox as well."""
    async with world.runtime.pool.acquire() as db:
        events = await event_queries.claim_unrelayed_events(db, now(), 500)
        names = [event for event in events for _ in all_subscribers().get(event.type, ())]
        jobs = [msgspec.json.encode(event) for event in names]
        await Queries(AsyncpgDriver(db)).enqueue(["planted"] * len(jobs), jobs, [0] * len(jobs))
    for event in events:
        for subscriber in all_subscribers().get(event.type, ()):
            await subscriber(world.runtime, event)
    return {event.type for event in events}


async def test_a_person_who_is_erased_is_nowhere(api, world):
    booking, _ = await plant(api, world)
    bystander = await confirm(api, owner_of(held := await hold(api, world.app, visit(world, "adult"))), held)
    assert {"recovery.requested", "contact_code.requested"} <= await pass_on(world)
    async with world.runtime.pool.acquire() as db:
        assert await db.fetchval("select count(*) from mailbox where recipient = $1", EMAIL) >= 3
        assert await db.fetchval("select count(*) from pgqueuer where entrypoint = 'planted'") >= 2
    assert await where(world) == PLANTED
    await visits_are_over(world)
    erased = await api.post("/v1/persons/erase", json={"email": EMAIL.upper() + " "}, headers=world.owner)
    assert erased.status_code == 200, erased.text
    assert erased.json()["bookings"] == 2
    assert await where(world) == set()
    again = (
        await api.post(
            "/v1/persons/erase", json={"customer_id": str(await customer_of(world, booking))}, headers=world.owner
        )
    ).json()
    assert set(again.values()) == {0}
    assert (await api.post("/v1/persons/erase", json={"email": EMAIL}, headers=world.owner)).status_code == 404
    shown = (await api.get(f"/v1/bookings/{booking['id']}", headers=world.agent)).json()
    assert shown["price"] == booking["price"], "what was paid stays"
    assert (await api.get(f"/v1/bookings/{bystander['id']}", headers=world.agent)).json()["contact"] == bystander[
        "contact"
    ]
    entries = (await api.get("/v1/audit", params={"action": "person.erased"}, headers=world.owner)).json()["items"]
    assert {one["object"]["id"] for one in entries} == {str(await customer_of(world, booking))}


async def test_what_was_answered_to_others_is_erased_and_done_no_second_time(api, world):
    """Staff and integrations have keys of their own under which a person's name is stored with the answer."""
    contact = {"name": NAME, "email": EMAIL, "phone": PHONE}
    wish = {**visit(world, "adult"), "contact": contact}
    wish["items"] = [{"unit": "adult", "name": NAME}]
    sent: list[tuple[str, str, Any, dict[str, str]]] = []

    async def send(method, path, body, headers):
        sent.append((method, path, body, {**headers, "Idempotency-Key": str(uuid4())}))
        answer = await api.request(method, path, json=body, headers=sent[-1][3])
        assert answer.status_code < 300, answer.text
        assert NAME.lower() in answer.text.lower()
        return answer.json()

    pay = {"payment": {"method": "on_site"}}
    made = [
        await send("POST", "/v1/bookings", {**wish, "confirm": True, **pay}, world.key),
        await send("POST", "/v1/bookings", wish, world.agent),
        (await send("POST", "/v1/orders", {"bookings": [{k: v for k, v in wish.items() if k != "contact"}], "contact": contact}, world.key))["bookings"][0],
    ]  # fmt: skip
    one, two, three = (f"/v1/bookings/{booking['id']}" for booking in made)
    await send("PATCH", one, {"items": [{"id": made[0]["items"][0]["id"], "name": f"{NAME} II"}]}, world.agent)
    await send("POST", f"{two}/confirm", pay, world.key)
    await send("POST", f"{three}/extend", {}, world.key)
    await send("POST", f"{three}/cancel", {"reason": "Ill"}, world.manager)
    await send("POST", f"{one}/payments", {"method": "cash", "amount": made[0]["price"]["due_on_site"]}, world.agent)
    code = made[0]["items"][0]["pass"]["code"]
    scan = {"code": code, "nonce": str(new_id()), "override": {"reason": "early"}}
    for _ in range(2):  # The second has a key of its own and gets the first one's answer.
        await send("POST", "/v1/scans", scan, world.manager)
    bystander = await hold(api, world.key, visit(world, "adult"))
    await visits_are_over(world)
    for customer_id in {await customer_of(world, booking) for booking in made}:
        erased = await api.post("/v1/persons/erase", json={"customer_id": str(customer_id)}, headers=world.owner)
        assert erased.status_code == 200, erased.text
    assert await where(world) == set()
    async with world.runtime.pool.acquire() as db:
        there = await db.fetchval("select count(*) from booking")
    for method, path, body, headers in sent:
        again = await api.request(method, path, json=body, headers=headers)
        assert (again.status_code, again.json()["code"]) == (404, "not_found"), again.text
    async with world.runtime.pool.acquire() as db:
        assert await db.fetchval("select count(*) from booking") == there
    assert (await api.get(f"/v1/bookings/{bystander['id']}", headers=world.key)).status_code == 200


async def customer_of(world, booking):
    async with world.runtime.pool.acquire() as db:
        return await db.fetchval("select customer_id from booking where id = $1", booking["id"])


LINK = "https://app.example/paid?for=wilhelmina.quixote@example.org"


async def pay_back_into(world, booking, status="succeeded"):
    """A payment of a booking whose app put a person into the link by which its bank leads back."""
    amount = Money(1990, "EUR")
    async with world.runtime.pool.acquire() as db, db.transaction():
        ctx = world.context(db)
        intent = await payments.open_intent(ctx, UUID(booking["order_id"]), amount, "test", "tok_ok", LINK)
        paid = Outcome(status=status, charged=amount if status == "succeeded" else None)
        await payments.record_outcome(db, ctx.org_id, intent.id, paid, ctx.now)
    return intent.id


@pytest.mark.parametrize("status", ["succeeded", "failed"])
async def test_a_link_back_into_an_app_goes_when_the_payment_is_settled(api, world, status):
    booking, _ = await plant(api, world)
    world.runtime.settings = msgspec.structs.replace(world.runtime.settings, test_provider_url="http://127.0.0.1:9")
    await pay_back_into(world, booking, "processing")
    assert await where(world) == PLANTED | {"payment_intent"}
    async with world.runtime.pool.acquire() as db:
        await db.execute("delete from payment_intent")
    await pay_back_into(world, booking, status)
    assert await where(world) == PLANTED


@pytest.mark.parametrize("asked", [True, False])
async def test_a_link_from_before_that_goes_with_the_person(api, world, asked):
    booking, _ = await plant(api, world)
    world.runtime.settings = msgspec.structs.replace(world.runtime.settings, test_provider_url="http://127.0.0.1:9")
    intent_id = await pay_back_into(world, booking)
    async with world.runtime.pool.acquire() as db:
        await db.execute("update payment_intent set return_url = $1 where id = $2", LINK, intent_id)
        await db.execute("update organisation set retention_days = 1")
    await visits_are_over(world, days=2)
    if asked:
        await api.post("/v1/persons/erase", json={"email": EMAIL}, headers=world.owner)
    else:
        await bookings.apply_retention(world.runtime)
    assert "payment_intent" not in await where(world)


async def test_after_the_organisations_own_time_nobody_is_left_without_anybody_asking(api, world):
    await plant(api, world)
    await visits_are_over(world, days=5)
    await bookings.apply_retention(world.runtime)
    await checkin.erase_reasons(world.runtime)
    assert {"booking", "scan"} <= await where(world), "nothing is set, and so everything is kept"
    changed = await api.patch("/v1/organisation", json={"retention_days": 3}, headers=world.owner)
    assert (changed.json()["retention_days"], changed.json()["erased_after_days"]) == (3, 3)
    await api.patch("/v1/organisation", json={"retention_days": 3}, headers=world.owner)
    await bookings.apply_retention(world.runtime)
    await checkin.erase_reasons(world.runtime)
    async with world.runtime.pool.acquire() as db:
        await db.execute("update idempotency_key set created_at = created_at - interval '3 days'")
        await db.execute("update mailbox set created_at = created_at - interval '3 days'")
        await db.execute("update session set last_used_at = last_used_at - interval '200 days'")
    await upkeep.delete_old_answers(world.runtime)
    await identity.sweep_credentials(world.runtime)
    await checkin.sweep_scan_answers(world.runtime)
    assert await where(world) == set()
    entries = (await api.get("/v1/audit", params={"action": "organisation.changed"}, headers=world.owner)).json()[
        "items"
    ]
    assert [one["reason_code"] for one in entries] == ["retention_days"]


async def test_reasons_in_the_archive_are_erased_too(api, world):
    booking, _ = await plant(api, world)
    await visits_are_over(world, days=500)
    await checkin.archive_scans(world.runtime)
    assert "scan_archive" in {table.rpartition("_2")[0] for table in await where(world)}
    erased = await api.post(
        "/v1/persons/erase", json={"customer_id": str(await customer_of(world, booking))}, headers=world.owner
    )
    assert erased.json()["scans"] == 1
    assert {table for table in await where(world) if "scan" in table} == set()


async def test_whoever_has_a_booking_ahead_is_not_erased_by_half(api, world):
    booking, _ = await plant(api, world)
    before = await where(world)
    answer = await api.post(
        "/v1/persons/erase", json={"phone": "0049 30 1234 5678".replace("00", "+", 1)}, headers=world.owner
    )
    assert answer.status_code == 409
    assert (answer.json()["code"], answer.json()["booking_ids"]) == ("bookings_ahead", [booking["id"]])
    assert await where(world) == before


async def test_an_export_has_what_is_known_and_is_noted_and_stored_nowhere(api, world):
    booking, _ = await plant(api, world)
    headers = {**world.owner, "Idempotency-Key": str(uuid4())}
    found = (await api.post("/v1/persons/export", json={"email": EMAIL}, headers=headers)).json()
    assert [one["name"] for one in found["customers"]] == [NAME]
    known = next(one for one in found["bookings"] if one["id"] == booking["id"])
    assert (known["contact"]["email"], {item["name"] for item in known["items"]}) == (EMAIL, {NAME})
    assert next(one for one in found["bookings"] if one["status"] == "cancelled")["cancel_reason"] == f"{NAME} fell ill"
    assert "walnuts" in found["feedback"][0]["text"]
    assert found["scans"][0]["override_reason"] == f"{NAME} is late"
    async with world.runtime.pool.acquire() as db:
        assert (
            await db.fetchval("select count(*) from idempotency_key where position('walnuts'::bytea in body) > 0") <= 1
        )
    entries = (await api.get("/v1/audit", params={"action": "person.exported"}, headers=world.owner)).json()["items"]
    assert [one["object"]["id"] for one in entries] == [str(await customer_of(world, booking))]


@pytest.mark.parametrize(
    ("kept", "asked"),
    [
        ({"email": "Ada@Bücher.Example\n"}, {"email": "ada@xn--bcher-kva.example"}), ({"email": "ada@xn--bcher-kva.example"}, {"email": "ADA@BÜCHER.example "}),
        ({"email": "JÖRG@example.org"}, {"email": "jörg@example.org"}), ({"email": "jo\u0308rg@example.org"}, {"email": "Jörg@example.org"}), ({"email": "Jörg@example.org"}, {"email": "jörg@EXAMPLE.org"}),
        ({"phone": "(030) 12 34 567"}, {"phone": "+49301234567"}), ({"phone": "+49 (0)30 1234567"}, {"phone": "030 1234567"}), ({"phone": "0049-30-1234567"}, {"phone": "030/1234567"}),
        ({"phone": "+49301234567"}, {"phone": "0049 (0)30 1234567"}), ({"phone": "030 1234567 "}, {"phone": "\u202a+49\u201130\u20111234567\u202c"}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("table", ["customer", "booking"])
async def test_a_person_is_found_however_the_address_was_and_is_written(api, world, table, kept, asked):
    """Also in rows of before addresses were parsed."""
    booking = await hold(api, world.app, visit(world, "adult"))
    await confirm(api, owner_of(booking), booking)
    async with world.runtime.pool.acquire() as db:
        await db.execute("update customer set email = null, phone = null")
        if table == "customer":
            await db.execute("update customer set email = $1, phone = $2", kept.get("email"), kept.get("phone"))
            # With another contact the booking would be somebody else's; see `test_whose`.
            await db.execute("update booking set contact = null, name_words = null")
        else:
            await db.execute("update booking set contact = $1", {"name": "Ada", **kept})
    found = await api.post("/v1/persons/export", json=asked, headers=world.owner)
    assert found.status_code == 200, found.text
    assert [one["id"] for one in found.json()["bookings"]] == [booking["id"]]
    stranger = {"email": "eda@example.org"} if "email" in asked else {"phone": "+49301234568"}
    assert (await api.post("/v1/persons/export", json=stranger, headers=world.owner)).status_code == 404


async def test_another_organisation_knows_nobody(api, world):
    booking, _ = await plant(api, world)
    other = await build_world(world.runtime, "Westwind")
    for person in ({"email": EMAIL}, {"phone": PHONE}):
        for verb in ("export", "erase"):
            assert (await api.post(f"/v1/persons/{verb}", json=person, headers=other.owner)).status_code == 404
    ours = {"customer_id": str(await customer_of(world, booking))}
    assert (await api.post("/v1/persons/export", json=ours, headers=other.owner)).status_code == 404
    assert set((await api.post("/v1/persons/erase", json=ours, headers=other.owner)).json().values()) == {0}
    assert await where(world) == PLANTED


@pytest.mark.parametrize(
    "body",
    [{}, {"email": EMAIL, "phone": PHONE}, {"phone": "none"}, {"email": "   "}, {"name": NAME}, {"customer_id": "me"}],
)
async def test_it_has_to_be_said_who_is_meant(api, world, body):
    for verb in ("export", "erase"):
        assert (await api.post(f"/v1/persons/{verb}", json=body, headers=world.owner)).status_code == 400


async def test_the_same_by_command(api, world, database_url):
    await plant(api, world)

    async def call(*arguments):
        return await asyncio.to_thread(run, *arguments, DATABASE_URL=database_url)

    for who in (
        EMAIL,
        f" {EMAIL.upper()}\n",
        EMAIL.replace("@", "＠"),
        f"mailto:{EMAIL}",
        PHONE,
        f"00{PHONE[1:]}",
        f"{PHONE[:3]} (0){PHONE[3:]}",
    ):
        found = await call("person", "export", who)
        assert json.loads(found.stdout)["customers"][0]["name"] == NAME, found.stderr
    for nobody in ("", "call me", "a@b@c", "\u200b"):
        refused = await call("person", "export", nobody)
        assert (refused.returncode, refused.stdout) == (1, ""), refused
    refused = await call("person", "erase", EMAIL)
    assert refused.returncode == 1
    await visits_are_over(world)
    done = await call("person", "erase", PHONE)
    assert done.returncode == 0, done.stderr
    assert msgspec.json.decode(done.stdout)["bookings"] == 2
    assert await where(world) == set()
    assert (await call("person", "export", EMAIL)).returncode == 1
    set_days = await call("org", "set", "--retention-days", "12")
    assert set_days.returncode == 0, set_days.stderr
    assert (await api.get("/v1/organisation", headers=world.owner)).json()["retention_days"] == 12
    assert (await call("org", "set", "--retention-days", "0")).returncode == 0
    assert "retention_days" not in (await api.get("/v1/organisation", headers=world.owner)).json()
    assert (await call("org", "set")).returncode == 1


@pytest.mark.parametrize("days", [0, -1, 3651, 1.5, "30"])
async def test_a_time_that_makes_no_sense_is_refused(api, world, days):
    answer = await api.patch("/v1/organisation", json={"retention_days": days}, headers=world.owner)
    assert answer.json()["errors"][0]["pointer"] == "/retention_days"
    assert (await api.patch("/v1/organisation", json={"retention_days": None}, headers=world.owner)).status_code == 200
