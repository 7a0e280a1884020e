-- migrate:up

-- The calendar is summed up for those who ask and kept by nobody, so that nothing has to say what changed; see
-- docs/adr/0020. The program before this one writes to these tables with every hold: stop it first.
drop table slot_change_horizon, slot_change;

-- migrate:down

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
create table slot_change_horizon (
  org_id uuid not null primary key,
  forgotten_below bigint not null
);
