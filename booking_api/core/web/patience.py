"""One time-out for many tasks at once: each costs an entry in a dictionary, where a timer of its own costs a hot path."""

import asyncio
from typing import Any

LOOK_SECONDS = 1.0
"""How much later than asked for a task is given up at most."""


class Patience:
    """Gives up on tasks that wait for something longer than `seconds`; whoever has begun must end."""

    __slots__ = ("_late", "_timer", "_until", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        # In the order in which their time is over, because all have the same.
        self._until: dict[asyncio.Task[Any], float] = {}
        self._late: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, task: asyncio.Task[Any], loop: asyncio.AbstractEventLoop) -> None:
        """From now on the task is cancelled when its time is over."""
        self._until[task] = loop.time() + self.seconds
        if self._timer is None:
            self._timer = loop.call_later(min(self.seconds, LOOK_SECONDS), self._look, loop)

    def end(self, task: asyncio.Task[Any]) -> bool:
        """The task waits no longer. Whether it was this that cancelled it: then that is undone."""
        self._until.pop(task, None)
        if task not in self._late:
            return False
        self._late.remove(task)
        task.uncancel()
        return True

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        over: list[asyncio.Task[Any]] = []
        for task, until in self._until.items():
            if until > now:
                break
            over.append(task)
        for task in over:
            del self._until[task]
            self._late.add(task)
            task.cancel()
        waits = min(self.seconds, LOOK_SECONDS)
        self._timer = loop.call_later(waits, self._look, loop) if self._until else None
