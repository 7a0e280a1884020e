-- migrate:up

-- What keeps the installation as fast in its fifth year as on its first day; see docs/adr/0008.

-- Events ------------------------------------------------------------------------------------------------------------

-- Their ids are UUIDv7 and so ordered in time: a week is a range of ids, and the primary key may stay what it is. The
-- worker makes the partitions of the coming weeks and drops those in which everything is relayed and old. What
-- exists already, and whatever falls into a week that nobody has made a partition for, is in the default one.
alter table event rename to event_rest;
alter table event_rest rename constraint event_pkey to event_rest_pkey;
alter index event_unrelayed rename to event_rest_unrelayed;
-- Whole partitions go by age now, and no statement ever looked events up by their subject; each insert paid for both.
drop index event_age;
drop index event_subject;

create table event (
  org_id uuid not null,
  id uuid not null,
  type text not null,
  subject_id uuid not null,
  data jsonb not null,
  created_at timestamptz not null,
  relayed_at timestamptz,
  primary key (org_id, id)
) partition by range (id);
create index event_unrelayed on event (created_at) where relayed_at is null;
alter table event attach partition event_rest default;

-- The archive of scans ----------------------------------------------------------------------------------------------

-- A nonce is unique in its organisation for as long as a scan may be repeated, and a partitioned table can't promise
-- that. So scans live in an ordinary table for a year and a month, and then go to months that are dropped whole.
create table scan_archive (
  org_id uuid not null,
  nonce text not null,
  id uuid not null,
  request_hash bytea not null,
  item_id uuid,
  slot_id uuid,
  gate text,
  direction text not null,
  admit boolean not null,
  verdict text not null,
  scanned_at timestamptz not null,
  received_at timestamptz not null,
  scanned_by uuid not null,
  override_reason text,
  undone_at timestamptz,
  undone_by uuid,
  outcomes jsonb not null,
  primary key (org_id, nonce, received_at)
) partition by range (received_at);
-- The oldest scans are found without reading the others. The key only ever grows, which makes it a cheap index.
create index scan_age on scan (received_at);

-- Updates that touch no index ---------------------------------------------------------------------------------------

-- A row that changes in place (a heap-only tuple) costs its indexes nothing. Every confirmation and cancellation
-- raises `changed_xid`, so that this index made each of them write all six indexes of the booking anew. Sync finds a
-- customer's few bookings by `booking_customer` and sorts them.
drop index booking_changed;
-- A booking is written when it is held and again, longer, when it is confirmed. Of 2,000 that were, one in four
-- cancelled later, 0 % changed in place before; without that index 48 % with a fifth of a page free, 70 % with two
-- fifths, 86 % with half, and the old versions need room anyhow. Slots, claims and items are at 96 to 100 %; an order
-- can't be, because the indexes of what is due depend on its status.
alter table booking set (fillfactor = 60);
-- Entries and exits change the same row of a person some times.
alter table attendance set (fillfactor = 80);
-- A key of a request in two transactions is finished in place.
alter table idempotency_key set (fillfactor = 90);

-- Autovacuum --------------------------------------------------------------------------------------------------------

