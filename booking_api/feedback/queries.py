"""All SQL of feedback."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from booking_api.core.db import Connection, execute, fetch_all, fetch_one, fetch_value
from booking_api.core.db.rows import columns_of
from booking_api.feedback.schemas import AskRow, FeedbackRow, PromptRow

PROMPT_COLUMNS: Final = "id, step, kind, question, share_percent, pause_days, active, created_at, updated_at"
FEEDBACK_COLUMNS: Final = """
  id, customer_id, asked_id, step, kind, score, text, booking_id, product_id, channel, retention_from, created_at,
  edited_at, erased_at
"""


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


# answers ----------------------------------------------------------------------------------------------------------


class Subject(msgspec.Struct, frozen=True):
    """What feedback on a booking needs to know of it."""

    customer_id: UUID
    product_id: UUID
    visit_ends_at: datetime
    session_id: UUID | None
    """With the contact's addresses, what decides whether a restricted session sees it."""
    email: str | None
    phone: str | None


async def find_subject(db: Connection, org_id: UUID, booking_id: UUID, customer_id: UUID | None) -> Subject | None:
    """A booking, if it is this customer's; with None, anybody's in the organisation.

    Reads upwards, into a table of `bookings`: whoever names a booking must own it, and only its row knows.
    """
    return await fetch_one(
        db,
        Subject,
        """
        select b.customer_id, b.product_id, b.visit_ends_at, o.session_id, b.contact ->> 'email' as email,
               b.contact ->> 'phone' as phone
        from booking b join booking_order o on o.org_id = b.org_id and o.id = b.order_id
        where b.org_id = $1 and b.id = $2 and ($3::uuid is null or b.customer_id = $3)
        """,
        org_id,
        booking_id,
        customer_id,
    )


class VisitMade(msgspec.Struct, frozen=True):
    id: UUID


async def find_visits_made(db: Connection, org_id: UUID, booking_ids: Sequence[UUID], now: datetime) -> list[VisitMade]:
    """Those of the bookings whose visit took place and is over: somebody of them was admitted, or nobody of the whole
    slot was, because nobody scans there.

    Reads upwards and aside, into the tables of `bookings` and `passes`: who was there isn't feedback's own knowledge.
    """
    return await fetch_all(
        db,
        VisitMade,
        """
        select b.id from booking b join slot s on s.org_id = $1 and s.id = b.slot_id
        where b.org_id = $1 and b.id = any($2::uuid[]) and b.status = 'confirmed' and b.visit_ends_at <= $3
          and s.status <> 'cancelled'
          and (exists (select 1 from item i join attendance a on a.org_id = $1 and a.item_id = i.id
                       where i.org_id = $1 and i.booking_id = b.id)
            or not exists (select 1 from attendance a where a.org_id = $1 and a.slot_id = b.slot_id))
        """,
        org_id, booking_ids, now,
    )  # fmt: skip


async def find_latest_visit(db: Connection, org_id: UUID, customer_id: UUID, now: datetime) -> UUID | None:
    """The booking of this customer whose visit, made as `find_visits_made` says, ended last; of their latest twenty."""
    return await fetch_value(
        db,
        """
        select b.id from (select id, slot_id, visit_ends_at from booking
                          where org_id = $1 and customer_id = $2 and status = 'confirmed' and visit_ends_at <= $3
                          order by id desc limit 20) b
        join slot s on s.org_id = $1 and s.id = b.slot_id
        where s.status <> 'cancelled'
          and (exists (select 1 from item i join attendance a on a.org_id = $1 and a.item_id = i.id
                       where i.org_id = $1 and i.booking_id = b.id)
            or not exists (select 1 from attendance a where a.org_id = $1 and a.slot_id = b.slot_id))
        order by b.visit_ends_at desc, b.id desc limit 1
        """,
        org_id,
        customer_id,
        now,
    )


