-- migrate:up

-- What a catalogue holds is edited by several at once: each write raises the number that an edit names in `If-Match`.
alter table place add column revision integer not null default 1;
alter table product add column revision integer not null default 1;

-- A layout never changes; another one under the same code is its next version, and slots keep the one they have.
alter table seat_layout add column version integer not null default 1;
alter table seat_layout drop constraint seat_layout_code_is_unique;
alter table seat_layout add constraint seat_layout_version_is_unique unique (org_id, code, version);

-- When a place gets another name or zone, the products that name it are found by it.
create index product_origin on product (org_id, origin_id) where origin_id is not null;
create index product_destination on product (org_id, destination_id) where destination_id is not null;
create index product_venue on product (org_id, venue_id) where venue_id is not null;

-- migrate:down

drop index product_venue;
drop index product_destination;
drop index product_origin;
alter table seat_layout drop constraint seat_layout_version_is_unique;
alter table seat_layout add constraint seat_layout_code_is_unique unique (org_id, code);
alter table seat_layout drop column version;
alter table product drop column revision;
alter table place drop column revision;
