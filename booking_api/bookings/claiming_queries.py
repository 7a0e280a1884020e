"""SQL of orders that go from one customer to another."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from booking_api.bookings.claiming_schemas import ClaimRow, OrderToClaim
from booking_api.core.db import Connection, execute, fetch_all, fetch_one


async def list_orders_of(db: Connection, org_id: UUID, customer_id: UUID, limit: int) -> list[OrderToClaim]:
    """A customer's orders, those with the newest bookings first."""
    return await fetch_all(
        db,
        OrderToClaim,
        """
        select b.order_id as id from booking b where b.org_id = $1 and b.customer_id = $2
        group by b.order_id order by max(b.created_at) desc, b.order_id limit $3
        """,
        org_id, customer_id, limit,
    )  # fmt: skip


async def list_claims(
    db: Connection, org_id: UUID, customer_id: UUID, before: UUID | None, limit: int
) -> list[ClaimRow]:
    """The orders that a customer has claimed, and those that others have claimed from them."""
    return await fetch_all(
        db,
        ClaimRow,
        """
        select o.id, o.customer_id, o.claimed_from, o.claimed_at
        from booking_order o
        where o.org_id = $1 and o.claimed_from is not null and ($3::uuid is null or o.id < $3)
          and (o.claimed_from = $2
               or o.id = any(array(select b.order_id from booking b where b.org_id = $1 and b.customer_id = $2)))
        order by o.id desc limit $4
        """,
        org_id,
        customer_id,
        before,
        limit,
    )


async def find_claim(db: Connection, org_id: UUID, order_id: UUID) -> ClaimRow | None:
    """How an order was claimed. Its lock keeps that as it is."""
    return await fetch_one(
        db,
        ClaimRow,
        """
        select id, customer_id, claimed_from, claimed_at from booking_order
        where org_id = $1 and id = $2 and claimed_from is not null
        """,
        org_id, order_id,
    )  # fmt: skip


async def hand_over_orders(
    db: Connection, org_id: UUID, order_ids: Sequence[UUID], to_id: UUID, claimed_from: UUID | None, now: datetime
) -> None:
    """Makes locked orders another customer's, and raises their versions and those of their bookings. The restricted
    session that made one sees it no longer by that."""
    await execute(
        db,
        """
        with changed as (
          update booking set customer_id = $3, version = version + 1, updated_at = $5
          where org_id = $1 and order_id = any($2::uuid[])
        )
        update booking_order set customer_id = $3, claimed_from = $4, claimed_at = case when $4::uuid is not null then $5 end,
          session_id = null, version = version + 1, updated_at = $5
        where org_id = $1 and id = any($2::uuid[])
        """,
        org_id,
        order_ids,
        to_id,
        claimed_from,
        now,
    )


async def move_tombstones(
    db: Connection, org_id: UUID, booking_ids: Sequence[UUID], from_id: UUID, to_id: UUID, now: datetime
) -> None:
    """Tells the phones of who had these bookings that they are gone, and those of who has them now no longer so."""
    await execute(
        db,
        "delete from tombstone where org_id = $1 and customer_id = $2 and type = 'booking' and id = any($3::uuid[])",
        org_id, to_id, booking_ids,
    )  # fmt: skip
    await execute(
        db,
        """
        insert into tombstone (org_id, customer_id, type, id, deleted_at)
        select $1, $3, 'booking', b.booking_id, $4 from unnest($2::uuid[]) as b (booking_id)
        on conflict (org_id, customer_id, type, id) do update set deleted_at = excluded.deleted_at
        """,
        org_id,
        booking_ids,
        from_id,
        now,
    )
