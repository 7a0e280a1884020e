"""SQL of the calendar: what changed since, what a holder has, and the sums of slots by date and product."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from booking_api.core.db import Connection, execute, fetch_all, fetch_one


class News(msgspec.Struct, frozen=True):
    """What other transactions did since a snapshot, and the snapshot up to which that is told.

    The four lists belong together, a mark each; they are None where there is none. A mark without a product says
    that anything may have changed.
    """

    server_started_at: datetime
    blind: bool
    """Whether snapshots tell too little here: a standby's doesn't list what is under way on its primary, and that of
    a distributed PostgreSQL's coordinator not what is under way on a worker.
    """
    oldest: int
    """The oldest transaction that was under way."""
    snapshot: str
    forgotten_below: int
    """Marks of transactions before this one may be deleted."""
    product_ids: list[UUID | None] | None
    origin_ids: list[UUID | None] | None
    destination_ids: list[UUID | None] | None
    dates: list[date | None] | None


async def list_changes(db: Connection, org_id: UUID, oldest: int, snapshot: str, limit: int) -> News:
    """The marks that a snapshot doesn't see and this statement does, at most `limit`.

    `oldest` is the snapshot's own: it sees every transaction before. The key is read from there on, which is where the
    newest marks are. What is seen and has a number that this server hasn't reached came with a dump from another one:
    nothing that was read here depends on it.
    """
    found = await fetch_one(
        db,
        News,
        """
        select pg_postmaster_start_time() as server_started_at,
               pg_is_in_recovery() or to_regclass('pg_catalog.pg_dist_node') is not null as blind,
               pg_snapshot_xmin(s.snapshot)::text::bigint as oldest, s.snapshot::text as snapshot,
               case when h.forgotten_below <= pg_snapshot_xmax(s.snapshot)::text::bigint then h.forgotten_below else 0
               end as forgotten_below,
               m.product_ids, m.origin_ids, m.destination_ids, m.dates
        from (select pg_current_snapshot() as snapshot) s
        left join slot_change_horizon h on h.org_id = $1
        cross join (
          select array_agg(c.product_id) as product_ids, array_agg(c.origin_id) as origin_ids,
                 array_agg(c.destination_id) as destination_ids, array_agg(c.local_date) as dates
          from (
            select c.product_id, c.origin_id, c.destination_id, c.local_date
            from slot_change c
            where c.org_id = $1 and c.changed_xid >= $2
              and c.changed_xid < pg_snapshot_xmax(pg_current_snapshot())::text::bigint
              and not pg_visible_in_snapshot(c.changed_xid::text::xid8, $3::text::pg_snapshot)
            order by c.changed_xid desc
            limit $4
          ) c
        ) m
        """,
        org_id,
        oldest,
        snapshot,
        limit,
    )
    assert found is not None
    return found


class HeldPlaces(msgspec.Struct, frozen=True):
    """A holder has a live claim on a slot of this product and date."""

    holder_id: UUID
    product_id: UUID
    origin_id: UUID
    destination_id: UUID | None
    local_date: date


async def list_held(db: Connection, org_id: UUID, holder_ids: Sequence[UUID], now: datetime) -> list[HeldPlaces]:
    return await fetch_all(
        db,
        HeldPlaces,
        """
        select distinct c.holder_id, s.product_id, s.origin_id, s.destination_id, s.local_date
        from claim c
        join slot s on s.org_id = $1 and s.id = c.slot_id
        where c.org_id = $1 and c.holder_id = any($2::uuid[]) and c.places > 0
          and (c.expires_at is null or c.expires_at > $3)
        """,
        org_id,
        holder_ids,
        now,
    )


class SumRow(msgspec.Struct, frozen=True):
    """The slots of a product on a local date, summed up. `rank` is the best status's position in `rules.STATUSES`."""

    day: date
    product_id: UUID
    rank: int | None
    """None where every slot is past."""
    vacancies: int
    from_price: int | None
    until: datetime | None
    """The next moment at which a slot starts or a sale ends, and the row may be another one."""


