"""The schema and the statements keep the rules of docs/adr/0001, each rule can fail, and `distribute` follows them.

No Citus runs here: `citus_stand_in.sql` plays the part of it that `distribute` talks to.
"""

import asyncio
import re
import signal
import subprocess
from typing import Any

import asyncpg
import pytest

from booking_api.core.db.migrations import MIGRATIONS
from booking_api.run.distribution.operations import read_catalogue
from booking_api.run.distribution.rules import LOCAL, broken_rules, make_plan, misplaced
from booking_api.run.distribution.schemas import Distributed, SystemCatalogue
from tests.contract.statements import (
    early_foreign_keys,
    leaves_something_behind,
    locks_across,
    moves_a_row,
    takes_rows,
    upserts_a_parameter,
)
from tests.contract.test_queries import (
    CITUS_STAND_IN,
    CLOCK,
    FEEDING,
    STATEMENTS,
    unbound,
)
from tests.processes import run, running, wait_for


@pytest.fixture
async def db(database_url: str) -> Any:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


# the schema -------------------------------------------------------------------------------------------------------


async def test_the_schema_can_be_distributed(db):
    catalogue = await read_catalogue(db)
    assert broken_rules(catalogue) == []
    assert len(catalogue.tables) > 30
    assert len(catalogue.keys) > 30
    assert len(catalogue.references) > 10
    assert len(catalogue.columns) > 200


async def test_no_reason_is_given_for_a_table_that_is_gone(db):
    assert {table.name for table in (await read_catalogue(db)).tables} >= set(LOCAL)


