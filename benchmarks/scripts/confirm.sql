-- Confirming one order and issuing its pass, one statement after the other. Each client has orders of its own.
\set number :begin + :client_id * :stride + :done
\set done :done + 1
\set key random(1, 9000000000000000000)
select o.org_id, o.name, o.time_zone, o.currency, o.locale, o.live, o.retention_days,
  s.last_used_at as session_used_at, s.revoked_at as session_revoked_at
from organisation o left join session s on s.org_id = :org and s.id = (select gen_random_uuid())
where o.org_id = :org;
begin;
select l.locked, k.fingerprint, k.status, k.body, k.customer_id
from (select pg_try_advisory_xact_lock(:key) as locked) l
left join idempotency_key k on k.org_id = :org and k.credential_id = :credential and k.key_hash = sha256(int8send(:key));
select id as ord, customer_id as customer, status, expires_at, hold_limit_at, pending_until, intent_id, channel,
  created_at, updated_at
from booking_order
where org_id = :org and id = ('01900000-0003-7000-8000-' || lpad(to_hex(:number::bigint), 12, '0'))::uuid for update
\gset
select id as booking, order_id, position, customer_id, reference, slot_id as slot, product_id, product_version,
  option_id, status, version, contact, answers, price, total, cancel_reason, refund_amount, channel, visit_ends_at,
  created_at, updated_at, confirmed_at, erased_at
from booking where org_id = :org and order_id = :ord order by order_id, position
\gset
select id as item, booking_id, slot_id, position, unit_id, name, seat, answers, status, amount, companion_item_id
from item where org_id = :org and booking_id = :booking order by booking_id, position
\gset
select s.id, s.code, s.product_id, p.version as product_version, p.on_sale, s.kind, s.origin_id, s.destination_id,
  s.local_date, s.starts_at, s.ends_at, s.time_zone, s.end_time_zone, s.capacity, s.taken, s.status,
  s.booking_closes_at, s.gate, s.resource, s.seat_layout_id
from slot s join product p on p.org_id = :org and p.id = s.product_id
where s.org_id = :org and s.id = :slot;
update claim set expires_at = null where org_id = :org and id = :booking;
select item_id, max(issued_at) as issued_at from pass where org_id = :org and item_id = :item group by item_id;
insert into pass
  (org_id, id, item_id, slot_id, customer_id, kid, code, issued_at, valid_from, valid_until, revoked_at)
values (:org, uuidv7(), :item, :slot, :customer, 'BENCHKEY', :given_code, date_trunc('second', now()), now(),
  now() + interval '1 day', null);
with changed as (
  update booking set status = 'confirmed', contact = :given_contact::jsonb, answers = null, price = :given_price::jsonb,
    cancel_reason = null, refund_amount = null, confirmed_at = now(), version = version + 1, updated_at = now()
  where org_id = :org and id = :booking
)
update booking_order
set status = 'confirmed', expires_at = null, pending_until = null, intent_id = null, updated_at = now()
where org_id = :org and id = :ord;
insert into customer (org_id, id, name, email, phone, locale, created_at, updated_at)
values (:org, :customer, 'Ada Lovelace', 'ada@example.org', null, 'en', now(), now())
on conflict (org_id, id) do update
set name = excluded.name, email = excluded.email, phone = excluded.phone, locale = excluded.locale,
  updated_at = excluded.updated_at;
insert into event (org_id, id, type, subject_id, data, created_at)
values (:org, uuidv7(), 'booking.confirmed', :booking,
  jsonb_build_object('order_id', :ord::text, 'slot_id', :slot::text, 'customer_id', :customer::text), now());
insert into idempotency_key (org_id, credential_id, key_hash, fingerprint, status, body, customer_id, created_at)
values (:org, :credential, sha256(int8send(:key)), sha256(int8send(:number)), 200, convert_to(:answer, 'UTF8'), null,
  now())
on conflict (org_id, credential_id, key_hash) do nothing;
commit;
