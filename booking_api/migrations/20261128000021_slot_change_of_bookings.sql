-- What the customers of a slot that was cancelled or moved may decide, and until when.

-- migrate:up

-- `slot_change` is the change that the customer may choose about, until `decide_by`; `kept` once a moved slot was kept.
-- `offered_starts_at` is the start that the choice was offered for: another one is another offer.
alter table booking
  add column slot_change text constraint booking_slot_change_is_known check (slot_change in ('cancelled', 'moved', 'kept')),
  add column decide_by timestamptz,
  add column offered_starts_at timestamptz;

create index booking_decide_by on booking (decide_by) where decide_by is not null and status = 'confirmed';

-- migrate:down

drop index booking_decide_by;
alter table booking drop column offered_starts_at, drop column decide_by, drop column slot_change;