OWN = "org_id uuid not null, id uuid not null, other_id uuid, primary key (org_id, id)"
BAD_SCHEMAS = {
    "no organisation": ("create table t (id uuid primary key)", "The table t has no org_id"),
    "an organisation of another type": (
        "create table t (org_id text not null, primary key (org_id))", "t.org_id is not `uuid not null`"),
    "an organisation that may be missing": (
        "create table t (org_id uuid, id uuid primary key)", "t.org_id is not `uuid not null`"),
    "no primary key": ("create table t (org_id uuid not null)", "The table t has no primary key"),
    "a primary key that begins otherwise": (
        "create table t (org_id uuid not null, id uuid, primary key (id, org_id))", "begins with id"),
    "a unique index that begins otherwise": ("create unique index i on place (code)", "begins with code"),
    "a unique index on an expression": (
        "create unique index i on place (lower(code), org_id)", "begins with (expression)"),
    "a unique constraint that begins otherwise": ("alter table place add unique (name, org_id)", "begins with name"),
    "an exclusion that begins otherwise": (
        "create table t (org_id uuid not null, id uuid, during tstzrange, primary key (org_id, id), "
        "exclude using gist (during with &&))", "begins with during"),
    "a foreign key without the organisation": (
        f"create table t ({OWN}); create unique index i on place (id); "
        "alter table t add foreign key (other_id) references place (id)", "does not begin with org_id on both sides"),
    "a foreign key that ends with the organisation": (
        f"create table t ({OWN}); create unique index i on place (id, org_id); "
        "alter table t add foreign key (other_id, org_id) references place (id, org_id)",
        "does not begin with org_id on both sides"),
    "a foreign key that sets null": (
        f"create table t ({OWN}); alter table t add foreign key (org_id, other_id) references place on delete set null",
        "changes rows `on delete`"),
    "a foreign key that sets a default": (
        f"create table t ({OWN}); alter table t add foreign key (org_id, other_id) references place on delete set default",
        "changes rows `on delete`"),
    "a foreign key that follows changes": (
        f"create table t ({OWN}); alter table t add foreign key (org_id, other_id) references place on update cascade",
        "has an action `on update`"),
    "a foreign key out of the organisation": (
        f"create table t ({OWN}); alter table t add foreign key (other_id) references worker_heartbeat",
        "across the line"),
    "a foreign key into an organisation": (
        "alter table worker_heartbeat add column org_id uuid; "
        "alter table worker_heartbeat add foreign key (org_id) references organisation", "across the line"),
    "a trigger": (
        "create function f() returns trigger language plpgsql as 'begin return new; end'; "
        "create trigger watch before update on place for each row execute function f()", "has a trigger, watch"),
    "an identity column": (
        "alter table place add column n bigint generated always as identity", "place.n is an identity column"),
    "a time that fills itself": (
        "alter table place add column at timestamptz default now()", "place.at fills itself"),
    "an id that fills itself": (
        "alter table place add column n uuid default gen_random_uuid()", "place.n fills itself"),
    "a range type of our own": (
        "create type span as range (subtype = time); alter table place add column open span", "has a range type"),
    "an inherited table": (
        "create table t (primary key (org_id, id)) inherits (place)", "The table t inherits from place"),
    "partitions by organisation": (
        f"create table t ({OWN}) partition by hash (org_id)", "partitioned by org_id"),
    "partitions by an expression": (
        "create table t (org_id uuid not null, n integer, check (n > 0)) partition by range ((n / 2))",
        "partitioned by an expression"),
    "partitions of partitions": (
        "create table t (org_id uuid not null, a integer, b integer, primary key (org_id, a, b)) partition by list (a); "
        "create table u partition of t for values in (1) partition by list (b)", "is partitioned once more"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_SCHEMAS)
async def test_a_schema_that_breaks_a_rule_is_found(db, name):
    change, sentence = BAD_SCHEMAS[name]
    await db.execute(change)
    assert sentence in " ".join(broken_rules(await read_catalogue(db)))


GOOD_SCHEMAS = [
    f"create table t ({OWN}, number bigserial); alter table t add foreign key (org_id, other_id) references place on delete cascade",
    "create table t (org_id uuid not null, at timestamptz, id uuid, primary key (org_id, at, id)) partition by range (at); "
    "create table u partition of t for values from ('2026-01-01') to ('2026-02-01'); create table v partition of t default",
    "create index i on place (name)",
]


@pytest.mark.parametrize("change", GOOD_SCHEMAS)
async def test_a_schema_that_keeps_them_is_not(db, change):
    await db.execute(change)
    assert broken_rules(await read_catalogue(db)) == []


def test_foreign_keys_stand_after_the_tables():
    for migration in MIGRATIONS.glob("*.sql"):
        assert early_foreign_keys(migration.read_text()) == [], migration.name


@pytest.mark.parametrize(
    "migration",
    [
        "create table a (org_id uuid); create table b (org_id uuid references a (org_id));",
        "create table a (n int); create table b (n int, foreign key (n) references a (n));",
        "create table a (n int); alter table a add constraint k foreign key (n) references b (n); create table c (n int);",
    ],
)
def test_a_foreign_key_that_stands_before_a_table_is_found(migration):
    assert len(early_foreign_keys(f"-- migrate:up\n{migration}\n-- migrate:down\ndrop table a;")) == 1


# the statements ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", [moves_a_row, upserts_a_parameter, leaves_something_behind])
def test_no_statement_breaks_the_rule(rule):
    assert [statement.name for statement in STATEMENTS if rule(statement.sql)] == []


def test_a_row_is_locked_under_its_organisation():
    local = re.compile(rf"\bfrom\s+({'|'.join(LOCAL)})\b", re.IGNORECASE)
    assert [s.name for s in STATEMENTS if locks_across(s.sql) and not local.search(s.sql)] == []


BAD_STATEMENTS = [
    (moves_a_row, "update slot set taken = 0, org_id = $2 where org_id = $1"),
    (moves_a_row, "update slot s set (taken, org_id) = (0, $2) where s.org_id = $1"),
    (moves_a_row, "insert into t (org_id, n) values ($1, 1) on conflict (org_id) do update set org_id = excluded.org_id"),
    (upserts_a_parameter, "insert into t (org_id, n) values ($1, $2) on conflict (org_id) do update set n = $2"),
    (upserts_a_parameter, "insert into t (org_id, n) values ($1, $2) on conflict (org_id) do update set n = t.n + $2 where t.n > 1"),
    (locks_across, "select id from slot where id = $1 for update"),
    (locks_across, "with due as materialized (select id from t where n < $2 for update skip locked) "
                   "delete from t using due where t.org_id = $1 and t.id = due.id"),
    (locks_across, "select id from booking order by id for no key update"),
    (locks_across, "select t.id from unnest($1::uuid[], $2::uuid[]) w (o, i) join t on t.org_id = w.o and t.id = w.i for update"),
    (takes_rows, "delete from t using unnest($1::uuid[], $2::uuid[]) w (o, i) where t.org_id = w.o and t.id = w.i"),
    (takes_rows, "with due as (update t as x set n = 0 where n < $1 returning id) select id from due"),
    (takes_rows, "insert into t (org_id, n) select org_id, $1 from u"),
    (takes_rows, "select id from t order by id for key share"),
    (leaves_something_behind, "select pg_advisory_lock($1)"),
    (leaves_something_behind, "select pg_try_advisory_lock_shared($1)"),
    (leaves_something_behind, "set statement_timeout = 0"),
    (leaves_something_behind, "select set_config('work_mem', $1, false)"),
    (leaves_something_behind, "listen changes"),
    (leaves_something_behind, "create temporary table staged (n int)"),
]  # fmt: skip
GOOD_STATEMENTS = [
    (moves_a_row, "update slot set taken = 0 where org_id = $1 and id = $2"),
    (moves_a_row, "update slot set taken = (select sum(n) from claim where org_id = $1) from u where slot.org_id = $1"),
    (upserts_a_parameter, "insert into t (org_id, n) values ($1, $2) on conflict (org_id) do update set n = excluded.n where t.n = $3"),
    (upserts_a_parameter, "update t set n = $2 where org_id = $1"),
    (locks_across, "select id from slot where org_id = $1 and id = any($2) order by id for update"),
    (takes_rows, "select org_id, array_agg(id) as updated from t where deleted_at < $1 group by org_id -- for update"),
    (leaves_something_behind, "select pg_try_advisory_xact_lock($1)"),
    (leaves_something_behind, "set local synchronous_commit = off"),
    (leaves_something_behind, "create temporary table staged (n int) on commit drop"),
    (leaves_something_behind, "update t set n = 'listen' where org_id = $1"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "sql"), BAD_STATEMENTS)
def test_a_statement_that_breaks_a_rule_is_found(rule, sql):
    assert rule(sql)


@pytest.mark.parametrize(("rule", "sql"), GOOD_STATEMENTS)
def test_a_statement_that_keeps_it_is_not(rule, sql):
    assert not rule(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "select id from slot where id = $1",
        "select s.id from slot s join claim c on c.slot_id = s.id where s.org_id = $1",
        "update slot set taken = 0 where id = $1",
        "delete from claim using slot s where s.org_id = $1 and claim.slot_id = s.id",
        "insert into slot (id, org_id) values ($1, $2)",
    ],
)
def test_a_statement_without_its_organisation_is_found(sql):
    assert unbound(sql, {"slot", "claim"}) != []


