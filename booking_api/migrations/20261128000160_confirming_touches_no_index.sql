-- migrate:up

-- An index that depends on the status makes every confirmation write all indexes of the booking anew. Where nothing is
-- to be decided any more, no time is kept for it, so that the time alone says what the sweep looks for.
update booking set decide_by = null where decide_by is not null and status <> 'confirmed';
drop index booking_decide_by;
create index booking_decide_by on booking (decide_by) where decide_by is not null;

-- migrate:down

drop index booking_decide_by;
create index booking_decide_by on booking (decide_by) where decide_by is not null and status = 'confirmed';
