"""What schedules do for many organisations: found by one statement without a lock, done in one after the other."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries

from booking_api import worker
from booking_api.bookings import jobs as bookings
from booking_api.checkin import jobs as checkin
from booking_api.core.db import event_queries
from booking_api.core.db.connecting import LeanConnection
from booking_api.core.db.event_queries import StoredEvent
from booking_api.core.ids import new_id
from booking_api.core.runtime import Runtime
from booking_api.core.settings import Settings
from booking_api.identity import jobs as identity
from booking_api.payments import asking_queries
from booking_api.payments import jobs as payments
from booking_api.upkeep import jobs as upkeep
from tests.world import World


class Sweep(NamedTuple):
    job: Callable[[Runtime], Awaitable[int]]
    insert: str
    """Of organisation $1, text $2 and id $3, as if it was so many days ago: {at}."""
    table: str
    left: str = "true"
    """What a row is after the job, where it isn't deleted."""
    old: int = 3
    young: int = 1
    counts: bool = True


SWEEPS = {
    "answers": Sweep(
        upkeep.delete_old_answers,
        "insert into idempotency_key (org_id, credential_id, key_hash, fingerprint, status, body, created_at) "
        "values ($1, $3, $2::text::bytea, 'f', 200, 'b', $4)", "idempotency_key"),
    "tombstones": Sweep(
        bookings.bury_abandoned_orders,
        "insert into tombstone (org_id, customer_id, type, id, deleted_at) values ($1, $3, $2::text, $3, $4)",
        "tombstone", old=91, young=89, counts=False),
    "scans": Sweep(
        checkin.sweep_scan_answers,
        "insert into scan (org_id, nonce, id, request_hash, direction, admit, verdict, scanned_at, received_at, scanned_by, "
        "answer) values ($1, $2::text, $3, 'h', 'entry', true, 'valid', $4, $4, $3, 'Ada')", "scan", "answer <> ''"),
    "codes": Sweep(
        identity.sweep_credentials,
        "insert into single_use_code (org_id, code_hash, purpose, customer_id, expires_at, created_at) "
        "values ($1, $2::text::bytea, 'recover', $3, $4, $4)", "single_use_code", young=0),
    "mail": Sweep(
        identity.sweep_credentials,
        "insert into mailbox (org_id, id, recipient, subject, body, created_at) values ($1, $3, $2::text, 's', 'b', $4)",
        "mailbox", young=0),
    "sessions": Sweep(
        identity.sweep_credentials,
        "insert into session (org_id, id, subject_id, generation, created_at, last_used_at, device) "
        "values ($1, $3, $3, 1, $4, $4, $2::text)", "session", old=182, young=179),
}  # fmt: skip


async def seed(db: Any, sweep: Sweep, organisations: list[UUID], days: float, each: int = 1) -> None:
    at = datetime.now(UTC) - timedelta(days=days)
    # One organisation's rows between those of others.
    rows = [
        (
            org_id,
            f"{org_id.hex}{days}{number}",
            new_id(),
            at + timedelta(milliseconds=len(organisations) * number + place),
        )
        for number in range(each)
        for place, org_id in enumerate(organisations)
    ]
    await db.executemany(sweep.insert, rows)


async def left(db: Any, sweep: Sweep) -> Counter[UUID]:
    rows = await db.fetch(f"select org_id, count(*) as n from {sweep.table} where {sweep.left} group by org_id")
    return Counter({row["org_id"]: row["n"] for row in rows})


@pytest.mark.parametrize("name", SWEEPS)
async def test_what_is_old_goes_in_every_organisation_and_what_is_young_stays(runtime: Runtime, name: str):
    sweep, organisations = SWEEPS[name], [new_id() for _ in range(30)]
    async with runtime.pool.acquire() as db:
        await seed(db, sweep, organisations, sweep.old, 3)
        await seed(db, sweep, organisations[:10], sweep.young)
        done = [await sweep.job(runtime) for _ in range(2)]
        assert await left(db, sweep) == Counter(organisations[:10])
    if sweep.counts:
        assert done == [90, 0]


@pytest.mark.parametrize("name", SWEEPS)
async def test_what_somebody_works_on_is_left_for_later_and_not_waited_for(runtime: Runtime, name: str):
    sweep, organisations = SWEEPS[name], [new_id() for _ in range(3)]
    async with runtime.pool.acquire() as db, runtime.pool.acquire() as other:
        await seed(db, sweep, organisations, sweep.old, 2)
        async with other.transaction():
            busy = await other.fetch(
                f"select org_id from {sweep.table} where org_id = $1 limit 1 for update", organisations[1]
            )
            assert len(busy) == 1
            async with asyncio.timeout(5):
                await sweep.job(runtime)
            assert await left(db, sweep) == {organisations[1]: 1}
        await sweep.job(runtime)
        assert await left(db, sweep) == {}


