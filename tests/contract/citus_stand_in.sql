-- Stands in for Citus where there is none: it refuses what Citus refuses, remembers what it was asked for, and
-- distributes nothing. It lives in a schema of its own, as the extension does, which has to be on the search path.

create schema citus_stand_in;

create table citus_stand_in.asked (
  place serial,
  name regclass primary key,
  by_column text not null,
  colocation integer not null,
  shards integer
);

create view citus_stand_in.citus_tables as
select name as table_name, 'distributed'::text as citus_table_type, by_column as distribution_column,
  colocation as colocation_id
from citus_stand_in.asked;

create function citus_stand_in.create_distributed_table(
  table_name regclass, distribution_column text, distribution_type text default 'hash',
  colocate_with text default 'default', shard_count integer default null
) returns void language plpgsql as $$
declare
  found_text text;
  group_of integer;
begin
  if exists (select from citus_stand_in.asked a where a.name = table_name) then
    raise 'table "%" is already distributed', table_name;
  end if;
  if (select relispartition from pg_class where oid = table_name) then
    raise 'cannot distribute relation "%": it is a partition', table_name;
  end if;
  select c.conname into found_text
  from pg_constraint c
  where c.conrelid = table_name and c.contype = 'f' and c.confrelid <> table_name
    and not exists (select from citus_stand_in.asked a where a.name = c.confrelid) limit 1;
  if found then
    raise 'cannot create foreign key constraint "%": the referenced table must be distributed', found_text;
  end if;
  select x.indexrelid::regclass::text into found_text
  from pg_index x
  where x.indrelid = table_name and x.indisunique and not exists (
    select from pg_attribute a
    where a.attrelid = table_name and a.attname = distribution_column and a.attnum = any (x.indkey::int2[])
  ) limit 1;
  if found then
    raise 'cannot create constraint "%": it does not include the distribution column', found_text;
  end if;
  if colocate_with = 'none' then
    group_of := table_name::oid::bigint % 1000000;
  else
    select a.colocation into strict group_of from citus_stand_in.asked a where a.name = colocate_with::regclass;
    if shard_count is not null then
      raise 'shard_count cannot be given with colocate_with';
    end if;
  end if;
  insert into citus_stand_in.asked (name, by_column, colocation, shards)
  values (table_name, distribution_column, group_of, shard_count);
  perform pg_sleep(coalesce(current_setting('stand_in.seconds', true), '0')::float);
end
$$;
