"""Requests, answers and rows of what is known of one person."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import msgspec

from booking_api.core.errors import Conflict
from booking_api.identity.schemas import Email, Phone


class BookingsAhead(Conflict):
    code, title = "bookings_ahead", "This person has bookings that aren't over"
    explanation = (
        "What they need is a name at the gate and an address for changes, so nothing was erased. Cancel the bookings "
        "that `booking_ids` names, or wait until they are over, and ask again."
    )
    member_types: ClassVar[dict[str, Any]] = {"booking_ids": list[UUID]}


class Person(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Who is meant: exactly one of these. A customer is all that they booked, for whomever; an address is the bookings
    that have it as their contact, and whoever has no other address."""

    customer_id: UUID | None = None
    email: Email | None = None
    phone: Phone | None = None


class KnownCustomer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    id: UUID
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    locale: str | None = None


class KnownBooking(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    id: UUID
    reference: str
    status: str
    created_at: datetime
    visit_ends_at: datetime
    contact: dict[str, Any] | None = None
    answers: dict[str, Any] | None = None
    cancel_reason: str | None = None
    price: dict[str, Any]
    items: list[dict[str, Any]]
    """Of each person: id, status, and as far as known name, seat and answers."""
    withheld_answers: list[str] = []
    """The codes of sensitive questions that were answered. The answers are in no export: the booking by itself has
    them, for its customer and for staff, until the visit is over."""


class BookingOf(msgspec.Struct, frozen=True, kw_only=True):
    """A booking as it is stored, with the version of the product that says which of its answers are sensitive."""

    id: UUID
    reference: str
    status: str
    product_id: UUID
    product_version: int
    created_at: datetime
    visit_ends_at: datetime
    contact: dict[str, Any] | None
    answers: dict[str, Any] | None
    cancel_reason: str | None
    price: dict[str, Any]
    items: list[dict[str, Any]]


class KnownFeedback(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    id: UUID
    created_at: datetime
    kind: str
    score: int | None = None
    text: str | None = None


class KnownScan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    item_id: UUID
    scanned_at: datetime
    gate: str | None = None
    direction: str
    verdict: str
    override_reason: str | None = None


class KnownSession(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    id: UUID
    created_at: datetime
    last_used_at: datetime
    device: str | None = None


class PersonExport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of a person. Payments are in the prices of their bookings."""

    customers: list[KnownCustomer]
    bookings: list[KnownBooking]
    feedback: list[KnownFeedback]
    scans: list[KnownScan]
    sessions: list[KnownSession]
    incomplete: bool = False
    """There is more than one answer holds: ask for one customer at a time."""


class PersonErased(msgspec.Struct, frozen=True, kw_only=True):
    """How much was erased. Again, it is nothing."""

    customers: int
    bookings: int
    feedback: int
    scans: int
    stored_answers: int
    messages: int


class FoundId(msgspec.Struct, frozen=True):
    id: UUID


class Reached(msgspec.Struct, frozen=True):
    """A booking, or a customer themselves, and an address that may be the one that is looked for."""

    id: UUID
    customer_id: UUID
    address: str


class Address(msgspec.Struct, frozen=True):
    customer_id: UUID
    address: str


class PersonalData(msgspec.Struct, frozen=True):
    """What is a person's."""

    customer_ids: list[UUID]
    """Customers all of whose things are theirs."""
    booking_ids: list[UUID]
    """Those customers' bookings, and of other customers' bookings those that have the person as their contact."""
    contact_ids: list[UUID]
    """Customers whose own contact is the person's, `customer_ids` among them."""
    booker_ids: list[UUID]
    """Every customer whose things are concerned; what the audit names."""
