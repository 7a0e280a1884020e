"""Natural micro-batching: requests that arrive while a transaction is under way share the next one.

A row lock is held through the flush of the write-ahead log, so that a hot row bears no more transactions a second
than the disk bears flushes. One flusher runs per operation, organisation and process. It has no timer: it starts at
once when it is idle, and takes what has gathered while it was busy, at most `cap`. So nobody waits for company, and
company comes by itself when there is load.

Why it is safe. An answer is given only after `flush` returned, that is after its commit. `flush` decides in the
order of arrival and gives each request its own answer; when the transaction as a whole fails, it was rolled back as
a whole, and each request is told to run by itself (`RunAlone`), where a bad one harms nobody else. Where the connection
was lost, nobody knows whether it was rolled back: each is told that, and its sender repeats it. A request that is
cancelled before its flush began is left out; one cancelled later was carried out like any other, and a repeat of
its idempotency key finds the answer.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Any, Final, Generic, TypeVar

import asyncpg

from booking_api.core.errors import Overloaded
from booking_api.core.per_process import PerProcess
from booking_api.core.runtime import Runtime

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class RunAlone(Exception):
    """Says that this request is to be carried out by itself: nothing was done for it here."""


UNDECIDED: Final = (
    OSError, Overloaded, asyncpg.InterfaceError, asyncpg.InternalClientError, asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError, asyncpg.CrashShutdownError,
)  # fmt: skip
"""What says that the connection was lost: perhaps after the commit, and so nothing may be run again unasked."""
Flush = Callable[[list[Item]], Awaitable[Sequence[Answer | Exception]]]
"""Carries a batch out and has for each item its answer, or what its submitter is to be raised."""


class Batcher(Generic[Item, Answer]):
    """Collects requests while one batch is under way. `cap` bounds a batch, `bound` the queue."""

    def __init__(self, flush: Flush[Item, Answer], *, cap: int = 64, bound: int = 4_000) -> None:
        self._flush = flush
        self._cap = cap
        self._bound = bound
        self._waiting: deque[tuple[Item, asyncio.Future[Answer | Exception]]] = deque()
        self._flusher: asyncio.Task[None] | None = None

    async def submit(self, item: Item) -> Answer:
        """The item's own answer. Raises its own refusal, `RunAlone`, and `Overloaded` when too many wait already."""
        if len(self._waiting) >= self._bound:
            raise Overloaded("Too many requests wait already.", retry_after_seconds=1)
        future: asyncio.Future[Answer | Exception] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._run())
        answer = await future
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def _run(self) -> None:
        while self._waiting:
            batch: list[tuple[Item, asyncio.Future[Answer | Exception]]] = []
            while self._waiting and len(batch) < self._cap:
                entry = self._waiting.popleft()
                if not entry[1].done():
                    batch.append(entry)
            if not batch:
                continue
            answers: Sequence[Answer | Exception]
            try:
                answers = await self._flush([item for item, _ in batch])
            except Exception as error:  # noqa: BLE001 - whatever it was, each request must get it
                is_told = len(batch) == 1 or isinstance(error, UNDECIDED)
                answers = [error if is_told else RunAlone() for _ in batch]
            except BaseException:
                # The process is ending; nothing of this batch was committed, or its keys will tell.
                for _, future in [*batch, *self._waiting]:
                    future.cancel()
                raise
            for (_, future), answer in zip(batch, answers, strict=True):
                if not future.done():
                    future.set_result(answer)


BATCHERS = PerProcess(dict[Hashable, Batcher[Any, Any]])


def batcher_of(runtime: Runtime, key: Hashable, make: Callable[[], Batcher[Any, Any]]) -> Batcher[Any, Any]:
    """The process's batcher for a key such as (operation, organisation)."""
    batchers = BATCHERS.of(runtime.caches)
    if key not in batchers:
        batchers[key] = make()
    return batchers[key]
