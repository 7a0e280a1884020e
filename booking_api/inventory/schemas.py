"""Rows and requests of the inventory."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from booking_api.catalog.schemas import Code
from booking_api.catalog.write_schemas import Capacity
from booking_api.core.clock import Moment
from booking_api.core.text import fields


class Delay(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When a slot is expected to take place, later than scheduled. The scheduled times stay what was booked."""

    estimated_starts_at: datetime
    estimated_ends_at: datetime | None = None
    """Absent: as long after the estimated start as was scheduled."""
    note: str | None = None
    updated_at: datetime


class SlotRow(msgspec.Struct, frozen=True):
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
    version: int
    """Raised by every change of what the organiser decides; not by what is taken."""
    delay: Delay | None


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
    slot_version: int | None = None
    """The slot's version that the wish was checked under, if it was; under another one it isn't taken."""


class Kept(msgspec.Struct, frozen=True):
    """What stays of a claim when the rest is given back."""

    places: int
    quota_places: int
    item_ids: Sequence[UUID]
    """Whose seats stay taken too."""


class Taken(msgspec.Struct, frozen=True):
    """The outcome of one claim: taken, or refused for want of places."""

    claim_id: UUID
    slot_id: UUID
    ok: bool
    outdated: bool = False
    """Refused because the slot is another one by now than the wish was checked under."""


Sign = Annotated[str, fields.code(200)]


class NewDelay(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When the slot is expected to take place. At most 24 hours later than scheduled; what is earlier is a move."""

    estimated_starts_at: Moment
    estimated_ends_at: Moment | None = None
    """Absent: as long after the estimated start as was scheduled."""
    note: Annotated[str, fields.line(500, examples=["Waiting for the connecting train"])] | None = None


class SlotChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Changes of a slot. Absent means untouched; null clears gate, resource and delay."""

    status: Literal["open", "closed", "cancelled"] | UnsetType = UNSET
    """`closed`: nobody new; who has a hold may still confirm it. `cancelled`: it doesn't take place."""
    starts_at: Moment | UnsetType = UNSET
    """Where nothing is said of `ends_at` and `booking_closes_at`, they keep their distance from the start."""
    ends_at: Moment | UnsetType = UNSET
    booking_closes_at: Moment | UnsetType = UNSET
    """When sales end at the latest; a delay puts it off."""
    capacity: Capacity | UnsetType = UNSET
    """Never less than what is taken."""
    quotas: dict[Code, Capacity | None] | UnsetType = UNSET
    """Option (by code) → places that may be sold under it; null: all of them. Options that aren't named keep theirs."""
    gate: Sign | None | UnsetType = UNSET
    resource: Sign | None | UnsetType = UNSET
    delay: NewDelay | None | UnsetType = UNSET
    """Agents may set and clear it. It changes nothing that was booked: no condition, no pass."""
    release_holds: bool = False
    """Give back at once what is held on the slot and not paid. Otherwise a hold stays what it is, a promise."""


# rows -------------------------------------------------------------------------------------------------------------


class SlotState(msgspec.Struct, frozen=True, kw_only=True):
    """A locked slot, as far as it can be changed by itself, and what that depends on."""

    id: UUID
    local_date: date
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    capacity: int
    taken: int
    status: Literal["open", "closed", "cancelled"]
    booking_closes_at: datetime
    gate: str | None
    resource: str | None
    version: int
    estimated_starts_at: datetime | None
    estimated_ends_at: datetime | None
    delay_note: str | None
    delay_updated_at: datetime | None


class ZoneRow(msgspec.Struct, frozen=True):
    time_zone: str
    used_by: str
