-- A slot's delay, which is an estimate beside its scheduled times, and its version; what an organisation calls a move.

-- migrate:up

-- `version` counts the changes of what the organiser decides, not of what is taken: a hold that was drafted under
-- another one is drafted anew.
alter table slot
  add column version integer not null default 1,
  add column estimated_starts_at timestamptz,
  add column estimated_ends_at timestamptz,
  add column delay_note text,
  add column delay_updated_at timestamptz,
  add constraint slot_delay_is_whole check (
    (estimated_starts_at is null) = (delay_updated_at is null)
    and (estimated_starts_at is not null or (estimated_ends_at is null and delay_note is null))
  ),
  add constraint slot_estimate_is_no_move check (estimated_starts_at >= starts_at);

-- By how many minutes a confirmed booking's slot may move before its customer may choose.
alter table organisation
  add column moved_later_minutes integer not null default 60
    constraint organisation_moved_later_is_natural check (moved_later_minutes between 0 and 10080),
  add column moved_earlier_minutes integer not null default 10
    constraint organisation_moved_earlier_is_natural check (moved_earlier_minutes between 0 and 10080);

-- Slots of one person, room or vehicle, to find those that overlap.
create index slot_resource on slot (org_id, resource, starts_at) where resource is not null;

-- migrate:down

drop index slot_resource;
alter table organisation drop column moved_earlier_minutes, drop column moved_later_minutes;
alter table slot
  drop column delay_updated_at, drop column delay_note, drop column estimated_ends_at,
  drop column estimated_starts_at, drop column version;
