-- migrate:up

-- Whom a publishable key is meant for, and the rate that a key has of its own. Empty and null: anybody, and as the
-- installation has it.
alter table api_key
  add column allowed_origins text[] not null default '{}',
  add column allowed_apps text[] not null default '{}',
  add column rate_limit_per_minute integer
    constraint api_key_rate_is_positive check (rate_limit_per_minute > 0),
  add constraint api_key_is_bound_while_publishable
    check (kind = 'publishable' or (cardinality(allowed_origins) = 0 and cardinality(allowed_apps) = 0));

-- migrate:down

alter table api_key
  drop column allowed_origins,
  drop column allowed_apps,
  drop column rate_limit_per_minute;
