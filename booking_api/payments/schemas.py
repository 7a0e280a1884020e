"""Requests, answers, rows and provider results of payments; those of refunds are in `refund_schemas`."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from booking_api.core.errors import Conflict
from booking_api.core.kinds import kind_of
from booking_api.core.money import Money
from booking_api.core.text import fields
from booking_api.payments.refund_schemas import RefundPart

IntentStatus = Literal["created", "processing", "requires_action", "succeeded", "failed", "cancelled"]
OutcomeStatus = Literal["processing", "requires_action", "succeeded", "failed", "cancelled"]
Method = Literal["test", "on_site"]

ON_SITE = "on_site"


class PaymentInProgress(Conflict):
    code, title = "payment_in_progress", "Money is on its way"
    explanation = "Wait as `Retry-After` says, get the thing again and look at what became of it."
    retryable = True


class NewPayment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the customer pays. While a payment is under way, the same method and token is a repeat of it; another method
    or token takes its place."""

    method: Annotated[
        Method,
        msgspec.Meta(description="`test` pays with the test provider, `on_site` at the visit.", examples=["test"]),
    ]
    token: (
        Annotated[
            str,
            fields.token(
                255,
                min_length=1,
                description="What the provider's form in the app returned.",
                examples=["tok_ok"],
            ),
        ]
        | None
    ) = None
    return_url: (
        Annotated[
            str,
            fields.token(
                2000,
                description="Where a second step with the bank ends: an https URL or a link into the app.",
                examples=["https://app.example.org/paid"],
            ),
        ]
        | None
    ) = None


class NextAction(msgspec.Struct, frozen=True, kw_only=True):
    """What the customer has to do next."""

    type: str
    """What it is."""
    expires_at: datetime
    """Until when it can be done."""


@kind_of(NextAction)
class Redirect(NextAction, frozen=True, kw_only=True):
    """Open `url`, which leads back to the payment's `return_url`."""

    type: Literal["redirect"]
    url: Annotated[str, msgspec.Meta(examples=["https://pay.example.org/redirect/ch_1"])]
    """The page to open, in the browser rather than in a view of the app."""


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


class PaymentMethod(msgspec.Struct, frozen=True, kw_only=True):
    """A way to pay that is offered here and now."""

    method: Annotated[str, msgspec.Meta(description="x-extensible-enum: test, on_site", examples=["test"])]
    title: Annotated[str, msgspec.Meta(examples=["Test card"])]
    needs: Annotated[
        list[str],
        msgspec.Meta(description="Members of `payment` that it needs. x-extensible-enum: token", examples=[["token"]]),
    ]


class PaymentAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far the payment is. `amount` is what `status` speaks of: what is due, was paid, or goes back."""

    status: Annotated[
        str,
        msgspec.Meta(
            description="x-extensible-enum: none_due, due_on_site, requires_action, processing, succeeded, failed, "
            "refund_pending, refund_failed, refunded, partly_refunded. "
            "`requires_action` with `next_action` asks for a second step; without one, nothing was tried yet. "
            "`refunded` only once the money is back; `partly_refunded` where the rest of the order stands.",
            examples=["succeeded"],
        ),
    ]
    amount: Money
    refunded: Money | None = None
    """What is back already."""
    refunds: list[RefundPart] = []
    """What goes back, and how far each part is; also of a payment that another one took the place of."""
    methods: list[PaymentMethod] = []
    """While it may be paid: what is offered here and now, in order."""
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
    next_action: Redirect | None
    error_code: str | None
    attempts: int
    next_check_at: datetime | None
    give_up_at: datetime
    """From then on the reconciler cancels at the provider what isn't settled."""
    created_at: datetime
    updated_at: datetime
    token_digest: bytes | None = None
    """Says whether a token is the same; see `operations.is_same_payment`. None for one from before there were any."""
    abandoned_at: datetime | None = None
    """When another payment took its place or its order was cancelled: it buys nothing any more."""

    @property
    def is_good(self) -> bool:
        """Whether its money is there, and is what its order is paid with."""
        return self.status == "succeeded" and self.abandoned_at is None

    @property
    def is_settled(self) -> bool:
        return self.status in {"succeeded", "failed", "cancelled"}


class IntentCharge(msgspec.Struct, frozen=True, kw_only=True):
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
    next_action: Redirect | None
    provider_reference: str | None
    error_code: str | None
    give_up_at: datetime
    live: bool
    """Whether its organisation is a live one, for which no test provider charges."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a charge after its provider was asked, or spoke unasked."""

    status: OutcomeStatus
    provider_reference: str | None = None
    next_action: Redirect | None = None
    error_code: str | None = None
    charged: Money | None = None
    """What the provider says it charged; compared with the intent before it is believed."""
    answered: bool = True
    """False when nothing intelligible came back: then `processing` only means that nobody knows."""


UNANSWERED = Outcome(status="processing", answered=False)


class IntentUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """A verified message of a provider about one of our intents."""

    org_id: UUID
    intent_id: UUID
    outcome: Outcome


class WebhookReceipt(msgspec.Struct, frozen=True):
    """What became of a provider's message."""

    recorded: bool
    """False when it spoke of a charge or refund that isn't ours, or in a way that says nothing new to us."""


class LiveOrganisation(msgspec.Struct, frozen=True):
    org_id: UUID
    name: str
