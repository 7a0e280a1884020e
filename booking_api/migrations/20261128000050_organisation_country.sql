-- migrate:up

-- Whose phone numbers are national ones. Null: as far as the locale and the time zone leave no doubt.
alter table organisation add column country text
  constraint organisation_country_is_iso3166 check (country ~ '^[A-Z]{2}$');

-- migrate:down

alter table organisation drop column country;
