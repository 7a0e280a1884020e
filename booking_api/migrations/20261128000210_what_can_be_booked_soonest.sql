-- migrate:up

-- What has room, by product and start, so that whoever looks for the next slots reads none of those that are full.
-- An index that depended on `taken` would make every hold write all indexes of the slot anew. A generated column changes
-- only when the last place goes or the first one comes back (docs/adr/0037).
alter table slot add column sold_out boolean not null generated always as (taken >= capacity) stored;
create index slot_with_room on slot (org_id, product_id, starts_at, id) where status = 'open' and not sold_out;

-- Those that are late: they can be booked after the time that was scheduled.
create index slot_late on slot (org_id, estimated_starts_at) where estimated_starts_at is not null;

-- From here to anywhere, and from anywhere to there.
create index slot_origin on slot (org_id, origin_id, local_date, starts_at, id);
create index slot_destination on slot (org_id, destination_id, local_date, starts_at, id)
  where destination_id is not null;

-- What is near, and what is sold there.
create index place_position on place (org_id, latitude, longitude) where latitude is not null;
create index place_zone on place (org_id, time_zone);
create index product_place on product (org_id, (coalesce(origin_id, venue_id))) where on_sale;

-- migrate:down

drop index product_place;
drop index place_zone;
drop index place_position;
drop index slot_destination;
drop index slot_origin;
drop index slot_late;
drop index slot_with_room;
alter table slot drop column sold_out;
