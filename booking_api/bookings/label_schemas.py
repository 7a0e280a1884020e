"""What integrators read and note: labels of orders and bookings, the list of bookings, exports."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from booking_api.bookings.schemas import ExternalReference, Metadata, Status
from booking_api.core.clock import Moment
from booking_api.core.paging import Cursor, Limit
from booking_api.core.text import fields

MetadataFilter = Annotated[
    str,
    fields.token(
        300, pattern=r"^[A-Za-z0-9_.\-]{1,40}:", description="A key and its value, such as `agency:4711`.",
        examples=["agency:4711"],
    ),
]  # fmt: skip


class OrderLabels(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an integrator calls an order, and notes of it. Absent means untouched, null clears."""

    external_reference: ExternalReference | None | UnsetType = UNSET
    """What you call it; it needn't be unique."""
    metadata: Metadata | None | UnsetType = UNSET


class BookingFilters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which bookings are meant: those that fit all that is given."""

    changed_since: Moment | None = None
    """Changed at this moment or later. A change appears when its transaction is committed: ask from a minute before you
    last asked, or use sync, which misses nothing."""
    slot_id: UUID | None = None
    product_id: UUID | None = None
    status: Status | None = None
    reference: Annotated[str, fields.code(16)] | None = None
    external_reference: ExternalReference | None = None
    metadata: MetadataFilter | None = None
    """A key and its value with a colon between them."""


class AllBookingsQuery(BookingFilters, frozen=True, kw_only=True, forbid_unknown_fields=True):
    limit: Limit = 50
    cursor: Cursor | None = None


class ExportQuery(BookingFilters, frozen=True, kw_only=True, forbid_unknown_fields=True):
    format: Literal["jsonl", "csv"] = "jsonl"
    after: UUID | None = None
    """The id in the last whole line that you have, to go on after a break. Absent: from the start."""


class ListedBooking(msgspec.Struct, frozen=True):
    id: UUID
    order_id: UUID


class Labelled(msgspec.Struct, frozen=True):
    """A booking or an order with its labels as they are to be."""

    id: UUID
    external_reference: str | None
    metadata: dict[str, str] | None


class Raised(msgspec.Struct, frozen=True):
    version: int
    updated_at: datetime
