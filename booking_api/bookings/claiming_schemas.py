"""Bookings of a guest on another phone, joined to one's own."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from booking_api.core.paging import Cursor, Limit
from booking_api.core.text import fields


class NewClaimOfBookings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The code that proves the address."""

    code: Annotated[str, fields.code(64, examples=["7K4QM-2X9VB"])]
    """Sent by `POST /v1/tokens/recover`. Upper and lower case, hyphens and spaces don't matter."""


class ClaimedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order that was joined to the bookings of another customer."""

    order_id: UUID
    claimed_at: datetime
    """When it was joined."""
    yours: bool
    """Whether it is yours now; otherwise it was, and is somebody's who proved the address of its contacts."""
    available_actions: Annotated[list[str], msgspec.Meta(description="x-extensible-enum: undo")]
    """What can be done next."""


class ClaimedOrders(msgspec.Struct, frozen=True, kw_only=True):
    """What a claim joined."""

    items: list[ClaimedOrder]
    """The orders that are yours now."""
    left: int
    """Orders of that guest that stay where they are: a booking of theirs has another contact, or somebody works on them,
    as while they are being paid. Another code brings the latter."""


class ClaimsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    limit: Limit = 50
    cursor: Cursor | None = None


class ClaimList(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A page of orders that were joined."""

    items: list[ClaimedOrder]
    """The order made last first."""
    next_cursor: str | None = None


class ClaimRow(msgspec.Struct, frozen=True):
    id: UUID
    customer_id: UUID
    claimed_from: UUID
    claimed_at: datetime


class OrderToClaim(msgspec.Struct, frozen=True):
    id: UUID
