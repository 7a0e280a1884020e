-- migrate:up

-- Sync reads by the moment that a change carries (docs/adr/0021): `booking.updated_at` and `tombstone.deleted_at`,
-- which every row has. `changed_xid`, the transaction's id, is read and written no more. It stays, with a default, for
-- the servers of the version before, which go on while this one is brought in; a later migration drops it.
alter table booking alter column changed_xid set default 0;
alter table tombstone alter column changed_xid set default 0;
drop index tombstone_changed;
create index tombstone_moment on tombstone (org_id, customer_id, deleted_at, id);
create index tombstone_age on tombstone (deleted_at);

-- migrate:down

drop index tombstone_age;
drop index tombstone_moment;
create index tombstone_changed on tombstone (org_id, customer_id, changed_xid, id);
alter table tombstone alter column changed_xid drop default;
alter table booking alter column changed_xid drop default;
