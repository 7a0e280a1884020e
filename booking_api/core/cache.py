"""A bounded cache: least recently used out first, each entry until its own moment."""

import itertools
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from typing import Generic, ParamSpec, TypeVar

P = ParamSpec("P")
K = TypeVar("K")
V = TypeVar("V")


def remembered(function: Callable[P, V]) -> Callable[P, V]:
    """Keeps what a pure function of hashable arguments answered: that of the 4,096 questions asked last."""
    return lru_cache(maxsize=4_096)(function)  # type: ignore[return-value]


class BoundedCache(Generic[K, V]):
    """At most `size` entries. Times are seconds of whatever clock the caller uses; None never expires."""

    __slots__ = ("_entries", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self._entries: OrderedDict[K, tuple[V, float | None]] = OrderedDict()

    def get(self, key: K, now_seconds: float = 0.0) -> V | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry[1] is not None and entry[1] <= now_seconds:
            del self._entries[key]
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def put(self, key: K, value: V, until_seconds: float | None = None, now_seconds: float = 0.0) -> None:
        """Puts one in. Told the time, it also forgets what has expired, two at most: so there never gather more than
        live, and nobody waits for a great clearing out."""
        entries = self._entries
        entries[key] = (value, until_seconds)
        entries.move_to_end(key)
        if len(entries) > self.size:
            entries.popitem(last=False)
        for oldest in list(itertools.islice(entries, 2)):
            until = entries[oldest][1]
            if until is None or until > now_seconds:
                break
            del entries[oldest]

    def drop(self, key: K) -> None:
        self._entries.pop(key, None)

    def drop_where(self, matches: Callable[[V], bool]) -> None:
        """Drops every entry whose value matches; looks at all of them."""
        for key in [key for key, (value, _) in self._entries.items() if matches(value)]:
            del self._entries[key]

    def clear(self) -> None:
        self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)
