"""Requests, answers, rows and refusals of feedback. What staff read of it is in `summary_schemas`."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from booking_api.core.errors import DomainError
from booking_api.core.paging import Cursor, Limit
from booking_api.core.text import fields

Step = Literal["search", "hold", "details", "payment", "confirmed", "visit"]
QuestionKind = Literal["ces", "csat", "nps", "text"]

AnswerStep = Annotated[
    str, Meta(description="x-extensible-enum: search, hold, details, payment, confirmed, visit", examples=["confirmed"])
]
AnswerKind = Annotated[str, Meta(description="x-extensible-enum: ces, csat, nps, text", examples=["csat"])]
AnswerChannel = Annotated[
    str, Meta(description="x-extensible-enum: ios, android, web, kiosk, partner", examples=["ios"])
]

Score = Annotated[
    int, Meta(ge=0, le=10, description="`ces` 1–7, `csat` 1–5, `nps` 0–10; none for `text`.", examples=[5])
]
FeedbackText = Annotated[
    str, fields.text(2000, description="In the customer's own words.", examples=["Two taps and done."])
]
Language = Annotated[str, fields.token(pattern="^[a-z]{2,3}$")]
Question = Annotated[
    dict[Language, Annotated[str, fields.line(300, min_length=1)]],
    Meta(
        min_length=1, max_length=50, description="Language (BCP 47, without a region) → wording.",
        examples=[{"en": "How easy was booking?", "de": "Wie einfach war das Buchen?"}],
    ),
]  # fmt: skip
SharePercent = Annotated[
    int, Meta(ge=0, le=100, description="Share of the customers who are asked, in percent.", examples=[25])
]
PauseDays = Annotated[
    int,
    Meta(
        ge=0,
        le=3650,
        description="Days since a customer was last asked anything before this prompt may ask.",
        examples=[30],
    ),
]


# refusals ---------------------------------------------------------------------------------------------------------


class AlreadyAnswered(DomainError):
    code, status, title = "already_answered", 409, "This prompt has been answered"
    explanation = "One answer counts per prompt. It can be changed for an hour with `PATCH /v1/feedback/{feedback_id}`."
    member_types = {"feedback_id": UUID}  # noqa: RUF012 - declared as ClassVar by the base


class NoLongerEditable(DomainError):
    code, status, title = "no_longer_editable", 409, "This feedback can't be changed any more"
    explanation = "Feedback can be changed for an hour. Send new feedback instead."


MOST_PROMPTS = 200
"""Of an organisation."""


class TooManyPrompts(DomainError):
    code, status, title = "too_many_prompts", 409, "The organisation has as many prompts as it may have"
    explanation = "Delete prompts that are no longer used."


# prompts ----------------------------------------------------------------------------------------------------------


class NewPrompt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question that the app is to ask at a step of the journey."""

    step: Step
    kind: QuestionKind
    question: Question
    share_percent: SharePercent = 100
    pause_days: PauseDays = 30
    active: bool = True


class PromptChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to change; absent means untouched. What was asked before keeps its step and kind."""

    step: Step | UnsetType = UNSET
    kind: QuestionKind | UnsetType = UNSET
    question: Question | UnsetType = UNSET
    share_percent: SharePercent | UnsetType = UNSET
    pause_days: PauseDays | UnsetType = UNSET
    active: bool | UnsetType = UNSET


class PromptRow(msgspec.Struct, frozen=True):
    id: UUID
    step: str
    kind: str
    question: dict[str, str]
    share_percent: int
    pause_days: int
    active: bool
    created_at: datetime
    updated_at: datetime


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """A configured prompt."""

    id: UUID
    step: AnswerStep
    kind: AnswerKind
    question: Question
    share_percent: SharePercent
    pause_days: PauseDays
    active: bool
    created_at: datetime
    updated_at: datetime
    available_actions: Annotated[
        list[str], Meta(description="x-extensible-enum: edit, delete", examples=[["edit", "delete"]])
    ]


class PromptListQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    limit: Limit = 50
    cursor: Cursor | None = None


class PromptList(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    items: list[Prompt]
    next_cursor: str | None = None


# asking -----------------------------------------------------------------------------------------------------------


class Scale(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The scores that may be given; a higher one is always better."""

    min: Annotated[int, Meta(examples=[1])]
    max: Annotated[int, Meta(examples=[5])]
    min_label: Annotated[str, Meta(examples=["Very dissatisfied"])] | None = None
    max_label: Annotated[str, Meta(examples=["Very satisfied"])] | None = None


class FeedbackPrompt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A question for this customer, now. Send its `id` back as `prompt_id`; `scale` is absent for kind `text`."""

    id: UUID
    step: AnswerStep
    kind: AnswerKind
    question: Annotated[
        str, Meta(description="In the reader's language.", examples=["How satisfied are you with your booking?"])
    ]
    scale: Scale | None = None


class DueQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    step: Annotated[Step, Meta(description="Where in the journey the customer is.", examples=["visit"])]
    booking_id: Annotated[UUID, Meta(description="The customer's booking that the question would be about.")] | None = (
        None
    )


class AskRow(msgspec.Struct, frozen=True):
    """One time that a customer was asked."""

    id: UUID
    number: int
    prompt_id: UUID
    step: str
    kind: str
    booking_id: UUID | None
    asked_at: datetime
    answered: bool


# answers ----------------------------------------------------------------------------------------------------------


class NewFeedback(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A customer's word, asked for (`prompt_id`) or not."""

    step: Annotated[Step, Meta(description="The step of the journey that it is about.", examples=["confirmed"])]
    kind: Annotated[
        QuestionKind,
        Meta(description="Customer effort, satisfaction, recommendation, or words alone.", examples=["csat"]),
    ]
    score: Score | None = None
    text: FeedbackText | None = None
    booking_id: UUID | None = None
    product_id: UUID | None = None
    prompt_id: Annotated[UUID, Meta(description="`id` of the `feedback_prompt` that it answers.")] | None = None


class FeedbackChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to change; absent means untouched, null clears."""

    score: Score | UnsetType | None = UNSET
    text: FeedbackText | UnsetType | None = UNSET


class FeedbackRow(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    customer_id: UUID | None
    asked_id: UUID | None
    step: str
    kind: str
    score: int | None
    text: str | None
    booking_id: UUID | None
    product_id: UUID | None
    channel: str
    retention_from: datetime
    created_at: datetime
    edited_at: datetime | None
    erased_at: datetime | None


class Feedback(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a customer said. `editable_until` and the action `edit` are its author's."""

    id: UUID
    step: AnswerStep
    kind: AnswerKind
    score: Score | None = None
    text: FeedbackText | None = None
    booking_id: UUID | None = None
    product_id: UUID | None = None
    prompt_id: UUID | None = None
    channel: AnswerChannel
    created_at: datetime
    edited_at: datetime | None = None
    erased_at: Annotated[datetime, Meta(description="When its text was erased.")] | None = None
    editable_until: datetime | None = None
    available_actions: Annotated[list[str], Meta(description="x-extensible-enum: edit", examples=[["edit"]])]
