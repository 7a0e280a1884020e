"""JSON Schemas (2020-12) of msgspec Structs, as the OpenAPI document shows them.

msgspec makes the schemas; what it doesn't read is added here: the docstrings of fields, the format of times, open
enumerations. What this server leaves out of an answer rather than sending null is no longer nullable there.
"""

import ast
import functools
import importlib
import inspect
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect as types

from booking_api.core.kinds import kinds_of
from booking_api.site.glossary import describe

Schema = dict[str, Any]
REF = "#/components/schemas/"
_OPEN = re.compile(r"\s*x-extensible-enum:\s*(?P<values>[\w:\-]+(?:,\s*[\w:\-]+)*)\.?")


def make_schemas(
    requests: Sequence[Any], answers: Sequence[Any]
) -> tuple[list[Schema], list[Schema], dict[str, Schema]]:
    """The schemas of these types, and the components they refer to, by name and in the order of the alphabet.

    A Struct of both directions that reads differently (requests are closed and may say null where answers are open
    and leave out) has two components, `Contact` and `ContactInput`. Raises `ValueError` when two Structs share a
    name: a component's name is a class name in a client, so that it must neither be ambiguous nor change when
    another Struct comes along.
    """
    _refuse_ambiguous([*requests, *answers])
    told, components = _direction(answers, is_answer=True)
    asked, inputs = _direction(requests, is_answer=False)
    shared = set(components) & set(inputs)
    renamed = {name for name in shared if components[name] != inputs[name]}
    while further := {
        name for name in shared - renamed if {REF + other for other in renamed} & set(references(inputs[name]))
    }:
        renamed |= further
    for schema in (*asked, *inputs.values()):
        _rename(schema, renamed)
    components |= {f"{name}Input" if name in renamed else name: schema for name, schema in inputs.items()}
    return asked, told, dict(sorted(components.items()))


def _refuse_ambiguous(given: Sequence[Any]) -> None:
    by_name: dict[str, type] = {}
    for info in find_structs(types.multi_type_info(given)):
        if (other := by_name.setdefault(info.cls.__name__, info.cls)) is not info.cls:
            raise ValueError(f"{other.__module__} and {info.cls.__module__} both have a Struct {info.cls.__name__}")


def _direction(given: Sequence[Any], *, is_answer: bool) -> tuple[list[Schema], dict[str, Schema]]:
    structs = list(find_structs(types.multi_type_info(given)))
    complete_given = [*given, *(kind for info in structs for kind in kinds_of(info.cls))]
    schemas, components = msgspec.json.schema_components(complete_given, ref_template=REF + "{name}")
    for schema, info in zip(schemas, types.multi_type_info(complete_given), strict=True):
        complete(schema, info)
    for info in structs:
        complete_struct(components[info.cls.__name__], info, is_answer=is_answer)
    for info in structs:
        if kinds := kinds_of(info.cls):
            components |= open_union(info.cls.__name__, components[info.cls.__name__], kinds, components)
    return list(schemas[: len(given)]), components


def open_union(name: str, base: Schema, kinds: Sequence[type], components: dict[str, Schema]) -> dict[str, Schema]:
    """The union of a Struct's kinds, which ends in the form that all of them have, under the name `Unknown…`.

    That branch refuses the types of the others, so that exactly one fits, whether a generator takes the first one that
    fits or insists that there is no second. It is the last one in the alphabet too, because some that take the first one
    (typescript-fetch, swift6) don't look at types and try branches in that order. Raises `ValueError` for a kind that
    would come after it.
    """
    unknown = f"Unknown{name}"
    if late := sorted(kind.__name__ for kind in kinds if kind.__name__ > unknown):
        raise ValueError(f"Some clients would take {', '.join(late)} for {unknown}: give it a name from before that")
    values = [value for kind in kinds for value in components[kind.__name__]["properties"]["type"]["enum"]]
    other = {
        "type": "string",
        "pattern": f"^(?!(?:{'|'.join(map(re.escape, dict.fromkeys(values)))})$)",
        "description": "A kind that isn't described here: pass over it.",
    }
    branches = [*(kind.__name__ for kind in kinds), unknown]
    return {
        unknown: {
            **base,
            "description": f"A kind of `{name}` that came later. It has at least what all kinds have.",
            "properties": {**base["properties"], "type": other},
        },
        name: {"description": base["description"], "oneOf": [{"$ref": REF + branch} for branch in branches]},
    }


