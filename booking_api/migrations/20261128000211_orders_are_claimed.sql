-- migrate:up

-- Whose an order was before somebody claimed it who had proven the address of its contacts, so that it can go back.
alter table booking_order
  add column claimed_from uuid,
  add column claimed_at timestamptz,
  add constraint booking_order_claim_is_whole check ((claimed_from is null) = (claimed_at is null));
create index booking_order_claimed on booking_order (org_id, claimed_from) where claimed_from is not null;

-- migrate:down

drop index booking_order_claimed;
alter table booking_order drop column claimed_at, drop column claimed_from;
