"""Two columns of one type that are swapped, in a Struct or in a statement, are noticed."""

import ast
import importlib
from datetime import UTC, datetime
from typing import get_args, get_type_hints
from uuid import UUID

import msgspec
import pytest

from booking_api.core.db.rows import columns_of, row_from
from tests.contract.alignment import Given, Unaligned, given, literal, misaligned, swaps_of_columns, swaps_of_fields
from tests.contract.test_queries import STATEMENTS, Statement

EARLY, LATE = datetime(2027, 5, 1, tzinfo=UTC), datetime(2027, 5, 2, tzinfo=UTC)
TAKING = [statement for statement in STATEMENTS if statement.taken]


def name_of(statement: Statement) -> str:
    return statement.name


def test_every_statement_calls_its_columns_by_the_names_of_what_it_is_given():
    assert {s.name: wrong for s in STATEMENTS if (wrong := misaligned(s.sql, s.given))} == {}


def test_statements_take_structs():
    assert len(TAKING) > 30
    assert {"bookings.queries.insert_orders", "checkin.queries.insert_scans"} <= {s.name for s in TAKING}


@pytest.mark.parametrize("statement", TAKING, ids=name_of)
def test_rows_have_the_fields_that_are_taken_of_them(statement: Statement):
    hints = get_type_hints(getattr(importlib.import_module(statement.module), statement.function))
    for rows, of in statement.taken:
        (row,) = get_args(hints[rows])
        assert set(of.__struct_fields__) <= set(row.__struct_fields__), (row, of)


@pytest.mark.parametrize("statement", TAKING, ids=name_of)
def test_a_swap_of_any_two_fields_of_one_type_is_noticed(statement: Statement):
    missed = [swapped for swapped in swaps_of_fields(statement.given) if not misaligned(statement.sql, swapped)]
    assert missed == []


@pytest.mark.parametrize("statement", TAKING, ids=name_of)
def test_a_swap_of_any_two_columns_in_a_list_of_the_statement_is_noticed(statement: Statement):
    missed: list[str] = []
    for _, of in statement.taken:
        for swapped in swaps_of_columns(statement.sql, of.__struct_fields__):
            if not misaligned(swapped, statement.given):
                missed.append(swapped)
    assert missed == []


# counterexamples --------------------------------------------------------------------------------------------------


class Visit(msgspec.Struct, frozen=True):
    id: UUID
    starts_at: datetime
    ends_at: datetime
    name: str
    words: str | None


class SwappedVisit(msgspec.Struct, frozen=True):
    id: UUID
    ends_at: datetime
    starts_at: datetime
    name: str
    words: str | None


INSERT = """
insert into visit (org_id, id, starts_at, ends_at, name, name_words, created_at)
select $1, v.id, v.starts_at, v.ends_at, v.name, array_to_tsvector(string_to_array(v.words, ' ')), $7
from unnest($2::uuid[], $3::timestamptz[], $4::timestamptz[], $5::text[], $6::text[])
  as v (id, starts_at, ends_at, name, words)
on conflict (org_id, id) do update set starts_at = excluded.starts_at, ends_at = excluded.ends_at
"""
EVERY = INSERT.replace("name_words", "words").replace(
    "v.id, v.starts_at, v.ends_at, v.name, array_to_tsvector(string_to_array(v.words, ' '))", "v.*"
)
UPDATE = """
update visit set starts_at = v.starts_at, ends_at = v.ends_at, updated_at = $7,
  name = coalesce(v.name, visit.name), name_words = string_to_array(v.words, ' ')
from unnest($2::uuid[], $3::timestamptz[], $4::timestamptz[], $5::text[], $6::text[])
  as v (id, starts_at, ends_at, name, words)
where visit.org_id = $1 and visit.id = v.id
"""
ROWS = "f(db, sql, org_id, *columns_of(visits, Visit), now)"
SWAPPED_ROWS = "f(db, sql, org_id, *columns_of(visits, SwappedVisit), now)"
ONE = "insert into visit (org_id, id, starts_at, ends_at) values ($1, $2, $3, $4)"
CHANGE = "update visit set starts_at = $3, ends_at = $4 where org_id = $1 and id = $2"
ONE_ROW = "f(db, sql, org_id, visit.id, visit.starts_at, visit.ends_at)"
PAIRS = "select v.id from unnest($1::uuid[], $2::uuid[]) as v (id, slot_id)"


def parameters(call: str) -> list[Given]:
    parsed = ast.parse(call, mode="eval").body
    assert isinstance(parsed, ast.Call)
    return given(parsed.args[2:], globals())[0]


ALIGNED = [
    (INSERT, ROWS), (EVERY, ROWS), (UPDATE, ROWS), (ONE, ONE_ROW), (CHANGE, ONE_ROW), (PAIRS, "f(db, sql, ids, slot_ids)"),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "call"), ALIGNED)
