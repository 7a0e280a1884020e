"""The doctor: nothing to say about a healthy installation, and each kind of damage named."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from booking_api.capabilities import all_checks
from booking_api.core.checks import Examined
from booking_api.core.db.queries import beat
from booking_api.core.runtime import Runtime
from booking_api.core.settings import Settings
from booking_api.run.doctor import CheckUp, examine
from booking_api.run.starting import free_port
from booking_api.upkeep.jobs import keep_event_partitions
from tests.processes import run
from tests.world import World

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
PRICE = {"due_now": {"amount": 9900, "currency": "USD"}}


async def look(settings: Settings) -> CheckUp:
    return await examine(settings, datetime.now(UTC))


def problems(found: CheckUp) -> set[str]:
    return {finding.check for finding in found.findings}


@pytest.fixture
async def db(runtime: Runtime) -> Any:
    async with runtime.pool.acquire() as db:
        now = datetime.now(UTC)
        await beat(db, uuid4(), now, now - timedelta(days=1))
        await keep_event_partitions(runtime)
        yield db


async def add_order(db: Any, world: World, status: str, *, age: timedelta = timedelta(hours=1)) -> UUID:
    order, now = uuid4(), datetime.now(UTC)
    await db.execute(
        """
        insert into booking_order (org_id, id, customer_id, status, expires_at, hold_limit_at, pending_until, channel,
                                   created_at, updated_at)
        values ($1, $2, $2, $3, $4, $4, $4, 'web', $4, $4)
        """,
        world.org.org_id, order, status, now - age,
    )  # fmt: skip
    return order


async def add_booking(
    db: Any, world: World, status: str, *, order_status: str | None = None, order: UUID | None = None
) -> UUID:
    booking, now = uuid4(), datetime.now(UTC)
    order = order or await add_order(db, world, order_status or status, age=timedelta(hours=-1))
    await db.execute(
        """
        insert into booking (org_id, id, order_id, position, customer_id, reference, slot_id, product_id, product_version,
                             option_id, status, version, price, total, channel, visit_ends_at, created_at, updated_at,
                             changed_xid, confirmed_at)
        values ($1, $2, $3, 0, $2, $4, $5, $6, 1, $7, $8, 1, $9, 9900, 'web', $10, $10, $10, 1, $11)
        """,
        world.org.org_id, booking, order, booking.hex[:8], world.flight_slots[0], world.flight.id,
        world.option(world.flight, "flex"), status, PRICE, now,
        now if status == "confirmed" else None,
    )  # fmt: skip
    return booking


async def add_claim(db: Any, world: World, booking: UUID, *, expires: bool = False, count: bool = True) -> None:
    now = datetime.now(UTC)
    await db.execute(
        """
        insert into claim (org_id, id, slot_id, option_id, holder_id, places, quota_places, expires_at, created_at)
        values ($1, $2, $3, $4, $2, 1, 0, $5, $6)
        """,
        world.org.org_id, booking, world.flight_slots[0], world.option(world.flight, "flex"),
        now + timedelta(hours=1) if expires else None, now,
    )  # fmt: skip
    if count:
        await db.execute("update slot set taken = taken + 1 where id = $1", world.flight_slots[0])


async def add_item(db: Any, world: World, booking: UUID, *, seat: str | None = None, status: str = "active") -> UUID:
    item = uuid4()
    await db.execute(
        """
        insert into item (org_id, id, booking_id, slot_id, position, unit_id, seat, status, amount)
        values ($1, $2, $3, $4, 0, $5, $6, $7, 9900)
        """,
        world.org.org_id, item, booking, world.flight_slots[0], world.unit(world.flight, "adult"), seat, status,
    )  # fmt: skip
    return item


async def add_intent(db: Any, world: World, order: UUID, status: str = "succeeded", **columns: Any) -> UUID:
    intent, then = uuid4(), datetime.now(UTC) - timedelta(hours=1)
    await db.execute(
        """
        insert into payment_intent (org_id, id, order_id, amount, currency, provider, status, attempts, next_check_at,
                                    give_up_at, created_at, updated_at)
        values ($1, $2, $3, 9900, 'USD', 'test', $4, 1, $5, $6, $6, $6)
        """,
        world.org.org_id, intent, order, status, columns.get("next_check_at"), then,
    )  # fmt: skip
    await db.execute("update booking_order set intent_id = $2 where id = $1", order, intent)
    return intent


async def add_pass(db: Any, world: World, item: UUID) -> None:
    now = datetime.now(UTC)
    await db.execute(
        """
        insert into pass (org_id, id, item_id, slot_id, customer_id, kid, code, issued_at, valid_from, valid_until)
        values ($1, $2, $3, $4, $2, 'k', 'c', $5, $5, $5)
        """,
        world.org.org_id, uuid4(), item, world.flight_slots[0], now,
    )  # fmt: skip


async def test_a_healthy_installation_has_no_findings(world: World, settings: Settings, db: Any) -> None:
    booking = await add_booking(db, world, "confirmed")
    order = await db.fetchval("select order_id from booking where id = $1", booking)
    await add_claim(db, world, booking)
    item = await add_item(db, world, booking, seat="1A")
    await db.execute(
        "insert into seat_claim (org_id, slot_id, seat, claim_id, item_id) values ($1, $2, '1A', $3, $4)",
        world.org.org_id, world.flight_slots[0], booking, item,
    )  # fmt: skip
    await add_pass(db, world, item)
    await add_intent(db, world, order)
    held = await add_booking(db, world, "on_hold")
    await add_claim(db, world, held, expires=True)
    await add_booking(db, world, "expired")
    await add_booking(db, world, "cancelled", order_status="confirmed")
    found = await look(settings)
    assert found.findings == []
    assert len(found.checks) >= 12


async def test_capacity_that_leaked_is_found(world: World, settings: Settings, db: Any) -> None:
    await db.execute("update slot set taken = 3 where id = $1", world.flight_slots[0])
    await db.execute("update quota set taken = 1 where slot_id = $1", world.flight_slots[1])
    found = await look(settings)
    assert problems(found) == {"capacity", "quotas"}
    text = str(found.findings)
    assert str(world.flight_slots[0]) in text
    assert "taken is 3 but its claims add up to 0" in text


@pytest.mark.parametrize("status", ["on_hold", "pending", "confirmed"])
async def test_a_live_booking_without_places_is_found(status: str, world: World, settings: Settings, db: Any) -> None:
    booking = await add_booking(db, world, status)
    found = await look(settings)
    assert "claims" in problems(found)
    assert f"it is {status} but no places are kept for it" in str(found.findings)
    assert str(booking) in str(found.findings)


@pytest.mark.parametrize("status", ["cancelled", "expired", "rejected"])
async def test_places_kept_for_a_dead_booking_are_found(status: str, world: World, settings: Settings, db: Any) -> None:
    await add_claim(db, world, await add_booking(db, world, status))
    assert problems(await look(settings)) == {"claims"}


async def test_places_of_the_wrong_duration_are_found(world: World, settings: Settings, db: Any) -> None:
    await add_claim(db, world, await add_booking(db, world, "on_hold"), expires=False)
    assert problems(await look(settings)) == {"claims"}


async def test_places_kept_for_nobody_are_found(world: World, settings: Settings, db: Any) -> None:
    await add_claim(db, world, uuid4())
    found = await look(settings)
    assert "it does not exist" in str(found.findings)


async def test_seats_that_do_not_match_are_found(world: World, settings: Settings, db: Any) -> None:
    booking = await add_booking(db, world, "on_hold")
    await add_claim(db, world, booking, expires=True)
    await add_item(db, world, booking, seat="2B")
    await db.execute(
        "insert into seat_claim (org_id, slot_id, seat, claim_id, item_id) values ($1, $2, '3A', $3, $4)",
        world.org.org_id, world.flight_slots[0], booking, uuid4(),
    )  # fmt: skip
    found = await look(settings)
    assert problems(found) == {"seats"}
    assert "2B" in str(found.findings)
    assert "3A" in str(found.findings)


async def test_paid_but_no_ticket_is_found_until_it_is_refunded(world: World, settings: Settings, db: Any) -> None:
    order = await add_order(db, world, "expired")
    intent = await add_intent(db, world, order)
    assert problems(await look(settings)) == {"payments"}
    await db.execute(
        """
        insert into refund (org_id, id, intent_id, order_id, amount, currency, reason, status, attempts, created_at, updated_at)
        values ($1, $2, $3, $4, 9900, 'USD', 'expired', 'succeeded', 1, $5, $5)
        """,
        world.org.org_id, uuid4(), intent, order, datetime.now(UTC),
    )  # fmt: skip
    assert problems(await look(settings)) == set()


@pytest.mark.parametrize("status", ["confirmed", "cancelled", "buried"])
async def test_what_was_paid_for_nothing_is_found(status: str, world: World, settings: Settings, db: Any) -> None:
    """A payment that another one took the place of, one of an order that was cancelled first, one of an order that is
    gone: the money has to go back, and a refund that failed is on a person's list."""
    order = uuid4() if status == "buried" else await add_order(db, world, status, age=timedelta(hours=-1))
    given_up = await add_intent(db, world, order)
    await db.execute("update payment_intent set abandoned_at = updated_at where id = $1", given_up)
    found = await look(settings)
    assert problems(found) == {"payments"}
    assert str(given_up) in str(found.findings)
    await db.execute(
        """
        insert into refund (org_id, id, intent_id, order_id, amount, currency, reason, status, attempts, created_at, updated_at)
        values ($1, $2, $3, $4, 9900, 'USD', 'superseded', 'failed', 1, $5, $5)
        """,
        world.org.org_id, uuid4(), given_up, order, datetime.now(UTC),
    )  # fmt: skip
    assert problems(await look(settings)) == {"reconciliation"}
    await db.execute("update refund set status = 'settled'")
    assert problems(await look(settings)) == set()


