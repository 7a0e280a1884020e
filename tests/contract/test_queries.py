"""Every statement of every capability, prepared on the real database."""

import ast
import importlib
import re
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import msgspec

import booking_api
from booking_api.run.distribution.rules import LOCAL
from tests.contract.alignment import Given, Taken, Unaligned, given, literal
from tests.contract.statements import takes_rows

ROOT = Path(booking_api.__file__).parent.parent
PACKAGES = (ROOT / "booking_api", ROOT / "benchmarks")
CITUS_STAND_IN = Path(__file__).with_name("citus_stand_in.sql")
VERBS = {"fetch_all": 2, "fetch_one": 2, "fetch_value": 1, "execute": 1}
"""Verb of `core.db` → the position of its statement."""

DUE = "a job looks for what is due, and works on it organisation by organisation"
DOCTOR = "`booking-api doctor` proves the whole installation"
KEYS = "a `kid` is unique per installation, and the public keys are published together"
ACROSS_ORGANISATIONS = {
    "bookings.queries.list_ended_holds": DUE,
    "bookings.queries.list_undecided_orders": DUE,
    "bookings.queries.list_due_decisions": DUE,
    "bookings.sync_queries.list_versions": "one poll serves the event streams of every organisation",
    "bookings.retention_queries.list_old_tombstones": DUE,
    "bookings.retention_queries.list_organisations_to_silence": DUE,
    "bookings.retention_queries.list_organisations_to_erase": DUE,
    "checkin.archive_queries.list_old_scans": DUE,
    "checkin.queries.list_old_answers": DUE,
    "core.db.event_queries.list_waiting_events": DUE,
    "core.db.event_queries.rest_holds_events": "a partition holds the events of every organisation",
    "core.db.event_queries.holds_unrelayed_events": "a partition holds the events of every organisation",
    "core.db.queries.list_old_answers": DUE,
    "core.db.queries.liveness": "readiness reports the oldest event that waits",
    "identity.audit_queries.rest_holds_entries": "a partition holds the entries of every organisation",
    "identity.queries.find_keys_with_organisation": "whose key it is, is what is asked; each in the organisation that it names",
    "identity.queries.list_organisations": "jobs and commands loop over it",
    "identity.session_queries.list_old_sessions": DUE,
    "identity.code_queries.list_old_codes": DUE,
    "identity.contact_queries.list_old_mail": DUE,
    "identity.signing_queries.kid_exists": KEYS,
    "identity.signing_queries.list_public_keys": KEYS,
    "passes.queries.find_key_owner": KEYS,
    "passes.attendance_queries.list_untold_admissions": "the job goes on with each organisation by itself",
    "payments.asking_queries.list_due_intents": DUE,
    "payments.asking_queries.list_due_refunds": DUE,
    "payments.queries.list_decided": "one poll serves the payments that are waited for of every organisation",
    "payments.check_queries.list_live": DOCTOR,
    "inventory.check_queries.list_zones": DOCTOR,
    "payments.check_queries.suspects_test_money": DOCTOR,
    "inventory.check_queries.suspects_slot_taken": DOCTOR,
    "inventory.check_queries.suspects_quota_taken": DOCTOR,
    "inventory.check_queries.suspects_seats": DOCTOR,
    "bookings.check_queries.suspects_claims": DOCTOR,
    "bookings.check_queries.suspects_inside": DOCTOR,
    "bookings.check_queries.suspects_orders": DOCTOR,
    "bookings.check_queries.suspects_order_states": DOCTOR,
    "bookings.check_queries.suspects_passes": DOCTOR,
    "payments.check_queries.suspects_payments": DOCTOR,
    "inventory.check_queries.suspects_local_dates": DOCTOR,
    "webhooks.turn_queries.list_due_endpoints": DUE,
    "webhooks.queries.list_every_endpoint": DUE,
    "webhooks.queries.list_listening": "the relay goes on with each organisation by itself",
    "webhooks.queries.list_failing": DOCTOR,
    "webhooks.delivery_queries.count_troubled": "metrics are of the whole installation",
}
"""Statement → why it looks across organisations, which each one does alone. None of them locks or changes a row, for
which there is no exception: see `test_what_looks_across_organisations_only_reads`."""

