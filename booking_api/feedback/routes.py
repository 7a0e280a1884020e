"""HTTP of feedback: prompts for staff, asking and answering for customers, lists and summaries for staff."""

from uuid import UUID

from litestar import Request, Response

from booking_api.core.errors import NotFound, Unprocessable
from booking_api.core.http import Access, endpoint
from booking_api.core.inputs import read_body, read_query
from booking_api.core.replies import Reply, body_etag, send
from booking_api.core.transactions import reading, writing
from booking_api.feedback import operations, summaries
from booking_api.feedback.schemas import (
    AlreadyAnswered,
    DueQuery,
    Feedback,
    FeedbackChange,
    FeedbackList,
    FeedbackPrompt,
    FeedbackQuery,
    FeedbackSummary,
    NewFeedback,
    NewPrompt,
    NoLongerEditable,
    Prompt,
    PromptChange,
    PromptList,
    PromptListQuery,
    SummaryQuery,
    TooManyPrompts,
)

SETS_UP = Access(staff="manager", scope="feedback:write")
READS = Access(staff="manager", scope="feedback:read")


@endpoint(
    "POST", "/v1/feedback", tag="Feedback", access=Access(app=True, customer=True, scope="feedback:write"),
    body=NewFeedback, answers={201: Feedback, 200: Feedback}, errors=(NotFound, Unprocessable, AlreadyAnswered),
    answer_descriptions={201: "Stored.", 200: "The same answer to this prompt was stored before; this is it."},
)  # fmt: skip
async def give_feedback(request: Request) -> Response[bytes]:
    """Give feedback.

    At any step of the journey, asked for or not, also when giving up. An answer to a `feedback_prompt` carries its
    `id` as `prompt_id`, together with its step and kind; a prompt has one answer, and sending the same one again is
    safe. An app may send feedback with its publishable key before anyone is known; it then belongs to no customer,
    can't be edited and can't name a booking. A booking that is named must be the customer's own.
    """
    body = await read_body(request, NewFeedback)
    async with writing(request) as ctx:
        row, is_new = await operations.give_feedback(ctx, body)
        ctx.reply = Reply(operations.feedback_answer(ctx, row), 201 if is_new else 200)
    return send(request, ctx)


@endpoint(
    "PATCH", "/v1/feedback/{feedback_id:uuid}", tag="Feedback", access=Access(customer=True),
    body=FeedbackChange, answers={200: Feedback}, errors=(NotFound, Unprocessable, NoLongerEditable),
)  # fmt: skip
async def edit_feedback(request: Request, feedback_id: UUID) -> Response[bytes]:
    """Change one's own feedback.

    For an hour after it was given. What is absent stays as it is; null clears.
    """
    body = await read_body(request, FeedbackChange)
    async with writing(request) as ctx:
        ctx.reply = Reply(operations.feedback_answer(ctx, await operations.change_feedback(ctx, feedback_id, body)))
    return send(request, ctx)


@endpoint(
    "GET", "/v1/feedback/prompt", tag="Feedback", access=Access(customer=True), query=DueQuery,
    answers={200: FeedbackPrompt, 204: None}, errors=(NotFound,),
    answer_descriptions={200: "A question to ask now.", 204: "Nothing is to be asked now."},
)  # fmt: skip
async def get_due_prompt(request: Request) -> Response[bytes]:
    """Get the prompt that is due.

    For apps that ask by themselves; a due prompt also rides inside booking answers as `feedback_prompt`. Asking
    for it counts as having asked the customer. The same prompt is answered again until it is answered or a day old.
    """
    query = read_query(request, DueQuery)
    async with reading(request) as ctx:
        prompt = await operations.find_due(ctx, query)
        ctx.reply = Reply(status=204) if prompt is None else Reply(prompt)
    return send(request, ctx)


