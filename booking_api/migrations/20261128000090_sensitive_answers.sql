-- migrate:up

-- Whether a booking or one of its items has an answer to a sensitive question. Such answers are erased as soon as the
-- visit is over; few bookings have one. No question was sensitive before.
alter table booking add column holds_sensitive boolean not null default false;
create index booking_sensitive on booking (org_id, visit_ends_at) where holds_sensitive;

-- migrate:down

drop index booking_sensitive;
alter table booking drop column holds_sensitive;
