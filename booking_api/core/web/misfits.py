"""What doesn't fit in a request, in words: the decoder's messages name types and patterns that nobody should read."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import inspect as types

_MESSAGE = re.compile(r"^(?P<detail>.*?)(?: - at (?:`key` in )?`(?P<path>[^`]*)`)?$", re.DOTALL)
_NAMED = re.compile(r"(?P<kind>unknown|required) field `(?P<name>.*)`", re.DOTALL)
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_EXPECTED = re.compile(r"^Expected `(?P<kind>[^`]+)`(?:, got `(?P<got>[^`]+)`)?$")
_LENGTH = re.compile(r"^Expected `(?P<kind>[^`]+)` of length (?P<sign>[<>]?=?) ?(?P<length>\d+)")
_BOUND = re.compile(r"^Expected `(?:int|float|number)` (?P<sign>[<>]=?) (?P<bound>[-+.\de]+)$")
_HALF_OF_A_CHARACTER = re.compile(rb"(?<!\\)(?:\\\\)*\\u[dD][89aAbB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})")
"""The escape of the first half of a surrogate pair without the second: apps that cut texts by length send it."""
_AT_BYTE = re.compile(r"\(byte (\d+)\)")

_KINDS = {
    "str": "a text", "int": "a whole number", "float": "a number", "bool": "true or false", "array": "a list",
    "object": "an object", "null": "null", "uuid": "a UUID", "datetime": "a time with its offset", "date": "a date",
}  # fmt: skip
_SENTENCES = {
    "Invalid UUID": "Give a UUID, such as 019aa5c8-5d60-7c3e-9f21-4b7d0c6e8a15.",
    "Invalid RFC3339 encoded datetime": "Give a time with its offset, such as 2026-06-01T09:00:00Z.",
    "Expected `datetime` with a timezone component": "Give a time with its offset, such as 2026-06-01T09:00:00Z.",
    "Expected `datetime` with no timezone component": "Give a time without an offset, such as 2026-06-01T09:00:00.",
    "Invalid epoch timestamp": "Give a time with its offset, such as 2026-06-01T09:00:00Z.",
    "Timestamp is out of range": "This time is out of range.",
    "Invalid RFC3339 encoded date": "Give a date as year, month and day, such as 2026-06-01.",
    "Integer value out of range": "This number is out of range.",
    "Number out of range": "This number is out of range.",
}


def describe_misfit(error: msgspec.ValidationError, into: Any) -> tuple[list[str], str]:
    """Where in a value of the type `into` something doesn't fit, as the steps there, and a sentence about it."""
    message = _MESSAGE.match(str(error))
    detail, path = (message["detail"], message["path"] or "$") if message else (str(error), "$")
    steps = [name or ("" if index == "..." else index) for name, index in _STEP.findall(path)]
    steps = [step for step in steps if step]
    if named := _NAMED.search(detail):
        sentence = "This must be given." if named["kind"] == "required" else "There is no such field here."
        return [*steps, named["name"]], sentence
    return steps, _sentence(detail, _at(types.type_info(into), steps))


def describe_malformed(detail: str, raw: bytes = b"") -> str:
    """What is wrong with a text that isn't JSON."""
    if "surrogate" in detail or ("truncated" in detail and _HALF_OF_A_CHARACTER.search(raw)):
        return "A text ends within a character, such as half an emoji."
    if "truncated" in detail:
        return "The JSON ends too early."
    if "out of range" in detail:
        return "A number is out of range."
    if at := _AT_BYTE.search(detail):
        return f"This is not JSON: see the byte at position {at[1]}."
    return "This is not JSON."


def _sentence(detail: str, wanted: types.Type | None) -> str:
    if detail in _SENTENCES:
        return _SENTENCES[detail]
    if "enum value" in detail or detail.startswith("Invalid value"):
        return _one_of(_choices(wanted))
    if found := _LENGTH.match(detail):
        return _about_length(found["kind"], found["sign"], int(found["length"]))
    if found := _BOUND.match(detail):
        return _about_bound(found["sign"], found["bound"])
    if " matching regex " in detail:
        example = _example(wanted)
        if example is not None:
            return f"This doesn't have the form that is expected here, such as {example}."
        return "This doesn't have the form that is expected here."
    if found := _EXPECTED.match(detail):
        kinds = [_KINDS[kind.strip()] for kind in found["kind"].split("|") if kind.strip() in _KINDS]
        if kinds:
            return f"Give {' or '.join(kinds)} here."
    return "This value doesn't fit here."


def _one_of(choices: Sequence[str]) -> str:
    return f"Give one of these: {', '.join(choices)}." if choices else "This is none of the values that are known here."


def _about_length(kind: str, sign: str, length: int) -> str:
    is_text = kind == "str"
    if sign.startswith(">") and length == 1:
        return "This must not be empty."
    if sign.startswith(">"):
        return f"Give at least {length} characters." if is_text else f"Give at least {length} entries."
    if length == 1:
        return "At most 1 character is allowed." if is_text else "At most 1 entry is allowed."
    return f"At most {length} characters are allowed." if is_text else f"At most {length} entries are allowed."


def _about_bound(sign: str, bound: str) -> str:
    match sign:
        case ">=":
            return f"Give a number of {bound} or more."
        case "<=":
            return f"Give a number of at most {bound}."
        case ">":
            return f"Give a number above {bound}."
        case _:
            return f"Give a number below {bound}."


# what was asked for -----------------------------------------------------------------------------------------------


def _at(info: types.Type, steps: Sequence[str]) -> types.Type | None:
    """The type that stands where the steps lead; None where they don't."""
    if not steps:
        return info
    match info:
        case types.Metadata():
            return _at(info.type, steps)
        case types.UnionType():
            return next((found for option in info.types if (found := _at(option, steps)) is not None), None)
        case types.StructType():
            field = next((field for field in info.fields if field.encode_name == steps[0]), None)
            return None if field is None else _at(field.type, steps[1:])
        case types.DictType():
            return _at(info.value_type, steps[1:])
        case types.CollectionType():
            return _at(info.item_type, steps[1:])
        case _:
            return None


def _choices(info: types.Type | None) -> list[str]:
    match info:
        case types.Metadata():
            return _choices(info.type)
        case types.UnionType():
            return [choice for option in info.types for choice in _choices(option)]
        case types.LiteralType():
            return [str(value) for value in info.values]
        case _:
            return []


def _example(info: types.Type | None) -> str | None:
    match info:
        case types.Metadata():
            examples = (info.extra_json_schema or {}).get("examples")
            return str(examples[0]) if examples else _example(info.type)
        case types.UnionType():
            return next((found for option in info.types if (found := _example(option)) is not None), None)
        case _:
            return None