async def product_exists(db: Connection, org_id: UUID, product_id: UUID) -> bool:
    return await fetch_value(
        db, "select exists (select 1 from product where org_id = $1 and id = $2)", org_id, product_id
    )


async def insert_feedback(db: Connection, org_id: UUID, row: FeedbackRow) -> bool:
    """Stores feedback; False if its ask has been answered already."""
    touched = await execute(
        db,
        """
        insert into feedback
          (org_id, id, customer_id, asked_id, step, kind, score, text, booking_id, product_id, channel, retention_from, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        on conflict (org_id, asked_id) do nothing
        """,
        org_id, row.id, row.customer_id, row.asked_id, row.step, row.kind, row.score, row.text, row.booking_id,
        row.product_id, row.channel, row.retention_from, row.created_at,
    )  # fmt: skip
    return touched == 1


async def find_answer(db: Connection, org_id: UUID, asked_id: UUID) -> FeedbackRow | None:
    return await fetch_one(
        db,
        FeedbackRow,
        f"""
        select {FEEDBACK_COLUMNS}
        from feedback where org_id = $1 and asked_id = $2
        """,
        org_id,
        asked_id,
    )


async def lock_feedback(db: Connection, org_id: UUID, feedback_id: UUID, customer_id: UUID) -> FeedbackRow | None:
    """A customer's own feedback, locked until the transaction ends."""
    return await fetch_one(
        db,
        FeedbackRow,
        f"""
        select {FEEDBACK_COLUMNS}
        from feedback where org_id = $1 and id = $2 and customer_id = $3 for update
        """,
        org_id, feedback_id, customer_id,
    )  # fmt: skip


async def update_feedback(db: Connection, org_id: UUID, row: FeedbackRow) -> None:
    await execute(
        db,
        "update feedback set score = $3, text = $4, edited_at = $5 where org_id = $1 and id = $2",
        org_id,
        row.id,
        row.score,
        row.text,
        row.edited_at,
    )


class FeedbackFilter(msgspec.Struct, frozen=True, kw_only=True):
    """None means any. `begins` is inclusive, `ends` and the position `before` are exclusive."""

    step: str | None = None
    product_id: UUID | None = None
    max_score: int | None = None
    has_text: bool | None = None
    begins: datetime | None = None
    ends: datetime | None = None
    before: tuple[datetime, UUID] | None = None


async def list_feedback(db: Connection, org_id: UUID, wanted: FeedbackFilter, limit: int) -> list[FeedbackRow]:
    """Feedback, newest first."""
    before_at, before_id = wanted.before or (None, None)
    return await fetch_all(
        db,
        FeedbackRow,
        f"""
        select {FEEDBACK_COLUMNS}
        from feedback
        where org_id = $1
          and ($2::text is null or step = $2)
          and ($3::uuid is null or product_id = $3)
          and ($4::int is null or score <= $4)
          and ($5::boolean is null or (text is not null) = $5)
          and ($6::timestamptz is null or created_at >= $6)
          and ($7::timestamptz is null or created_at < $7)
          and ($8::timestamptz is null or (created_at, id) < ($8, $9::uuid))
        order by created_at desc, id desc limit $10
        """,
        org_id, wanted.step, wanted.product_id, wanted.max_score, wanted.has_text, wanted.begins, wanted.ends,
        before_at, before_id, limit,
    )  # fmt: skip


async def erase_texts(db: Connection, org_id: UUID, before: datetime, now: datetime, limit: int) -> int:
    """Erases up to `limit` texts. `array` runs its select once; with `in`, a join may run it again past the limit."""
    return await execute(
        db,
        """
        update feedback set text = null, erased_at = $3
        where org_id = $1 and id = any(array(
          select id from feedback
          where org_id = $1 and text is not null and retention_from < $2
          order by retention_from limit $4 for update skip locked
        ))
        """,
        org_id,
        before,
        now,
        limit,
    )
