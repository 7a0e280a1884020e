-- Marks that tell what was changed by which transaction, so that a process knows which of its sums still hold; see
-- docs/adr/0007. Append-only, and no row is shared: holds on the same day don't queue behind each other here.

-- migrate:up

-- `subject_id` is the slot, or the organisation itself when more changed than is worth listing; then the rest is null.
-- `changed_at` is for the deletion of old marks alone.
create table slot_change (
  org_id uuid not null,
  changed_xid bigint not null,
  subject_id uuid not null,
  product_id uuid,
  origin_id uuid,
  destination_id uuid,
  local_date date,
  changed_at timestamptz not null,
  primary key (org_id, changed_xid, subject_id)
) with (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
  autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000, autovacuum_vacuum_cost_delay = 0,
  vacuum_truncate = off
);

-- Marks of transactions before `forgotten_below` may be deleted.
create table slot_change_horizon (
  org_id uuid not null primary key,
  forgotten_below bigint not null
);

-- Which products go between two places on some dates. Its many equal keys are stored once.
create index slot_route_product on slot (org_id, origin_id, destination_id, product_id, local_date);

-- migrate:down

drop index slot_route_product;
drop table slot_change_horizon, slot_change;
