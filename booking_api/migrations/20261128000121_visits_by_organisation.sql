-- migrate:up

-- What is to be erased is looked for in one organisation at a time, each of which keeps it for a time of its own.
create index booking_visit_over on booking (org_id, visit_ends_at) where erased_at is null;
drop index booking_visit_end;

-- migrate:down

create index booking_visit_end on booking (visit_ends_at) where erased_at is null;
drop index booking_visit_over;
