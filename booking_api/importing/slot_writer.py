"""Slots on their way into the inventory, some thousands at a time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from booking_api.catalog.writing import begin_writing
from booking_api.core.db import Pool
from booking_api.importing.rules import say_error
from booking_api.importing.schemas import Summary
from booking_api.inventory.offering import offer
from booking_api.inventory.write_schemas import NewSlot
from booking_api.inventory.writing import find_overlaps

BATCH = 5_000
CONNECTION_WAIT_SECONDS = 30
MOST_WARNINGS = 50
BEGINNING, END = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)


@asynccontextmanager
async def turn(pool: Pool, org_id: UUID) -> AsyncIterator[Any]:
    """A transaction in which nobody else writes this organisation's catalogue."""
    async with pool.acquire(timeout=CONNECTION_WAIT_SECONDS) as db, db.transaction():
        connection: Any = db
        await begin_writing(connection, org_id)
        yield connection


class SlotWriter:
    """Collects slots and offers them a batch at a time; what can't be offered is reported, and the others go in."""

    def __init__(self, pool: Pool, org_id: UUID, summary: Summary, now: datetime) -> None:
        self.pool, self.org_id, self.summary, self.now = pool, org_id, summary, now
        self._waiting: dict[str, tuple[str, int, NewSlot]] = {}
        self._resources: set[str] = set()
        self._first, self._last = END, BEGINNING

    async def add(self, file: str, line: int, slot: NewSlot) -> None:
        """Takes a slot that the named line describes; writes when enough have come together."""
        if (earlier := self._waiting.get(slot.code)) is not None:
            self.summary.report(
                file, line, f"it repeats {slot.code}, which line {earlier[1]} of {earlier[0]} describes"
            )
            return
        self._waiting[slot.code] = file, line, slot
        if slot.resource is not None:
            self._resources.add(slot.resource)
            self._first, self._last = min(self._first, slot.starts_at), max(self._last, slot.starts_at)
        if len(self._waiting) >= BATCH:
            await self.flush()

    async def flush(self) -> None:
        """Writes what is waiting."""
        waiting = list(self._waiting.values())
        self._waiting.clear()
        if waiting:
            await self._write(waiting)

    async def warn_of_overlaps(self) -> None:
        """Warns of slots for which one person, room or vehicle would have to be in two places. They went in all the same:
        a room may be shared.
        """
        if not self._resources:
            return
        async with self.pool.acquire(timeout=CONNECTION_WAIT_SECONDS) as connection:
            db: Any = connection
            found = await find_overlaps(
                db, self.org_id, sorted(self._resources), self._first, self._last, MOST_WARNINGS + 1
            )
        self.summary.warnings += [
            f"{row.resource}: slot {row.code} begins while {row.other_code} is under way"
            for row in found[:MOST_WARNINGS]
        ]
        if len(found) > MOST_WARNINGS:
            self.summary.warnings.append("There are more slots that overlap like these.")

    async def _write(self, waiting: list[tuple[str, int, NewSlot]]) -> None:
        slots = [slot for _, _, slot in waiting]
        saved = await offer(lambda: turn(self.pool, self.org_id), self.org_id, slots, self.now)
        self.summary.slots.add(saved.created, saved.changed, saved.unchanged)
        for row in saved.refused:
            file, line, slot = waiting[row.position]
            refusal = f"slot {slot.code} stays as it is: {say_error(row.error)}"
            self.summary.report(file, line, f"the database refused it: {row.said}" if row.said else refusal)
        refused = {row.position for row in saved.refused}
        for position, slot in enumerate(slots):
            if position not in refused:
                self.summary.saw_date(slot.local_date)
