"""The verbs of feedback: asking, answering, erasing. Prompts are configured in `prompts`, and `summaries` are read."""

import contextlib
import time
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from booking_api.core.cache import BoundedCache
from booking_api.core.context import Context
from booking_api.core.db import Connection
from booking_api.core.db.rows import row_from
from booking_api.core.errors import Conflict, NotFound
from booking_api.core.ids import new_id
from booking_api.core.log import log
from booking_api.core.per_process import PerProcess
from booking_api.core.queue.events import publish
from booking_api.core.texts import pick
from booking_api.feedback import prompt_queries, queries, rules
from booking_api.feedback.answers import attributed, find_subject, written
from booking_api.feedback.events import FeedbackLow
from booking_api.feedback.prompt_queries import AskOf, NewAsk
from booking_api.feedback.schemas import (
    MOST_PROMPTS,
    AlreadyAnswered,
    AskRow,
    DueQuery,
    Feedback,
    FeedbackChange,
    FeedbackPrompt,
    FeedbackRow,
    NewFeedback,
    NoLongerEditable,
    PromptRow,
)

VISIT = "visit"
PROMPTS = PerProcess(lambda: BoundedCache[UUID, list[PromptRow]](4_096))
TRUSTED_SECONDS = 5.0
"""How long a process goes by the prompts it has read; a change made by itself counts at once."""
REMEMBERED_ASKS = 100
"""How many of a customer's latest asks are looked at before asking again."""


# asking -----------------------------------------------------------------------------------------------------------


def forget_prompts(ctx: Context) -> None:
    """Makes this process read the organisation's prompts again; to be called once a change is committed."""
    PROMPTS.of(ctx.caches).drop(ctx.org_id)


class Occasion(NamedTuple):
    """An answer to a customer that may carry a question. The contexts of several share one transaction."""

    ctx: Context
    step: str
    customer_id: UUID
    booking_id: UUID | None
    product_id: UUID | None
    channel: str


async def due_prompt(
    ctx: Context, step: str, customer_id: UUID, booking_id: UUID | None, product_id: UUID | None, channel: str
) -> FeedbackPrompt | None:
    """What to ask this customer now, if anything; records that it was asked. See `due_prompts`."""
    (prompt,) = await due_prompts([Occasion(ctx, step, customer_id, booking_id, product_id, channel)])
    return prompt


async def due_prompts(occasions: Sequence[Occasion]) -> list[FeedbackPrompt | None]:
    """What to ask on each of these occasions of one organisation, as if they came one by one; records what was asked.

    Never raises: a failure is logged, leaves the caller's transaction as it was, and nothing is asked. Staff and
    secret keys are never asked, because the question is the customer's. Costs no statement where no prompt is
    configured for the step, apart from reading the configuration every few seconds.
    """
    asked: dict[int, FeedbackPrompt] = {}
    open_to = [place for place, occasion in enumerate(occasions) if occasion.ctx.caller.kind not in ("staff", "key")]
    if open_to:
        ctx = occasions[0].ctx
        try:
            cached = PROMPTS.of(ctx.caches).get(ctx.org_id, time.monotonic())
            if cached is None or any(_addressed(cached, occasions[place]) for place in open_to):
                # A savepoint, so that a statement which fails here doesn't take the caller's transaction with it.
                async with ctx.db.transaction() if ctx.db.is_in_transaction() else contextlib.nullcontext():
                    prompts = cached if cached is not None else await _read_prompts(ctx)
                    asked = await _ask(ctx, prompts, {place: occasions[place] for place in open_to})
        except Exception as error:  # noqa: BLE001 - whatever fails here must not fail the booking answer it rides in
            log.warning("feedback.not_asked", error=type(error).__name__)
            asked = {}
    return [asked.get(place) for place in range(len(occasions))]


async def _read_prompts(ctx: Context) -> list[PromptRow]:
    prompts = await prompt_queries.find_active_prompts(ctx.db, ctx.org_id, MOST_PROMPTS)
    PROMPTS.of(ctx.caches).put(ctx.org_id, prompts, time.monotonic() + TRUSTED_SECONDS)
    return prompts


def _addressed(prompts: Sequence[PromptRow], occasion: Occasion) -> list[PromptRow]:
    return [
        p for p in prompts if p.step == occasion.step and rules.in_share(occasion.customer_id, p.id, p.share_percent)
    ]


