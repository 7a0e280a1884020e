"""HTTP of feedback: prompts for staff, asking and answering for customers, lists and summaries for staff."""

from functools import partial
from uuid import UUID

from booking_api.core.context import Context
from booking_api.core.errors import NotFound, Unprocessable
from booking_api.core.web.http import Access, endpoint
from booking_api.core.web.replies import Reply
from booking_api.feedback import operations, prompts, summaries
from booking_api.feedback.schemas import (
    AlreadyAnswered,
    DueQuery,
    Feedback,
    FeedbackChange,
    FeedbackPrompt,
    NewFeedback,
    NewPrompt,
    NoLongerEditable,
    Prompt,
    PromptChange,
    PromptList,
    PromptListQuery,
    TooManyPrompts,
)
from booking_api.feedback.summary_schemas import FeedbackList, FeedbackQuery, FeedbackSummary, SummaryQuery

SETS_UP = Access(staff="manager", scope="feedback:write")
READS = Access(staff="manager", scope="feedback:read")


@endpoint(
    "POST", "/v1/feedback", tag="Feedback", access=Access(app=True, customer=True, scope="feedback:write"),
    answers={201: Feedback, 200: Feedback}, errors=(NotFound, Unprocessable, AlreadyAnswered),
    answer_descriptions={201: "Stored.", 200: "The same answer to this prompt was stored before; this is it."},
)  # fmt: skip
async def give_feedback(ctx: Context, body: NewFeedback) -> Reply:
    """Give feedback.

    At any step of the journey, asked for or not, also when giving up. An answer to a `feedback_prompt` carries its
    `id` as `prompt_id`, together with its step and kind; a prompt has one answer, and sending the same one again is
    safe. An app may send feedback with its publishable key before anyone is known; it then belongs to no customer,
    can't be edited and can't name a booking. A booking that is named must be the customer's own.
    """
    row, is_new = await operations.give_feedback(ctx, body)
    ctx.about_id = row.customer_id
    return Reply(operations.feedback_answer(ctx, row), 201 if is_new else 200)


@endpoint(
    "PATCH", "/v1/feedback/{feedback_id:uuid}", tag="Feedback", access=Access(customer=True),
    errors=(NotFound, Unprocessable, NoLongerEditable),
)  # fmt: skip
async def edit_feedback(ctx: Context, feedback_id: UUID, body: FeedbackChange) -> Feedback:
    """Change one's own feedback.

    For an hour after it was given. What is absent stays as it is; null clears.
    """
    return operations.feedback_answer(ctx, await operations.change_feedback(ctx, feedback_id, body))


@endpoint(
    "GET", "/v1/feedback/prompt", tag="Feedback",
    access=Access(customer=True),     answers={200: FeedbackPrompt, 204: None}, errors=(NotFound,),
    answer_descriptions={200: "A question to ask now.", 204: "Nothing is to be asked now."},
)  # fmt: skip
async def get_due_prompt(ctx: Context, query: DueQuery) -> Reply:
    """Get the prompt that is due.

    For apps that ask by themselves; a due prompt also rides inside booking answers as `feedback_prompt`. Asking
    for it counts as having asked the customer. The same prompt is answered again until it is answered or a day old.
    """
    prompt = await operations.find_due(ctx, query)
    return Reply(status=204) if prompt is None else Reply(prompt)


@endpoint("GET", "/v1/feedback", tag="Feedback", access=READS)
async def list_feedback(ctx: Context, query: FeedbackQuery) -> FeedbackList:
    """List what customers said.

    Newest first. `from` and `to` are inclusive days in the organisation's time zone.
    """
    return await summaries.list_feedback(ctx, query)


@endpoint("GET", "/v1/feedback/summary", tag="Feedback", access=READS)
async def summarise_feedback(ctx: Context, query: SummaryQuery) -> FeedbackSummary:
    """Summarise scores, response and trend.

    In groups by step, product, channel or ISO week, and within a group by kind: mean, distribution, net promoter
    score, how often was asked and answered, and the trend by week. Days and weeks are those of the organisation's
    time zone; the first and last week hold the days that lie in the period. Steps are in the order of the journey,
    weeks in that of time, products and channels by how much there is of them.
    """
    return await summaries.summarise(ctx, query)


@endpoint("GET", "/v1/feedback/prompts", tag="Feedback", access=SETS_UP, conditional=True)
async def list_prompts(ctx: Context, query: PromptListQuery) -> PromptList:
    """List the configured prompts.

    Oldest first.
    """
    return await prompts.list_prompts(ctx, query)


@endpoint("POST", "/v1/feedback/prompts", tag="Feedback", access=SETS_UP, status=201, errors=(TooManyPrompts,))
async def add_prompt(ctx: Context, body: NewPrompt) -> Prompt:
    """Configure a prompt.

    It asks the given share of the customers, always the same ones, at its step. A customer who was asked anything
    less than `pause_days` ago isn't asked, and nobody is asked by the same prompt about the same booking twice. Other
    processes follow within five seconds.
    """
    [row] = await prompts.add_prompts(ctx.db, ctx.org_id, [body], ctx.now)
    ctx.after_commit(partial(operations.forget_prompts, ctx))
    return prompts.prompt_answer(row)


@endpoint("PATCH", "/v1/feedback/prompts/{prompt_id:uuid}", tag="Feedback", access=SETS_UP, errors=(NotFound,))
async def edit_prompt(ctx: Context, prompt_id: UUID, body: PromptChange) -> Prompt:
    """Change a prompt.

    What is absent stays as it is. What was asked before keeps its step and kind.
    """
    ctx.after_commit(partial(operations.forget_prompts, ctx))
    return prompts.prompt_answer(await prompts.change_prompt(ctx, prompt_id, body))


@endpoint(
    "DELETE", "/v1/feedback/prompts/{prompt_id:uuid}", tag="Feedback", access=SETS_UP, errors=(NotFound,),
    answer_descriptions={204: "Deleted."},
)  # fmt: skip
async def delete_prompt(ctx: Context, prompt_id: UUID) -> None:
    """Delete a prompt.

    It asks no more; what was asked and answered stays in lists and summaries.
    """
    await prompts.delete_prompt(ctx, prompt_id)
    ctx.after_commit(partial(operations.forget_prompts, ctx))


ROUTES = [
    give_feedback, edit_feedback, get_due_prompt, list_feedback, summarise_feedback,
    list_prompts, add_prompt, edit_prompt, delete_prompt,
]  # fmt: skip
