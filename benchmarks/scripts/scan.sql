-- Admitting one pass, one statement after the other. Each client has passes of its own. Codes are read, not compared.
\set number :begin + :client_id * :stride + :done
\set done :done + 1
\set nonce random(1, 9000000000000000000)
begin;
select request_hash, admit, verdict, answer from scan where org_id = :org and nonce = 'limit-' || :nonce::text;
select p.item_id, p.issued_at, p.code from pass p
where p.org_id = :org and p.item_id = ('01900000-0005-7000-8000-' || lpad(to_hex(:number::bigint), 12, '0'))::uuid;
select b.id as booking from booking b
where b.org_id = :org and b.id = (
  select i.booking_id from item i
  where i.org_id = :org and i.id = ('01900000-0005-7000-8000-' || lpad(to_hex(:number::bigint), 12, '0'))::uuid
)
for no key update of b;
select
  i.id as item, i.booking_id, i.unit_id, i.name, i.seat, i.status as item_status, i.companion_item_id,
  b.reference, b.status as booking_status, b.product_id, b.product_version, b.option_id,
  b.contact->>'name' as contact_name,
  coalesce((b.price->'due_on_site'->>'amount')::bigint, 0) as due_on_site,
  coalesce(b.price->'due_on_site'->>'currency', b.price->'total'->>'currency', '') as currency,
  case when (b.price->'due_on_site'->>'amount')::bigint > 0 then
    (select coalesce(sum(t.amount), 0)::bigint from settlement t
     where t.org_id = :org and t.order_id = b.order_id and t.booking_id = b.id)
  else 0 end as settled,
  s.id as slot, s.starts_at, s.ends_at, s.time_zone, s.status as slot_status, s.gate,
  p.issued_at as pass_issued_at, r.issued_before as revoked_before,
  coalesce(a.inside, false) as inside, coalesce(a.entries, 0) as entries, a.first_admitted_at,
  a.last_scan_nonce as last_nonce, l.received_at as last_at, l.direction as last_direction, l.gate as last_gate,
  party.party_size, party.checked_in
from item i
join booking b on b.org_id = :org and b.id = i.booking_id
join slot s on s.org_id = :org and s.id = i.slot_id
left join pass p on p.org_id = :org and p.item_id = i.id and p.revoked_at is null
left join pass_revocation r on r.org_id = :org and r.item_id = i.id
left join attendance a on a.org_id = :org and a.item_id = i.id
left join scan l on l.org_id = :org and l.nonce = a.last_scan_nonce
cross join lateral (
  select count(*)::int as party_size, count(ma.item_id)::int as checked_in
  from item m left join attendance ma on ma.org_id = :org and ma.item_id = m.id
  where m.org_id = :org and m.booking_id = b.id and m.status = 'active'
) party
where i.org_id = :org and i.id = ('01900000-0005-7000-8000-' || lpad(to_hex(:number::bigint), 12, '0'))::uuid
\gset
select count(*)::int from attendance where org_id = :org and slot_id = :slot;
insert into scan (org_id, nonce, id, request_hash, item_id, slot_id, gate, direction, admit, verdict, scanned_at,
  received_at, scanned_by, override_reason, answer)
values (:org, 'limit-' || :nonce::text, uuidv7(), sha256(int8send(:nonce)), :item, :slot, 'North', 'entry', true,
  'admitted', now(), now(), :credential, null, convert_to(:answer, 'UTF8'))
on conflict (org_id, nonce) do nothing;
insert into scan_outcome (org_id, nonce, item_id, admit, verdict, inside_before, entries_before, nonce_before)
values (:org, 'limit-' || :nonce::text, :item, true, 'admitted', false, 0, null);
insert into attendance (org_id, item_id, slot_id, inside, entries, first_admitted_at, last_scan_nonce, updated_at)
values (:org, :item, :slot, true, 1, now(), 'limit-' || :nonce::text, now())
on conflict (org_id, item_id) do update
set slot_id = excluded.slot_id, inside = true, entries = attendance.entries + 1,
  last_scan_nonce = excluded.last_scan_nonce, updated_at = excluded.updated_at;
commit;