async def _ask(
    ctx: Context, prompts: Sequence[PromptRow], occasions: Mapping[int, Occasion]
) -> dict[int, FeedbackPrompt]:
    """What is asked on each occasion that something is asked on, by the occasion's place."""
    addressed = {place: due for place, one in occasions.items() if (due := _addressed(prompts, one))}
    visits = {place: one.booking_id for place, one in occasions.items() if one.step == VISIT and place in addressed}
    if about := [booking_id for booking_id in visits.values() if booking_id is not None]:
        made = {row.id for row in await queries.find_visits_made(ctx.db, ctx.org_id, about, ctx.now)}
        addressed = {
            place: due for place, due in addressed.items() if visits.get(place) is None or visits[place] in made
        }
    if not addressed:
        return {}
    history = await _latest_asks(ctx, {occasions[place].customer_id for place in addressed})
    decided: dict[int, rules.OpenAsk] = {}
    new: dict[UUID, tuple[Occasion, AskOf]] = {}
    for place, due in addressed.items():
        one = occasions[place]
        asks = history[one.customer_id]
        match rules.decide(due, asks, one.step, one.booking_id, one.ctx.now):
            case rules.OpenAsk() as again:
                decided[place] = again
            case rules.Ask(prompt, number):
                ask = AskOf(
                    new_id(), number, prompt.id, one.step, prompt.kind, one.booking_id, ctx.now, False, one.customer_id
                )
                asks.insert(0, ask)
                new[ask.id] = one, ask
                decided[place] = rules.OpenAsk(ask, prompt)
            case None:
                pass
    lost = await _record(ctx, new) if new else set()
    late = [place for place, shown in decided.items() if shown.ask.id in lost]
    # Another answer to the same customer asked at the same moment: show what it asked, if it fits here.
    history = await _latest_asks(ctx, {occasions[place].customer_id for place in late}) if late else {}
    for place in late:
        one = occasions[place]
        decision = rules.decide(addressed[place], history[one.customer_id], one.step, one.booking_id, one.ctx.now)
        del decided[place]
        if isinstance(decision, rules.OpenAsk):
            decided[place] = decision
    return {place: _shown(occasions[place].ctx, show.ask.id, show.prompt) for place, show in decided.items()}


async def _latest_asks(ctx: Context, customer_ids: Collection[UUID]) -> dict[UUID, list[AskRow]]:
    asks: dict[UUID, list[AskRow]] = {customer_id: [] for customer_id in customer_ids}
    for ask in await prompt_queries.latest_asks(ctx.db, ctx.org_id, list(customer_ids), REMEMBERED_ASKS):
        asks[ask.customer_id].append(ask)
    return asks


async def _record(ctx: Context, new: Mapping[UUID, tuple[Occasion, AskOf]]) -> set[UUID]:
    """Records the asks, in the order of their customers so that two batches don't deadlock; those that came too late."""
    asks = [row_from(ask, NewAsk, product_id=one.product_id, channel=one.channel) for one, ask in new.values()]
    asks.sort(key=lambda ask: (ask.customer_id, ask.number))
    return set(new) - {row.id for row in await prompt_queries.insert_asks(ctx.db, ctx.org_id, asks, ctx.now)}


def _shown(ctx: Context, asked_id: UUID, prompt: PromptRow) -> FeedbackPrompt:
    return FeedbackPrompt(
        id=asked_id,
        step=prompt.step,
        kind=prompt.kind,
        question=pick(prompt.question, ctx.languages),
        scale=rules.scale_of(prompt.kind, ctx.language),
    )


async def find_due(ctx: Context, query: DueQuery) -> FeedbackPrompt | None:
    """What to ask the calling customer at a step. Raises `NotFound` for a booking that isn't theirs."""
    customer_id = ctx.caller.subject_id
    if customer_id is None:
        return None
    product_id, booking_id = None, query.booking_id
    if booking_id is None and query.step == VISIT:
        # About which visit the app doesn't say: about the last one that was made, and where there was none, about none.
        booking_id = await queries.find_latest_visit(ctx.db, ctx.org_id, customer_id, ctx.now)
        if booking_id is None:
            return None
    if booking_id is not None:
        subject = await find_subject(ctx, booking_id, customer_id)
        if subject is None:
            raise NotFound("There is no such booking of yours.")
        product_id = subject.product_id
    return await due_prompt(ctx, query.step, customer_id, booking_id, product_id, ctx.caller.channel)