async def test_a_payment_that_was_given_up_pays_for_no_ticket(world: World, settings: Settings, db: Any) -> None:
    booking = await add_booking(db, world, "confirmed")
    await add_claim(db, world, booking)
    await add_intent(db, world, await db.fetchval("select order_id from booking where id = $1", booking))
    assert problems(await look(settings)) == set()
    await db.execute("update payment_intent set abandoned_at = updated_at")
    assert "9900 were due" in str((await look(settings)).findings)


async def test_play_money_for_real_is_found(world: World, settings: Settings, db: Any) -> None:
    offered = msgspec.structs.replace(settings, test_provider_url="http://127.0.0.1:9")
    assert problems(await look(offered)) == set()
    await db.execute("update organisation set live = true")
    assert "live" not in problems(await look(settings))
    found = await look(offered)
    assert "live" in problems(found)
    assert world.org.name in str(found.findings)
    booking = await add_booking(db, world, "confirmed")
    await add_claim(db, world, booking)
    order = await db.fetchval("select order_id from booking where id = $1", booking)
    await add_intent(db, world, order)
    found = await look(settings)
    assert "live" in problems(found)
    assert str(order) in str(found.findings)


async def test_a_ticket_without_money_is_found(world: World, settings: Settings, db: Any) -> None:
    booking = await add_booking(db, world, "confirmed")
    await add_claim(db, world, booking)
    found = await look(settings)
    assert problems(found) == {"payments"}
    assert "9900 were due" in str(found.findings)


