"""Every text of every request, wherever it stands in it, is treated as its kind says: each is dirtied in turn."""

import copy
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from msgspec import inspect as types

from booking_api.capabilities import all_routes
from booking_api.core.text.fields import Rule, Unfit, apply_rules, rule_of
from booking_api.site.openapi import endpoints_of

AS_THEY_COME = {"receivePaymentWebhook"}
REQUESTS = {
    (endpoint.operation_id, kind): into
    for endpoint in endpoints_of(all_routes())
    for kind, into in (("body", endpoint.body), ("query", endpoint.query))
    if into is not None and endpoint.operation_id not in AS_THEY_COME
}
Place = tuple[Any, ...]
"""The steps to a text: names, positions, and `KEY` for the name of a member that the client chooses."""
KEY = object()


def example_of(info: types.Type) -> Any:
    """Something that decodes as this type, without any text that has a rule where it may be left out."""
    match info:
        case types.Metadata():
            examples = (info.extra_json_schema or {}).get("examples")
            return examples[0] if examples else example_of(info.type)
        case types.UnionType():
            return None if info.includes_none else example_of(info.types[0])
        case types.StructType():
            return {f.encode_name: example_of(f.type) for f in info.fields if f.required}
        case types.DictType():
            return {example_of(info.key_type): example_of(info.value_type)} if info.min_length else {}
        case types.CollectionType():
            return [example_of(info.item_type)] if info.min_length else []
        case types.LiteralType():
            return info.values[0]
        case types.UUIDType():
            return "019aa5c8-5d60-7c3e-9f21-4b7d0c6e8a15"
        case types.DateTimeType():
            return "2027-06-01T09:00:00Z"
        case types.DateType():
            return "2027-06-01"
        case types.BoolType():
            return True
        case types.IntType() | types.FloatType():
            return max(info.ge or 0, (info.gt or 0) + 1, 1)
        case types.StrType():
            return "019aa5c8-5d60-7c3e-9f21-4b7d0c6e8a16"[: info.max_length]
        case _:
            raise AssertionError(f"no example of {info}")


def texts_of(
    info: types.Type, place: Place = (), *, nullable: bool = False
) -> Iterator[tuple[Place, Rule, types.Type, bool]]:
    """Each text that a type has: where, by which rule, of which type, and whether null may stand there."""
    if (rule := rule_of(info)) is not None:
        yield place, rule, info, nullable
        return
    match info:
        case types.Metadata():
            yield from texts_of(info.type, place, nullable=nullable)
        case types.UnionType():
            for option in info.types:
                yield from texts_of(option, place, nullable=info.includes_none)
        case types.StructType():
            for field in info.fields:
                yield from texts_of(field.type, (*place, field.encode_name))
        case types.DictType():
            yield from texts_of(info.key_type, (*place, KEY))
            yield from texts_of(info.value_type, (*place, "en"))
        case types.CollectionType():
            yield from texts_of(info.item_type, (*place, 0))
        case _:
            pass


def with_text(info: types.Type, sample: Any, place: Place, text: str) -> Any:
    """The sample with a text at a place, with whatever has to be around it."""
    if not place:
        return text
    while isinstance(info, types.Metadata):
        info = info.type
    step, *rest = place
    match info:
        case types.UnionType():
            fitting = next(option for option in info.types if any(True for p, *_ in texts_of(option) if p == place))
            return with_text(fitting, sample if sample is not None else example_of(fitting), place, text)
        case types.StructType():
            field = next(field for field in info.fields if field.encode_name == step)
            return {**sample, step: with_text(field.type, sample.get(step, example_of(field.type)), tuple(rest), text)}
        case types.DictType() if step is KEY:
            return {text: example_of(info.value_type)}
        case types.DictType():
            return {step: with_text(info.value_type, None, tuple(rest), text)}
        case types.CollectionType():
            return [with_text(info.item_type, example_of(info.item_type), tuple(rest), text)]
        case _:
            raise AssertionError(f"no text within {info}")


def at(value: Any, place: Place) -> Any:
    for step in place:
        if step is KEY:
            return next(iter(value))
        if isinstance(value, msgspec.Struct):
            names = dict(zip(value.__struct_encode_fields__, value.__struct_fields__, strict=True))
            value = getattr(value, names[step])
        else:
            value = value[step]
    return value


def treated(into: Any, sample: Any, place: Place) -> Any:
    decoded = msgspec.json.decode(msgspec.json.encode(sample), type=into, strict=False)
    return at(apply_rules(decoded, into, "DE"), place)


MALFORMED, REFUSED = "malformed", "refused"


def what_becomes_of(into: Any, sample: Any, place: Place) -> Any:
    try:
        return treated(into, sample, place)
    except msgspec.ValidationError:
        return MALFORMED
    except Unfit:
        return REFUSED


DIRT = "\u202e {} \u200b\u00a0\r\n\ufeff"
NOTHING = ["\u3164", "\u2800", "\u200b\u2060", " \u00a0\u3000", "\u202e\u202c", "\r\n\t", "\U000e0061\U000e007f", "\ufe0f", "\uffa0\u115f\u034f", "\u0301"]  # fmt: skip
CLEAN = {"email": "ada@example.org", "phone": "+49301234567", "sought_phone": "+49301234567"}


@pytest.mark.parametrize(("operation_id", "kind"), sorted(REQUESTS))
def test_every_text_is_cleaned_where_it_stands(operation_id: str, kind: str):
    into = REQUESTS[operation_id, kind]
    info = types.type_info(into)
    for place, rule, text_info, nullable in texts_of(info):
        sample = copy.deepcopy(example_of(info))
        plain = example_of(text_info) if rule.kind in {"code", "line", "text"} else CLEAN.get(rule.kind)
        if plain is None:  # A token is left as it is; a scan is looked at by tests/core/text.
            assert rule.kind in {"token", "scan"}
            continue
        limit = text_info.type.max_length if isinstance(text_info, types.Metadata) and isinstance(text_info.type, types.StrType) else None  # fmt: skip
        dirty = DIRT.format(plain) if limit is None or limit > len(plain) + 12 else f"\u200b{plain}"
        if limit is not None and len(dirty) > limit:
            plain, dirty = plain[: limit - 1], f"{plain[: limit - 1]}\u200b"
        if getattr(text_info.type, "pattern", None) is None:
            assert treated(into, with_text(info, sample, place, dirty), place) == plain, (place, rule)
        for nothing in NOTHING:
            if limit is not None and len(nothing) > limit:
                continue
            given = with_text(info, copy.deepcopy(example_of(info)), place, nothing)
            found = what_becomes_of(into, given, place)
            if found == MALFORMED:
                assert getattr(text_info.type, "pattern", None) is not None, (place, rule, nothing)
            elif nullable and rule.kind != "code":
                assert found is None, (place, rule, nothing)
            else:
                assert found == REFUSED, (place, rule, nothing)


def test_the_walk_sees_what_there_is():
    """A walk that finds nothing would pass as well."""
    seen = {
        (name, "/".join("*" if step is KEY else str(step) for step in place))
        for (name, _), into in REQUESTS.items()
        for place, *_ in texts_of(types.type_info(into))
    }
    assert {
        ("createOrder", "contact/name"), ("createOrder", "bookings/0/items/0/name"), ("createOrder", "bookings/0/items/0/answers/en"),
        ("editBooking", "items/0/seat"), ("addPrompt", "question/en"), ("addPrompt", "question/*"), ("lookUpBookings", "name"),
        ("scanPass", "override/reason"), ("updateSlot", "delay/note"), ("createStaff", "email"), ("listPlaces", "q"),
    } <= seen  # fmt: skip
