"""Requests, answers, rows and refusals of webhooks."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from booking_api.core.errors import DomainError
from booking_api.core.paging import Cursor, Limit
from booking_api.core.text import fields

MOST_WEBHOOKS = 20
"""Of an organisation."""

WebhookUrl = Annotated[
    str,
    fields.token(
        2000, min_length=1, examples=["https://hooks.example.org/booking"],
        description="Where events are posted to: https, on the Internet. Redirects aren't followed.",
    ),
]  # fmt: skip
EventTypes = Annotated[
    list[Annotated[str, fields.token(80)]],
    Meta(
        max_length=50, description="The types of events that are sent; empty: all.",
        examples=[["booking.confirmed", "booking.cancelled"]],
    ),
]  # fmt: skip
PayloadKind = Annotated[
    Literal["thin", "full"],
    Meta(
        description="`thin`: ids and facts, nothing personal. `full`: the booking as well, as it is when it is sent.",
        examples=["thin"],
    ),
]
AnswerPayload = Annotated[str, Meta(description="x-extensible-enum: thin, full", examples=["thin"])]
Description = Annotated[str, fields.line(200, description="For people.", examples=["Back office"])]


# refusals ---------------------------------------------------------------------------------------------------------


class TooManyWebhooks(DomainError):
    code, status, title = "too_many_webhooks", 409, "The organisation has as many webhooks as it may have"
    explanation = f"An organisation may have {MOST_WEBHOOKS}. Delete one that is no longer used."


class WebhookIsPaused(DomainError):
    code, status, title = "webhook_paused", 409, "This webhook is paused"
    explanation = (
        "Resume it first: `PATCH /v1/webhooks/{webhook_id} {status: active}`. Everything that waits is sent then."
    )


# endpoints --------------------------------------------------------------------------------------------------------


class NewWebhook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A server that wants to hear what happens."""

    url: WebhookUrl
    events: EventTypes = []
    payload: PayloadKind = "thin"
    description: Description | None = None


class WebhookChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to change; absent means untouched."""

    url: WebhookUrl | UnsetType = UNSET
    events: EventTypes | UnsetType = UNSET
    payload: PayloadKind | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    status: (
        Annotated[Literal["active", "paused"], Meta(description="`active` sends all that waits.", examples=["active"])]
        | UnsetType
    ) = UNSET


class SecretChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new secret is asked for."""

    previous_valid_seconds: Annotated[
        int,
        Meta(ge=0, le=604_800, description="How long the one before goes on signing beside it.", examples=[86_400]),
    ] = 86_400


class EndpointRow(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    url: str
    description: str | None
    events: list[str]
    payload: str
    status: str
    paused_because: str | None
    secret_sealed: bytes
    previous_sealed: bytes | None
    previous_until: datetime | None
    failures: int
    failing_since: datetime | None
    retry_at: datetime | None
    succeeded_at: datetime | None
    created_at: datetime
    updated_at: datetime


class Webhook(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A server that hears what happens. Its secret is only in the answers that make one."""

    id: UUID
    url: WebhookUrl
    events: EventTypes
    payload: AnswerPayload
    description: Description | None = None
    status: Annotated[str, Meta(description="x-extensible-enum: active, paused", examples=["active"])]
    paused_because: (
        Annotated[str, Meta(description="x-extensible-enum: asked, failing, gone", examples=["failing"])] | None
    ) = None
    failing_since: Annotated[datetime, Meta(description="Since when it took nothing.")] | None = None
    previous_secret_until: Annotated[datetime, Meta(description="Until when two secrets sign.")] | None = None
    created_at: datetime
    updated_at: datetime
    available_actions: Annotated[
        list[str],
        Meta(
            description="x-extensible-enum: edit, rotate_secret, test, replay, pause, resume, delete",
            examples=[["edit", "rotate_secret", "replay", "test", "pause", "delete"]],
        ),
    ]


SecretText = Annotated[
    str, Meta(description="To verify signatures with.", examples=["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"])
]


class WebhookSecret(msgspec.Struct, frozen=True):
    """What an answer that makes a secret has besides; it is stored nowhere in clear."""

    secret: SecretText


class NewWebhookAnswer(Webhook, frozen=True, kw_only=True, omit_defaults=True):
    """A webhook with a new secret. A repeat with the same idempotency key has it once more."""

    secret: SecretText | None = None


class WebhookListQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    limit: Limit = 50
    cursor: Cursor | None = None


class WebhookList(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """In the order in which they were made."""

    items: list[Webhook]
    next_cursor: str | None = None
