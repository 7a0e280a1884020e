"""What holding asks before it drafts: the slots, and how much their customers keep unpaid already, in one statement."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from booking_api.bookings.schemas import OrderRow
from booking_api.core.db import Connection, fetch_all
from booking_api.core.db.rows import columns_of
from booking_api.inventory.schemas import SlotRow


class SlotWithCounts(SlotRow, frozen=True):
    """A slot, and beside each the same counts of unpaid places."""

    unpaid: list[list[Any]]
    """[`customer`, customer, slot, places]; [`address` or `contact`, digest in base 16, null, places]."""


async def find_slots_and_counts(
    db: Connection, org_id: UUID, slot_ids: Sequence[UUID], customer_ids: Sequence[UUID], addresses: Sequence[bytes],
    contacts: Sequence[bytes], now: datetime,
) -> list[SlotWithCounts]:  # fmt: skip
    """Slots as `inventory.queries.find_slots` has them, with the unpaid places of these customers, addresses and
    contacts: one statement, because a batch waits for the answer to each."""
    return await fetch_all(
        db,
        SlotWithCounts,
        """
        select s.id, s.code, s.product_id, p.version as product_version, p.on_sale, s.kind, s.origin_id,
               s.destination_id, s.local_date, s.starts_at, s.ends_at, s.time_zone, s.end_time_zone, s.capacity,
               s.taken, s.status, s.booking_closes_at, s.gate, s.resource, s.seat_layout_id, s.version,
               case when s.estimated_starts_at is not null then jsonb_build_object(
                 'estimated_starts_at', s.estimated_starts_at, 'estimated_ends_at', s.estimated_ends_at,
                 'note', s.delay_note, 'updated_at', s.delay_updated_at
               ) end as delay,
               (
                 select coalesce(jsonb_agg(jsonb_build_array(u.bound, u.whose, u.slot_id, u.places)), '[]'::jsonb)
                 from (
                   select 'customer' as bound, c.holder_id::text as whose, c.slot_id, sum(c.places) as places
                   from claim c
                   join booking b on b.org_id = c.org_id and b.id = c.id
                   join booking_order o on o.org_id = b.org_id and o.id = b.order_id
                   where c.org_id = $1 and c.holder_id = any($3::uuid[]) and o.unpaid_until > $6
                   group by c.holder_id, c.slot_id
                   union all
                   select 'address', encode(o.address_digest, 'hex'), null, sum(o.unpaid_places)
                   from booking_order o
                   where o.org_id = $1 and o.address_digest = any($4::bytea[]) and o.unpaid_until > $6
                   group by o.address_digest
                   union all
                   select 'contact', encode(o.contact_digest, 'hex'), null, sum(o.unpaid_places)
                   from booking_order o
                   where o.org_id = $1 and o.contact_digest = any($5::bytea[]) and o.unpaid_until > $6
                   group by o.contact_digest
                 ) u
               ) as unpaid
        from slot s
        join product p on p.org_id = $1 and p.id = s.product_id
        where s.org_id = $1 and s.id = any($2::uuid[])
        """,
        org_id,
        slot_ids,
        customer_ids,
        addresses,
        contacts,
        now,
    )


class LockedOrder(OrderRow):
    contact_unpaid: int
    """Unpaid places of other orders with its contact."""
    known_name: str | None
    """The last contact of its customer, which counts where none is given: read here, so that it needs no statement of
    its own."""
    known_email: str | None
    known_phone: str | None


class OrderContact(msgspec.Struct, frozen=True):
    order_id: UUID
    contact: bytes | None
    """The digest of a contact."""


async def lock_orders_and_count(
    db: Connection, org_id: UUID, orders: Sequence[OrderContact], now: datetime
) -> list[LockedOrder]:
    """Locks those of the orders that nobody works on, in id order; the others are left out, as are unknown ones.

    The contacts are those that come with the confirmations; where one is null, the order's own counts.
    """
    return await fetch_all(
        db,
        LockedOrder,
        """
        select o.id, o.customer_id, o.status, o.expires_at, o.hold_limit_at, o.pending_until, o.intent_id, o.channel,
          o.created_at, o.updated_at, o.version, o.status_reason, o.session_id, o.external_reference, o.metadata,
          coalesce((
            select sum(u.unpaid_places) from booking_order u
            where u.org_id = $1 and u.unpaid_until > $4 and u.id <> o.id and u.contact_digest
              = coalesce(($3::bytea[])[array_position($2::uuid[], o.id)], o.contact_digest)
          ), 0)::int as contact_unpaid,
          c.name as known_name, c.email as known_email, c.phone as known_phone
        from booking_order o left join customer c on c.org_id = $1 and c.id = o.customer_id
        where o.org_id = $1 and o.id = any($2::uuid[]) order by o.id for update of o skip locked
        """,
        org_id,
        *columns_of(orders, OrderContact),
        now,
    )


class Unpaid(msgspec.Struct, frozen=True):
    places: int


async def sum_unpaid_of_contact(
    db: Connection, org_id: UUID, contacts: Sequence[bytes], but: UUID, now: datetime
) -> list[Unpaid]:
    """The unpaid places of a contact in other orders than one."""
    return await fetch_all(
        db,
        Unpaid,
        """
        select coalesce(sum(unpaid_places), 0)::int as places from booking_order
        where org_id = $1 and contact_digest = any($2::bytea[]) and unpaid_until > $4 and id <> $3
        """,
        org_id,
        contacts,
        but,
        now,
    )


class UnpaidBeside(msgspec.Struct, frozen=True):
    order_id: UUID
    places: int


async def sum_unpaid_beside(
    db: Connection, org_id: UUID, orders: Sequence[OrderContact], now: datetime
) -> list[UnpaidBeside]:
    """For each order the unpaid places of its contact in other ones."""
    return await fetch_all(
        db,
        UnpaidBeside,
        """
        select w.order_id, coalesce((
          select sum(u.unpaid_places) from booking_order u
          where u.org_id = $1 and u.unpaid_until > $4 and u.contact_digest = w.contact and u.id <> w.order_id
        ), 0)::int as places
        from unnest($2::uuid[], $3::bytea[]) as w (order_id, contact)
        """,
        org_id,
        *columns_of(orders, OrderContact),
        now,
    )
