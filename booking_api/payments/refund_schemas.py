"""Money that goes back: requests, answers, rows, and what providers say of it."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID, uuid5

import msgspec

from booking_api.core.money import Money
from booking_api.core.paging import Cursor, Limit

RefundStatus = Literal["created", "succeeded", "failed", "due_on_site", "settled"]
"""As it is stored; `rules.SHOWN_REFUND` has the words of answers."""
SettledMethod = Literal["cash", "terminal", "bank"]
REFUND_STATUSES = (
    "`failed` and `due_on_site` wait for staff; `settled` was given back by them. "
    "x-extensible-enum: pending, succeeded, failed, due_on_site, settled"
)
REFUND_REASONS = (
    "`superseded`: another payment took its place. `no_room`: it came after the places were gone. "
    "x-extensible-enum: cancelled, superseded, no_room"
)


class RefundPart(msgspec.Struct, frozen=True, kw_only=True):
    """Money that goes back."""

    id: UUID
    amount: Money
    status: Annotated[str, msgspec.Meta(description=REFUND_STATUSES, examples=["pending"])]
    reason: Annotated[str, msgspec.Meta(description=REFUND_REASONS, examples=["cancelled"])]


class RefundRow(msgspec.Struct, frozen=True, kw_only=True):
    """A refund that is to be carried out by a provider."""

    org_id: UUID
    id: UUID
    intent_id: UUID
    order_id: UUID
    booking_id: UUID | None
    amount: int
    currency: str
    reason: str
    attempts: int
    """How often this try was asked about."""
    tries: int
    status: RefundStatus
    provider_reference: str | None
    """The provider's id of the try that it last said something of."""
    updated_at: datetime
    provider: str
    charge_reference: str | None


class RefundTry(msgspec.Struct, frozen=True):
    """One try of a refund, from 1."""

    refund: RefundRow
    number: int

    @property
    def key(self) -> UUID:
        """The idempotency key of the try: the refund's id, and for later tries one made of it."""
        return self.refund.id if self.number == 1 else uuid5(self.refund.id, str(self.number))


class RefundOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What the provider made of a refund; `processing` is asked for again."""

    status: Literal["processing", "succeeded", "failed"]
    provider_reference: str | None = None
    failure_code: str | None = None


class RefundFact(msgspec.Struct, frozen=True, kw_only=True):
    """A refund as orders and bookings tell of it."""

    id: UUID
    order_id: UUID
    intent_id: UUID | None
    booking_id: UUID | None
    """None: it is of the whole order."""
    amount: int
    currency: str
    status: RefundStatus
    reason: str


class RefundRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A refund with all that staff are told of it."""

    id: UUID
    order_id: UUID
    booking_id: UUID | None
    intent_id: UUID | None
    amount: int
    currency: str
    reason: str
    status: RefundStatus
    tries: int
    failure_code: str | None
    settled_method: str | None
    created_at: datetime
    updated_at: datetime
    provider: str | None


class Refund(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Money that goes back to a customer."""

    id: UUID
    order_id: UUID
    booking_id: UUID | None = None
    """Absent where it is of the whole order."""
    status: Annotated[str, msgspec.Meta(description=REFUND_STATUSES, examples=["failed"])]
    amount: Money
    reason: Annotated[str, msgspec.Meta(description=REFUND_REASONS, examples=["cancelled"])]
    method: Annotated[
        str, msgspec.Meta(description="How it was paid. x-extensible-enum: test, on_site", examples=["test"])
    ]
    tries: int
    error_code: (
        Annotated[
            str,
            msgspec.Meta(description="Why the last try failed. x-extensible-enum: refused, returned, provider_missing"),
        ]
        | None
    ) = None
    settled_by: (
        Annotated[str, msgspec.Meta(description="How staff gave it back. x-extensible-enum: cash, terminal, bank")]
        | None
    ) = None
    created_at: datetime
    updated_at: datetime
    available_actions: Annotated[list[str], msgspec.Meta(description="x-extensible-enum: retry, settle")]


class RefundList(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    items: list[Refund]
    next_cursor: str | None = None


class RefundsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    status: Literal["pending", "failed", "succeeded", "due_on_site", "settled"] | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class RefundSettlement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How staff give the money back."""

    method: Annotated[SettledMethod, msgspec.Meta(examples=["cash"])]


class RefundUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """A verified message of a provider that something became of one of our refunds: it is asked what."""

    org_id: UUID
    refund_id: UUID
