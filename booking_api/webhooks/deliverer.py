"""The part of the worker that tells endpoints: each by a task of its own, so that one that hangs keeps nobody waiting.

Healthy endpoints have room of their own beside those that fail, and one organisation takes no more than its share.
"""

import asyncio
from collections import Counter
from contextlib import suppress
from typing import Final
from uuid import UUID

from booking_api.core.clock import utc_now
from booking_api.core.log import log
from booking_api.core.runtime import Runtime, acquire
from booking_api.webhooks import rules, turn_queries
from booking_api.webhooks.operations.delivering import serve
from booking_api.webhooks.turn_queries import DueEndpoint

POLL_SECONDS: Final = 0.25
LOOKED_AT: Final = 500
ROOM: Final = {False: 24, True: 8}
"""Endpoints that are told at once: of those that take things, and of those that fail."""
ROOM_OF_ORGANISATION: Final = 6


class Deliverer:
    """Who is being told by this process."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._busy: dict[UUID, tuple[DueEndpoint, asyncio.Task[None]]] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Until told to stop; then what is under way ends."""
        try:
            while not stop.is_set():
                await self.look()
                waiting = [task for _, task in self._busy.values()]
                ending = asyncio.create_task(stop.wait())
                await asyncio.wait([ending, *waiting], timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                ending.cancel()
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._runtime.settings.webhook_timeout_seconds + 5):
                    await asyncio.gather(*(task for _, task in self._busy.values()), return_exceptions=True)

    async def look(self) -> None:
        """Begins with those that are due, as far as there is room."""
        async with acquire(self._runtime) as db:
            due = await turn_queries.list_due_endpoints(db, utc_now(), list(self._busy), LOOKED_AT)
        taken = Counter(rules.is_struggling(one.failures) for one, _ in self._busy.values())
        of_org = Counter(one.org_id for one, _ in self._busy.values())
        for one in due:
            kind = rules.is_struggling(one.failures)
            if taken[kind] < ROOM[kind] and of_org[one.org_id] < ROOM_OF_ORGANISATION:
                taken[kind] += 1
                of_org[one.org_id] += 1
                self._busy[one.id] = one, asyncio.create_task(self._tell(one))

    async def _tell(self, due: DueEndpoint) -> None:
        try:
            if not await serve(self._runtime, due):
                # What is due waits for something else: it is looked at again, but not at once.
                await asyncio.sleep(POLL_SECONDS)
        except Exception as error:  # noqa: BLE001 - whatever it was, it concerns this endpoint alone
            log.warning("webhook.not_served", webhook_id=due.id.hex, exc_info=error)
            await asyncio.sleep(1)
        finally:
            del self._busy[due.id]


async def deliver(runtime: Runtime, stop: asyncio.Event) -> None:
    """Tells endpoints for as long as the worker runs."""
    await Deliverer(runtime).run(stop)