def test_what_is_aligned(sql: str, call: str):
    assert misaligned(sql, parameters(call)) == []


@pytest.mark.parametrize(
    ("sql", "call"),
    [
        pytest.param(INSERT, SWAPPED_ROWS, id="in the Struct"),
        pytest.param(
            INSERT.replace("v (id, starts_at, ends_at", "v (id, ends_at, starts_at"), ROWS, id="beside unnest"
        ),
        pytest.param(
            INSERT.replace("org_id, id, starts_at, ends_at", "org_id, id, ends_at, starts_at"), ROWS, id="into"
        ),
        pytest.param(INSERT.replace("v.starts_at, v.ends_at", "v.ends_at, v.starts_at"), ROWS, id="in the select"),
        pytest.param(
            INSERT.replace("starts_at = excluded.starts_at", "starts_at = excluded.ends_at"), ROWS, id="in the upsert"
        ),
        pytest.param(INSERT.replace(" (id, starts_at, ends_at, name, words)", ""), ROWS, id="without names"),
        pytest.param(
            INSERT.replace("$2::uuid[], $3::timestamptz[]", "$2::timestamptz[], $3::uuid[]"), ROWS, id="types"
        ),
        pytest.param(
            EVERY.replace("starts_at, ends_at, name, words, ", "ends_at, starts_at, name, words, "), ROWS, id="all"
        ),
        pytest.param(EVERY, SWAPPED_ROWS, id="all of another Struct"),
        pytest.param(
            UPDATE.replace("v.starts_at, ends_at = v.ends_at", "v.ends_at, ends_at = v.starts_at"), ROWS, id="set"
        ),
        pytest.param(UPDATE.replace("coalesce(v.name", "coalesce(v.words"), ROWS, id="within an expression"),
        pytest.param(ONE.replace("starts_at, ends_at", "ends_at, starts_at"), ONE_ROW, id="one row"),
        pytest.param(CHANGE, "f(db, sql, org_id, visit.id, visit.ends_at, visit.starts_at)", id="one row's arguments"),
        pytest.param(PAIRS, "f(db, sql, slot_ids, ids)", id="two lists"),
    ],
)
def test_what_is_swapped(sql: str, call: str):
    assert (sql, call) not in ALIGNED
    assert misaligned(sql, parameters(call)) != []


@pytest.mark.parametrize(
    "call", ["f(db, sql, *columns)", "f(db, sql, *zip(*rows))", "f(db, sql, *columns_of(rows(), Visit))"]
)
def test_columns_that_come_from_nowhere_are_refused(call: str):
    with pytest.raises(Unaligned):
        parameters(call)


COLUMNS = "id, name"


def test_a_statement_is_put_together_of_literals_alone():
    assert literal(ast.parse("f'select {COLUMNS} from x'", mode="eval").body, globals()) == "select id, name from x"
    assert (
        literal(ast.parse("'select ' + COLUMNS + ' from x'", mode="eval").body, globals()) == "select id, name from x"
    )
    for glued in ("f'select {columns} from x'", "f'select {COLUMNS!r}'", "'select ' + str(COLUMNS)", "f'{parameters}'"):
        with pytest.raises(Unaligned):
            literal(ast.parse(glued, mode="eval").body, globals())


# the helpers ------------------------------------------------------------------------------------------------------


class Told(msgspec.Struct, frozen=True):
    name: str
    id: UUID


class Alone(msgspec.Struct, frozen=True):
    id: UUID


def test_columns_come_in_the_order_of_the_fields_whatever_the_rows_are():
    one, other = UUID(int=1), UUID(int=2)
    rows = [Visit(one, EARLY, LATE, "A", None), Visit(other, LATE, EARLY, "B", "b")]
    assert columns_of(rows, Visit) == [
        (one, other), (EARLY, LATE), (LATE, EARLY), ("A", "B"), (None, "b"),
    ]  # fmt: skip
    assert columns_of(rows, SwappedVisit)[1] == (LATE, EARLY)
    assert columns_of(rows, Told) == [("A", "B"), (one, other)]
    assert columns_of(rows, Alone) == [(one, other)]


def test_without_rows_there_are_as_many_empty_columns():
    assert columns_of([], Visit) == [()] * 5
    assert columns_of([], Alone) == [()]


def test_a_row_takes_what_has_its_names():
    visit = Visit(UUID(int=1), EARLY, LATE, "A", None)
    assert row_from(visit, SwappedVisit, words="a") == SwappedVisit(visit.id, LATE, EARLY, "A", "a")
    assert row_from(visit, SwappedVisit) == SwappedVisit(visit.id, LATE, EARLY, "A", None)
    assert row_from(Alone(visit.id), Visit, starts_at=1, ends_at=2, name="x", words=None).name == "x"
    with pytest.raises(AttributeError):
        row_from(Alone(visit.id), Visit, name="x", words=None)
    with pytest.raises(TypeError):
        row_from(visit, Visit, name="x")
