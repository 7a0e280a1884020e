"""What staff read: the list of what customers said, and the summary of scores."""

import datetime as dt
from datetime import date
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from booking_api.core.paging import Cursor, Limit
from booking_api.feedback.schemas import AnswerKind, Feedback, Step

Grouping = Literal["step", "product", "channel", "week"]


class FeedbackQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    step: Step | None = None
    product_id: UUID | None = None
    max_score: Annotated[int, Meta(ge=0, le=10, description="Only scores up to this one.")] | None = None
    has_text: Annotated[bool, Meta(description="`true`: only what has a text; `false`: only what has none.")] | None = (
        None
    )
    from_: Annotated[date, Meta(description="First local day of the organisation.", examples=["2026-03-01"])] | None = (
        msgspec.field(name="from", default=None)
    )
    to: Annotated[date, Meta(description="Last local day of the organisation.", examples=["2026-03-31"])] | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class FeedbackList(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    items: list[Feedback]
    next_cursor: str | None = None


# summary ----------------------------------------------------------------------------------------------------------


class SummaryQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    from_: (
        Annotated[
            date,
            Meta(
                description="First local day of the organisation, by default 27 days before `to`.",
                examples=["2026-03-01"],
            ),
        ]
        | None
    ) = msgspec.field(name="from", default=None)
    to: (
        Annotated[
            date,
            Meta(description="Last local day, by default today; at most 400 days in all.", examples=["2026-03-31"]),
        ]
        | None
    ) = None
    by: Annotated[Grouping, Meta(description="What the groups are.", examples=["step"])] = "step"
    limit: Annotated[int, Meta(ge=1, le=200, description="How many groups at most.")] = 200
    cursor: Cursor | None = None


class ScoreCount(msgspec.Struct, frozen=True):
    """How often one score of one kind was given in one local week (its Monday) within one group."""

    key: str
    kind: str
    week: date
    score: int | None
    count: int


class AskCount(msgspec.Struct, frozen=True):
    key: str
    kind: str
    asked: int
    answered: int


class TrendPoint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One week of a series. Weeks without feedback are left out."""

    week: Annotated[str, Meta(description="ISO 8601 week of the organisation's zone.", examples=["2026-W13"])]
    starts_on: Annotated[date, Meta(description="Its Monday.", examples=["2026-03-23"])]
    count: int
    mean: float | None = None
    nps: float | None = None


class KindSummary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One kind within a group; scores of different kinds don't mix."""

    kind: AnswerKind
    count: Annotated[int, Meta(description="Feedback of the period, asked for or not.")]
    mean: (
        Annotated[float, Meta(description="Rounded to two decimals; absent without a score.", examples=[4.25])] | None
    ) = None
    distribution: Annotated[
        dict[str, int], Meta(description="Each score of the scale → how often.", examples=[{"1": 0, "2": 1}])
    ]
    nps: (
        Annotated[
            float,
            Meta(
                description="Net promoter score, −100 to 100: the percentage of 9 and 10 less that of 0 to 6.",
                examples=[30.0],
            ),
        ]
        | None
    ) = None
    asked: Annotated[int, Meta(description="How often it was asked in the period.")]
    answered: Annotated[int, Meta(description="How many of these asks have been answered since.")]
    response_rate: (
        Annotated[float, Meta(description="`answered` of `asked`, 0 to 1; absent if nobody was asked.", examples=[0.4])]
        | None
    ) = None
    trend: list[TrendPoint]


class SummaryGroup(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    key: (
        Annotated[
            str,
            Meta(
                description="The step, product id, channel or ISO week; absent for what is about no product.",
                examples=["confirmed"],
            ),
        ]
        | None
    ) = None
    title: Annotated[str, Meta(description="The product's title.")] | None = None
    count: int
    asked: int
    answered: int
    response_rate: float | None = None
    kinds: list[KindSummary]


class FeedbackSummary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Scores of a period. `from` and `to` are inclusive local days in `time_zone`."""

    from_: dt.date = msgspec.field(name="from")
    to: dt.date
    time_zone: Annotated[str, Meta(examples=["Europe/Berlin"])]
    by: Annotated[str, Meta(description="x-extensible-enum: step, product, channel, week", examples=["step"])]
    items: list[SummaryGroup]
    next_cursor: str | None = None
