-- One page of a search between two places, with the quotas of each slot.
\set route random(1, :routes)
\set day random(0, :days)
select s.id, s.product_id, p.version as product_version, p.on_sale, s.local_date,
  date_part('epoch', s.starts_at) as starts_at, date_part('epoch', s.ends_at) as ends_at,
  s.time_zone, s.end_time_zone, s.capacity, s.taken, s.status,
  date_part('epoch', s.booking_closes_at) as booking_closes_at, s.gate, s.resource, s.seat_layout_id,
  (
    select string_agg(q.option_id || '=' || (q.capacity - q.taken) || ',', '')
    from quota q
    where q.org_id = :org and q.slot_id = s.id
  ) as quotas,
  0 as held
from slot s
join product p on p.org_id = :org and p.id = s.product_id
where s.org_id = :org
  and s.origin_id = (select o.id from place o where o.org_id = :org and o.code = 'A' || :route::text)
  and s.destination_id = (select d.id from place d where d.org_id = :org and d.code = 'B' || :route::text)
  and s.local_date between :today::date + :day::int and :today::date + :day::int + 6 and s.starts_at >= now()
order by s.local_date, s.starts_at, s.id
limit :rows;
