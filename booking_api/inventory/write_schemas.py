"""What is handed to the inventory to be offered, and what became of it."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

import msgspec


class NewSlot(msgspec.Struct, frozen=True, kw_only=True):
    """One occurrence to be offered under its code. Times are moments; `local_date` is the start's, at the origin."""

    code: str
    product_id: UUID
    kind: str
    origin_id: UUID
    destination_id: UUID | None
    local_date: date
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    end_time_zone: str
    capacity: int
    booking_closes_at: datetime
    status: Literal["open", "closed", "cancelled"] | None = None
    """None: as it is, and open when new."""
    gate: str | None = None
    resource: str | None = None
    seat_layout_id: UUID | None = None
    quotas: tuple[tuple[UUID, int], ...] = ()
    """Option and places. An option that had a quota and is not named here is limited by the capacity alone."""


class RefusedSlot(msgspec.Struct, frozen=True):
    """Why a slot was left as it is."""

    position: int
    """In the list that was handed over, from 0."""
    reason: str


class SavedSlots(msgspec.Struct, frozen=True):
    created: int
    changed: int
    unchanged: int
    refused: list[RefusedSlot]