# answers ----------------------------------------------------------------------------------------------------------


def feedback_answer(ctx: Context, row: FeedbackRow) -> Feedback:
    """Feedback as its reader sees it: only its author is told of editing."""
    editable_until = row.created_at + rules.EDITABLE
    is_author = row.customer_id is not None and ctx.caller.is_customer and ctx.caller.subject_id == row.customer_id
    return Feedback(
        id=row.id,
        step=row.step,
        kind=row.kind,
        score=row.score,
        text=row.text,
        booking_id=row.booking_id,
        product_id=row.product_id,
        prompt_id=row.asked_id,
        channel=row.channel,
        created_at=row.created_at,
        edited_at=row.edited_at,
        erased_at=row.erased_at,
        editable_until=editable_until if is_author else None,
        available_actions=["edit"] if is_author and ctx.now < editable_until else [],
    )


async def give_feedback(ctx: Context, new: NewFeedback) -> tuple[FeedbackRow, bool]:
    """Stores feedback, and whether it is new: the same answer to the same prompt again is the stored one.

    Raises `NotFound` for a booking, product or prompt that isn't the caller's, `Unprocessable` for what doesn't fit
    together, and `AlreadyAnswered`. A low score publishes `feedback.low`.
    """
    rules.check_answer(new.kind, new.score, new.text)
    row = await attributed(ctx, new)
    if not await queries.insert_feedback(ctx.db, ctx.org_id, row):
        earlier = await queries.find_answer(ctx.db, ctx.org_id, row.asked_id) if row.asked_id else None
        if earlier is None:
            raise Conflict
        if (earlier.score, earlier.text) != (row.score, row.text):
            raise AlreadyAnswered(feedback_id=earlier.id)
        return earlier, False
    if rules.is_low(row.kind, row.score):
        await _publish_low(ctx, row)
    return row, True


async def _sees(ctx: Context, row: FeedbackRow) -> bool:
    """Whether a restricted session sees a customer's feedback: only where it is about a booking that it sees."""
    return row.booking_id is not None and await find_subject(ctx, row.booking_id, row.customer_id) is not None


async def change_feedback(ctx: Context, feedback_id: UUID, change: FeedbackChange) -> FeedbackRow:
    """Changes the calling customer's own feedback within an hour.

    Raises `NotFound`, `NoLongerEditable`, and `Unprocessable` for a score that doesn't fit. A score that becomes low
    publishes `feedback.low`.
    """
    customer_id = ctx.caller.subject_id
    row = await queries.lock_feedback(ctx.db, ctx.org_id, feedback_id, customer_id) if customer_id else None
    if row is None or (ctx.caller.restriction is not None and not await _sees(ctx, row)):
        raise NotFound
    score = row.score if change.score is msgspec.UNSET else change.score
    text = row.text if change.text is msgspec.UNSET else written(change.text)
    if (score, text) == (row.score, row.text):
        return row
    if ctx.now >= row.created_at + rules.EDITABLE:
        raise NoLongerEditable
    rules.check_answer(row.kind, score, text)
    changed = msgspec.structs.replace(row, score=score, text=text, edited_at=ctx.now)
    await queries.update_feedback(ctx.db, ctx.org_id, changed)
    if rules.is_low(row.kind, score) and not rules.is_low(row.kind, row.score):
        await _publish_low(ctx, changed)
    return changed


async def _publish_low(ctx: Context, row: FeedbackRow) -> None:
    fact = FeedbackLow(
        step=row.step, kind=row.kind, score=row.score, customer_id=row.customer_id, booking_id=row.booking_id,
        product_id=row.product_id, channel=row.channel,
    )  # fmt: skip
    await publish(ctx.db, [fact.event(ctx.org_id, row.id, ctx.now)])


async def erase_feedback(db: Connection, org_id: UUID, before: datetime, limit: int, *, now: datetime) -> int:
    """Erases the texts of what concerns visits that ended before then, at most `limit`; scores stay. How many."""
    return await queries.erase_texts(db, org_id, before, now, limit)
