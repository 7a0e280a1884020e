"""The SQL of feedback's summary."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from booking_api.core.db import Connection, fetch_all
from booking_api.feedback.summary_schemas import AskCount, ScoreCount


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """What a summary is over; `ends` is exclusive, `time_zone` the IANA zone whose weeks count."""

    begins: datetime
    ends: datetime
    by: str
    time_zone: str


class GroupRow(msgspec.Struct, frozen=True):
    key: str


async def list_keys(db: Connection, org_id: UUID, period: Period, offset: int, limit: int) -> list[GroupRow]:
    """The keys of a summary's groups: steps in the order of the journey, weeks in that of time, others by size.

    A key is empty for what is about no product, and a week's is its Monday.
    """
    return await fetch_all(
        db,
        GroupRow,
        """
        with found as (
          select case $4::text when 'step' then step when 'product' then coalesce(product_id::text, '') when 'channel' then channel
                 else (date_trunc('week', created_at at time zone $5::text)::date)::text end as key
          from feedback where org_id = $1 and created_at >= $2 and created_at < $3
          union all
          select case $4::text when 'step' then step when 'product' then coalesce(product_id::text, '') when 'channel' then channel
                 else (date_trunc('week', asked_at at time zone $5::text)::date)::text end
          from feedback_asked where org_id = $1 and asked_at >= $2 and asked_at < $3
        )
        select key from found group by key
        order by case $4::text
                   when 'step' then array_position(array['search', 'hold', 'details', 'payment', 'confirmed', 'visit'], key)
                   when 'week' then 0 else -count(*) end, key
        offset $6::int limit $7::int
        """,
        org_id,
        period.begins,
        period.ends,
        period.by,
        period.time_zone,
        offset,
        limit,
    )


async def count_scores(db: Connection, org_id: UUID, period: Period, keys: Sequence[str]) -> list[ScoreCount]:
    """How often each score was given, by group, kind and local week."""
    return await fetch_all(
        db,
        ScoreCount,
        """
        select * from (
          select case $4::text when 'step' then step when 'product' then coalesce(product_id::text, '') when 'channel' then channel
                 else (date_trunc('week', created_at at time zone $5::text)::date)::text end as key,
                 kind, date_trunc('week', created_at at time zone $5::text)::date as week, score, count(*)::int as count
          from feedback where org_id = $1 and created_at >= $2 and created_at < $3
          group by 1, 2, 3, 4
        ) counted where key = any($6::text[])
        """,
        org_id,
        period.begins,
        period.ends,
        period.by,
        period.time_zone,
        keys,
    )


async def count_asks(db: Connection, org_id: UUID, period: Period, keys: Sequence[str]) -> list[AskCount]:
    """How often was asked, and how often answered since, by group and kind."""
    return await fetch_all(
        db,
        AskCount,
        """
        select * from (
          select case $4::text when 'step' then a.step when 'product' then coalesce(a.product_id::text, '') when 'channel' then a.channel
                 else (date_trunc('week', a.asked_at at time zone $5::text)::date)::text end as key,
                 a.kind, count(*)::int as asked, count(f.id)::int as answered
          from feedback_asked a
          left join feedback f on f.org_id = $1 and f.asked_id = a.id
          where a.org_id = $1 and a.asked_at >= $2 and a.asked_at < $3
          group by 1, 2
        ) counted where key = any($6::text[])
        """,
        org_id,
        period.begins,
        period.ends,
        period.by,
        period.time_zone,
        keys,
    )


class ProductOnSale(msgspec.Struct, frozen=True):
    id: UUID
    version: int


async def find_product_versions(db: Connection, org_id: UUID, product_ids: Sequence[UUID]) -> list[ProductOnSale]:
    """The version on sale of each product."""
    return await fetch_all(
        db,
        ProductOnSale,
        "select id, version from product where org_id = $1 and id = any($2::uuid[])",
        org_id,
        product_ids,
    )
