-- Holding one place, one statement after the other, with every row that a hold writes: the slot, the claim, the order,
-- the booking, the item, the event and the stored answer of its idempotency key.
\set slot random(:first, :last)
\set key random(1, 9000000000000000000)
\set reference random(0, 1099511627775)
-- Is the customer's session still good?
select o.org_id, o.name, o.time_zone, o.currency, o.locale, o.live, o.retention_days,
  s.last_used_at as session_used_at, s.revoked_at as session_revoked_at
from organisation o left join session s on s.org_id = :org and s.id = (select gen_random_uuid())
where o.org_id = :org;
begin;
-- Was this key answered before, or is a twin under way?
select l.locked, k.fingerprint, k.status, k.body as earlier, uuidv7() as booking, uuidv7() as ord, uuidv7() as item,
  uuidv7() as customer
from (select pg_try_advisory_xact_lock(:key) as locked) l
left join idempotency_key k on k.org_id = :org and k.credential_id = :credential and k.key_hash = sha256(int8send(:key))
\gset
select s.id, s.code, s.product_id, p.version as product_version, p.on_sale, s.kind, s.origin_id, s.destination_id,
  s.local_date, s.starts_at, s.ends_at, s.time_zone, s.end_time_zone, s.capacity, s.taken, s.status,
  s.booking_closes_at, s.gate, s.resource, s.seat_layout_id
from slot s join product p on p.org_id = :org and p.id = s.product_id
where s.org_id = :org and s.id = (:prefix || lpad(to_hex(:slot::bigint), 12, '0'))::uuid;
with claimed as (
  insert into claim (org_id, id, slot_id, option_id, holder_id, places, quota_places, expires_at, created_at)
  values (:org, :booking, (:prefix || lpad(to_hex(:slot::bigint), 12, '0'))::uuid, :option, :customer, 1, 0,
    now() + interval '10 minutes', now())
)
update slot set taken = taken + 1
where org_id = :org and id = (:prefix || lpad(to_hex(:slot::bigint), 12, '0'))::uuid and status = 'open'
  and taken + 1 <= capacity;
with ordered as (
  insert into booking_order
    (org_id, id, customer_id, status, expires_at, hold_limit_at, channel, created_at, updated_at)
  values (:org, :ord, :customer, 'on_hold', now() + interval '10 minutes', now() + interval '30 minutes', 'web', now(),
    now())
), booked as (
  insert into booking (
    org_id, id, order_id, position, customer_id, reference, slot_id, product_id, product_version, option_id, status,
    version, contact, answers, price, total, channel, visit_ends_at, created_at, updated_at, confirmed_at
  )
  select :org, :booking, :ord, 0, :customer,
    case when exists (select from booking t where t.org_id = :org and t.reference = b.reference)
      then b.spare else b.reference end,
    (:prefix || lpad(to_hex(:slot::bigint), 12, '0'))::uuid, :product, 1, :option, 'on_hold', 1, null, null,
    :price::jsonb, 2140, 'web', now() + interval '7 days', now(), now(), null
  from (
    select 'L' || lpad(to_hex(:reference::bigint), 10, '0') as reference,
      'M' || lpad(to_hex(:reference::bigint), 10, '0') as spare
  ) b
  returning id, reference
), itemised as (
  insert into item (
    org_id, id, booking_id, slot_id, position, unit_id, name, seat, answers, status, amount, companion_item_id
  )
  values (:org, :item, :booking, (:prefix || lpad(to_hex(:slot::bigint), 12, '0'))::uuid, 0, :unit, null, null, null,
    'active', 2140, null)
)
select id, reference from booked;
insert into event (org_id, id, type, subject_id, data, created_at)
values (:org, uuidv7(), 'booking.held', :booking, jsonb_build_object('order_id', :ord::text, 'slot_id', :slot::text),
  now());
insert into idempotency_key (org_id, credential_id, key_hash, fingerprint, status, body, customer_id, created_at)
values (:org, :credential, sha256(int8send(:key)), sha256(int8send(:reference)), 201, convert_to(:answer, 'UTF8'),
  null, now())
on conflict (org_id, credential_id, key_hash) do nothing;
commit;