@pytest.mark.parametrize("name", SWEEPS)
async def test_an_organisation_where_it_fails_stops_no_other(runtime: Runtime, name: str):
    sweep, organisations = SWEEPS[name], [new_id() for _ in range(5)]
    async with runtime.pool.acquire() as db:
        await seed(db, sweep, organisations, sweep.old, 2)
        await db.execute(
            f"""
            create function refuse() returns trigger language plpgsql as $$ begin raise 'not this one'; end $$;
            create trigger refuse before update or delete on {sweep.table} for each row
            when (old.org_id = '{organisations[2]}') execute function refuse()
            """
        )
        await sweep.job(runtime)
        assert await left(db, sweep) == {organisations[2]: 2}
        await db.execute(f"drop trigger refuse on {sweep.table}")
        await sweep.job(runtime)
        assert await left(db, sweep) == {}


async def test_a_session_that_is_used_again_meanwhile_is_kept(runtime: Runtime, monkeypatch: pytest.MonkeyPatch):
    sweep, organisations = SWEEPS["sessions"], [new_id() for _ in range(2)]
    list_them = identity.session_queries.list_old_sessions

    async def used_again(db: Any, *args: Any) -> Any:
        found = await list_them(db, *args)
        await db.execute("update session set last_used_at = $1 where org_id = $2", datetime.now(UTC), organisations[0])
        return found

    monkeypatch.setattr(identity.session_queries, "list_old_sessions", used_again)
    async with runtime.pool.acquire() as db:
        await seed(db, sweep, organisations, sweep.old)
        await identity.sweep_credentials(runtime)
        assert await left(db, sweep) == {organisations[0]: 1}