@pytest.mark.parametrize("status", ["on_hold", "pending"])
async def test_an_order_long_after_its_time_is_found(status: str, world: World, settings: Settings, db: Any) -> None:
    await add_order(db, world, status)
    assert problems(await look(settings)) == {"payments"}


async def test_a_booking_that_contradicts_its_order_is_found(world: World, settings: Settings, db: Any) -> None:
    await add_booking(db, world, "expired", order_status="confirmed")
    assert problems(await look(settings)) == {"order states"}


async def test_a_forgotten_payment_is_found(world: World, settings: Settings, db: Any) -> None:
    order = await add_order(db, world, "cancelled")
    await add_intent(db, world, order, "processing", next_check_at=datetime.now(UTC) - timedelta(hours=1))
    assert problems(await look(settings)) == {"reconciliation"}


async def test_a_payment_that_its_provider_never_decides_is_found(world: World, settings: Settings, db: Any) -> None:
    """The worker asks for it again and again; after a day somebody should ask the provider by other means."""
    order = await add_order(db, world, "cancelled")
    intent = await add_intent(db, world, order, "processing", next_check_at=datetime.now(UTC) + timedelta(minutes=1))
    assert problems(await look(settings)) == set()
    await db.execute("update payment_intent set give_up_at = give_up_at - interval '2 days'")
    found = await look(settings)
    assert problems(found) == {"reconciliation"}
    assert str(intent) in str(found.findings)


