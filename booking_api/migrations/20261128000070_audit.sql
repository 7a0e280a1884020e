-- migrate:up

-- Who did what, with the sentence to read it by in docs/adr/0016. Only ever added to: no statement of this program
-- updates a row or deletes one, and what is old leaves a month at a time with its partition. Ids are UUIDv7, so that
-- a month is a range of ids, as with events. A reason is a code; what somebody typed lives with its object.
create table audit (
  org_id uuid not null,
  id uuid not null,
  action text not null,
  actor_kind text not null,
  actor_id uuid,
  credential_id uuid,
  object_type text,
  object_id uuid,
  reason_code text,
  request_id text not null,
  occurrences integer not null,
  created_at timestamptz not null,
  primary key (org_id, id),
  constraint audit_action_is_a_code check (action ~ '^[a-z][a-z_]*(\.[a-z_]+)+$'),
  constraint audit_reason_is_a_code check (reason_code ~ '^[a-z][a-z0-9_]{0,63}$'),
  constraint audit_happened check (occurrences > 0)
) partition by range (id);
create index audit_action on audit (org_id, action, id);
create index audit_actor on audit (org_id, actor_id, id);
-- For the month in which an installation begins, and while no worker has made the next one.
create table audit_rest partition of audit default;

-- A key that may do everything goes on to be one.
update api_key set scopes = scopes || '{audit:read}'::text[]
where scopes @> '{catalog:read,bookings:read,bookings:write,scan,scan:override,gate:read,feedback:read,feedback:write,staff:write,keys:write}'
  and not scopes @> '{audit:read}';

-- migrate:down

update api_key set scopes = array_remove(scopes, 'audit:read') where scopes @> '{audit:read}';
drop table audit;
