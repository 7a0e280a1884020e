-- What a booking's customer agreed to, why an order ended as it did, and the version of an order.

-- migrate:up

-- The time and place of the slot as the customer last agreed to it. Null: as the slot is.
alter table booking
  add column agreed_starts_at timestamptz,
  add column agreed_ends_at timestamptz,
  add column agreed_origin_id uuid,
  add column agreed_destination_id uuid,
  -- The slot moved while the payment was under way: confirmed without being asked, so cancelling costs nothing.
  add column moved_while_paying boolean not null default false,
  add column status_reason text;

-- Raised whenever one of its bookings is.
alter table booking_order
  add column version integer not null default 1,
  add column status_reason text;

update booking set agreed_starts_at = s.starts_at, agreed_ends_at = s.ends_at, agreed_origin_id = s.origin_id,
  agreed_destination_id = s.destination_id
from slot s
where s.org_id = booking.org_id and s.id = booking.slot_id and booking.status in ('on_hold', 'pending', 'confirmed');

-- migrate:down

alter table booking_order drop column version, drop column status_reason;
alter table booking drop column agreed_starts_at, drop column agreed_ends_at, drop column agreed_origin_id,
  drop column agreed_destination_id, drop column moved_while_paying, drop column status_reason;
