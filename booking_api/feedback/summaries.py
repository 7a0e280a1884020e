"""What staff read: the list of what customers said, and the summary of scores."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from booking_api.catalog.operations import load_definitions
from booking_api.core.context import Context
from booking_api.core.errors import invalid
from booking_api.core.paging import read_cursor, write_cursor
from booking_api.core.texts import pick
from booking_api.feedback import queries, rules, summary_queries
from booking_api.feedback.operations import feedback_answer
from booking_api.feedback.summary_schemas import FeedbackList, FeedbackQuery, FeedbackSummary, SummaryQuery

LONGEST_DAYS = 400
DEFAULT_DAYS = 28


async def list_feedback(ctx: Context, query: FeedbackQuery) -> FeedbackList:
    """What customers said, newest first. `from` and `to` are inclusive local days of the organisation."""
    zone = ctx.org.time_zone
    if query.from_ and query.to and query.from_ > query.to:
        raise invalid("/query/to", "`to` is before `from`.")
    wanted = queries.FeedbackFilter(
        step=query.step,
        product_id=query.product_id,
        max_score=query.max_score,
        has_text=query.has_text,
        begins=_day_begins("from", query.from_, zone) if query.from_ else None,
        ends=_day_begins("to", query.to, zone, 1) if query.to else None,
        before=read_cursor(query.cursor, tuple[datetime, UUID]) if query.cursor else None,
    )
    rows = await queries.list_feedback(ctx.db, ctx.org_id, wanted, query.limit + 1)
    page = rows[: query.limit]
    return FeedbackList(
        items=[feedback_answer(ctx, row) for row in page],
        next_cursor=write_cursor(page[-1].created_at, page[-1].id) if len(rows) > query.limit else None,
    )


def _day_begins(name: str, day: date, zone: str, later: int = 0) -> datetime:
    try:
        return rules.local_midnight(day + timedelta(days=later), zone)
    except OverflowError:
        raise invalid(f"/query/{name}", "The day is outside of the calendar.") from None


async def summarise(ctx: Context, query: SummaryQuery) -> FeedbackSummary:
    """Scores, answers and asks of a period by group. Raises `Invalid` for more than 400 days."""
    zone = ctx.org.time_zone
    try:
        to = query.to or rules.local_day(ctx.now, zone)
        from_ = query.from_ or to - timedelta(days=DEFAULT_DAYS - 1)
    except OverflowError:
        raise invalid("/query/to", "The day is outside of the calendar.") from None
    if from_ > to:
        raise invalid("/query/to", "`to` is before `from`.")
    if (to - from_).days >= LONGEST_DAYS:
        raise invalid("/query/to", f"A summary is over at most {LONGEST_DAYS} days.")
    begins, ends = _day_begins("from", from_, zone), _day_begins("to", to, zone, 1)
    period = summary_queries.Period(begins=begins, ends=ends, by=query.by, time_zone=zone)
    offset = read_cursor(query.cursor, tuple[int])[0] if query.cursor else 0
    if not 0 <= offset < 2**31:
        raise invalid("/query/cursor", "This is not a cursor of this list.")
    found = [row.key for row in await summary_queries.list_keys(ctx.db, ctx.org_id, period, offset, query.limit + 1)]
    keys = found[: query.limit]
    scores = await summary_queries.count_scores(ctx.db, ctx.org_id, period, keys)
    asks = await summary_queries.count_asks(ctx.db, ctx.org_id, period, keys)
    titles = await _titles(ctx, [UUID(key) for key in keys if key]) if query.by == "product" else {}
    return FeedbackSummary(
        from_=from_,
        to=to,
        time_zone=zone,
        by=query.by,
        items=rules.summarise(keys, scores, asks, titles, by_week=query.by == "week"),
        next_cursor=write_cursor(offset + query.limit) if len(found) > query.limit else None,
    )


async def _titles(ctx: Context, product_ids: Sequence[UUID]) -> dict[str, str]:
    versions = await summary_queries.find_product_versions(ctx.db, ctx.org_id, product_ids)
    wanted = [(row.id, row.version) for row in versions]
    found = await load_definitions(ctx.db, ctx.caches, ctx.org_id, wanted)
    return {str(product_id): pick(definition.title, ctx.languages) for (product_id, _), definition in found.items()}
