"""Watching bookings: one poll per process for all event streams, so that a thousand watchers cost one statement."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from booking_api.bookings import sync_queries
from booking_api.bookings.sync_queries import Watched
from booking_api.core.context import Caller
from booking_api.core.errors import Overloaded, RateLimited
from booking_api.core.log import log
from booking_api.core.per_process import PerProcess
from booking_api.core.runtime import Runtime, acquire

POLL_SECONDS = 0.25
MAX_WATCHERS = 2_000
"""Event streams of one process: fewer than it may have connections, so that others still get through."""
NOBODY = UUID(int=0)


def owner_of(caller: Caller) -> UUID:
    """Whose event streams are counted together: a person's on all their devices, or those of a key."""
    return caller.subject_id or caller.credential_id


class Signal(asyncio.Event):
    """Set when there is something to see: another version, or that the credential has ended."""

    ended = False


class Watch:
    """Who watches what in this process, and the task that looks while anybody does."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.signals: dict[Watched, set[Signal]] = {}
        self.versions: dict[Watched, int] = {}
        self.count = 0
        self.of_owner: dict[UUID, int] = {}
        """How many each customer, member of staff or key has open."""
        self.task: asyncio.Task[None] | None = None

    def check_room(self, owner_id: UUID) -> None:
        """Raises `Overloaded` when as many event streams are open as there may be, `RateLimited` for one owner's."""
        if self.of_owner.get(owner_id, 0) >= self.runtime.settings.streams_per_customer:
            raise RateLimited("You have too many event streams open.", retry_after_seconds=5)
        if self.count >= MAX_WATCHERS:
            raise Overloaded("Too many event streams are open.", retry_after_seconds=5)

    @asynccontextmanager
    async def on(self, org_id: UUID, booking_id: UUID, version: int, caller: Caller) -> AsyncIterator[Signal]:
        """A signal that is set whenever the booking's version is another one, and when the caller's session, key or
        access has ended. Raises what `check_room` raises."""
        owner_id = owner_of(caller)
        self.check_room(owner_id)
        key, signal = Watched(org_id, booking_id, caller.credential_id, caller.subject_id or NOBODY), Signal()
        self.signals.setdefault(key, set()).add(signal)
        self.versions[key] = min(version, self.versions.get(key, version))
        self.count += 1
        self.of_owner[owner_id] = self.of_owner.get(owner_id, 0) + 1
        if self.task is None or self.task.done():
            self.task = asyncio.create_task(self._look())
        try:
            yield signal
        finally:
            self.count -= 1
            self.of_owner[owner_id] -= 1
            if not self.of_owner[owner_id]:
                del self.of_owner[owner_id]
            self.signals[key].discard(signal)
            if not self.signals[key]:
                del self.signals[key], self.versions[key]

    async def _look(self) -> None:
        while self.signals:
            keys = list(self.signals)
            try:
                async with acquire(self.runtime) as db:
                    rows = await sync_queries.list_versions(db, keys)
            except Exception as error:  # noqa: BLE001 - a watcher outlives a database that is away for a while
                log.warning("watch.failed", error=type(error).__name__)
                rows = []
            if self.runtime.closing.is_set():
                for signal in (signal for signals in self.signals.values() for signal in signals):
                    signal.set()
            for row in rows:
                key = Watched(row.org_id, row.id, row.credential_id, row.subject_id)
                if key in self.signals and (row.ended or self.versions[key] != row.version):
                    self.versions[key] = row.version
                    for signal in self.signals[key]:
                        signal.ended = row.ended
                        signal.set()
            await asyncio.sleep(POLL_SECONDS)


WATCH = PerProcess(Watch)


def watch_of(runtime: Runtime) -> Watch:
    return WATCH.of(runtime.caches, runtime)
