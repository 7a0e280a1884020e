"""SQL of what customers say. That of prompts and of what was asked is in `prompt_queries`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from booking_api.core.db import Connection, execute, fetch_all, fetch_one, fetch_value
from booking_api.feedback.schemas import FeedbackRow

FEEDBACK_COLUMNS: Final = """
  id, customer_id, asked_id, step, kind, score, text, booking_id, product_id, channel, retention_from, created_at,
  edited_at, erased_at
"""


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
