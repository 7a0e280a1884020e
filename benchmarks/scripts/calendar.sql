-- A month between two places, summed up from its slots by date: what is left, what it costs at least, how it stands.
select s.local_date,
  max(case
    when s.status = 'cancelled' then 0
    when s.status <> 'open' or s.booking_closes_at <= now() then 1
    when s.capacity - s.taken < 1 then 2
    when (s.capacity - s.taken) * 5 <= s.capacity then 3
    else 4
  end) as rank,
  coalesce(sum(s.capacity - s.taken) filter (where s.status = 'open'), 0)::int as vacancies,
  min(case when least(s.capacity - s.taken, q.capacity - q.taken) >= 1 then 2900 when s.capacity > s.taken then 5900 end)
    as from_price
from slot s
join quota q on q.org_id = :org and q.slot_id = s.id
where s.org_id = :org
  and s.origin_id = (select o.id from place o where o.org_id = :org and o.code = :origin)
  and s.destination_id = (select d.id from place d where d.org_id = :org and d.code = :destination)
  and s.local_date between :today::date and :today::date + 30 and s.starts_at >= now()
group by s.local_date;