READS_THE_CLOCK = {"upkeep.queries.server_facts": "`booking-api doctor` compares the server's clock with this one's"}

SQL_ELSEWHERE: dict[str, str] = {}
"""Module with SQL that isn't a `queries.py` → why."""


class Statement(NamedTuple):
    module: str
    function: str
    verb: str
    into: str | None
    sql: str
    arguments: int
    given: tuple[Given, ...] = ()
    taken: tuple[Taken, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.module.removeprefix('booking_api.')}.{self.function}"


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def query_files() -> list[Path]:
    return sorted(path for package in PACKAGES for path in package.rglob("*queries.py"))


def statements_of(path: Path) -> list[Statement]:
    found: list[Statement] = []
    for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for call in ast.walk(function):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.func.id not in VERBS:
                continue
            position = VERBS[call.func.id]
            names = vars(importlib.import_module(module_name(path)))
            try:
                sql = literal(call.args[position], names)
                parameters, taken = given(call.args[position + 1 :], names)
            except Unaligned as error:
                raise AssertionError(f"{path.name}: {error}") from error
            into = ast.unparse(call.args[1]) if position == 2 else None
            found.append(
                Statement(
                    module_name(path), function.name, call.func.id, into, sql, len(parameters), tuple(parameters),
                    tuple(taken),
                )
            )  # fmt: skip
    return found


STATEMENTS = [statement for path in query_files() for statement in statements_of(path)]


def test_there_are_statements():
    assert len(STATEMENTS) > 60


async def test_every_statement_prepares_and_fits_its_struct(database_url):
    connection = await asyncpg.connect(database_url)
    wrong: list[str] = []
    try:
        await connection.execute(CITUS_STAND_IN.read_text())
        await connection.execute("set search_path = public, citus_stand_in")
        for statement in STATEMENTS:
            if statement.sql.lstrip().lower().startswith("create temporary table"):
                await connection.execute(statement.sql.replace("on commit drop", ""))
        for statement in STATEMENTS:
            try:
                prepared = await connection.prepare(statement.sql)
            except asyncpg.PostgresError as error:
                wrong.append(f"{statement.name}: {error}")
                continue
            if len(prepared.get_parameters()) != statement.arguments:
                wrong.append(
                    f"{statement.name}: {len(prepared.get_parameters())} parameters, {statement.arguments} arguments"
                )
            if statement.into is not None:
                columns = [attribute.name for attribute in prepared.get_attributes()]
                wrong += [f"{statement.name}: {text}" for text in misfits(statement, columns)]
    finally:
        await connection.close()
    assert wrong == []


def misfits(statement: Statement, columns: list[str]) -> list[str]:
    struct: Any = importlib.import_module(statement.module)
    for part in (statement.into or "").split("."):
        struct = getattr(struct, part)
    fields = msgspec.structs.fields(struct)
    found: list[str] = []
    if twice := sorted({column for column in columns if columns.count(column) > 1}):
        found.append(f"columns given twice: {twice}")
    if unknown := sorted(set(columns) - {field.encode_name for field in fields}):
        found.append(f"columns that {statement.into} doesn't have: {unknown}")
    if missing := sorted({field.encode_name for field in fields if field.required} - set(columns)):
        found.append(f"fields of {statement.into} that no column fills: {missing}")
    return found


CLOCK = re.compile(
    r"\bnow\s*\(|\b(current_(timestamp|date|time)|local(time|timestamp)|(clock|statement|transaction)_timestamp)\b",
    re.IGNORECASE,
)


def test_no_statement_reads_the_clock():
    assert {statement.name for statement in STATEMENTS if CLOCK.search(statement.sql)} == set(READS_THE_CLOCK)


FEEDING = re.compile(
    r"\bas\s+(not\s+)?(materialized\s+)?\(\s*(insert|update|delete)\b.*\)\s*insert\s+into\b",
    re.IGNORECASE | re.DOTALL,
)


