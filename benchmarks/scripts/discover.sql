-- The products that begin next, with their next slots and the quotas of each, for whoever needs no more than that.
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
from (
  select distinct f.product_id
  from (
    select s.product_id from slot s
    where s.org_id = :org and s.starts_at >= :now and s.status = 'open' and not s.sold_out
    order by s.starts_at, s.id limit :shown
  ) f
) f
join product p on p.org_id = :org and p.id = f.product_id
cross join lateral (
  select s.* from slot s
  where s.org_id = :org and s.product_id = f.product_id and s.status = 'open' and not s.sold_out and s.starts_at >= :now
  order by s.starts_at, s.id limit 3
) s;
