"""Requests, answers, rows and provider results of payments."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from booking_api.core.money import Money

IntentStatus = Literal["created", "processing", "requires_action", "succeeded", "failed", "cancelled"]
OutcomeStatus = Literal["processing", "requires_action", "succeeded", "failed", "cancelled"]
Method = Literal["test", "on_site"]

ON_SITE = "on_site"


class NewPayment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the customer pays."""

    method: Annotated[
        Method,
        msgspec.Meta(description="`test` pays with the test provider, `on_site` at the visit.", examples=["test"]),
    ]
    token: (
        Annotated[
            str,
            msgspec.Meta(
                min_length=1,
                max_length=255,
                description="What the provider's form in the app returned.",
                examples=["tok_ok"],
            ),
        ]
        | None
    ) = None
    return_url: (
        Annotated[
            str,
            msgspec.Meta(
                max_length=2000,
                description="Where a second step with the bank ends: an https URL or a link into the app.",
                examples=["https://app.example.org/paid"],
            ),
        ]
        | None
    ) = None


class NextAction(msgspec.Struct, frozen=True, kw_only=True):
    """What the customer has to do next: open `url`, which leads back to the payment's `return_url`."""

    type: Annotated[str, msgspec.Meta(description="x-extensible-enum: redirect", examples=["redirect"])]
    url: Annotated[str, msgspec.Meta(examples=["https://pay.example.org/redirect/ch_1"])]
    expires_at: datetime


class PaymentFailure(msgspec.Struct, frozen=True):
    """Why a payment failed."""

    code: Annotated[
        str,
        msgspec.Meta(
            description="x-extensible-enum: card_declined, insufficient_funds, authentication_failed, "
            "authentication_expired, unknown_token, cancelled",
            examples=["card_declined"],
        ),
    ]


class PaymentAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far the payment is. `amount` is what `status` speaks of."""

    status: Annotated[
        str,
        msgspec.Meta(
            description="x-extensible-enum: none_due, due_on_site, requires_action, processing, succeeded, failed, refunded. "
            "`requires_action` with `next_action` asks for a second step; without one, nothing was tried yet.",
            examples=["succeeded"],
        ),
    ]
    amount: Money
    next_action: NextAction | None = None
    error: PaymentFailure | None = None


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to pay an order, without its token."""

    id: UUID
    order_id: UUID
    amount: int
    """In the currency's minor unit."""
    currency: str
    provider: str
    status: IntentStatus
    provider_reference: str | None
    next_action: NextAction | None
    error_code: str | None
    attempts: int
    next_check_at: datetime | None
    give_up_at: datetime
    """From then on the reconciler cancels at the provider what isn't settled."""
    created_at: datetime
    updated_at: datetime

    @property
    def is_settled(self) -> bool:
        return self.status in {"succeeded", "failed", "cancelled"}


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """An intent as its provider is asked to charge it. The intent's id is the idempotency key."""

    org_id: UUID
    id: UUID
    order_id: UUID
    amount: int
    currency: str
    provider: str
    status: IntentStatus
    token: str | None
    return_url: str | None
    next_action: NextAction | None
    provider_reference: str | None
    error_code: str | None
    give_up_at: datetime


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a charge after its provider was asked, or spoke unasked."""

    status: OutcomeStatus
    provider_reference: str | None = None
    next_action: NextAction | None = None
    error_code: str | None = None
    charged: Money | None = None
    """What the provider says it charged; compared with the intent before it is believed."""
    answered: bool = True
    """False when nothing intelligible came back: then `processing` only means that nobody knows."""


UNANSWERED = Outcome(status="processing", answered=False)


class RefundRow(msgspec.Struct, frozen=True, kw_only=True):
    """A refund that is to be carried out. Its id is the idempotency key."""

    org_id: UUID
    id: UUID
    intent_id: UUID
    order_id: UUID
    booking_id: UUID | None
    amount: int
    currency: str
    reason: str
    attempts: int
    provider: str
    charge_reference: str | None


class RefundOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What the provider made of a refund; `processing` is asked for again."""

    status: Literal["processing", "succeeded", "failed"]
    provider_reference: str | None = None


class WebhookNews(msgspec.Struct, frozen=True, kw_only=True):
    """A verified message of a provider about one of our intents."""

    org_id: UUID
    intent_id: UUID
    outcome: Outcome


class WebhookReceipt(msgspec.Struct, frozen=True):
    """What became of a provider's message."""

    recorded: bool
    """False when it spoke of a charge that isn't ours, or in a way that says nothing new to us."""
