"""Rows, requests and answers of the inventory."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

import msgspec


class SlotRow(msgspec.Struct, frozen=True, kw_only=True):
    """A slot with the version of its product that is on sale."""

    id: UUID
    code: str
    product_id: UUID
    product_version: int
    on_sale: bool
    kind: str
    origin_id: UUID
    destination_id: UUID | None
    local_date: date
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    end_time_zone: str
    capacity: int
    taken: int
    status: Literal["open", "closed", "cancelled"]
    booking_closes_at: datetime
    gate: str | None
    resource: str | None
    seat_layout_id: UUID | None


class SeatWish(msgspec.Struct, frozen=True):
    item_id: UUID
    seat: str


class ClaimRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Places wanted on one slot for one holder. `quota_places` counts against the option's quota where it has one."""

    id: UUID
    slot_id: UUID
    option_id: UUID
    holder_id: UUID
    places: int
    quota_places: int
    expires_at: datetime | None


class Taken(msgspec.Struct, frozen=True):
    """The outcome of one claim: taken, or refused for want of places."""

    claim_id: UUID
    slot_id: UUID
    ok: bool