async def test_people_and_passes_that_do_not_match_are_found(world: World, settings: Settings, db: Any) -> None:
    confirmed = await add_booking(db, world, "confirmed")
    await add_claim(db, world, confirmed)
    await add_intent(db, world, await db.fetchval("select order_id from booking where id = $1", confirmed))
    await add_item(db, world, confirmed)
    await add_pass(db, world, await add_item(db, world, confirmed, status="cancelled"))
    found = await look(settings)
    assert problems(found) == {"passes"}
    assert len(found.findings[0].examples) == 2


async def test_many_mistakes_are_shown_by_a_few_examples(world: World, settings: Settings, db: Any) -> None:
    await db.execute("update slot set taken = 1")
    (finding,) = (await look(settings)).findings
    assert len(finding.examples) == 6
    assert finding.examples[-1] == "and more"


async def test_no_worker_a_backlog_and_failed_jobs_are_found(world: World, settings: Settings, db: Any) -> None:
    await db.execute("delete from worker_heartbeat")
    await db.execute(
        "insert into event (org_id, id, type, subject_id, data, created_at) values ($1, $1, 'x', $1, '{}', $2)",
        uuid4(), NOW,
    )  # fmt: skip
    await db.execute("insert into pgqueuer (priority, status, entrypoint) values (0, 'failed', 'x')")
    found = await look(settings)
    assert problems(found) == {"worker", "jobs"}
    assert len(found.findings) == 3


async def test_unknown_time_zones_and_other_dates_are_found(world: World, settings: Settings, db: Any) -> None:
    await db.execute("update place set time_zone = 'Mars/Olympus' where code = 'TOWER'")
    await db.execute("update slot set local_date = local_date + 1 where id = $1", world.flight_slots[0])
    found = await look(settings)
    assert problems(found) == {"time zones"}
    assert "Mars/Olympus (place)" in str(found.findings)


async def test_missing_migrations_are_found(settings: Settings, db: Any) -> None:
    await db.execute("delete from schema_migrations where version = '20260101000002'")
    found = await look(settings)
    assert problems(found) == {"migrations"}
    assert found.findings[0].examples == ["20260101000002_job_queue.sql"]


async def test_settings_that_make_no_sense_are_found(settings: Settings, db: Any) -> None:
    odd = msgspec.structs.replace(
        settings, base_url="example.org", hold_seconds=3600, hold_limit_seconds=60, log_format="xml", secret_key="short"
    )
    found = await look(odd)
    assert problems(found) == {"settings"}
    assert len(found.findings) == 4


async def test_an_unreachable_database_is_a_finding(settings: Settings) -> None:
    found = await look(msgspec.structs.replace(settings, database_url=f"postgresql://127.0.0.1:{free_port()}/x"))
    assert problems(found) == {"database"}


async def test_it_changes_nothing(world: World, settings: Settings, db: Any) -> None:
    """Even if it wanted to: every check runs in a transaction that may only read."""
    reader = await asyncpg.connect(settings.database_url)
    async with reader.transaction(readonly=True):
        for check in all_checks():
            if check.of_data:
                assert [one async for one in check.look(Examined(settings, None, reader, NOW))] == []
    await reader.close()


async def test_the_command_fails_where_something_is_wrong(world: World, settings: Settings, db: Any) -> None:
    healthy = await asyncio.to_thread(run, "doctor", DATABASE_URL=settings.database_url)
    assert (healthy.returncode, healthy.stderr) == (0, "")
    assert "BAD" not in healthy.stdout
    await db.execute("update slot set taken = 3 where id = $1", world.flight_slots[0])
    ill = await asyncio.to_thread(run, "doctor", DATABASE_URL=settings.database_url)
    assert ill.returncode == 1
    assert "BAD  capacity" in ill.stdout
    as_json = await asyncio.to_thread(run, "doctor", "--json", DATABASE_URL=settings.database_url)
    assert as_json.returncode == 1
    assert [one.check for one in msgspec.json.decode(as_json.stdout, type=CheckUp).findings] == ["capacity"]
