"""Requests, answers, rows and provider results of payments."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID, uuid5

import msgspec

from booking_api.core.errors import Conflict
from booking_api.core.money import Money
from booking_api.core.paging import Cursor, Limit
from booking_api.core.text import fields

IntentStatus = Literal["created", "processing", "requires_action", "succeeded", "failed", "cancelled"]
OutcomeStatus = Literal["processing", "requires_action", "succeeded", "failed", "cancelled"]
Method = Literal["test", "on_site"]
RefundStatus = Literal["created", "succeeded", "failed", "due_on_site", "settled"]
"""As it is stored; `rules.SHOWN_REFUND` has the words of answers."""
SettledMethod = Literal["cash", "terminal", "bank"]

ON_SITE = "on_site"


REFUND_STATUSES = (
    "`failed` and `due_on_site` wait for staff; `settled` was given back by them. "
    "x-extensible-enum: pending, succeeded, failed, due_on_site, settled"
)
REFUND_REASONS = (
    "`superseded`: another payment took its place. `no_room`: it came after the places were gone. "
    "x-extensible-enum: cancelled, superseded, no_room"
)


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


class PaymentMethod(msgspec.Struct, frozen=True, kw_only=True):
    """A way to pay that is offered here and now."""

    method: Annotated[str, msgspec.Meta(description="x-extensible-enum: test, on_site", examples=["test"])]
    title: Annotated[str, msgspec.Meta(examples=["Test card"])]
    needs: Annotated[
        list[str],
        msgspec.Meta(description="Members of `payment` that it needs. x-extensible-enum: token", examples=[["token"]]),
    ]


class RefundPart(msgspec.Struct, frozen=True, kw_only=True):
    """Money that goes back."""

    id: UUID
    amount: Money
    status: Annotated[str, msgspec.Meta(description=REFUND_STATUSES, examples=["pending"])]
    reason: Annotated[str, msgspec.Meta(description=REFUND_REASONS, examples=["cancelled"])]


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
    next_action: NextAction | None
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
    next_action: NextAction | None
    provider_reference: str | None
    error_code: str | None
    give_up_at: datetime
    live: bool
    """Whether its organisation is a live one, for which no test provider charges."""


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


# refunds for staff ------------------------------------------------------------------------------------------------


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


class IntentUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """A verified message of a provider about one of our intents."""

    org_id: UUID
    intent_id: UUID
    outcome: Outcome


class RefundUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """A verified message of a provider that something became of one of our refunds: it is asked what."""

    org_id: UUID
    refund_id: UUID


class WebhookReceipt(msgspec.Struct, frozen=True):
    """What became of a provider's message."""

    recorded: bool
    """False when it spoke of a charge or refund that isn't ours, or in a way that says nothing new to us."""


class LiveOrganisation(msgspec.Struct, frozen=True):
    org_id: UUID
    name: str
