"""Request coalescing: those who ask the same at once share one run, and none gets an answer older than its question.

A caller is answered by a run that began after the call. One run per key is under way at a time; all who ask meanwhile
share the next one, which begins as soon as that has ended. There is no timer and nothing is kept: a single caller waits
for nobody, and company comes by itself when there is load.

A run belongs to none of its callers. One that is cancelled leaves the others theirs, and is left out if the run hasn't
begun. A run that fails fails for those that it was made for, and the next one begins anew. So only what may be done any
number of times may be run here.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

from booking_api.core.errors import Overloaded
from booking_api.core.runtime import Runtime

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")
Answer = TypeVar("Answer")


def seconds_of(runtime: Runtime) -> float:
    """How long a run of one statement may take: no longer than a request by itself might."""
    return runtime.settings.pool_wait_seconds + runtime.settings.statement_timeout_seconds


class Coalescer(Generic[Key, Item, Answer]):
    """Runs `run(key, items)` for those who wait under a key: their items in the order of arrival, the answer to all.

    A run that takes longer than `seconds` is given up. `bound` is how many may wait, whatever their keys.
    """

    def __init__(
        self, run: Callable[[Key, Sequence[Item]], Awaitable[Answer]], *, seconds: float, bound: int = 4_000
    ) -> None:
        self._run = run
        self._seconds = seconds
        self._bound = bound
        self._waiting: dict[Key, list[tuple[Item, asyncio.Future[Answer]]]] = {}
        """Of each key with a run under way those who wait for the next one; no other keys."""
        self._runners: set[asyncio.Task[None]] = set()
        self._callers = 0

    async def ask(self, key: Key, item: Item) -> Answer:
        """The answer of the next run. Raises what it raises, and `Overloaded` when it takes too long, or when too many
        wait already."""
        if self._callers >= self._bound:
            raise Overloaded("Too many requests wait already.", retry_after_seconds=1)
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        if key in self._waiting:
            self._waiting[key].append((item, future))
        else:
            self._waiting[key] = [(item, future)]
            runner = asyncio.create_task(self._serve(key))
            self._runners.add(runner)
            runner.add_done_callback(self._runners.discard)
        self._callers += 1
        try:
            return await future
        finally:
            self._callers -= 1

    async def _serve(self, key: Key) -> None:
        """One run after the other, until nobody waits."""
        try:
            while asked := [entry for entry in self._waiting[key] if not entry[1].done()]:
                self._waiting[key] = []
                await self._answer(key, asked)
        finally:
            for _, future in self._waiting.pop(key):
                future.cancel()

    async def _answer(self, key: Key, asked: Sequence[tuple[Item, asyncio.Future[Answer]]]) -> None:
        limit = asyncio.timeout(self._seconds)
        try:
            async with limit:
                answer = await self._run(key, [item for item, _ in asked])
        except Exception as error:  # noqa: BLE001 - whatever it was, each caller must get it
            late = limit.expired() and isinstance(error, TimeoutError)
            failure = Overloaded(retry_after_seconds=1) if late else error
            for _, future in asked:
                if not future.done():
                    future.set_exception(failure)
        except BaseException:
            # The process is ending.
            for _, future in asked:
                future.cancel()
            raise
        else:
            for _, future in asked:
                if not future.done():
                    future.set_result(answer)
