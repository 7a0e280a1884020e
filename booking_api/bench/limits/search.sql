-- One page of a search between two places, with the quotas of each slot.
\set route random(1, :routes)
\set day random(0, :days)
select s.id, s.code, s.product_id, p.version as product_version, p.on_sale, s.kind, s.origin_id,
  s.destination_id, s.local_date, s.starts_at, s.ends_at, s.time_zone, s.end_time_zone, s.capacity,
  s.taken, s.status, s.booking_closes_at, s.gate, s.resource, s.seat_layout_id,
  quotas.options as quota_options, quotas.free as quota_free, 0 as held
from slot s
join product p on p.org_id = :org and p.id = s.product_id
left join lateral (
  select array_agg(q.option_id) as options, array_agg(q.capacity - q.taken) as free
  from quota q
  where q.org_id = :org and q.slot_id = s.id
) quotas on true
where s.org_id = :org
  and s.origin_id = (select o.id from place o where o.org_id = :org and o.code = 'A' || :route::text)
  and s.destination_id = (select d.id from place d where d.org_id = :org and d.code = 'B' || :route::text)
  and s.local_date between :today::date + :day::int and :today::date + :day::int + 6 and s.starts_at >= now()
order by s.local_date, s.starts_at, s.id
limit :rows;
