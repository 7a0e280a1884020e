-- migrate:up

-- Where an organisation wants its events sent. The secrets are sealed with the master secret; `previous` signs beside
-- the current one until `previous_until`. What an endpoint did lately (`failures`, `failing_since`, `retry_at`,
-- `succeeded_at`) decides how it is treated next.
create table webhook_endpoint (
  org_id uuid not null,
  id uuid not null,
  url text not null,
  description text,
  events text[] not null,
  payload text not null,
  status text not null,
  paused_because text,
  secret_sealed bytea not null,
  previous_sealed bytea,
  previous_until timestamptz,
  failures integer not null default 0,
  failing_since timestamptz,
  retry_at timestamptz,
  succeeded_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (org_id, id),
  constraint webhook_payload_is_known check (payload in ('thin', 'full')),
  constraint webhook_status_is_known check (status in ('active', 'paused', 'deleted')),
  constraint webhook_pause_has_its_reason check ((status = 'paused') = (paused_because is not null)),
  constraint webhook_previous_ends check ((previous_sealed is null) = (previous_until is null))
);

-- One event for one endpoint: no payload, which is made when it is sent. `due_at` is when it may be tried next; while it
-- is being tried, when it may be tried again should the process die. Events of one `order_key` go one after the other.
create table webhook_delivery (
  org_id uuid not null,
  endpoint_id uuid not null,
  event_id uuid not null,
  type text not null,
  order_key uuid not null,
  status text not null,
  tries integer not null default 0,
  due_at timestamptz not null,
  created_at timestamptz not null,
  tried_at timestamptz,
  first_failed_at timestamptz,
  delivered_at timestamptz,
  answer_status integer,
  failure text,
  primary key (org_id, endpoint_id, event_id),
  constraint webhook_delivery_status_is_known check (status in ('waiting', 'delivered', 'failed')),
  constraint webhook_delivery_has_its_time check ((status = 'delivered') = (delivered_at is not null))
);

alter table webhook_delivery
  add constraint webhook_delivery_endpoint foreign key (org_id, endpoint_id) references webhook_endpoint;

-- All hold nearly nothing, most of the time: what waits alone, and what was given up.
create index webhook_delivery_due on webhook_delivery (org_id, endpoint_id, due_at, event_id) where status = 'waiting';
create index webhook_delivery_failed on webhook_delivery (org_id, endpoint_id, event_id) where status = 'failed';
create index webhook_delivery_order on webhook_delivery (org_id, endpoint_id, order_key, event_id) where status = 'waiting';

alter table webhook_delivery set (
  autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0,
  autovacuum_analyze_scale_factor = 0.05
);

-- A key that may do everything goes on to be one.
update api_key set scopes = scopes || '{webhooks:write}'::text[]
where scopes @> '{catalog:read,bookings:read,bookings:write,scan,scan:override,gate:read,feedback:read,feedback:write,staff:write,keys:write,audit:read}'
  and not scopes @> '{webhooks:write}';

-- migrate:down

update api_key set scopes = array_remove(scopes, 'webhooks:write') where scopes @> '{webhooks:write}';
drop table webhook_delivery, webhook_endpoint;