-- The default waits until a fifth of a table is dead: for a million slots that is 200,000 versions of the few rows
-- that everybody wants. A hundredth, and analysed as often; `cost_delay = 0` because the tables are small and hot.
alter table slot set (
  autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000,
  autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0
);
alter table quota set (
  autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000,
  autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0
);
-- Every hold writes these and most are changed or deleted within minutes, so that dead entries gather at the hot end
-- of their indexes. `vacuum_truncate = off`: giving pages back to the system takes an exclusive lock, and they are
-- needed again a moment later.
alter table claim set (
  autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000,
  autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off
);
alter table seat_claim set (
  autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000,
  autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off
);
alter table booking_order set (
  autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_analyze_scale_factor = 0.02
);
alter table booking set (
  autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_analyze_scale_factor = 0.02
);
alter table item set (
  autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_analyze_scale_factor = 0.02
);
alter table attendance set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
-- Half of it is deleted every day, in batches; vacuum makes room for the next day's in time, so that it stays as
-- large as two days are. Long answers are kept in the TOAST table, which has settings of its own.
alter table idempotency_key set (
  autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0,
  autovacuum_analyze_scale_factor = 0.05, vacuum_truncate = off,
  toast.autovacuum_vacuum_scale_factor = 0.02, toast.autovacuum_vacuum_cost_delay = 0, toast.vacuum_truncate = off
);
-- Each event is marked once, a moment after it was made: the relay must not wade through the entries of those done.
alter table event_rest set (
  autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0,
  autovacuum_analyze_scale_factor = 0.05, vacuum_truncate = off
);
-- A queue: nearly all that was ever in it is dead.
alter table pgqueuer set (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_analyze_scale_factor = 0,
  autovacuum_analyze_threshold = 1000, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off, fillfactor = 70
);
alter table pgqueuer_log set (
  autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off
);
-- Rows that are only ever added: vacuum visits them for the visibility map and to freeze them, a little at a time
-- instead of a fifth of some years at once.
alter table scan set (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
alter table scan_outcome set (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
alter table pass set (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

-- migrate:down

alter table scan reset (autovacuum_vacuum_insert_scale_factor, autovacuum_analyze_scale_factor);
alter table scan_outcome reset (autovacuum_vacuum_insert_scale_factor, autovacuum_analyze_scale_factor);
alter table pass reset (autovacuum_vacuum_insert_scale_factor, autovacuum_analyze_scale_factor);
alter table pgqueuer_log reset (autovacuum_vacuum_scale_factor, autovacuum_vacuum_cost_delay, vacuum_truncate);
alter table pgqueuer reset (
  autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold, autovacuum_analyze_scale_factor,
  autovacuum_analyze_threshold, autovacuum_vacuum_cost_delay, vacuum_truncate, fillfactor
);
alter table idempotency_key reset (
  autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold, autovacuum_vacuum_cost_delay,
  autovacuum_analyze_scale_factor, vacuum_truncate, fillfactor,
  toast.autovacuum_vacuum_scale_factor, toast.autovacuum_vacuum_cost_delay, toast.vacuum_truncate
);
alter table attendance reset (autovacuum_vacuum_scale_factor, autovacuum_analyze_scale_factor, fillfactor);
alter table item reset (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold, autovacuum_analyze_scale_factor);
alter table booking reset (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold, autovacuum_analyze_scale_factor);
alter table booking_order reset (
  autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold, autovacuum_analyze_scale_factor
);
alter table seat_claim reset (
  autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold, autovacuum_analyze_scale_factor,
  autovacuum_vacuum_cost_delay, vacuum_truncate
);
alter table claim reset (
  autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold, autovacuum_analyze_scale_factor,
  autovacuum_vacuum_cost_delay, vacuum_truncate
);
alter table quota reset (
  autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold, autovacuum_analyze_scale_factor, autovacuum_vacuum_cost_delay
);
alter table slot reset (
  autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold, autovacuum_analyze_scale_factor, autovacuum_vacuum_cost_delay
);
alter table booking set (fillfactor = 80);
create index booking_changed on booking (org_id, customer_id, changed_xid, id);
drop index scan_age;
insert into scan (org_id, nonce, id, request_hash, item_id, slot_id, gate, direction, admit, verdict, scanned_at,
                  received_at, scanned_by, override_reason, undone_at, undone_by, answer)
  select org_id, nonce, id, request_hash, item_id, slot_id, gate, direction, admit, verdict, scanned_at,
         received_at, scanned_by, override_reason, undone_at, undone_by, ''
  from scan_archive on conflict do nothing;
insert into scan_outcome (org_id, nonce, item_id, admit, verdict, inside_before, entries_before, nonce_before)
  select a.org_id, a.nonce, o.item_id, o.admit, o.verdict, o.inside_before, o.entries_before, o.nonce_before
  from scan_archive a cross join jsonb_to_recordset(a.outcomes) as o (
    item_id uuid, admit boolean, verdict text, inside_before boolean, entries_before int, nonce_before text
  ) on conflict do nothing;
drop table scan_archive;
create table event_flat (like event_rest including defaults);
insert into event_flat select * from event;
drop table event;
alter table event_flat rename to event;
alter table event add constraint event_pkey primary key (org_id, id);
create index event_unrelayed on event (created_at) where relayed_at is null;
create index event_subject on event (org_id, subject_id);
create index event_age on event (created_at);
