"""Whether the columns of a statement are those that it is given, by their names.

A query hands its Structs to a statement as columns (`core.db.rows.columns_of`), which the statement names again: beside
`unnest`, in the list of an insert, in what is selected for it, and behind `set`. Positions tie these lists together, so
that two columns of one type that are swapped in any of them make no error, but write one thing in the other's place.
Here the names tie them.
"""

import ast
import re
import types
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from itertools import combinations
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin
from uuid import UUID

import msgspec

from tests.contract.statements import bare, set_lists

TYPES: dict[str, type] = {
    "uuid": UUID, "text": str, "int": int, "bigint": int, "smallint": int, "float8": float, "boolean": bool, "bool": bool,
    "timestamptz": datetime, "date": date, "bytea": bytes,
}  # fmt: skip
"""What each type of the database is in a Struct; JSON may be anything."""


FROM = re.compile(r"\bfrom\b")


class Given(NamedTuple):
    """What one parameter of a statement is given."""

    name: str | None
    """The field of the Struct, or the last name of an argument that stands by itself."""
    of: str | None = None
    """The Struct whose columns it is one of."""
    type: Any = None


class Taken(NamedTuple):
    """A Struct whose columns a query takes from its rows."""

    rows: str
    """The query's parameter."""
    of: type[msgspec.Struct]


class Unaligned(Exception):
    """An argument of which nobody knows what it holds."""


def literal(node: ast.expr, names: dict[str, Any]) -> str:
    """The text of a literal, with the constants of its module that are put into it. Raises `Unaligned` for others."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(literal(part, names) for part in node.values)
    if isinstance(node, ast.FormattedValue) and node.conversion == -1 and node.format_spec is None:
        return literal(node.value, names)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return literal(node.left, names) + literal(node.right, names)
    if isinstance(node, ast.Name) and node.id.isupper() and isinstance(names.get(node.id), str):
        return names[node.id]
    raise Unaligned(f"line {node.lineno}: the statement is not a literal")


def given(arguments: Sequence[ast.expr], names: dict[str, Any]) -> tuple[list[Given], list[Taken]]:
    """What each parameter gets, `$1` first, and the Structs among it. Raises `Unaligned`."""
    found: list[Given] = []
    taken: list[Taken] = []
    for argument in arguments:
        if not isinstance(argument, ast.Starred):
            found.append(Given(_last_name(argument)))
            continue
        match argument.value:
            case ast.Call(func=ast.Name(id="columns_of"), args=[ast.Name(id=rows), ast.Name(id=struct)]):
                of = names[struct]
                taken.append(Taken(rows, of))
                found += [Given(field.name, struct, plain(field.type)) for field in msgspec.structs.fields(of)]
            case _:
                raise Unaligned(
                    f"line {argument.lineno}: give `*columns_of(rows, SomeStruct)` instead of any other columns"
                )
    return found, taken


def _last_name(argument: ast.expr) -> str | None:
    match argument:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return None


def plain(kind: Any) -> Any:
    """The type of a field without what it may be besides: null, or one of few texts."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return plain(arguments[0])
    if origin is Literal:
        return type(arguments[0])
    if origin in {Union, types.UnionType}:
        kinds = {plain(argument) for argument in arguments if argument is not type(None)}
        return kinds.pop() if len(kinds) == 1 else Any
    return kind


# the lists of a statement -----------------------------------------------------------------------------------------


class Unnested(NamedTuple):
    alias: str
    columns: list[str]
    parameters: list[int | None]
    """By position the number of the parameter; None for anything else."""
    types: list[str]


class Inserted(NamedTuple):
    columns: list[str]
    values: list[str]


def _inside(text: str, opening: int) -> str:
    """What stands between the parenthesis at a position and the one that closes it."""
    depth = 0
    for at in range(opening, len(text)):
        depth += (text[at] == "(") - (text[at] == ")")
        if depth == 0:
            return text[opening + 1 : at]
    raise AssertionError("a parenthesis is not closed")


def _parts(text: str) -> list[str]:
    """A list's parts: what commas outside of parentheses and brackets separate."""
    parts, depth, start = [], 0, 0
    for at, sign in enumerate(text):
        depth += (sign in "([") - (sign in ")]")
        if sign == "," and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    return [" ".join(part.split()) for part in [*parts, text[start:]]]


def unnested(text: str) -> Iterator[Unnested]:
    for found in re.finditer(r"\bunnest\s*\(", text):
        inner = _inside(text, found.end() - 1)
        parameters = [re.match(r"\(?\s*\$(\d+)::(\w+)", part) for part in _parts(inner)]
        if not any(parameters):
            continue
        named = re.match(
            r"\s*\)(?:\s*with\s+ordinality)?(?:\s+as)?\s+(\w+)\s*(?:\(([^()]*)\))?", text[found.end() + len(inner) :]
        )
        yield Unnested(
            named[1] if named else "",
            _parts(named[2]) if named and named[2] else [],
            [int(one[1]) if one else None for one in parameters],
            [one[2] if one else "" for one in parameters],
        )


