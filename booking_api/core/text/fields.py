"""What kind of text a field of a request is, declared with its type, and the one place where it is treated so.

    name: Annotated[str, line(200, examples=["Ada Lovelace"])] | None = None

Each text of a body or of a query is a line, a text of several lines, a code, an address, a number, what a scanner read,
or a token that is left as it is; a contract test refuses a field that says nothing. A text that shows nothing is as if
it hadn't been given: None where the field may be null, else it is missing.
"""

import re
from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple

import msgspec
from msgspec import UNSET, Meta
from msgspec import inspect as types

from booking_api.core.text.addresses import LONGEST_EMAIL, LONGEST_PHONE, Unreadable, read_email, read_phone
from booking_api.core.text.cleaning import (
    CODE_POINTS_PER_CHARACTER,
    clean_line,
    clean_text,
    count_characters,
    is_visible,
)
from booking_api.core.text.scanning import read_scan

FieldKind = Literal["line", "text", "code", "email", "phone", "sought_phone", "scan", "token"]
RULE: Final = "text"
"""Where a field's `Meta` carries its rule."""


class Rule(NamedTuple):
    kind: FieldKind
    limit: int | None = None
    """How many characters people may see."""


def line(limit: int, **more: Any) -> Meta:
    """A text of one line with at most `limit` characters as people count them."""
    return _meta(Rule("line", limit), max_length=limit * CODE_POINTS_PER_CHARACTER, **more)


def text(limit: int, **more: Any) -> Meta:
    """A text of several lines with at most `limit` characters as people count them."""
    return _meta(Rule("text", limit), max_length=limit * CODE_POINTS_PER_CHARACTER, **more)


def code(limit: int | None = None, **more: Any) -> Meta:
    """What the organisation or a standard calls something: cleaned as a line, and never empty."""
    return _meta(Rule("code"), min_length=1, max_length=limit, **more)


def email(**more: Any) -> Meta:
    """A mail address. No `format` is claimed: blanks around it are taken away, and one of nothing else is absent."""
    return _meta(Rule("email"), max_length=LONGEST_EMAIL + 64, **more)


def phone(**more: Any) -> Meta:
    """A phone number: international, or a national one of the organisation's country. It is kept as E.164."""
    return _meta(Rule("phone"), max_length=LONGEST_PHONE, **more)


def sought_phone(**more: Any) -> Meta:
    """A phone number that is looked for: what can't be read stays as it is, for it may have been kept so."""
    return _meta(Rule("sought_phone"), max_length=LONGEST_PHONE, **more)


def scanned(**more: Any) -> Meta:
    """The text of a QR code as a scanner sent it."""
    return _meta(Rule("scan"), **more)


def token(limit: int | None = None, *, min_length: int | None = None, **more: Any) -> Meta:
    """What a machine made and gets back as it was."""
    return _meta(Rule("token"), min_length=min_length, max_length=limit, **more)


def _meta(rule: Rule, **more: Any) -> Meta:
    return Meta(extra={RULE: rule}, **more)


# applying ---------------------------------------------------------------------------------------------------------


class Unfit(Exception):
    """A field that doesn't fit its rule. `steps` lead from the field back to the top."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.steps: list[str] = []


Apply = Callable[[Any, str | None], Any]
"""A value as it is meant, and whether it is the same object; the second argument is the organisation's country."""

_PLAIN = re.compile(r"[!-~]+(?: [!-~]+)*")

_known: dict[Any, Apply | None] = {}


def apply_rules(value: Any, into: Any, country: str | None) -> Any:
    """Treats each text of a decoded request as its field says, in place where it is within a Struct. Raises `Unfit`."""
    if into not in _known:
        _known[into] = make_rules(types.type_info(into))
    apply = _known[into]
    return value if apply is None else apply(value, country)


def make_rules(info: types.Type) -> Apply | None:
    """How a value of this type is treated; None where nothing is to be done with it."""
    return _make(info, nullable=False)


def rule_of(info: types.Type) -> Rule | None:
    """The rule that a type declares itself."""
    while isinstance(info, types.Metadata):
        if info.extra and RULE in info.extra:
            return info.extra[RULE]
        info = info.type
    return None


def _make(info: types.Type, *, nullable: bool) -> Apply | None:
    if rule := rule_of(info):
        return _text_rule(rule, _pattern_of(info), nullable=nullable)
    match info:
        case types.Metadata():
            return _make(info.type, nullable=nullable)
        case types.UnionType():
            return _union_rule(info)
        case types.StructType():
            return _struct_rule(info)
        case types.ListType():
            return _list_rule(info)
        case types.DictType():
            return _dict_rule(info)
        case _:
            return None


def _pattern_of(info: types.Type) -> re.Pattern[str] | None:
    while isinstance(info, types.Metadata):
        info = info.type
    pattern = info.pattern if isinstance(info, types.StrType) else None
    return None if pattern is None else re.compile(pattern)


