"""Answers of several kinds, told apart by their member `type`. More kinds may come, so that a client has to survive one
that it doesn't know."""

from collections.abc import Callable
from typing import Any, TypeVar

Kind = TypeVar("Kind", bound=type[Any])
_kinds: dict[type, list[type]] = {}


def kind_of(base: type) -> Callable[[Kind], Kind]:
    """Declares a Struct to be one of the kinds of `base`, from which it inherits what all of them have. Its `type` is a
    Literal; that of `base` is any text."""

    def declare(kind: Kind) -> Kind:
        _kinds.setdefault(base, []).append(kind)
        return kind

    return declare


def kinds_of(base: type) -> list[type]:
    """The kinds of a Struct that are known, none for one that has no kinds."""
    return _kinds.get(base, [])