def references(part: Any) -> Iterator[str]:
    """Every `$ref` in a schema or a document."""
    if isinstance(part, dict):
        if isinstance(ref := part.get("$ref"), str):
            yield ref
        for inner in part.values():
            yield from references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from references(inner)


def _rename(schema: Any, renamed: set[str]) -> None:
    if isinstance(schema, dict):
        if isinstance(ref := schema.get("$ref"), str) and ref.removeprefix(REF) in renamed:
            schema["$ref"] = f"{ref}Input"
        for part in schema.values():
            _rename(part, renamed)
    elif isinstance(schema, list):
        for part in schema:
            _rename(part, renamed)


def find_structs(infos: Iterable[types.Type]) -> Iterator[types.StructType]:
    """Every Struct that these types contain, once."""
    seen: set[type] = set()
    waiting = list(infos)
    while waiting:
        info = waiting.pop()
        if isinstance(info, types.StructType):
            if info.cls not in seen:
                seen.add(info.cls)
                yield info
                waiting.extend(field.type for field in info.fields)
                waiting.extend(types.multi_type_info(kinds_of(info.cls)))
        else:
            waiting.extend(_parts(info))


def _bare(info: types.Type) -> types.Type:
    while isinstance(info, types.Metadata):
        info = info.type
    return info


def _parts(info: types.Type) -> list[types.Type]:
    match info:
        case types.Metadata():
            return [info.type]
        case types.UnionType():
            return list(info.types)
        case types.DictType():
            return [info.key_type, info.value_type]
        case types.CollectionType():
            return [info.item_type]
        case types.TupleType():
            return list(info.item_types)
        case _:
            return []


def complete_struct(schema: Schema, info: types.StructType, *, is_answer: bool) -> None:
    """Adds to a Struct's schema what msgspec doesn't read, and reads what it says of absent fields."""
    schema.pop("title", None)
    if "description" in schema:
        schema["description"] = paragraphs(schema["description"])
    described = field_docstrings(info.cls)
    leaves_out = is_answer and info.cls.__struct_config__.omit_defaults
    if is_answer:
        schema.pop("additionalProperties", None)
    for field in info.fields:
        part = schema["properties"][field.encode_name]
        complete(part, field.type)
        if leaves_out and field.default is None:
            _drop_null(part)
        _flatten_null(part)
        if part.get("default", ...) is None:
            del part["default"]
        if "description" not in part and field.name in described:
            part["description"] = described[field.name]
        open_enumeration(part)
        if "description" not in part and (
            text := describe([base.__name__ for base in info.cls.__mro__], field.encode_name)
        ):
            part["description"] = text


def complete(schema: Schema, info: types.Type) -> None:
    """Follows a schema and its type together, down to the references, and says of times that they are times."""
    match info:
        case types.Metadata():
            complete(schema, info.type)
            if "description" in schema:
                open_enumeration(schema)
        case types.DateTimeType():
            schema["format"] = "date-time"
        case types.LiteralType() if "enum" in schema and all(isinstance(value, str) for value in schema["enum"]):
            schema["type"] = "string"
        case types.UnionType() if "anyOf" in schema:
            # msgspec puts references last and null after them, and neither has anything to complete.
            plain = [
                option for option in info.types if not isinstance(_bare(option), types.StructType | types.NoneType)
            ]
            for part, option in zip(schema["anyOf"], plain, strict=False):
                complete(part, option)
        case types.CollectionType() if isinstance(schema.get("items"), dict):
            complete(schema["items"], info.item_type)
        case types.DictType() if isinstance(schema.get("additionalProperties"), dict):
            complete(schema["additionalProperties"], info.value_type)
        case _:
            pass


