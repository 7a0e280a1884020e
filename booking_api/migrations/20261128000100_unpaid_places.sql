-- migrate:up

-- How many places an order keeps that nobody has paid for, and until when: a hold or a payment under way until it
-- ends, places to be paid on site until the visit is over. Bounds on them are in docs/adr/0019. Orders from before
-- have none, and count again with their next change.
alter table booking_order
  add column unpaid_until timestamptz,
  add column unpaid_places integer not null default 0,
  -- Digests, keyed by the master secret, of the network address that the order came from and of its contact. They say
  -- whether two are the same, and nothing else.
  add column address_digest bytea,
  add column contact_digest bytea;
create index booking_order_unpaid_address on booking_order (org_id, address_digest, unpaid_until)
  include (unpaid_places) where address_digest is not null and unpaid_until is not null;
create index booking_order_unpaid_contact on booking_order (org_id, contact_digest, unpaid_until)
  include (unpaid_places) where contact_digest is not null and unpaid_until is not null;

-- migrate:down

drop index booking_order_unpaid_contact;
drop index booking_order_unpaid_address;
alter table booking_order
  drop column contact_digest,
  drop column address_digest,
  drop column unpaid_places,
  drop column unpaid_until;