def test_an_insert_that_is_fed_by_a_change_is_found():
    assert FEEDING.search(
        "with gone as (delete from t where org_id = $1 returning id) insert into u select id from gone"
    )


@pytest.mark.parametrize(
    "expression", ["now()", "NOW ()", "current_timestamp", "current_date", "clock_timestamp()", "localtimestamp"]
)
def test_a_statement_that_reads_the_clock_is_found(expression):
    assert CLOCK.search(f"select id from slot where org_id = $1 and starts_at > {expression}")


# the order --------------------------------------------------------------------------------------------------------


async def test_parents_are_distributed_before_their_children(db):
    catalogue = await read_catalogue(db)
    plan = make_plan(catalogue, [])
    assert plan.anchor == plan.todo[0] == "organisation"
    assert sorted(plan.todo) == sorted(
        table.name for table in catalogue.tables if table.name not in LOCAL and not table.is_partition
    )
    for reference in catalogue.references:
        assert plan.todo.index(reference.parent) <= plan.todo.index(reference.table)


async def test_foreign_keys_that_go_in_a_circle_are_refused(db):
    await db.execute("alter table slot add foreign key (org_id, id) references claim (org_id, id)")
    with pytest.raises(ValueError, match=r"claim, slot go in a circle"):
        make_plan(await read_catalogue(db), [])


async def test_what_was_distributed_in_another_way_is_named(db):
    catalogue = await read_catalogue(db)

    def wrong(*rows: Distributed) -> list[str]:
        return misplaced(make_plan(catalogue, rows), rows)

    organisation = Distributed("organisation", "distributed", "org_id", 1)
    assert wrong(organisation, Distributed("place", "distributed", "org_id", 1)) == []
    assert "not colocated" in wrong(organisation, Distributed("place", "distributed", "org_id", 2))[0]
    assert "not colocated" in wrong(Distributed("place", "distributed", "org_id", 2))[0]
    assert "not distributed by org_id" in wrong(organisation, Distributed("place", "distributed", "id", 1))[0]
    assert "reference table" in wrong(organisation, Distributed("place", "reference", "<none>", 1))[0]
    assert "coordinator alone" in wrong(Distributed("pgqueuer", "reference", "<none>", 3))[0]


