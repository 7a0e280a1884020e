-- migrate:up

-- What came of a refund is told, tried again and settled by hand; a payment that was given up is known as such.

alter table payment_intent
  -- A keyed digest of order, method and token, which outlives the token: it says whether a confirmation is a repeat.
  add column token_digest bytea,
  -- Another payment took its place, or its order was cancelled: should it succeed after all, the money goes back.
  add column abandoned_at timestamptz;

-- Money that was taken on site has no intent; staff give it back.
alter table refund alter column intent_id drop not null;
alter table refund
  -- The try under way. Each has an idempotency key of its own, made of the refund's id and this number.
  add column tries integer not null default 1,
  add column failure_code text,
  add column settled_method text
    constraint refund_settled_method_is_known check (settled_method in ('cash', 'terminal', 'bank')),
  add column settled_by uuid,
  drop constraint refund_status_is_known,
  add constraint refund_status_is_known
    check (status in ('created', 'succeeded', 'failed', 'due_on_site', 'settled'));
create index refund_created on refund (org_id, created_at, id);
create index refund_status on refund (org_id, status, created_at, id);

-- Orders that ended without ever having been confirmed keep the end of their hold, and are found by that to be buried.
update booking_order set expires_at = updated_at
where status = 'cancelled' and expires_at is null and not exists (
  select from booking b
  where b.org_id = booking_order.org_id and b.order_id = booking_order.id and b.confirmed_at is not null
);
create index booking_order_never_confirmed on booking_order (org_id, updated_at)
  where status in ('expired', 'rejected', 'cancelled') and expires_at is not null;

-- migrate:down

drop index booking_order_never_confirmed;
drop index refund_status;
drop index refund_created;
delete from refund where intent_id is null;
update refund set status = 'succeeded' where status = 'settled';
alter table refund
  drop constraint refund_status_is_known,
  add constraint refund_status_is_known check (status in ('created', 'succeeded', 'failed')),
  drop column settled_by,
  drop column settled_method,
  drop column failure_code,
  drop column tries;
alter table refund alter column intent_id set not null;
alter table payment_intent drop column abandoned_at, drop column token_digest;
