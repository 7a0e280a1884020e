"""Requests that share a transaction, whatever their timing: the faults are for batches, not for luck."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from booking_api.checkin.operations.scanning import Case
from booking_api.core.queue.batching import Batcher
from booking_api.core.queue.together import Turn
from tests.processes import PATIENCE_SECONDS


@contextlib.contextmanager
def gathered(count: int, begin: Callable[[Batcher[Any, Any]], object] = lambda _: None) -> Iterator[None]:
    """The next batch of bookings or scans begins when so many of them are there.

    `begin` is called before its first statement. Who asks is looked up in batches too; those aren't meant.
    """
    run = Batcher._run

    async def patient(batcher: Batcher[Any, Any]) -> None:
        if not isinstance(batcher._waiting[0][0], Turn | Case):
            await run(batcher)
            return
        Batcher._run = run
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(batcher._waiting) < count:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.005)
        begin(batcher)
        await run(batcher)

    Batcher._run = patient  # type: ignore[method-assign]
    try:
        yield
    finally:
        Batcher._run = run