async def sum_up(
    db: Connection,
    org_id: UUID,
    route: tuple[UUID | None, UUID | None],
    offers: list[list[Any]],
    holder_id: UUID | None,
    limited_share: int,
    now: datetime,
) -> list[SumRow]:
    """The slots summed up by local date and product; the rank as `rules.slot_status`.

    `offers` are columns: product, option, first and last day, total, places, minutes before the start when it closes,
    and after the end when it does at the latest. A delay moves all of these times.
    Slots are reached through those without an option, which say on which days a product is asked for. `offset 0` keeps
    the planner, which can't guess how many rows there are, on the index of products and dates.
    """
    return await fetch_all(
        db,
        SumRow,
        """
        with offer as (
          select *
          from unnest($4::uuid[], $5::uuid[], $6::date[], $7::date[], $8::bigint[], $9::int[], $10::int[], $11::int[])
            as o (product_id, option_id, first_day, last_day, total, places, closes_minutes, gate_minutes)
        ), mine as (
          select distinct c.slot_id
          from claim c
          where c.org_id = $1 and c.holder_id = $12 and c.places > 0 and (c.expires_at is null or c.expires_at > $14)
        ), found as (
          select s.*, s.booking_closes_at + s.late as sales_end_at,
                 p.on_sale and s.status = 'open' and s.booking_closes_at + s.late > $14 as for_sale
          from offer o
          join product p on p.org_id = $1 and p.id = o.product_id
          cross join lateral (
            select t.id, t.product_id, t.local_date, t.capacity, t.capacity - t.taken as free, t.status,
                   t.booking_closes_at, coalesce(t.estimated_starts_at, t.starts_at) as begins_at,
                   coalesce(t.estimated_starts_at - t.starts_at, interval '0') as late,
                   greatest(t.ends_at, coalesce(
                     t.estimated_ends_at, t.ends_at + coalesce(t.estimated_starts_at - t.starts_at, interval '0')
                   )) as finishes_at
            from slot t
            where t.org_id = $1 and t.product_id = o.product_id and t.local_date between o.first_day and o.last_day
              and ($2::uuid is null or t.origin_id = $2) and ($3::uuid is null or t.destination_id = $3)
            offset 0
          ) s
          where o.option_id is null
        ), offered as (
          select s.id, s.product_id, s.local_date, s.begins_at, s.sales_end_at, s.capacity, s.free, s.status,
                 mine.slot_id is not null as held, o.total, o.places, c.closes_at,
                 coalesce(s.for_sale and c.closes_at > $14, false) as open,
                 least(s.free, coalesce(q.capacity - q.taken, s.free)) as room
          from found s
          left join mine on mine.slot_id = s.id
          left join offer o on o.option_id is not null and o.product_id = s.product_id
            and s.local_date between o.first_day and o.last_day
          cross join lateral (
            select case when o.option_id is not null then least(
              s.begins_at - make_interval(mins => o.closes_minutes),
              s.finishes_at + make_interval(mins => o.gate_minutes)
            ) end as closes_at
          ) c
          left join quota q on q.org_id = $1 and q.slot_id = s.id and q.option_id = o.option_id
        ), summed as (
          select d.product_id, d.local_date, d.status, d.capacity, d.free, d.held, d.begins_at >= $14 as upcoming,
                 bool_or(d.open) as on_offer,
                 max(d.room) filter (where d.open and d.room >= d.places) as room,
                 min(d.total) filter (where d.open and d.room >= d.places) as total,
                 least(
                   min(d.begins_at) filter (where d.begins_at >= $14) + interval '1 microsecond',
                   min(d.sales_end_at) filter (where d.sales_end_at > $14),
                   min(d.closes_at) filter (where d.closes_at > $14)
                 ) as until
          from offered d
          group by d.id, d.product_id, d.local_date, d.status, d.capacity, d.free, d.held, d.begins_at
        )
        select d.local_date as day, d.product_id,
               max(case
                 when d.status = 'cancelled' then 0
                 when not d.on_offer then 1
                 when d.room is null then case when d.held then 3 else 2 end
                 when d.room * $13::int <= d.capacity then 3
                 else 4
               end) filter (where d.upcoming) as rank,
               coalesce(sum(d.free) filter (where d.on_offer and d.upcoming), 0)::int as vacancies,
               min(d.total) filter (where d.upcoming) as from_price,
               min(d.until) as until
        from summed d
        group by d.local_date, d.product_id
        """,
        org_id,
        *route,
        *offers,
        holder_id,
        limited_share,
        now,
    )


async def delete_forgotten(db: Connection, limit: int) -> int:
    """Deletes marks that were given up. A horizon from another server, which `list_changes` ignores, gives up none."""
    return await execute(
        db,
        """
        with old as materialized (
          select c.org_id, c.changed_xid, c.subject_id
          from slot_change_horizon h
          join slot_change c on c.org_id = h.org_id and c.changed_xid < h.forgotten_below
          where h.forgotten_below <= pg_snapshot_xmax(pg_current_snapshot())::text::bigint
          limit $1
        )
        delete from slot_change c
        using old
        where c.org_id = old.org_id and c.changed_xid = old.changed_xid and c.subject_id = old.subject_id
        """,
        limit,
    )


async def forget_before(db: Connection, before: datetime) -> int:
    """Gives up the marks made before a moment, and whatever older transactions made; the organisations concerned.

    Not those that came from another server: they go when this one's numbers have passed theirs.
    """
    return await execute(
        db,
        """
        insert into slot_change_horizon (org_id, forgotten_below)
        select c.org_id, max(c.changed_xid) + 1
        from slot_change c
        where c.changed_at < $1 and c.changed_xid < pg_snapshot_xmax(pg_current_snapshot())::text::bigint
        group by c.org_id
        on conflict (org_id) do update set forgotten_below = excluded.forgotten_below
        where slot_change_horizon.forgotten_below < excluded.forgotten_below
          or slot_change_horizon.forgotten_below > pg_snapshot_xmax(pg_current_snapshot())::text::bigint
        """,
        before,
    )