async def test_ten_thousand_organisations_cost_nothing_where_there_is_nothing_to_do(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    """Statements are for organisations that have something to do, however many others there are."""
    runtime = world.runtime
    async with runtime.pool.acquire() as db:
        await db.execute(
            """
            insert into organisation (org_id, name, time_zone, currency, locale, live, created_at)
            select gen_random_uuid(), 'Org ' || n, 'UTC', 'EUR', 'en', true, $1 from generate_series(1, 10000) n
            """,
            datetime.now(UTC),
        )
        some = [row["org_id"] for row in await db.fetch("select org_id from organisation limit 3")]
        for name in ("answers", "scans", "codes", "mail", "sessions"):
            await seed(db, SWEEPS[name], some, SWEEPS[name].old)
    said: list[str] = []
    for verb in ("execute", "fetch", "fetchrow", "fetchval"):
        original = getattr(LeanConnection, verb)

        async def counted(self: Any, query: str, *args: Any, _original: Any = original, **options: Any) -> Any:
            said.append(query)
            return await _original(self, query, *args, **options)

        monkeypatch.setattr(LeanConnection, verb, counted)
    for job, statements in (
        (upkeep.delete_old_answers, 1 + 3), (checkin.sweep_scan_answers, 1 + 3),
        (identity.sweep_credentials, 3 * (1 + 3)), (payments.reconcile_payments, 1), (payments.execute_refunds, 1),
        (bookings.apply_retention, 2), (bookings.sweep_ended_holds, 1), (bookings.sweep_undecided_payments, 1), (bookings.decide_for_silent, 1),
    ):  # fmt: skip
        said.clear()
        await job(runtime)
        assert len(said) <= statements, (job, said)


# the relay -----------------------------------------------------------------------------------------------------------


async def publish(db: Any, org_id: UUID, at: datetime, count: int = 1) -> list[UUID]:
    ids = [new_id() for _ in range(count)]
    await db.execute(
        "insert into event (org_id, id, type, subject_id, data, created_at) "
        "select $1, id, 'x', $1, '{}', $3 from unnest($2::uuid[]) as u (id)",
        org_id, ids, at,
    )  # fmt: skip
    return ids


async def test_events_of_many_organisations_are_claimed_once_oldest_first_and_no_more_than_asked_for(runtime: Runtime):
    now, organisations = datetime.now(UTC), [new_id() for _ in range(40)]
    async with runtime.pool.acquire() as db, runtime.pool.acquire() as other:
        in_order: list[UUID] = []
        for number in range(3):
            for place, org_id in enumerate(organisations):
                in_order += await publish(db, org_id, now + timedelta(seconds=number, milliseconds=place))
        first = await event_queries.claim_unrelayed_events(db, now, 50)
        assert [event.id for event in first] == in_order[:50]
        async with other.transaction():
            held = await event_queries.claim_unrelayed_events(other, now, 10)
            async with asyncio.timeout(5):
                second = await event_queries.claim_unrelayed_events(db, now, 30)
        assert [event.id for event in held + second] == in_order[50:80]
        rest = await event_queries.claim_unrelayed_events(db, now, 1_000)
        assert [event.id for event in rest] == in_order[80:]
        assert await event_queries.claim_unrelayed_events(db, now, 1_000) == []


async def test_several_relays_at_once_enqueue_each_event_once(runtime: Runtime, settings: Settings):
    async def subscriber(_: Runtime, event: StoredEvent) -> None: ...

    async with runtime.pool.acquire() as db:
        for _ in range(60):
            await publish(db, new_id(), datetime.now(UTC), 7)
        relays = [await worker.open_relay(settings) for _ in range(3)]

        async def until_none(relay: Any) -> int:
            done, idle = 0, 0
            while idle < 3:
                some = await worker.relay(relay, Queries(AsyncpgDriver(relay)), {"x": (subscriber,)})
                done, idle = done + some, 0 if some else idle + 1
                await asyncio.sleep(0.01)
            return done

        assert sum(await asyncio.gather(*map(until_none, relays))) == 420
        assert await db.fetchval("select count(*) from pgqueuer") == 420
        for relay in relays:
            await relay.close()


# payments ------------------------------------------------------------------------------------------------------------

INTENT = (
    "insert into payment_intent (org_id, id, order_id, amount, currency, provider, status, attempts, give_up_at, "
    "created_at, updated_at, next_check_at) values ($1, $2, $2, 100, 'EUR', 'test', 'processing', 0, $3, $3, $3, $3)"
)
REFUND = (
    "insert into refund (org_id, id, order_id, intent_id, amount, currency, reason, status, attempts, created_at, "
    "updated_at, next_check_at) values ($1, $2, $2, $2, 100, 'EUR', 'cancelled', 'created', 0, $3, $3, $3)"
)
CLAIMS = {"intents": asking_queries.claim_due_intents, "refunds": asking_queries.claim_due_refunds}


async def owe(db: Any, org_id: UUID, at: datetime, count: int) -> set[UUID]:
    ids = [new_id() for _ in range(count)]
    rows = [(org_id, one, at + timedelta(milliseconds=number)) for number, one in enumerate(ids)]
    await db.execute(
        "insert into organisation (org_id, name, time_zone, currency, locale, live, created_at) "
        "values ($1, 'Org', 'UTC', 'EUR', 'en', false, $2)", org_id, at,
    )  # fmt: skip
    await db.executemany(INTENT, rows)
    await db.executemany(REFUND, rows)
    return set(ids)


@pytest.mark.parametrize("kind", CLAIMS)
async def test_an_organisation_with_many_due_keeps_no_other_waiting(runtime: Runtime, kind: str):
    """A festival is called off, and somebody else's guest waits for one payment."""
    now, many, one, none = datetime.now(UTC), new_id(), new_id(), new_id()
    lease = now + timedelta(minutes=1)
    async with runtime.pool.acquire() as db:
        festival = await owe(db, many, now - timedelta(hours=1), 300)
        guest = await owe(db, one, now - timedelta(seconds=2), 2)
        later = await owe(db, none, now + timedelta(seconds=30), 1)
        claim = CLAIMS[kind]
        first = await claim(db, now, lease, 20)
        assert len(first) == 20
        assert {row.id for row in first} >= guest
        seen = [row.id for row in first]
        while some := await claim(db, now, lease, 20):
            seen += [row.id for row in some]
        assert sorted(seen) == sorted(festival | guest)
        assert {
            row.id for row in await claim(db, lease, lease + timedelta(minutes=1), 1_000)
        } == festival | guest | later


@pytest.mark.parametrize("kind", CLAIMS)
async def test_two_workers_never_take_the_same(runtime: Runtime, kind: str):
    now, claim = datetime.now(UTC), CLAIMS[kind]
    async with runtime.pool.acquire() as db:
        due: set[UUID] = set()
        for _ in range(25):
            due |= await owe(db, new_id(), now - timedelta(minutes=1), 4)

    async def work() -> list[UUID]:
        taken: list[UUID] = []
        async with runtime.pool.acquire() as own:
            for _ in range(40):
                taken += [row.id for row in await claim(own, now, now + timedelta(minutes=1), 20)]
        return taken

    taken = [one for some in await asyncio.gather(*(work() for _ in range(4))) for one in some]
    assert sorted(taken) == sorted(due)