def _text_rule(rule: Rule, pattern: re.Pattern[str] | None, *, nullable: bool) -> Apply | None:
    kind, limit = rule
    if kind == "token" and pattern is None:
        return None

    is_plain = _PLAIN.fullmatch if kind in {"line", "text", "code"} and pattern is None else _never
    longest = 1_000_000 if limit is None else limit

    def apply(value: Any, country: str | None) -> Any:
        if type(value) is not str or (len(value) <= longest and is_plain(value)):
            return value  # As most are written.
        try:
            found = _treat(kind, value, country)
        except Unreadable as error:
            raise Unfit(str(error)) from None
        if kind not in {"token", "scan"} and not is_visible(found):
            if nullable and kind != "code":
                return None
            raise Unfit("This has no character that can be seen.")
        if limit is not None and len(found) > limit and (count := count_characters(found)) > limit:
            raise Unfit(f"At most {limit} characters are allowed; these are {count}.")
        if pattern is not None and (found.endswith("\n") or not pattern.search(found)):
            raise Unfit("This doesn't have the form that is expected here.")
        return found

    return apply


def _treat(kind: FieldKind, value: str, country: str | None) -> str:
    match kind:
        case "line" | "code":
            return clean_line(value)
        case "text":
            return clean_text(value)
        case "scan":
            return read_scan(value)
        case "email":
            return _or_nothing(read_email, value)
        case "phone" | "sought_phone" if not is_visible(clean_line(value)):
            return ""
        case "phone":
            return read_phone(value, country)
        case "sought_phone":
            try:
                return read_phone(value, country)
            except Unreadable:
                if not any(character.isdecimal() for character in value):
                    raise
                return clean_line(value)
        case _:
            return value


def _or_nothing(read: Callable[[str], str], value: str) -> str:
    try:
        return read(value)
    except Unreadable:
        if is_visible(clean_line(value)):
            raise
        return ""


def _never(_value: str) -> None:
    return None


def _union_rule(info: types.UnionType) -> Apply | None:
    nullable = info.includes_none
    for option in info.types:
        apply = _make(option, nullable=nullable)
        if apply is not None:
            return _unless_absent(apply)  # A union has one kind of text, of Struct, of list and of dict at most.
    return None


def _unless_absent(apply: Apply) -> Apply:
    return lambda value, country: value if value is None or value is UNSET else apply(value, country)


def _struct_rule(info: types.StructType) -> Apply | None:
    fields = [
        (f.name, f.encode_name, found) for f in info.fields if (found := _make(f.type, nullable=False)) is not None
    ]
    if not fields:
        return None
    cls = info.cls

    def apply(value: Any, country: str | None) -> Any:
        if type(value) is not cls:
            return value
        for name, shown, treat in fields:
            before = getattr(value, name)
            if before is None:
                continue
            try:
                after = treat(before, country)
            except Unfit as error:
                error.steps.append(shown)
                raise
            if after is not before:
                msgspec.structs.force_setattr(value, name, after)
        return value

    return apply


def _list_rule(info: types.ListType) -> Apply | None:
    treat = _make(info.item_type, nullable=False)
    if treat is None:
        return None

    def apply(value: Any, country: str | None) -> Any:
        if type(value) is list:
            for index, before in enumerate(value):
                value[index] = _at(str(index), treat, before, country)
        return value

    return apply


def _dict_rule(info: types.DictType) -> Apply | None:
    treat, treat_key = _make(info.value_type, nullable=False), _make(info.key_type, nullable=False)
    if treat is None and treat_key is None:
        return None

    def apply(value: Any, country: str | None) -> Any:
        if type(value) is not dict:
            return value
        if treat is not None:
            for key, before in value.items():
                value[key] = _at(key, treat, before, country)
        return value if treat_key is None else _with_keys(value, treat_key, country)

    return apply


def _with_keys(value: dict[str, Any], treat: Apply, country: str | None) -> dict[str, Any]:
    """In place, so that whoever holds the dict sees the same; of keys that become one the last counts."""
    found = {_at(key, treat, key, country): inner for key, inner in value.items()}
    if list(found) != list(value):
        value.clear()
        value.update(found)
    return value


def _at(step: str, treat: Apply, value: Any, country: str | None) -> Any:
    try:
        return treat(value, country)
    except Unfit as error:
        error.steps.append(step)
        raise


def treat(value: str, kind: Meta, country: str | None = None) -> str:
    """One text that is in no request, such as an argument of a command: `treat(typed, line(200))`. Raises `Unfit`."""
    if kind.max_length is not None and len(value) > kind.max_length:
        raise Unfit(f"At most {kind.max_length} characters are allowed.")
    apply = _text_rule((kind.extra or {})[RULE], None, nullable=False)
    return value if apply is None else apply(value, country)


# declarations -----------------------------------------------------------------------------------------------------


def undeclared_texts(into: Any) -> list[str]:
    """The texts of a request's type that don't say what kind of text they are, each by its path."""
    return sorted(_undeclared(types.type_info(into), "", ()))


def _undeclared(info: types.Type, path: str, within: tuple[Any, ...]) -> set[str]:
    if rule_of(info) is not None:
        return set()
    match info:
        case types.Metadata():
            return _undeclared(info.type, path, within)
        case types.StrType() | types.AnyType():
            return {path or "/"}
        case types.UnionType():
            return {found for option in info.types for found in _undeclared(option, path, within)}
        case types.StructType() if info.cls not in within:
            inner = (*within, info.cls)
            return {
                found
                for field in info.fields
                for found in _undeclared(field.type, f"{path}/{field.encode_name}", inner)
            }
        case types.DictType():
            keys = _undeclared(info.key_type, f"{path}/(key)", within)
            return keys | _undeclared(info.value_type, f"{path}/*", within)
        case types.CollectionType():
            return _undeclared(info.item_type, f"{path}/*", within)
        case _:
            return set()
