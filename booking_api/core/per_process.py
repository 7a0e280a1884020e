"""What a process keeps for all its requests and jobs: caches, batchers, limits, connections that are opened late."""

from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
Caches = dict["PerProcess[..., Any]", Any]
"""What one runtime keeps, by its declaration, so that each test's runtime begins empty."""


class PerProcess(Generic[P, T]):
    """Declares one such thing, with how it is made when it is first asked for. The declaration is its key and type."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[P, T]) -> None:
        self._make = make

    def of(self, caches: Caches, *args: P.args, **kwargs: P.kwargs) -> T:
        """That of a process; made from the arguments where it has none yet."""
        found = caches.get(self)
        if found is None:
            found = caches[self] = self._make(*args, **kwargs)
        return found
