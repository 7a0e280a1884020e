"""SQL that sets the scene and proves afterwards that the tables agree with what was answered."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from booking_api.core.db import Connection, execute, fetch_all, fetch_one, fetch_value


class RowCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows there are of what the measured operations write.

    `units` are booked items, `stored` the answers of idempotency keys, `wrong_slots` those whose places taken aren't
    what their claims add up to.
    """

    bookings: int
    confirmed: int
    units: int
    claims: int
    passes: int
    events: int
    stored: int
    scans: int
    admitted: int
    wrong_slots: int


async def read_books(db: Connection, org_id: UUID, product_id: UUID) -> RowCounts:
    """Slots, claims and bookings are those of one product; the other tables are counted whole."""
    found = await fetch_one(
        db,
        RowCounts,
        """
        with held as (
          select s.id, s.taken,
                 (select count(*) from claim c where c.org_id = $1 and c.slot_id = s.id) as claims,
                 (select coalesce(sum(c.places), 0) from claim c where c.org_id = $1 and c.slot_id = s.id) as places,
                 (select count(*) from booking b where b.org_id = $1 and b.slot_id = s.id) as bookings,
                 (select count(*) from booking b
                  where b.org_id = $1 and b.slot_id = s.id and b.status = 'confirmed') as confirmed,
                 (select count(*) from item i where i.org_id = $1 and i.slot_id = s.id) as units
          from slot s
          where s.org_id = $1 and s.product_id = $2
        )
        select coalesce(sum(h.bookings), 0)::int as bookings, coalesce(sum(h.confirmed), 0)::int as confirmed,
               coalesce(sum(h.units), 0)::int as units, coalesce(sum(h.claims), 0)::int as claims,
               (count(*) filter (where h.taken <> h.places))::int as wrong_slots,
               (select count(*)::int from pass p where p.org_id = $1) as passes,
               (select count(*)::int from event e where e.org_id = $1) as events,
               (select count(*)::int from idempotency_key k where k.org_id = $1) as stored,
               (select count(*)::int from scan n where n.org_id = $1) as scans,
               (select count(*)::int from attendance a where a.org_id = $1) as admitted
        from held h
        """,
        org_id,
        product_id,
    )
    assert found is not None
    return found


class SlotTaken(msgspec.Struct, frozen=True):
    capacity: int
    taken: int
    places: int
    bookings: int


async def read_slot(db: Connection, org_id: UUID, slot_id: UUID) -> SlotTaken:
    """One slot: what it says is taken, what its claims add up to, and its bookings."""
    found = await fetch_one(
        db,
        SlotTaken,
        """
        select s.capacity, s.taken,
               (select coalesce(sum(c.places), 0)::int from claim c where c.org_id = $1 and c.slot_id = s.id) as places,
               (select count(*)::int from booking b where b.org_id = $1 and b.slot_id = s.id) as bookings
        from slot s
        where s.org_id = $1 and s.id = $2
        """,
        org_id,
        slot_id,
    )
    assert found is not None
    return found


async def number_slots(db: Connection, org_id: UUID, product_id: UUID, prefix: str, first: int) -> int:
    """Gives a product's slots ids that a number stands for, from `first` on in the order of their codes."""
    return await execute(
        db,
        """
        update slot set id = ($3 || lpad(to_hex($4::bigint + numbered.place - 1), 12, '0'))::uuid
        from (
          select s.id, row_number() over (order by s.code) as place
          from slot s where s.org_id = $1 and s.product_id = $2
        ) numbered
        where slot.org_id = $1 and slot.id = numbered.id
        """,
        org_id,
        product_id,
        prefix,
        first,
    )


class SlotStart(msgspec.Struct, frozen=True):
    id: UUID
    starts_at: datetime
    ends_at: datetime


async def list_slots(db: Connection, org_id: UUID, product_ids: Sequence[UUID]) -> list[SlotStart]:
    return await fetch_all(
        db,
        SlotStart,
        "select id, starts_at, ends_at from slot where org_id = $1 and product_id = any($2::uuid[]) order by id",
        org_id,
        product_ids,
    )


async def sell_out(db: Connection, org_id: UUID, until: datetime) -> int:
    """Takes all places of every tenth product, on slots that start before a moment; how many slots there were."""
    return await execute(
        db,
        """
        update slot set taken = capacity
        from (
          select p.id, row_number() over (order by p.code) as place from product p where p.org_id = $1
        ) numbered
        where slot.org_id = $1 and slot.product_id = numbered.id and numbered.place % 10 = 0 and slot.starts_at < $2
        """,
        org_id,
        until,
    )


async def database_bytes(db: Connection) -> int:
    return await fetch_value(db, "select pg_database_size(current_database())")


async def server_version(db: Connection) -> str:
    return await fetch_value(db, "select current_setting('server_version')")


async def current_setting(db: Connection, name: str) -> str:
    return await fetch_value(db, "select current_setting($1)", name)


async def slow_flushes(db: Connection) -> None:
    """Lets every flush of the log take 1 ms longer, for all that wait for it: a slower disk, made without one.

    Once `commit_siblings` is 0, `commit_delay` does just that: whoever flushes sleeps with the log's lock in its hand,
    as it would while a slow disk writes.
    """
    await execute(db, "alter system set commit_siblings = 0")
    await execute(db, "alter system set commit_delay = 1000")
    await execute(db, "select pg_reload_conf()")


async def plain_flushes(db: Connection) -> None:
    """Flushes take what the disk takes."""
    await execute(db, "alter system reset commit_delay")
    await execute(db, "select pg_reload_conf()")


async def settle_down(db: Connection) -> None:
    """Writes out what earlier runs left in memory, so that none pays for another."""
    await execute(db, "checkpoint")


async def tidy(db: Connection) -> None:
    await execute(db, "vacuum analyze")
