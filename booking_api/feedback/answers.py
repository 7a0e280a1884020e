"""Whom an answer is from and what it is about."""

from uuid import UUID

from booking_api.core.context import Context
from booking_api.core.errors import NotFound, unprocessable
from booking_api.core.ids import new_id
from booking_api.feedback import prompt_queries, queries
from booking_api.feedback.schemas import FeedbackRow, NewFeedback
from booking_api.identity import reach


async def attributed(ctx: Context, new: NewFeedback) -> FeedbackRow:
    """The feedback with whom and what it is about, each of which must be the caller's or the organisation's own."""
    caller = ctx.caller
    customer_id = caller.subject_id if caller.is_customer else None
    booking_id, product_id, channel, retention_from = new.booking_id, new.product_id, caller.channel, ctx.now
    # Whose things these are is looked at before whether they fit together: of somebody else's nothing is told.
    subject = None if booking_id is None else await _subject(ctx, booking_id, customer_id)
    if product_id is not None and not await queries.product_exists(ctx.db, ctx.org_id, product_id):
        raise NotFound("There is no such product.")
    if new.prompt_id is not None:
        asked = await prompt_queries.find_asked(ctx.db, ctx.org_id, new.prompt_id, customer_id) if customer_id else None
        if asked is None:
            raise NotFound("You were asked no such prompt.")
        for pointer, given, wanted in (("/step", new.step, asked.step), ("/kind", new.kind, asked.kind)):
            if given != wanted:
                raise unprocessable(pointer, f"The prompt asked about {wanted}.")
        if asked.booking_id is not None and booking_id not in (None, asked.booking_id):
            raise unprocessable("/booking_id", "The prompt asked about another booking.")
        booking_id = booking_id or asked.booking_id
        product_id = product_id or asked.product_id
    if booking_id is not None:
        subject = subject or await _subject(ctx, booking_id, customer_id)
        if product_id not in (None, subject.product_id):
            raise unprocessable("/product_id", "The booking is of another product.")
        customer_id, product_id, retention_from = subject.customer_id, subject.product_id, subject.visit_ends_at
    return FeedbackRow(
        id=new_id(), customer_id=customer_id, asked_id=new.prompt_id, step=new.step, kind=new.kind, score=new.score,
        text=written(new.text), booking_id=booking_id, product_id=product_id, channel=channel,
        retention_from=retention_from, created_at=ctx.now, edited_at=None, erased_at=None,
    )  # fmt: skip


async def _subject(ctx: Context, booking_id: UUID, customer_id: UUID | None) -> queries.Subject:
    """A booking that the caller may speak of. Raises `NotFound`."""
    # A secret key speaks for the organisation's customers; an app without a customer owns no booking.
    may_own = customer_id is not None or ctx.caller.kind == "key"
    found = await find_subject(ctx, booking_id, customer_id) if may_own else None
    if found is None:
        raise NotFound("There is no such booking of yours.")
    return found


async def find_subject(ctx: Context, booking_id: UUID, customer_id: UUID | None) -> queries.Subject | None:
    """A booking, if the caller's session sees it."""
    subject = await queries.find_subject(ctx.db, ctx.org_id, booking_id, customer_id)
    if subject is None or not reach.reaches(ctx, booking_id, subject.session_id, subject.email, subject.phone):
        return None
    return subject


def written(text: str | None) -> str | None:
    """A text of blanks alone says nothing."""
    return text if text and text.strip() else None
