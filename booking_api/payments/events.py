"""What happens to payments and refunds."""

from typing import ClassVar
from uuid import UUID

from booking_api.core.queue.events import Fact


class PaymentSettled(Fact, frozen=True, kw_only=True):
    """A payment has its outcome: it succeeded, or it never will."""

    type: ClassVar[str] = "payment.settled"
    about: ClassVar[str] = "payment"
    is_public: ClassVar[bool] = True
    ordered_by: ClassVar[tuple[str, ...]] = ("order_id",)

    order_id: UUID
    intent_id: UUID
    """The payment: its own id."""
    status: str
    """`succeeded`, `failed` or `cancelled`."""
    late: bool
    """Whether it had an outcome before, and this is another one."""


class OfRefund(Fact, frozen=True, kw_only=True):
    about: ClassVar[str] = "refund"
    is_public: ClassVar[bool] = True
    ordered_by: ClassVar[tuple[str, ...]] = ("booking_id", "order_id")

    order_id: UUID
    booking_id: UUID | None
    """None where the refund is of the whole order."""
    intent_id: UUID | None
    """None for what was paid on site."""
    refund_id: UUID
    """The refund: its own id."""
    status: str
    """As the refund's own, such as `succeeded`."""


class RefundSettled(OfRefund, frozen=True, kw_only=True):
    """The money is back, through the provider or by hand."""

    type: ClassVar[str] = "refund.settled"


class RefundFailed(OfRefund, frozen=True, kw_only=True):
    """The money didn't go back, and somebody has to see to it."""

    type: ClassVar[str] = "refund.failed"


class RefundRetried(OfRefund, frozen=True, kw_only=True):
    """A failed refund is tried again."""

    type: ClassVar[str] = "refund.retried"