@endpoint(
    "GET", "/v1/feedback", tag="Feedback", access=READS, query=FeedbackQuery, answers={200: FeedbackList},
)  # fmt: skip
async def list_feedback(request: Request) -> Response[bytes]:
    """List what customers said.

    Newest first. `from` and `to` are inclusive days in the organisation's time zone.
    """
    query = read_query(request, FeedbackQuery)
    async with reading(request) as ctx:
        ctx.reply = Reply(await summaries.list_feedback(ctx, query))
    return send(request, ctx)


@endpoint(
    "GET", "/v1/feedback/summary", tag="Feedback", access=READS, query=SummaryQuery, answers={200: FeedbackSummary},
)  # fmt: skip
async def summarise_feedback(request: Request) -> Response[bytes]:
    """Summarise scores, response and trend.

    In groups by step, product, channel or ISO week, and within a group by kind: mean, distribution, net promoter
    score, how often was asked and answered, and the trend by week. Days and weeks are those of the organisation's
    time zone; the first and last week hold the days that lie in the period. Steps are in the order of the journey,
    weeks in that of time, products and channels by how much there is of them.
    """
    query = read_query(request, SummaryQuery)
    async with reading(request) as ctx:
        ctx.reply = Reply(await summaries.summarise(ctx, query))
    return send(request, ctx)


@endpoint(
    "GET", "/v1/feedback/prompts", tag="Feedback", access=SETS_UP, query=PromptListQuery, answers={200: PromptList},
    conditional=True,
)  # fmt: skip
async def list_prompts(request: Request) -> Response[bytes]:
    """List the configured prompts.

    Oldest first.
    """
    query = read_query(request, PromptListQuery)
    async with reading(request) as ctx:
        ctx.reply = body_etag(Reply(await operations.list_prompts(ctx, query)))
    return send(request, ctx)


@endpoint(
    "POST", "/v1/feedback/prompts", tag="Feedback", access=SETS_UP, body=NewPrompt, answers={201: Prompt},
    errors=(TooManyPrompts,),
)  # fmt: skip
async def add_prompt(request: Request) -> Response[bytes]:
    """Configure a prompt.

    It asks the given share of the customers, always the same ones, at its step. A customer who was asked anything
    less than `pause_days` ago isn't asked, and nobody is asked by the same prompt about the same booking twice. Other
    processes follow within five seconds.
    """
    body = await read_body(request, NewPrompt)
    async with writing(request) as ctx:
        [row] = await operations.add_prompts(ctx.db, ctx.org_id, [body], ctx.now)
        ctx.reply = Reply(operations.prompt_answer(row), 201)
    operations.forget_prompts(ctx)
    return send(request, ctx)


@endpoint(
    "PATCH", "/v1/feedback/prompts/{prompt_id:uuid}", tag="Feedback", access=SETS_UP, body=PromptChange,
    answers={200: Prompt}, errors=(NotFound,),
)  # fmt: skip
async def edit_prompt(request: Request, prompt_id: UUID) -> Response[bytes]:
    """Change a prompt.

    What is absent stays as it is. What was asked before keeps its step and kind.
    """
    body = await read_body(request, PromptChange)
    async with writing(request) as ctx:
        ctx.reply = Reply(operations.prompt_answer(await operations.change_prompt(ctx, prompt_id, body)))
    operations.forget_prompts(ctx)
    return send(request, ctx)


@endpoint(
    "DELETE", "/v1/feedback/prompts/{prompt_id:uuid}", tag="Feedback", access=SETS_UP, answers={204: None},
    errors=(NotFound,), answer_descriptions={204: "Deleted."},
)  # fmt: skip
async def delete_prompt(request: Request, prompt_id: UUID) -> Response[bytes]:
    """Delete a prompt.

    It asks no more; what was asked and answered stays in lists and summaries.
    """
    async with writing(request) as ctx:
        await operations.delete_prompt(ctx, prompt_id)
        ctx.reply = Reply(status=204)
    operations.forget_prompts(ctx)
    return send(request, ctx)


ROUTES = [
    give_feedback, edit_feedback, get_due_prompt, list_feedback, summarise_feedback,
    list_prompts, add_prompt, edit_prompt, delete_prompt,
]  # fmt: skip
