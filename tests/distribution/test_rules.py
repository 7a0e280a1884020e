"""What can be distributed, in which order, and what was put elsewhere: on catalogues of a few tables."""

from typing import Any

import msgspec
import pytest

from booking_api.run.distribution.rules import LOCAL, broken_rules, make_plan, misplaced
from booking_api.run.distribution.schemas import Column, Distributed, Plan, Reference, SystemCatalogue, Table, UniqueKey


def table(name: str, **more: Any) -> Table:
    given = {
        "name": name, "parent": None, "is_partition": False, "partition_key": [], "has_org_id": True,
        "org_id_fits": True, "has_primary_key": True, "triggers": [],
    }  # fmt: skip
    return Table(**{**given, **more})


def reference(**more: Any) -> Reference:
    given = {
        "table": "child", "name": "child_fk", "columns": ["org_id", "parent_id"], "parent": "organisation",
        "parent_columns": ["org_id", "id"], "on_delete": "a", "on_update": "a",
    }  # fmt: skip
    return Reference(**{**given, **more})


def column(**more: Any) -> Column:
    given = {"table": "child", "name": "at", "is_identity": False, "expression": None, "own_range": False}
    return Column(**{**given, **more})


def broken(*tables: Table, keys: Any = (), references: Any = (), columns: Any = ()) -> list[str]:
    everything = [table("organisation"), table("child"), table("pgqueuer", has_org_id=False), *tables]
    named = {one.name: one for one in everything}
    return broken_rules(SystemCatalogue(list(named.values()), list(keys), list(references), list(columns)))


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, None), ({"has_org_id": False, "org_id_fits": False}, "has no org_id"),
        ({"org_id_fits": False}, "not `uuid not null`"), ({"has_primary_key": False}, "no primary key"),
        ({"triggers": ["touch"]}, "has a trigger, touch"), ({"parent": "organisation"}, "inherits from organisation"),
        ({"parent": "organisation", "is_partition": True}, None),
        ({"parent": "organisation", "is_partition": True, "partition_key": ["at"]}, "partitioned once more"),
        ({"partition_key": ["at"]}, None), ({"partition_key": ["at", "org_id"]}, "partitioned by org_id"),
        ({"partition_key": ["(expression)"]}, "by an expression"),
    ],
)  # fmt: skip
def test_tables(facts: dict[str, Any], said: str | None):
    found = broken(table("child", **facts))
    assert len(found) == (said is not None)
    assert said is None or said in found[0]


def test_what_belongs_to_the_installation_keeps_no_rule():
    facts: dict[str, Any] = {"has_org_id": False, "org_id_fits": False, "has_primary_key": False, "triggers": ["t"]}
    assert broken(*(table(name, **facts) for name in LOCAL)) == []
    local = {"table": "pgqueuer", "parent": "pgqueuer_log"}
    assert not broken(
        keys=[UniqueKey("pgqueuer", "k", ["id"])], columns=[column(table="pgqueuer", is_identity=True)],
        references=[reference(**local, columns=["id"], on_delete="n", on_update="c")],
    )  # fmt: skip


def test_keys_begin_with_the_organisation():
    assert broken(keys=[UniqueKey("child", "k", ["org_id", "id"])]) == []
    (said,) = broken(keys=[UniqueKey("child", "k", ["id", "org_id"])])
    assert "begins with id" in said


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, []), ({"on_delete": "r"}, []), ({"on_delete": "c"}, []), ({"on_delete": "n"}, ["on delete"]),
        ({"on_delete": "d"}, ["on delete"]), ({"on_update": "c"}, ["on update"]),
        ({"columns": ["parent_id", "org_id"]}, ["on both sides"]), ({"parent_columns": ["id"]}, ["on both sides"]),
        ({"parent": "pgqueuer"}, ["across the line"]), ({"table": "pgqueuer"}, ["across the line"]),
    ],
)  # fmt: skip
def test_references(facts: dict[str, Any], said: list[str]):
    found = broken(references=[reference(**facts)])
    assert len(found) == len(said)
    assert all(words in sentence for words, sentence in zip(said, found, strict=True))


@pytest.mark.parametrize(
    ("facts", "count"),
    [
        ({}, 0), ({"is_identity": True}, 1), ({"own_range": True}, 1), ({"expression": "'a'::text"}, 0),
        ({"expression": "now()"}, 1), ({"expression": "CURRENT_DATE"}, 1), ({"expression": "localtime"}, 1),
        ({"expression": "clock_timestamp()"}, 1), ({"expression": "gen_random_uuid()"}, 1),
        ({"expression": "uuidv7()"}, 1), ({"expression": "know()"}, 0),
    ],
)  # fmt: skip
def test_columns(facts: dict[str, Any], count: int):
    assert len(broken(columns=[column(**facts)])) == count


CATALOGUE = SystemCatalogue(
    [table(name) for name in ("a", "b", "organisation", "z", "pgqueuer")]
    + [table("a_2026", parent="a", is_partition=True), table("pgqueuer_log")],
    [], [reference(table="a", parent="z"), reference(table="z", parent="z"), reference(table="z", parent="b"),
         reference(table="pgqueuer", parent="pgqueuer_log")], [],
)  # fmt: skip


def test_parents_come_first_and_the_organisation_before_all():
    assert make_plan(CATALOGUE, []) == Plan(
        "organisation", ["organisation", "b", "z", "a"], [], ["pgqueuer", "pgqueuer_log"]
    )
    known = [Distributed(name, "distributed", "org_id", 1) for name in ("z", "organisation", "other")]
    assert make_plan(CATALOGUE, known) == Plan(
        "organisation", ["b", "a"], ["organisation", "z"], ["pgqueuer", "pgqueuer_log"]
    )


def test_a_circle_is_named():
    catalogue = msgspec.structs.replace(CATALOGUE, references=[*CATALOGUE.references, reference(table="b", parent="a")])
    with pytest.raises(ValueError, match=r"of a, b, z go in a circle"):
        make_plan(catalogue, [])


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("organisation", "distributed", "org_id", 1), ("z", "distributed", "org_id", 1)], []),
        ([("organisation", "distributed", "org_id", 1), ("z", "distributed", "org_id", 2)], ["not colocated"]),
        ([("organisation", "distributed", "org_id", 1), ("z", "distributed", "id", 1)], ["z is a distributed table by id"]),
        ([("organisation", "distributed", "org_id", 1), ("z", "reference", "org_id", 1)], ["z is a reference table"]),
        ([("z", "distributed", "org_id", 1)], ["not colocated"]),
        ([("pgqueuer", "reference", "", 1)], ["coordinator alone"]), ([("pgqueuer", "local", "", 1)], []),
        ([("other", "reference", "", 1)], []),
    ],
)  # fmt: skip
def test_what_was_put_elsewhere(rows: list[tuple[str, str, str, int]], said: list[str]):
    distributed = [Distributed(*row) for row in rows]
    found = misplaced(make_plan(CATALOGUE, distributed), distributed)
    assert len(found) == len(said)
    assert all(words in sentence for words, sentence in zip(said, found, strict=True))
