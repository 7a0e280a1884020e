-- migrate:up

-- The words under which names are found, in one comparison form (docs/adr/0014). PostgreSQL needs no collation and no
-- extension for it: the application writes them, `booking-api migrate` those of the rows that are there already.

-- Of a place its code's too. `name_folded` is for the order of what was found.
alter table place add column name_folded text;
alter table place add column words tsvector;
create index place_words on place using gin (words);
create index place_unfolded on place (org_id) where words is null;

-- Of a product its code's and those of its titles in every language.
alter table product add column words tsvector;
create index product_words on product using gin (words);
create index product_unfolded on product (org_id) where words is null;

-- People are looked for on one slot, whose bookings and items have an index already. One on these words would cost
-- each confirmation more than it saves a gate. What is erased leaves no words behind.
alter table booking add column name_words tsvector
  constraint booking_words_are_of_a_contact check (name_words is null or contact is not null);
alter table item add column name_words tsvector
  constraint item_words_are_of_a_name check (name_words is null or name is not null);

-- How far an organisation's bookings have been gone through by the command that writes the words of what was there.
create table name_folding (
  org_id uuid not null primary key,
  folded_to uuid not null
);

-- migrate:down

drop table name_folding;
alter table item drop column name_words;
alter table booking drop column name_words;
drop index product_unfolded;
drop index product_words;
alter table product drop column words;
drop index place_unfolded;
drop index place_words;
alter table place drop column words;
alter table place drop column name_folded;
