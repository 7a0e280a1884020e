"""Many slots, each batch in a transaction of its own, so that buyers never wait long for a lock."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from booking_api.core.errors import FieldError, Overloaded
from booking_api.inventory.write_schemas import NewSlot, RefusedSlot, SavedSlots
from booking_api.inventory.writing import save_slots

UNSTORABLE = FieldError("", "A value is outside of what can be stored.")
REFUSED_BY_DATABASE = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)
UNLUCKY = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
"""What another try may not meet again: nothing of the first is left."""
TRIES = 4

Also = Callable[[Any, SavedSlots], Awaitable[None]]
"""Writes what belongs to it into the same transaction: (connection, what was saved)."""
OpenTransaction = Callable[[], AbstractAsyncContextManager[Any]]
"""Opens a transaction in which nobody else writes the catalogue."""


async def offer(
    turn: OpenTransaction, org_id: UUID, slots: Sequence[NewSlot], now: datetime, also: Also | None = None
) -> SavedSlots:
    """Offers slots, matched by code; what became of them. Codes must differ.

    A slot that the database refuses is found by halving, and reported; the others go in.
    """
    try:
        return await _save(turn, org_id, slots, now, also)
    except REFUSED_BY_DATABASE as error:
        if len(slots) == 1:
            return SavedSlots(0, 0, 0, [RefusedSlot(0, UNSTORABLE, str(error))])
    middle = len(slots) // 2
    first = await offer(turn, org_id, slots[:middle], now, also)
    second = await offer(turn, org_id, slots[middle:], now, also)
    return SavedSlots(
        first.created + second.created,
        first.changed + second.changed,
        first.unchanged + second.unchanged,
        [*first.refused, *(RefusedSlot(row.position + middle, row.error, row.said) for row in second.refused)],
    )


async def _save(
    turn: OpenTransaction, org_id: UUID, slots: Sequence[NewSlot], now: datetime, also: Also | None
) -> SavedSlots:
    tries = 0
    while True:
        tries += 1
        try:
            async with turn() as db:
                saved = await save_slots(db, org_id, slots, now)
                if also is not None:
                    await also(db, saved)
                return saved
        except UNLUCKY as error:
            if tries == TRIES:
                raise Overloaded(retry_after_seconds=1) from error
