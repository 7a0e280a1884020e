"""Rows of the database as Structs, and Structs as columns of a statement.

`msgspec.convert` takes the driver's records as they are, but it looks every column up by its name and checks each
value: 5 µs for a row of 8 columns, where filling the Struct by position takes 0.2. The driver has made Python's own
kinds of values already, and the contract tests hold a statement's columns against its Struct. So only what isn't such
a value goes through `msgspec.convert`: Structs in a JSON column, sets, enumerations.
"""

import datetime as dt
import inspect
import types
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin
from uuid import UUID

import asyncpg
import msgspec
from msgspec.structs import astuple

T = TypeVar("T")
Row = TypeVar("Row", bound=msgspec.Struct)
Make = Callable[[asyncpg.Record], Any]
AS_THEY_COME = {
    Any, UUID, str, int, float, bool, bytes, type(None), dt.datetime, dt.date, dt.time, dt.timedelta,
}  # fmt: skip
IN_JSON = {Any, str, int, bool, type(None)}
"""What a JSON column and an array both give as it is: a UUID in JSON is a text first."""


class FoundIds(msgspec.Struct, frozen=True):
    """What a statement over several organisations found of one of them."""

    org_id: UUID
    ids: list[UUID]


_makers: dict[tuple[Any, ...], Make] = {}
"""By Struct and columns: as many as there are statements."""
_takers: dict[tuple[type[msgspec.Struct], int], Callable[[Any], tuple[Any, ...]]] = {}
"""By Struct and how many of its last fields are left out: as many as there are statements that take Structs."""


def read_rows(records: Sequence[asyncpg.Record], into: type[T]) -> list[T]:
    """A Struct for each record, filled by the columns' names. Raises `msgspec.ValidationError`."""
    if not records:
        return []
    key = (into, *records[0].keys())
    make = _makers.get(key) or _makers.setdefault(key, _maker(into, key[1:]))
    return [make(record) for record in records]


def columns_of(rows: Sequence[Any], of: type[msgspec.Struct]) -> list[tuple[Any, ...]]:
    """The columns that `unnest($1::…[], …)` wants: one for each field of `of`, in the order of its fields.

    The rows may be of a bigger Struct that has these fields among others. The contract tests hold the fields' names
    against those that the statement gives the columns.
    """
    if not rows:
        return [()] * len(of.__struct_fields__)
    take = astuple if type(rows[0]) is of else _taker(of)
    return list(zip(*map(take, rows), strict=True))


def row_from(source: msgspec.Struct, of: type[Row], **more: Any) -> Row:
    """A row to be written: of `source` what it has under the same names, and `more`, which are the last fields of `of`.

    Raises `AttributeError` or `TypeError` for a field that neither has, or both.
    """
    return of(*_taker(of, len(more))(source), **more)


def _taker(of: type[msgspec.Struct], left_out: int = 0) -> Callable[[Any], tuple[Any, ...]]:
    """What takes the fields of `of` from a row, by their names and in their order, but not so many of the last ones."""
    key = (of, left_out)
    if (take := _takers.get(key)) is None:
        names = of.__struct_fields__[: len(of.__struct_fields__) - left_out]
        get: Callable[[Any], Any] = attrgetter(*names)
        take = _takers[key] = get if len(names) > 1 else lambda row: (get(row),)
    return take


def _maker(into: type[Any], columns: tuple[str, ...]) -> Make:
    """How a record with these columns becomes the Struct."""
    if not issubclass(into, msgspec.Struct):
        return lambda record: msgspec.convert(record, into)
    fields = msgspec.structs.fields(into)
    by_column = {field.encode_name: field for field in fields}
    if by_column.keys() != set(columns) or len(columns) > len(fields):
        return lambda record: msgspec.convert(record, into)
    converted = [
        (position, kind) for position, name in enumerate(columns) if not _comes_as(kind := by_column[name].type)
    ]
    names = tuple(by_column[name].name for name in columns)
    in_order = names == tuple(field.name for field in fields) and not _has_keyword_only(into)
    if in_order and not converted:
        return lambda record: into(*record)

    def make(record: asyncpg.Record) -> Any:
        values: Any = record
        if converted:
            values = list(record)
            for position, kind in converted:
                values[position] = msgspec.convert(values[position], kind)
        return into(*values) if in_order else into(**dict(zip(names, values, strict=True)))

    return make


def _has_keyword_only(into: type[Any]) -> bool:
    return any(parameter.kind is parameter.KEYWORD_ONLY for parameter in inspect.signature(into).parameters.values())


def _comes_as(kind: Any, known: frozenset[Any] | set[Any] = AS_THEY_COME) -> bool:
    """Whether the driver gives values of this kind as they are wanted."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _comes_as(arguments[0], known)
    if origin is Literal:
        return all(isinstance(argument, str) for argument in arguments)
    if origin in {Union, types.UnionType}:
        return all(_comes_as(argument, known) for argument in arguments)
    if origin is list:
        return _comes_as(arguments[0], IN_JSON)
    if origin is dict:
        return arguments[0] is str and _comes_as(arguments[1], IN_JSON)
    return kind in known
