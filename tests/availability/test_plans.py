"""How PostgreSQL carries out the statements of the hot paths when tables are large: by indexes.

The plans are the generic ones, which know no parameter, as a prepared statement ends up with. Those of small tables
and of jobs that look across organisations are left alone.
"""

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime
from typing import Any

import asyncpg
import pytest

from booking_api.availability.schemas import AvailabilityQuery, SlotsQuery
from booking_api.core.context import Caller
from booking_api.core.ids import new_id
from booking_api.run.lifetime import open_runtime
from tests.availability.helpers import calendar_at, search_at
from tests.contract.test_queries import ACROSS_ORGANISATIONS, STATEMENTS, Statement
from tests.inventory.helpers import take
from tests.world import World

SLOTS, PEOPLE = 30_000, 30_000
BIG = {
    "slot", "quota", "claim", "seat_claim", "booking_order", "booking", "item", "pass", "attendance", "scan", "event",
    "event_rest", "idempotency_key", "session",
}  # fmt: skip
HOT = (
    "inventory.queries", "inventory.claim_queries", "inventory.seat_queries", "availability.queries", "availability.search_queries",
    "availability.calendar_queries", "availability.discover_queries",
    "bookings.queries", "bookings.sync_queries", "checkin.queries", "core.db.queries", "core.db.event_queries", "passes.queries", "passes.attendance_queries",
    "identity.session_queries", "identity.code_queries", "identity.contact_queries", "identity.staff_queries", "identity.queries", "catalog.queries",
)  # fmt: skip
JOBS = {"core.db.event_queries.delete_relayed_events"}
"""Work in batches, from time to time, where a scan may be the cheaper way."""
CHECKED = [
    statement
    for statement in STATEMENTS
    if statement.module.removeprefix("booking_api.") in HOT
    and statement.name not in ACROSS_ORGANISATIONS
    and statement.name not in JOBS
    and statement.sql.split()[0].lower() in ("select", "with", "insert", "update", "delete")
]


async def fill(db: asyncpg.Connection, world: World) -> None:
    """A route and a product among many slots, and as many people who hold, have booked and come in."""
    org_id, flight = world.org.org_id, world.flight
    await db.execute(
        """
        insert into slot (org_id, id, code, product_id, kind, origin_id, destination_id, local_date, starts_at, ends_at,
                          time_zone, end_time_zone, capacity, taken, status, booking_closes_at, gate, updated_at)
        select $1, gen_random_uuid(), 'many-' || n, case when n % 10 = 0 then $2::uuid else $3::uuid end, 'departure',
               $4, case when n % 10 = 0 then $5::uuid end, '2027-01-01'::date + n / 100, at, at + interval '1 hour',
               'UTC', 'UTC', 100, 1, 'open', at, 'G' || n % 50, at
        from generate_series(1, $6::int) n, lateral (select '2027-01-01'::timestamptz + n / 100 * interval '1 day' as at) t
        """,
        org_id, flight.id, world.tower.id, flight.origin and flight.origin.id,
        flight.destination and flight.destination.id, SLOTS,
    )  # fmt: skip
    await db.execute(
        """
        insert into quota (org_id, slot_id, option_id, capacity, taken)
        select $1, id, $2, 10, 0 from slot where org_id = $1 and code like 'many-%'
        """,
        org_id, world.option(flight, "light"),
    )  # fmt: skip
    await db.execute(
        """
        create temporary table person as
        select s.id as slot_id, gen_random_uuid() as customer_id, gen_random_uuid() as order_id,
               gen_random_uuid() as booking_id, gen_random_uuid() as item_id, s.starts_at as at, n
        from generate_series(1, $2::int) n
        join (select id, starts_at, row_number() over () as n from slot where org_id = $1 and code like 'many-%') s using (n)
        """,
        org_id, PEOPLE,
    )  # fmt: skip
    await db.execute(
        """
        insert into claim (org_id, id, slot_id, option_id, holder_id, places, quota_places, expires_at, created_at)
        select $1, booking_id, slot_id, $2, customer_id, 1, 0, case when n % 20 = 0 then at end, at from person
        """,
        org_id, world.option(flight, "flex"),
    )  # fmt: skip
    for statement in (
        """
        insert into seat_claim (org_id, slot_id, seat, claim_id, item_id)
        select $1, slot_id, '1A', booking_id, item_id from person
        """,
        """
        insert into booking_order (org_id, id, customer_id, status, expires_at, hold_limit_at, channel, created_at, updated_at)
        select $1, order_id, customer_id, 'confirmed', null, at, 'web', at, at from person
        """,
        """
        insert into booking (org_id, id, order_id, position, customer_id, reference, slot_id, product_id, product_version,
                             option_id, status, version, price, total, channel, visit_ends_at, created_at, updated_at,
                             changed_xid)
        select $1, booking_id, order_id, 0, customer_id, 'R' || n, slot_id, booking_id, 1, booking_id, 'confirmed', 1,
               '{}', 100, 'web', at, at, at, n
        from person
        """,
        """
        insert into item (org_id, id, booking_id, slot_id, position, unit_id, status, amount)
        select $1, item_id, booking_id, slot_id, 0, item_id, 'active', 100 from person
        """,
        """
        insert into pass (org_id, id, item_id, slot_id, customer_id, kid, code, issued_at, valid_from, valid_until)
        select $1, item_id, item_id, slot_id, customer_id, 'k', 'code', at, at, at from person
        """,
        """
        insert into attendance (org_id, item_id, slot_id, inside, entries, first_admitted_at, last_scan_nonce, updated_at)
        select $1, item_id, slot_id, true, 1, at, 'nonce-' || n, at from person
        """,
        """
        insert into scan (org_id, nonce, id, request_hash, item_id, slot_id, direction, admit, verdict, scanned_at,
                          received_at, scanned_by, answer)
        select $1, 'nonce-' || n, item_id, '', item_id, slot_id, 'entry', true, 'admit', at, at, item_id, '' from person
        """,
        """
        insert into event (org_id, id, type, subject_id, data, created_at, relayed_at)
        select $1, booking_id, 'booking.held', booking_id, '{}', at, at from person
        """,
        """
        insert into idempotency_key (org_id, credential_id, key_hash, fingerprint, status, body, created_at)
        select $1, customer_id, decode(md5(n::text), 'hex'), '', 201, '', at from person
        """,
        """
        insert into session (org_id, id, subject_id, generation, created_at, last_used_at)
        select $1, booking_id, customer_id, 0, at, at from person
        """,
    ):
        await db.execute(statement, org_id)
    await db.execute("analyze")


