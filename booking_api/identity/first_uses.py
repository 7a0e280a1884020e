"""First uses of sessions, gathered for a moment and written together.

They give sessions their rows, so that these can be listed, and that a repeat of the request which opened one brings no
more tokens. Every customer's first request comes with such a note: written one by one, or by the dozen beside each
batch of holds, they cost a hold a twentieth of the processor and a flush of the disk. What shares transactions isn't
held up by them; all else waits until its own is written, and then none is gathered any longer.

An organisation's are written one after the other, so that a locked row keeps one connection waiting and no more. What
fails, or dies with the process, is noted with the session's next request.
"""

import asyncio
from contextlib import suppress
from uuid import UUID

from booking_api.core.clock import utc_now
from booking_api.core.log import log
from booking_api.core.per_process import PerProcess
from booking_api.core.runtime import Runtime, acquire
from booking_api.identity.session_life_queries import FirstUse, note_first_uses

GATHER_SECONDS = 0.1


class FirstUses:
    """Those of one organisation. Under way at any moment are at most one that is written and one that gathers."""

    __slots__ = ("_gathering", "_org_id", "_runtime", "_writing", "under_way")

    def __init__(self, runtime: Runtime, org_id: UUID) -> None:
        self._runtime, self._org_id = runtime, org_id
        self._gathering: Gathering | None = None
        self._writing = asyncio.Lock()
        self.under_way: set[Gathering] = set()

    def add(self, uses: list[FirstUse]) -> "Gathering":
        """What writes them, soon."""
        gathering = self._gathering
        if gathering is None:
            gathering = self._gathering = Gathering(self)
            self.under_way.add(gathering)
        gathering.uses |= {use.id: use for use in uses}
        return gathering

    async def write(self, gathering: "Gathering") -> None:
        """All that was gathered until those before are written."""
        try:
            async with self._writing:
                self._gathering = None
                rows = [use for _, use in sorted(gathering.uses.items())]
                async with acquire(self._runtime) as db:
                    await note_first_uses(db, self._org_id, rows, utc_now())
        except Exception as error:  # noqa: BLE001 - the request that it came with isn't to fail by it
            log.warning("session.not_noted", error=type(error).__name__)
        finally:
            self.under_way.discard(gathering)


class Gathering:
    """First uses that will be written by one statement."""

    __slots__ = ("_hurry", "_task", "uses")

    def __init__(self, of: FirstUses) -> None:
        self.uses: dict[UUID, FirstUse] = {}
        self._hurry = asyncio.Event()
        self._task = asyncio.create_task(self._gather(of))

    async def _gather(self, of: FirstUses) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(GATHER_SECONDS):
                await self._hurry.wait()
        await of.write(self)

    async def written(self) -> None:
        """Returns once they are written; from now on no more are waited for."""
        self._hurry.set()
        await asyncio.shield(self._task)


OF_ORGANISATIONS = PerProcess(dict[UUID, FirstUses])


def first_uses_of(runtime: Runtime, org_id: UUID) -> FirstUses:
    """Those of an organisation in this process."""
    known = OF_ORGANISATIONS.of(runtime.caches)
    return known.get(org_id) or known.setdefault(org_id, FirstUses(runtime, org_id))
