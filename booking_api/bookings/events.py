"""What happens to bookings."""

from typing import ClassVar
from uuid import UUID

from booking_api.core.queue.events import Fact


class BookingHeld(Fact, frozen=True, kw_only=True):
    """Places are kept for a booking."""

    type: ClassVar[str] = "booking.held"
    about: ClassVar[str] = "booking"
    is_public: ClassVar[bool] = True

    order_id: UUID
    slot_id: UUID


class OfBooking(Fact, frozen=True, kw_only=True):
    about: ClassVar[str] = "booking"
    is_public: ClassVar[bool] = True

    order_id: UUID
    slot_id: UUID
    customer_id: UUID


class BookingPending(OfBooking, frozen=True, kw_only=True):
    """A payment is under way; the places are kept meanwhile."""

    type: ClassVar[str] = "booking.pending"


class BookingConfirmed(OfBooking, frozen=True, kw_only=True):
    """A booking stands, and its passes are issued."""

    type: ClassVar[str] = "booking.confirmed"


class BookingChanged(OfBooking, frozen=True, kw_only=True):
    """Something about a booking is another by now: details, its slot, its money, who was admitted."""

    type: ClassVar[str] = "booking.changed"

    slot_change: str | None = None
    """`cancelled` or `moved`, where the customer may choose now."""


class BookingCancelled(OfBooking, frozen=True, kw_only=True):
    """A booking was cancelled, by whomever."""

    type: ClassVar[str] = "booking.cancelled"


class BookingExpired(OfBooking, frozen=True, kw_only=True):
    """A hold ended."""

    type: ClassVar[str] = "booking.expired"

    reason: str | None = None
    """Absent where its time was over."""


class BookingRejected(OfBooking, frozen=True, kw_only=True):
    """A payment came to nothing, or came too late and goes back."""

    type: ClassVar[str] = "booking.rejected"

    reason: str
    """A code, as in the booking's `status_reason`."""


class BookingErased(OfBooking, frozen=True, kw_only=True):
    """What people said in a booking was erased. Whoever keeps a copy erases it as well."""

    type: ClassVar[str] = "booking.erased"


class BookingForgotten(OfBooking, frozen=True, kw_only=True):
    """A booking that never stood is gone for good."""

    type: ClassVar[str] = "booking.forgotten"


class RefundDueOnSite(OfBooking, frozen=True, kw_only=True):
    """Money that was paid on site has to be given back by hand."""

    type: ClassVar[str] = "refund.due_on_site"

    amount: int
    """In minor units."""
    currency: str