def inserted(text: str) -> Iterator[Inserted]:
    for found in re.finditer(r"\binsert\s+into\s+\w+(?:\s+as\s+\w+)?\s*\(([^()]*)\)\s*(select|values)\b\s*", text):
        rest = text[found.end() :]
        if found[2] == "values":
            yield Inserted(_parts(found[1]), _parts(_inside(rest, 0)))
            continue
        depth, at = 0, 0
        while at < len(rest) and depth >= 0 and not (depth == 0 and FROM.match(rest, at)):
            depth += (rest[at] == "(") - (rest[at] == ")")
            at += 1
        yield Inserted(_parts(found[1]), _parts(rest[:at]))


# what is wrong with them ------------------------------------------------------------------------------------------


def misaligned(sql: str, parameters: Sequence[Given]) -> list[str]:
    """What a statement takes for something else than it is given."""
    text = bare(sql)
    lists = list(unnested(text))
    columns: dict[str, list[str]] = {}
    for one in lists:
        columns.setdefault(one.alias, []).extend(one.columns)
    wrong = [fault for one in lists for fault in _wrong_names(one, parameters)]
    for number, column in re.findall(r"\(\$(\d+)::\w+\[\]\)\[[^\]]*\]\s+as\s+(\w+)", text):
        name, of, _ = parameters[int(number) - 1]
        if of is not None and name != column:
            wrong.append(f"${number} is {of}.{name}, and the statement calls it {column}")
    for one in inserted(text):
        values = _spread(one.values, columns)
        if values is not None:
            wrong += _crossed(zip(one.columns, values, strict=False), columns, parameters)
    for one in set_lists(sql):
        pairs = [pair for part in _parts(one.text) if len(pair := part.split(" = ", 1)) == 2]
        wrong += _crossed(((target.strip(), value) for target, value in pairs), columns, parameters)
    return wrong


def _wrong_names(one: Unnested, parameters: Sequence[Given]) -> Iterator[str]:
    for position, number in enumerate(one.parameters):
        if number is None:
            continue
        name, of, kind = parameters[number - 1]
        column = one.columns[position] if position < len(one.columns) else None
        if of is not None and column != name:
            yield f"${number} is {of}.{name}, and the statement calls it {column}"
        elif (
            of is None and name is not None and column is not None and name not in {column, f"{column}s", f"{column}es"}
        ):
            yield f"${number} is {name}, and the statement calls it {column}"
        if of is not None and kind in TYPES.values() and TYPES.get(one.types[position], kind) is not kind:
            yield f"${number} is {of}.{name}, which is no {one.types[position]}"


def _spread(values: Sequence[str], columns: dict[str, list[str]]) -> list[str] | None:
    """What is selected, one by one; None where all columns of something else than parameters are."""
    found: list[str] = []
    for value in values:
        every = re.fullmatch(r"(?:(\w+)\.)?\*", value)
        if every is None:
            found.append(value)
        elif columns.get(every[1]):
            found += [f"{every[1]}.{column}" for column in columns[every[1]]]
        else:
            return None
    return found


def _crossed(
    pairs: Iterable[tuple[str, str]], columns: dict[str, list[str]], parameters: Sequence[Given]
) -> Iterator[str]:
    """Columns that get what has the name of another, although there is something with their own name."""
    names = {one.name for one in parameters if one.of is None}
    for column, value in pairs:
        if number := re.fullmatch(r"\$(\d+)(::\w+(\[\])?)?", value):
            name = parameters[int(number[1]) - 1].name
            if name is not None and name != column and column in names:
                yield f"{column} gets {name}"
            continue
        if (new := re.fullmatch(r"excluded\.(\w+)", value)) and new[1] != column:
            yield f"{column} gets {new[1]}"
        for alias, known in columns.items():
            used = set(re.findall(rf"\b{alias}\.(\w+)", value)) if alias else set()
            if used and column in known and column not in used:
                yield f"{column} gets {', '.join(sorted(used))}"


# swaps ------------------------------------------------------------------------------------------------------------


def swaps_of_fields(parameters: Sequence[Given]) -> Iterator[list[Given]]:
    """The parameters with two fields of one type swapped, for every two of a Struct."""
    for (first, one), (second, other) in combinations(enumerate(parameters), 2):
        if one.of is not None and one.of == other.of and one.type == other.type:
            swapped = list(parameters)
            swapped[first], swapped[second] = other, one
            yield swapped


def swaps_of_columns(sql: str, names: Sequence[str]) -> Iterator[str]:
    """The statement with two of these columns swapped in one of the places where both stand in a list."""
    for one, other in combinations(names, 2):
        for found in re.finditer(r"(?<!on conflict )\([\w\s,]*\)", sql):
            listed = _parts(found[0][1:-1])
            if one in listed and other in listed:
                yield sql[: found.start()] + _swapped(found[0], one, other) + sql[found.end() :]


def _swapped(text: str, one: str, other: str) -> str:
    return re.sub(rf"\b({one}|{other})\b", lambda found: other if found[0] == one else one, text)
