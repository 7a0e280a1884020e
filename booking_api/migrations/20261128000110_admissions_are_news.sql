-- migrate:up

-- That an item was admitted changes what can be done with its booking, so that whoever knows the booking has to hear of
-- it. A scan says so in the statement that it sends anyway; a worker raises the versions of bookings and orders. Who
-- was admitted before is no news.
alter table attendance add column is_news boolean not null default false;
create index attendance_news on attendance (first_admitted_at, org_id, item_id) where is_news;

-- migrate:down

drop index attendance_news;
alter table attendance drop column is_news;