def open_enumeration(schema: Schema) -> None:
    """`x-extensible-enum: a, b` of a description becomes the extension, and a sentence that people read."""
    found = _OPEN.search(schema.get("description", ""))
    if found is None:
        return
    values = [value.strip() for value in found["values"].split(",")]
    rest = (schema["description"][: found.start()] + schema["description"][found.end() :]).strip()
    if schema.get("type") == "array":
        schema["items"]["x-extensible-enum"] = values
        schema.setdefault("examples", [values[:1]])
        sentence = f"Of {', '.join(f'`{value}`' for value in values)}; new values may come."
    else:
        schema["x-extensible-enum"] = values
        schema.setdefault("examples", values[:1])
        sentence = f"One of {', '.join(f'`{value}`' for value in values)}; new values may come."
    schema["description"] = f"{rest} {sentence}".strip()


def _drop_null(schema: Schema) -> None:
    parts = [part for part in schema.get("anyOf", []) if part != {"type": "null"}]
    if parts and len(parts) < len(schema["anyOf"]):
        if len(parts) == 1:
            del schema["anyOf"]
            schema.update({**parts[0], **schema})
        else:
            schema["anyOf"] = parts


def _flatten_null(schema: Schema) -> None:
    """`anyOf` of one simple type and null is a list of types, which generators of clients understand best."""
    parts = schema.get("anyOf", [])
    if len(parts) != 2 or {"type": "null"} not in parts:
        return
    [other] = [part for part in parts if part != {"type": "null"}]
    for word in ("description", "examples"):
        if word in other:
            schema.setdefault(word, other.pop(word))
    if isinstance(other.get("type"), str) or ("enum" in other and "type" not in other):
        del schema["anyOf"]
        if "type" in other:
            other["type"] = [other["type"], "null"]
        if "enum" in other:
            other["enum"] = [*other["enum"], None]
        schema.update({**other, **schema})


# docstrings -------------------------------------------------------------------------------------------------------


def paragraphs(docstring: str) -> str:
    """A docstring as Markdown: lines joined, paragraphs and lists kept."""
    dedented = inspect.cleandoc(docstring)
    return "\n\n".join(
        block if block.lstrip().startswith(("-", "|", "```")) else " ".join(block.split())
        for block in re.split(r"\n\s*\n", dedented)
    )


@functools.cache
def _classes_of(module_name: str) -> dict[str, ast.ClassDef]:
    source = Path(importlib.import_module(module_name).__file__ or "").read_text(encoding="utf-8")
    return {node.name: node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef)}


def field_docstrings(cls: type) -> dict[str, str]:
    """The string literals that follow the fields of a Struct, its bases' included, by field."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if (
            base.__module__.split(".")[0] in {"builtins", "msgspec"}
            or (node := _classes_of(base.__module__).get(base.__name__)) is None
        ):
            continue
        for field, after in zip(node.body, node.body[1:], strict=False):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(after, ast.Expr)
                and isinstance(after.value, ast.Constant)
                and isinstance(after.value.value, str)
            ):
                found[field.target.id] = paragraphs(after.value.value)
    return found


# samples ----------------------------------------------------------------------------------------------------------

_BY_FORMAT = {
    "uuid": "019aa5c8-5d60-7c3e-9f21-4b7d0c6e8a15",
    "date-time": "2026-06-01T09:00:00Z",
    "date": "2026-06-01",
}


def sample(schema: Schema, components: dict[str, Schema], depth: int = 0) -> Any:
    """A value that fits a schema and looks real where its examples do."""
    if examples := schema.get("examples"):
        return examples[0]
    if "const" in schema:
        return schema["const"]
    if "$ref" in schema:
        return sample(components[schema["$ref"].removeprefix(REF)], components, depth + 1)
    if schema.get("default") is not None:
        return schema["default"]
    if "enum" in schema:
        return schema["enum"][0]
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return sample(options[0], components, depth)
    kind = schema.get("type", "object")
    match kind[0] if isinstance(kind, list) else kind:
        case "object":
            required = schema.get("required", [])
            return {
                name: sample(part, components, depth + 1)
                for name, part in schema.get("properties", {}).items()
                if depth < 3 or name in required
            }
        case "array":
            return [sample(schema["items"], components, depth + 1)] if "items" in schema and depth < 6 else []
        case "string":
            return _BY_FORMAT.get(schema.get("format", ""), "text")
        case "integer" | "number":
            return max(schema.get("minimum", 1), 1)
        case "boolean":
            return True
        case _:
            return None