def test_an_empty_database_has_no_broken_rule():
    assert broken_rules(SystemCatalogue([], [], [], [])) == []


# the command ------------------------------------------------------------------------------------------------------


async def distribute(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(run, "distribute", *arguments, DATABASE_URL=url)


async def stand_in(db: asyncpg.Connection) -> None:
    name = await db.fetchval("select current_database()")
    await db.execute(CITUS_STAND_IN.read_text())
    await db.execute(f"alter database {name} set search_path = public, citus_stand_in")
    await db.execute("set search_path = public, citus_stand_in")


ASKED = "select name::text, by_column, colocation, shards from asked order by place"


async def test_without_citus_there_is_a_plan_and_a_polite_refusal(db, database_url):
    planned = await distribute(database_url, "--dry-run", "--shards", "64")
    assert planned.returncode == 0, planned.stderr
    lines = planned.stdout.splitlines()
    assert [line for line in lines if line.startswith("-- pgqueuer stays local: ")]
    statements = [line for line in lines if not line.startswith("--")]
    assert statements[0] == (
        "select create_distributed_table('organisation', 'org_id', colocate_with => 'none', shard_count => 64);"
    )
    refused = await distribute(database_url)
    assert refused.returncode == 1
    assert "create extension citus" in refused.stderr
    assert "\n" not in refused.stderr.strip()
    # The printed plan is a script: it does what the command would do.
    await stand_in(db)
    await db.execute(planned.stdout)
    assert [row["name"] for row in await db.fetch(ASKED)] == make_plan(await read_catalogue(db), []).todo


async def test_every_table_is_distributed_once_and_together(db, database_url):
    await stand_in(db)
    done = await distribute(database_url)
    assert done.returncode == 0, done.stderr
    asked = await db.fetch(ASKED)
    assert [row["name"] for row in asked] == make_plan(await read_catalogue(db), []).todo
    assert {row["by_column"] for row in asked} == {"org_id"}
    assert len({row["colocation"] for row in asked}) == 1
    assert [row["shards"] for row in asked] == [32] + [None] * (len(asked) - 1)
    again = await distribute(database_url)
    assert again.returncode == 0
    assert "already" in again.stderr
    assert await db.fetch(ASKED) == asked
    assert "create_distributed_table" not in (await distribute(database_url, "--dry-run")).stdout


async def test_a_run_that_is_killed_is_finished_by_the_next(db, database_url):
    await stand_in(db)
    name = await db.fetchval("select current_database()")
    await db.execute(f"alter database {name} set stand_in.seconds = '0.2'")

    async def count() -> int:
        return await db.fetchval("select count(*) from asked")

    async def is_alone() -> bool:
        """Whether PostgreSQL has ended the statement that it was at."""
        return not await db.fetchval(
            "select exists (select from pg_stat_activity where datname = $1 and pid <> pg_backend_pid())", name
        )

    with running("distribute", DATABASE_URL=database_url) as process:
        while await count() < 3:
            await asyncio.sleep(0.02)
            assert process.poll() is None, process.said()
        process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(wait_for, lambda: process.poll() is not None)
    async with asyncio.timeout(60):
        while True:
            if await is_alone():
                break
            await asyncio.sleep(0.02)
    await db.execute(f"alter database {name} set stand_in.seconds = '0'")
    plan = make_plan(await read_catalogue(db), [])
    assert 3 <= await count() < len(plan.todo)
    done = await distribute(database_url)
    assert done.returncode == 0, done.stderr
    assert [row["name"] for row in await db.fetch(ASKED)] == plan.todo


async def test_a_schema_that_breaks_a_rule_is_left_alone(db, database_url):
    await stand_in(db)
    await db.execute("create table t (id uuid primary key)")
    refused = await distribute(database_url)
    assert refused.returncode == 1
    assert "The table t has no org_id" in refused.stderr
    assert await db.fetch(ASKED) == []


async def test_an_empty_database_is_told_to_migrate(db, database_url):
    await db.execute("drop schema public cascade; create schema public")
    refused = await distribute(database_url, "--dry-run")
    assert refused.returncode == 1
    assert "booking-api migrate" in refused.stderr
