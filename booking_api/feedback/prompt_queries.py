"""SQL of prompts, and of what was asked by them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from booking_api.core.db import Connection, execute, fetch_all, fetch_one, fetch_value
from booking_api.core.db.rows import columns_of
from booking_api.feedback.schemas import AskRow, PromptRow

PROMPT_COLUMNS: Final = "id, step, kind, question, share_percent, pause_days, active, created_at, updated_at"


# prompts ----------------------------------------------------------------------------------------------------------


async def insert_prompts(db: Connection, org_id: UUID, prompts: Sequence[PromptRow]) -> None:
    await execute(
        db,
        """
        insert into feedback_prompt (org_id, id, step, kind, question, share_percent, pause_days, active, created_at, updated_at)
        select $1, p.*
        from unnest(
          $2::uuid[], $3::text[], $4::text[], $5::jsonb[], $6::int[], $7::int[], $8::boolean[], $9::timestamptz[],
          $10::timestamptz[]
        ) as p (id, step, kind, question, share_percent, pause_days, active, created_at, updated_at)
        """,
        org_id,
        *columns_of(prompts, PromptRow),
    )


async def count_prompts(db: Connection, org_id: UUID) -> int:
    return await fetch_value(
        db, "select count(*)::int from feedback_prompt where org_id = $1 and deleted_at is null", org_id
    )


async def list_prompts(db: Connection, org_id: UUID, after: UUID | None, limit: int) -> list[PromptRow]:
    return await fetch_all(
        db,
        PromptRow,
        f"""
        select {PROMPT_COLUMNS}
        from feedback_prompt
        where org_id = $1 and deleted_at is null and ($2::uuid is null or id > $2)
        order by id limit $3
        """,
        org_id, after, limit,
    )  # fmt: skip


async def find_active_prompts(db: Connection, org_id: UUID, limit: int) -> list[PromptRow]:
    return await fetch_all(
        db,
        PromptRow,
        f"""
        select {PROMPT_COLUMNS}
        from feedback_prompt
        where org_id = $1 and deleted_at is null and active
        order by id limit $2
        """,
        org_id,
        limit,
    )


async def lock_prompt(db: Connection, org_id: UUID, prompt_id: UUID) -> PromptRow | None:
    return await fetch_one(
        db,
        PromptRow,
        f"""
        select {PROMPT_COLUMNS}
        from feedback_prompt where org_id = $1 and id = $2 and deleted_at is null for no key update
        """,
        org_id,
        prompt_id,
    )


async def update_prompt(db: Connection, org_id: UUID, row: PromptRow) -> None:
    await execute(
        db,
        """
        update feedback_prompt
        set step = $3, kind = $4, question = $5, share_percent = $6, pause_days = $7, active = $8, updated_at = $9
        where org_id = $1 and id = $2
        """,
        org_id, row.id, row.step, row.kind, row.question, row.share_percent, row.pause_days, row.active, row.updated_at,
    )  # fmt: skip


async def delete_prompt(db: Connection, org_id: UUID, prompt_id: UUID, now: datetime) -> int:
    """Hides a prompt for good; its row stays for what was asked by it."""
    return await execute(
        db,
        """
        update feedback_prompt set deleted_at = $3, active = false, updated_at = $3
        where org_id = $1 and id = $2 and deleted_at is null
        """,
        org_id,
        prompt_id,
        now,
    )


# asking -----------------------------------------------------------------------------------------------------------


class AskOf(AskRow, frozen=True):
    """An ask, and whom it was put to."""

    customer_id: UUID


async def latest_asks(db: Connection, org_id: UUID, customer_ids: Sequence[UUID], limit: int) -> list[AskOf]:
    """What each of these customers was asked, latest first, at most `limit` of each."""
    return await fetch_all(
        db,
        AskOf,
        """
        select asked.id, asked.number, asked.prompt_id, asked.step, asked.kind, asked.booking_id, asked.asked_at,
          asked.answered, c.customer_id
        from unnest($2::uuid[]) as c (customer_id)
        cross join lateral (
          select a.id, a.number, a.prompt_id, a.step, a.kind, a.booking_id, a.asked_at, f.id is not null as answered
          from feedback_asked a
          left join feedback f on f.org_id = $1 and f.asked_id = a.id
          where a.org_id = $1 and a.customer_id = c.customer_id
          order by a.number desc limit $3
        ) as asked
        order by c.customer_id, asked.number desc
        """,
        org_id, customer_ids, limit,
    )  # fmt: skip


class NewAsk(msgspec.Struct, frozen=True):
    """An ask to be recorded, with where it was put and for what product."""

    id: UUID
    customer_id: UUID
    number: int
    prompt_id: UUID
    step: str
    kind: str
    booking_id: UUID | None
    product_id: UUID | None
    channel: str


class RecordedAsk(msgspec.Struct, frozen=True):
    id: UUID


async def insert_asks(db: Connection, org_id: UUID, asks: Sequence[NewAsk], now: datetime) -> list[RecordedAsk]:
    """Records asks, in the order given; those are left out whose number another one took: one of two at once wins."""
    return await fetch_all(
        db,
        RecordedAsk,
        """
        insert into feedback_asked (org_id, id, customer_id, number, prompt_id, step, kind, booking_id, product_id, channel, asked_at)
        select $1, a.*, $11
        from unnest(
          $2::uuid[], $3::uuid[], $4::int[], $5::uuid[], $6::text[], $7::text[], $8::uuid[], $9::uuid[], $10::text[]
        ) as a (id, customer_id, number, prompt_id, step, kind, booking_id, product_id, channel)
        on conflict (org_id, customer_id, number) do nothing
        returning id
        """,
        org_id,
        *columns_of(asks, NewAsk),
        now,
    )


class AskedOf(msgspec.Struct, frozen=True):
    """What an answer needs to know of the ask it answers."""

    step: str
    kind: str
    booking_id: UUID | None
    product_id: UUID | None


async def find_asked(db: Connection, org_id: UUID, asked_id: UUID, customer_id: UUID) -> AskedOf | None:
    return await fetch_one(
        db,
        AskedOf,
        """
        select step, kind, booking_id, product_id from feedback_asked
        where org_id = $1 and id = $2 and customer_id = $3
        """,
        org_id,
        asked_id,
        customer_id,
    )
