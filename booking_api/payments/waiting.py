"""Waiting for a provider's answer, or for its webhook, whichever comes first.

One statement looks for all who wait in this process, so that many slow payments cost little; the webhook may have come
to any process.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, cast
from uuid import UUID

from booking_api.core.log import log
from booking_api.core.per_process import PerProcess
from booking_api.core.runtime import Runtime, acquire
from booking_api.payments import asking_queries, queries
from booking_api.payments.schemas import IntentCharge, Outcome, OutcomeStatus

GRACE_SECONDS = 0.5
"""Most answers come by then, and nobody looks for updates of them."""
LOOK_SECONDS = 0.2
IntentKey = tuple[UUID, UUID]


class _Waiting:
    """Who waits for what in this process, and the task that looks while anybody does."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.signals: dict[IntentKey, set[asyncio.Event]] = {}
        self.seen: dict[IntentKey, str] = {}
        """The status that was known when the waiting began."""
        self.task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def on(self, charge: IntentCharge) -> AsyncIterator[asyncio.Event]:
        """An event that is set once the intent has another status, which its provider has told."""
        key, signal = (charge.org_id, charge.id), asyncio.Event()
        self.signals.setdefault(key, set()).add(signal)
        self.seen[key] = charge.status
        if self.task is None or self.task.done():
            self.task = asyncio.create_task(self._look())
        try:
            yield signal
        finally:
            self.signals[key].discard(signal)
            if not self.signals[key]:
                del self.signals[key], self.seen[key]

    async def _look(self) -> None:
        while self.signals:
            keys = list(self.signals)
            try:
                async with acquire(self.runtime) as db:
                    rows = await queries.list_decided(db, [org for org, _ in keys], [intent for _, intent in keys])
            except Exception as error:  # noqa: BLE001 - who waits still has the provider's own answer to come
                log.warning("payment.not_watched", error=type(error).__name__)
                rows = []
            for row in rows:
                key = (row.org_id, row.id)
                if key in self.signals and self.seen[key] != row.status:
                    for signal in self.signals[key]:
                        signal.set()
            await asyncio.sleep(LOOK_SECONDS)


WAITING = PerProcess(_Waiting)


async def first_outcome(runtime: Runtime, charge: IntentCharge, asking: Coroutine[Any, Any, Outcome]) -> Outcome:
    """What the provider answers, or what it has told by webhook before it does."""
    task = asyncio.create_task(asking)
    try:
        done, _ = await asyncio.wait({task}, timeout=GRACE_SECONDS)
        if done:
            return task.result()
        waiting = WAITING.of(runtime.caches, runtime)
        async with waiting.on(charge) as signal:
            told = asyncio.create_task(signal.wait())
            try:
                await asyncio.wait({task, told}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                told.cancel()
        if task.done():
            return task.result()
        async with acquire(runtime) as db:
            found = await asking_queries.find_charge(db, charge.org_id, charge.id)
        if found is None or found.status == "created":
            return await task
        return Outcome(
            status=cast("OutcomeStatus", found.status), provider_reference=found.provider_reference,
            next_action=found.next_action, error_code=found.error_code,
        )  # fmt: skip
    finally:
        # The provider knows the charge by its key: what it would have answered is there to be asked for.
        task.cancel()
