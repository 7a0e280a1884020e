"""What a schema must keep so that Citus can distribute it by organisation, and in which order. Pure.

The rules are those of docs/adr/0001; what they rest on was tried on Citus 13.2.
"""

import re
from collections.abc import Iterator, Sequence
from graphlib import CycleError, TopologicalSorter

from booking_api.run.distribution.schemas import Distributed, Plan, SystemCatalogue, Table

COLUMN = "org_id"
ANCHOR = "organisation"
LOCAL = {
    "schema_migrations": "dbmate alone reads it, on the coordinator",
    "worker_heartbeat": "worker processes belong to the installation, and no statement joins them with a tenant's rows",
    "pgqueuer": "the job queue is one for all organisations; its payloads carry the organisation",
    "pgqueuer_log": "as the queue",
    "pgqueuer_schedules": "as the queue",
    "pgqueuer_statistics": "as the queue",
}
"""Table without an organisation → why it stays an ordinary table of the coordinator. Every other table is a tenant's."""

FILLS_ITSELF = re.compile(
    r"\bnow\(|_timestamp\(|\b(current|local)_?(timestamp|time|date)\b|random_uuid|uuidv|uuid_generate", re.IGNORECASE
)


def broken_rules(catalogue: SystemCatalogue) -> list[str]:
    """One sentence for each thing that couldn't be distributed, or would mean something else once it were."""
    tenants = {table.name for table in catalogue.tables} - set(LOCAL)
    return [
        *(sentence for table in catalogue.tables if table.name in tenants for sentence in _of_table(table)),
        *_of_keys(catalogue, tenants),
        *_of_references(catalogue, tenants),
        *_of_columns(catalogue, tenants),
    ]


def _of_table(table: Table) -> Iterator[str]:
    if not table.has_org_id:
        yield f"The table {table.name} has no {COLUMN}, and no reason is known why it should have none."
    elif not table.org_id_fits:
        yield f"{table.name}.{COLUMN} is not `uuid not null`."
    if not table.has_primary_key:
        yield f"The table {table.name} has no primary key."
    for trigger in table.triggers:
        yield f"The table {table.name} has a trigger, {trigger}."
    if table.parent is not None and not table.is_partition:
        yield f"The table {table.name} inherits from {table.parent}."
    if table.is_partition and table.partition_key:
        yield f"The partition {table.name} is partitioned once more."
    if COLUMN in table.partition_key:
        yield f"The table {table.name} is partitioned by {COLUMN}, which shards do already."
    if "(expression)" in table.partition_key:
        yield f"The table {table.name} is partitioned by an expression."


def _of_keys(catalogue: SystemCatalogue, tenants: set[str]) -> Iterator[str]:
    for key in catalogue.keys:
        if key.table in tenants and key.columns[0] != COLUMN:
            yield f"The key {key.name} of {key.table} begins with {key.columns[0]} instead of {COLUMN}."


def _of_references(catalogue: SystemCatalogue, tenants: set[str]) -> Iterator[str]:
    for reference in catalogue.references:
        what = f"The foreign key {reference.name} of {reference.table}"
        if (reference.table in tenants) != (reference.parent in tenants):
            yield f"{what} joins a tenant's table with {reference.parent} across the line between tenants and installation."
        elif reference.table in tenants:
            if reference.columns[0] != COLUMN or reference.parent_columns[0] != COLUMN:
                yield f"{what} does not begin with {COLUMN} on both sides."
            if reference.on_delete in {"n", "d"}:
                yield f"{what} changes rows `on delete`, {COLUMN} included."
            if reference.on_update != "a":
                yield f"{what} has an action `on update`, but keys never change."


def _of_columns(catalogue: SystemCatalogue, tenants: set[str]) -> Iterator[str]:
    for column in catalogue.columns:
        if column.table in tenants:
            what = f"{column.table}.{column.name}"
            if column.is_identity:
                yield f"{what} is an identity column."
            if FILLS_ITSELF.search(column.expression or ""):
                yield f"{what} fills itself by {column.expression}; times and ids are arguments."
            if column.own_range:
                yield f"{what} has a range type of the schema's own."


def make_plan(catalogue: SystemCatalogue, distributed: Sequence[Distributed]) -> Plan:
    """What is left to do, parents before children. Partitions follow their table by themselves.

    Raises `ValueError` with a sentence where foreign keys go in a circle.
    """
    tenants = {table.name for table in catalogue.tables if table.name not in LOCAL and not table.is_partition}
    parents: dict[str, set[str]] = {name: set() for name in tenants}
    for reference in catalogue.references:
        if reference.table in tenants and reference.parent != reference.table:
            parents[reference.table].add(reference.parent)
    sorter, order = TopologicalSorter(parents), list[str]()
    try:
        sorter.prepare()
    except CycleError as error:
        raise ValueError(f"The foreign keys of {', '.join(sorted(set(error.args[1])))} go in a circle.") from None
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=lambda name: (name != ANCHOR, name))
        order += ready
        sorter.done(*ready)
    known = {row.table for row in distributed}
    return Plan(
        anchor=order[0],
        todo=[name for name in order if name not in known],
        done=[name for name in order if name in known],
        local=sorted(table.name for table in catalogue.tables if table.name in LOCAL),
    )


def misplaced(plan: Plan, distributed: Sequence[Distributed]) -> list[str]:
    """One sentence for each table that somebody distributed in another way than this plan does."""
    found: list[str] = []
    rows = {row.table: row for row in distributed}
    for name in plan.local:
        if name in rows and rows[name].kind != "local":
            found.append(f"{name} is a {rows[name].kind} table, but belongs to the coordinator alone.")
    group = rows[plan.anchor].colocation if plan.anchor in rows else None
    for row in (rows[name] for name in plan.done):
        if row.kind != "distributed" or row.column != COLUMN:
            found.append(f"{row.table} is a {row.kind} table by {row.column}, not distributed by {COLUMN}.")
        elif row.colocation != group:
            found.append(f"{row.table} is not colocated with {plan.anchor}.")
    return found
