"""The catalogue as the rules see it, and the plan."""

import msgspec


class Table(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    parent: str | None
    """The table that this one is a partition of, or inherits from."""
    is_partition: bool
    partition_key: list[str]
    """Columns that the table is partitioned by, in order; an expression is `(expression)`. Empty: it isn't."""
    has_org_id: bool
    org_id_fits: bool
    """`org_id uuid not null`."""
    has_primary_key: bool
    triggers: list[str]


class UniqueKey(msgspec.Struct, frozen=True):
    """A primary key, a unique index or an exclusion constraint."""

    table: str
    name: str
    columns: list[str]


class Reference(msgspec.Struct, frozen=True):
    """A foreign key. Actions are those of `pg_constraint`: `a` none, `r` restrict, `c` cascade, `n` set null, `d` default."""

    table: str
    name: str
    columns: list[str]
    parent: str
    parent_columns: list[str]
    on_delete: str
    on_update: str


class Column(msgspec.Struct, frozen=True):
    table: str
    name: str
    is_identity: bool
    expression: str | None
    """Its default, or what it is generated from."""
    own_range: bool
    """Whether its type is a range type of the schema's own."""


class SystemCatalogue(msgspec.Struct, frozen=True):
    tables: list[Table]
    keys: list[UniqueKey]
    references: list[Reference]
    columns: list[Column]


class Distributed(msgspec.Struct, frozen=True):
    """A row of `citus_tables`."""

    table: str
    kind: str
    column: str
    colocation: int


class Plan(msgspec.Struct, frozen=True):
    anchor: str
    """The table that all others are colocated with."""
    todo: list[str]
    """Tenant tables that aren't distributed yet, in an order that foreign keys allow."""
    done: list[str]
    local: list[str]
