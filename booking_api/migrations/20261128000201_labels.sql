-- migrate:up

-- What integrators call orders and bookings, and note of them. Null for all but theirs, so that holding writes neither
-- column nor index.
alter table booking_order
  add column external_reference text,
  add column metadata jsonb;
alter table booking
  add column external_reference text,
  add column metadata jsonb;

create index booking_external_reference on booking (org_id, external_reference) where external_reference is not null;
create index booking_metadata on booking using gin (metadata) where metadata is not null;
-- What changed since a moment. A summary of blocks, because an ordinary index would be written anew by each change of a
-- booking, and with it all the others (docs/adr/0033).
create index booking_changed on booking using brin (updated_at) with (pages_per_range = 16, autosummarize = on);

-- migrate:down

drop index booking_changed;
alter table booking drop column external_reference, drop column metadata;
alter table booking_order drop column external_reference, drop column metadata;