@pytest.fixture
async def large(world: World, database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    await fill(connection, world)
    await connection.execute("set plan_cache_mode = force_generic_plan")
    await connection.execute("set jit = off")
    yield connection
    await connection.close()


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def reads_whole_tables(plan: dict[str, Any]) -> set[str]:
    """The big tables that a plan reads from end to end, be it by way of an index."""
    found: set[str] = set()
    for node in nodes(plan):
        whole = node["Node Type"] == "Seq Scan" or (
            node["Node Type"] in ("Index Scan", "Index Only Scan") and "Index Cond" not in node
        )
        if whole and node["Relation Name"] in BIG:
            found.add(node["Relation Name"])
    return found


async def explain(db: asyncpg.Connection, statement: Statement) -> dict[str, Any]:
    await db.execute(f"prepare checked as {statement.sql}")
    count = await db.fetchval("select cardinality(parameter_types) from pg_prepared_statements where name = 'checked'")
    given = f"({', '.join(['null'] * count)})" if count else ""
    found = await db.fetchval(f"explain (format json) execute checked{given}")
    await db.execute("deallocate checked")
    return json.loads(found)[0]["Plan"]


async def test_hot_statements_read_no_big_table_from_end_to_end(large: asyncpg.Connection):
    wrong: dict[str, set[str]] = {}
    for statement in CHECKED:
        if found := reads_whole_tables(await explain(large, statement)):
            wrong[statement.name] = found
    assert wrong == {}


async def test_a_search_with_values_reads_none_either(large: asyncpg.Connection, world: World):
    """Plans for the values that are asked for, as PostgreSQL makes them at first."""
    read = "select relname, seq_scan from pg_stat_user_tables where relname = any($1::text[])"
    before = dict(await large.fetch(read, sorted(BIG)))
    probes = "select idx_scan from pg_stat_user_tables where relname = 'claim'"
    probed = await large.fetchval(probes)
    assert world.flight.origin is not None
    assert world.flight.destination is not None
    first, last = date(2027, 3, 1), date(2027, 3, 7)
    named: tuple[dict[str, Any], ...] = (
        {"product_id": world.flight.id},
        {"origin": world.flight.origin.code, "destination": world.flight.destination.code},
        {"origin": world.flight.origin.code},
        {"destination": world.flight.destination.code},
    )
    me = Caller(kind="customer", credential_id=new_id(), subject_id=new_id())
    now = datetime(2027, 1, 1, tzinfo=UTC)
    async with open_runtime(world.runtime.settings) as runtime:
        asked = dataclasses.replace(world, runtime=runtime)
        for target in named:
            for sort in ("price", "start"):
                query = AvailabilityQuery(first=first, last=last, limit=20, sort=sort, **target)
                page = await search_at(asked, now, query)
                assert len(page.items) == query.limit
            found = await calendar_at(asked, now, SlotsQuery(first=first, last=last, **target), me)
            assert all(day.vacancies for day in found.items)
        await take(asked, page.items[0].slot_id, world.option(world.flight, "light"), 1, now=now)
        found = await calendar_at(asked, now, SlotsQuery(first=first, last=last, **named[1]), me)
    # What a connection counted is there for all to see a moment after it ended.
    for _ in range(100):
        await large.execute("select pg_stat_clear_snapshot()")
        if await large.fetchval(probes) > probed:
            break
        await asyncio.sleep(0.05)
    assert dict(await large.fetch(read, sorted(BIG))) == before


async def test_a_ranking_by_price_reads_no_further_than_its_page(large: asyncpg.Connection):
    """Its rows arrive by total and day, and are sorted within these alone."""
    (statement,) = (statement for statement in CHECKED if statement.name.endswith(".rank_by_price"))
    plan = await explain(large, statement)
    (sort,) = plan["Plans"][-1:]
    assert (plan["Node Type"], sort["Node Type"]) == ("Limit", "Incremental Sort")
    assert len(sort["Presorted Key"]) == 2
    slots = [node for node in nodes(plan) if node.get("Relation Name") == "slot"]
    assert [node["Index Name"] for node in slots] == ["slot_product_date"]
    quotas = [node for node in nodes(plan) if node.get("Relation Name") == "quota"]
    assert [node["Index Name"] for node in quotas] == ["quota_pkey"] * 2


async def test_a_whole_table_is_noticed(large: asyncpg.Connection):
    """The check itself: a filter that no index serves, and an order without a condition."""
    for sql in ("select id from slot where capacity = $1", "select id from slot order by org_id, id limit $1"):
        statement = Statement("booking_api.x", "x", "fetch_all", None, sql, 1)
        assert reads_whole_tables(await explain(large, statement)) == {"slot"}


def test_the_hot_statements_are_those_meant():
    assert {statement.module.removeprefix("booking_api.") for statement in CHECKED} == set(HOT)
    assert len(CHECKED) > 80
