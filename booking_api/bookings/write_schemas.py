"""What is written of orders, bookings and items: of each statement the columns, in their order.

Each is a part of its row, and last what the row itself doesn't hold.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from booking_api.bookings.schemas import Contact, Price


class InsertedOrder(msgspec.Struct, frozen=True):
    id: UUID
    customer_id: UUID
    status: str
    expires_at: datetime | None
    hold_limit_at: datetime
    channel: str
    created_at: datetime
    session_id: UUID | None
    unpaid_until: datetime | None
    unpaid_places: int
    address_digest: bytes | None
    contact_digest: bytes | None


class ChangedOrder(msgspec.Struct, frozen=True):
    id: UUID
    status: str
    expires_at: datetime | None
    pending_until: datetime | None
    intent_id: UUID | None
    status_reason: str | None
    unpaid_until: datetime | None
    unpaid_places: int
    contact_digest: bytes | None


class InsertedBooking(msgspec.Struct, frozen=True):
    id: UUID
    order_id: UUID
    position: int
    customer_id: UUID
    reference: str
    slot_id: UUID
    product_id: UUID
    product_version: int
    option_id: UUID
    status: str
    version: int
    contact: Contact | None
    answers: dict[str, Any] | None
    price: Price
    total: int
    channel: str
    visit_ends_at: datetime
    created_at: datetime
    confirmed_at: datetime | None
    agreed_starts_at: datetime | None
    agreed_ends_at: datetime | None
    agreed_origin_id: UUID | None
    agreed_destination_id: UUID | None
    words: str | None
    """Of the contact's name, parted by blanks."""
    holds_sensitive: bool


class ChangedBooking(msgspec.Struct, frozen=True):
    id: UUID
    status: str
    contact: Contact | None
    answers: dict[str, Any] | None
    price: Price
    cancel_reason: str | None
    refund_amount: int | None
    confirmed_at: datetime | None
    visit_ends_at: datetime
    status_reason: str | None
    words: str | None
    holds_sensitive: bool


class AgreedTerms(msgspec.Struct, frozen=True):
    """What a booking's customer has agreed to, and is asked."""

    id: UUID
    agreed_starts_at: datetime | None
    agreed_ends_at: datetime | None
    agreed_origin_id: UUID | None
    agreed_destination_id: UUID | None
    moved_while_paying: bool
    slot_change: str | None
    decide_by: datetime | None
    offered_starts_at: datetime | None


class InsertedItem(msgspec.Struct, frozen=True):
    id: UUID
    booking_id: UUID
    slot_id: UUID
    position: int
    unit_id: UUID
    name: str | None
    seat: str | None
    answers: dict[str, Any] | None
    status: str
    amount: int
    companion_item_id: UUID | None
    words: str | None


class ChangedItem(msgspec.Struct, frozen=True):
    id: UUID
    name: str | None
    seat: str | None
    answers: dict[str, Any] | None
    status: str
    after_admission: str | None
    words: str | None