def test_no_insert_is_fed_by_a_statement_that_changes_rows():
    """22 times slower on a distributed server."""
    assert [statement.name for statement in STATEMENTS if FEEDING.search(statement.sql)] == []


TABLE = re.compile(
    r"\b(?P<verb>from|join|update|into)\s+(?P<table>[a-z_]+)\b(?:\s+(?:as\s+)?(?P<alias>[a-z_]\w*))?", re.IGNORECASE
)
NO_ALIAS = {
    "set",
    "where",
    "on",
    "join",
    "left",
    "order",
    "group",
    "limit",
    "for",
    "using",
    "values",
    "select",
    "cross",
    "inner",
    "returning",
    "union",
}


async def tenant_tables(database_url: str) -> set[str]:
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch("select tablename from pg_tables where schemaname = 'public'")
    finally:
        await connection.close()
    return {row["tablename"] for row in rows} - set(LOCAL)


def unbound(sql: str, tables: set[str]) -> list[str]:
    """The tenant tables of a statement that it doesn't bind to an organisation."""
    text = re.sub(r"--[^\n]*", "", sql)
    found: list[str] = []
    for reference in TABLE.finditer(text):
        table, alias = reference["table"].lower(), (reference["alias"] or "").lower()
        if table not in tables:
            continue
        name = table if not alias or alias in NO_ALIAS else alias
        if reference["verb"].lower() == "into":
            bound = re.match(r"[^()]*\(\s*org_id\b", text[reference.start() :]) is not None
        else:
            own = rf"\b{name}\.org_id\s*=|=\s*{name}\.org_id\b|using\s*\(\s*org_id\b"
            alone = rf"(?<![.\w])org_id\s*=\s*\$\d|(?<![.\w])org_id\s*=\s*\w+\.org_id|=\s*{table}\.org_id"
            bound = re.search(own, text) is not None or (name == table and re.search(alone, text) is not None)
        if not bound:
            found.append(name)
    return found


async def across_organisations(database_url: str) -> set[str]:
    """The statements that concern a tenant's table and aren't bound to one organisation."""
    tables = await tenant_tables(database_url)
    wide = {statement.name: unbound(statement.sql, tables) for statement in STATEMENTS}
    wide = {name: found for name, found in wide.items() if found}
    bound_to_none = {
        statement.name
        for statement in STATEMENTS
        if statement.name not in wide
        and any(reference["table"].lower() in tables for reference in TABLE.finditer(statement.sql))
        and not re.search(r"org_id\s*=\s*\$\d|org_id\s*=\s*any\s*\(\s*\$\d|insert\s+into", statement.sql)
    }
    return {*wide, *bound_to_none}


async def test_every_statement_stays_in_one_organisation(database_url):
    across = await across_organisations(database_url)
    known = set(ACROSS_ORGANISATIONS)
    assert across - known == set(), "bind them to one organisation, or say here why they only read across"
    assert known - across == set(), "these no longer need to be named"


async def test_what_looks_across_organisations_only_reads(database_url):
    """A distributed server refuses to lock rows of several organisations in one statement. Whatever a schedule finds is
    worked on by a statement for each organisation (`core.rounds`); this has no list of exceptions, and gets none."""
    across = await across_organisations(database_url)
    assert sorted(s.name for s in STATEMENTS if s.name in across and takes_rows(s.sql)) == []


def test_sql_stands_nowhere_else():
    looks_like_sql = re.compile(
        r"^\s*(select\s.+\sfrom\s|insert\s+into\s|update\s+\w+\s+set\s|delete\s+from\s)", re.IGNORECASE | re.DOTALL
    )
    found: set[str] = set()
    for path in (path for package in PACKAGES for path in package.rglob("*.py")):
        if path.name.endswith("queries.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and looks_like_sql.match(node.value):
                found.add(module_name(path).removeprefix("booking_api."))
    assert found == set(SQL_ELSEWHERE)
