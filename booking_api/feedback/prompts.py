"""The verbs that configure prompts."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from booking_api.core.context import Context
from booking_api.core.db import Connection
from booking_api.core.errors import NotFound
from booking_api.core.ids import new_id
from booking_api.core.paging import read_cursor, write_cursor
from booking_api.feedback import prompt_queries as queries
from booking_api.feedback.schemas import (
    MOST_PROMPTS,
    NewPrompt,
    Prompt,
    PromptChange,
    PromptList,
    PromptListQuery,
    PromptRow,
    TooManyPrompts,
)


def prompt_answer(row: PromptRow) -> Prompt:
    return Prompt(**msgspec.structs.asdict(row), available_actions=["edit", "delete"])


async def add_prompts(db: Connection, org_id: UUID, new: Sequence[NewPrompt], now: datetime) -> list[PromptRow]:
    """Configures prompts. Raises `TooManyPrompts` beyond 200 of one organisation."""
    if await queries.count_prompts(db, org_id) + len(new) > MOST_PROMPTS:
        raise TooManyPrompts(f"An organisation may have {MOST_PROMPTS} prompts.")
    rows = [PromptRow(id=new_id(), created_at=now, updated_at=now, **msgspec.structs.asdict(prompt)) for prompt in new]
    await queries.insert_prompts(db, org_id, rows)
    return rows


async def list_prompts(ctx: Context, query: PromptListQuery) -> PromptList:
    """The configured prompts, oldest first."""
    after = read_cursor(query.cursor, tuple[UUID])[0] if query.cursor else None
    rows = await queries.list_prompts(ctx.db, ctx.org_id, after, query.limit + 1)
    page = rows[: query.limit]
    return PromptList(
        items=[prompt_answer(row) for row in page],
        next_cursor=write_cursor(page[-1].id) if len(rows) > query.limit else None,
    )


async def change_prompt(ctx: Context, prompt_id: UUID, change: PromptChange) -> PromptRow:
    """Changes what is given and leaves the rest. Raises `NotFound`."""
    row = await queries.lock_prompt(ctx.db, ctx.org_id, prompt_id)
    if row is None:
        raise NotFound
    given = {name: value for name, value in msgspec.structs.asdict(change).items() if value is not msgspec.UNSET}
    changed = msgspec.structs.replace(row, **given)
    if changed != row:
        changed = msgspec.structs.replace(changed, updated_at=ctx.now)
        await queries.update_prompt(ctx.db, ctx.org_id, changed)
    return changed


async def delete_prompt(ctx: Context, prompt_id: UUID) -> None:
    """Stops asking for good; answers stay. Raises `NotFound`."""
    if not await queries.delete_prompt(ctx.db, ctx.org_id, prompt_id, ctx.now):
        raise NotFound


def default_prompts() -> list[NewPrompt]:
    """Prompts to begin with, in English and German. Those without a pause ask once about each booking all the same."""
    return [
        NewPrompt(
            step="details", kind="ces", share_percent=10, pause_days=30,
            question={
                "en": "How easy was it to give us your details?",
                "de": "Wie einfach war es, Ihre Angaben zu machen?",
            },
        ),
        NewPrompt(
            step="confirmed", kind="csat", share_percent=100, pause_days=0,
            question={
                "en": "How satisfied are you with booking in this app?",
                "de": "Wie zufrieden sind Sie mit der Buchung in dieser App?",
            },
        ),
        NewPrompt(
            step="visit", kind="csat", share_percent=100, pause_days=0,
            question={"en": "How satisfied are you with your visit?", "de": "Wie zufrieden sind Sie mit Ihrem Besuch?"},
        ),
        NewPrompt(
            step="visit", kind="text", share_percent=25, pause_days=0,
            question={"en": "What should we do better?", "de": "Was sollen wir besser machen?"},
        ),
    ]  # fmt: skip
