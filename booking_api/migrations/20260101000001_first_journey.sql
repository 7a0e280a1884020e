-- migrate:up

-- Rules that every table here keeps, so that the schema can be distributed by organisation (docs/adr/0001):
-- `org_id` leads each primary, unique and foreign key and never changes; no triggers; times are parameters,
-- so no column has a default of now(); ids come from the application.

-- identity ----------------------------------------------------------------------------------------------------

create table organisation (
  org_id uuid not null primary key,
  name text not null,
  time_zone text not null,
  currency text not null constraint organisation_currency_is_iso4217 check (currency ~ '^[A-Z]{3}$'),
  locale text not null,
  live boolean not null,
  retention_days integer constraint organisation_retention_is_positive check (retention_days > 0),
  created_at timestamptz not null
);

create table api_key (
  org_id uuid not null,
  id uuid not null,
  kind text not null constraint api_key_kind_is_known check (kind in ('publishable', 'secret')),
  name text not null,
  channel text not null,
  scopes text[] not null,
  hint text not null,
  secret_hash bytea not null,
  created_at timestamptz not null,
  last_used_at timestamptz,
  revoked_at timestamptz,
  primary key (org_id, id),
  constraint api_key_secret_is_unique unique (org_id, secret_hash)
);

create table staff (
  org_id uuid not null,
  id uuid not null,
  name text not null,
  email text not null,
  role text not null constraint staff_role_is_known check (role in ('agent', 'manager', 'owner')),
  created_at timestamptz not null,
  last_used_at timestamptz,
  revoked_at timestamptz,
  primary key (org_id, id)
);

-- A customer's row appears when the first contact is saved; before that a customer is an id inside a token.
create table customer (
  org_id uuid not null,
  id uuid not null,
  name text,
  email text,
  phone text,
  locale text not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (org_id, id)
);

-- A session's row appears at the first refresh or revocation; a session without a row is at generation 0.
create table session (
  org_id uuid not null,
  id uuid not null,
  subject_id uuid not null,
  generation integer not null,
  created_at timestamptz not null,
  last_used_at timestamptz not null,
  revoked_at timestamptz,
  primary key (org_id, id)
);

create table single_use_code (
  org_id uuid not null,
  code_hash bytea not null,
  purpose text not null constraint single_use_code_purpose_is_known check (purpose in ('recover', 'resume')),
  customer_id uuid not null,
  booking_id uuid,
  expires_at timestamptz not null,
  used_at timestamptz,
  created_at timestamptz not null,
  primary key (org_id, code_hash)
);

create table signing_key (
  org_id uuid not null,
  kid text not null constraint signing_key_kid_is_short check (length(kid) between 1 and 8),
  private_key_encrypted bytea not null,
  public_key bytea not null,
  created_at timestamptz not null,
  retired_at timestamptz,
  primary key (org_id, kid)
);

create table mailbox (
  org_id uuid not null,
  id uuid not null,
  recipient text not null,
  subject text not null,
  body text not null,
  created_at timestamptz not null,
  primary key (org_id, id)
);

-- catalog -----------------------------------------------------------------------------------------------------

create table place (
  org_id uuid not null,
  id uuid not null,
  code text not null,
  name text not null,
  time_zone text not null,
  latitude double precision,
  longitude double precision,
  address text,
  updated_at timestamptz not null,
  primary key (org_id, id),
  constraint place_code_is_unique unique (org_id, code)
);

create table seat_layout (
  org_id uuid not null,
  id uuid not null,
  code text not null,
  seats integer not null,
  layout jsonb not null,
  created_at timestamptz not null,
  primary key (org_id, id),
  constraint seat_layout_code_is_unique unique (org_id, code)
);

-- A product is a versioned document: `product` points at the version on sale, `product_version` keeps each one
-- that was ever sold, so that a booking keeps the conditions, prices and questions it was made under.
create table product (
  org_id uuid not null,
  id uuid not null,
  code text not null,
  kind text not null constraint product_kind_is_known check (kind in ('departure', 'entry', 'appointment')),
  version integer not null,
  origin_id uuid,
  destination_id uuid,
  venue_id uuid,
  on_sale boolean not null,
  updated_at timestamptz not null,
  primary key (org_id, id),
  constraint product_code_is_unique unique (org_id, code)
);

create table product_version (
  org_id uuid not null,
  product_id uuid not null,
  version integer not null,
  definition jsonb not null,
  created_at timestamptz not null,
  primary key (org_id, product_id, version)
);

-- inventory ---------------------------------------------------------------------------------------------------

-- `origin_id` is the venue of an entry or appointment. The filters of a search stand on the slot itself:
-- reached through a join they were 19 times slower.
create table slot (
  org_id uuid not null,
  id uuid not null,
  code text not null,
  product_id uuid not null,
  kind text not null,
  origin_id uuid not null,
  destination_id uuid,
  local_date date not null,
  starts_at timestamptz not null,
  ends_at timestamptz not null,
  time_zone text not null,
  end_time_zone text not null,
  capacity integer not null,
  taken integer not null,
  status text not null constraint slot_status_is_known check (status in ('open', 'closed', 'cancelled')),
  booking_closes_at timestamptz not null,
  gate text,
  resource text,
  seat_layout_id uuid,
  updated_at timestamptz not null,
  primary key (org_id, id),
  constraint slot_code_is_unique unique (org_id, code),
  constraint slot_taken_within_capacity check (taken between 0 and capacity),
  constraint slot_ends_after_start check (ends_at >= starts_at)
) with (fillfactor = 80);

create table quota (
  org_id uuid not null,
  slot_id uuid not null,
  option_id uuid not null,
  capacity integer not null,
  taken integer not null,
  primary key (org_id, slot_id, option_id),
  constraint quota_taken_within_capacity check (taken between 0 and capacity)
) with (fillfactor = 80);

-- A live claim has a row, a released one has none. `expires_at` is null once the claim is kept for good.
create table claim (
  org_id uuid not null,
  id uuid not null,
  slot_id uuid not null,
  option_id uuid not null,
  holder_id uuid not null,
  places integer not null constraint claim_places_not_negative check (places >= 0),
  quota_places integer not null constraint claim_quota_places_not_negative check (quota_places >= 0),
  expires_at timestamptz,
  created_at timestamptz not null,
  primary key (org_id, id)
) with (fillfactor = 80);

create table seat_claim (
  org_id uuid not null,
  slot_id uuid not null,
  seat text not null,
  claim_id uuid not null,
  item_id uuid not null,
  primary key (org_id, slot_id, seat)
);

-- payments ----------------------------------------------------------------------------------------------------

create table payment_intent (
  org_id uuid not null,
  id uuid not null,
  order_id uuid not null,
  amount bigint not null constraint payment_intent_amount_is_positive check (amount > 0),
  currency text not null,
  provider text not null,
  token text,
  return_url text,
  status text not null constraint payment_intent_status_is_known
    check (status in ('created', 'processing', 'requires_action', 'succeeded', 'failed', 'cancelled')),
  provider_reference text,
  next_action jsonb,
  error_code text,
  attempts integer not null,
  next_check_at timestamptz,
  give_up_at timestamptz not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (org_id, id)
);

create table refund (
  org_id uuid not null,
  id uuid not null,
  intent_id uuid not null,
  order_id uuid not null,
  booking_id uuid,
  amount bigint not null constraint refund_amount_is_positive check (amount > 0),
  currency text not null,
  reason text not null,
  status text not null constraint refund_status_is_known check (status in ('created', 'succeeded', 'failed')),
  provider_reference text,
  attempts integer not null,
  next_check_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (org_id, id)
);

create table settlement (
  org_id uuid not null,
  id uuid not null,
  order_id uuid not null,
  booking_id uuid not null,
  method text not null constraint settlement_method_is_known check (method in ('cash', 'terminal')),
  amount bigint not null constraint settlement_amount_is_positive check (amount > 0),
  currency text not null,
  staff_id uuid not null,
  created_at timestamptz not null,
  primary key (org_id, id)
);

-- bookings ----------------------------------------------------------------------------------------------------

create table booking_order (
  org_id uuid not null,
  id uuid not null,
  customer_id uuid not null,
  status text not null constraint booking_order_status_is_known
    check (status in ('on_hold', 'pending', 'confirmed', 'cancelled', 'expired', 'rejected')),
  expires_at timestamptz,
  hold_limit_at timestamptz not null,
  pending_until timestamptz,
  intent_id uuid,
  channel text not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (org_id, id)
) with (fillfactor = 80);

-- `changed_xid` is the transaction that last touched the row: /v1/sync reads by it, because commits come out of
-- order and a watermark of times or versions would lose the late ones.
create table booking (
  org_id uuid not null,
  id uuid not null,
  order_id uuid not null,
  position integer not null,
  customer_id uuid not null,
  reference text not null,
  slot_id uuid not null,
  product_id uuid not null,
  product_version integer not null,
  option_id uuid not null,
  status text not null constraint booking_status_is_known
    check (status in ('on_hold', 'pending', 'confirmed', 'cancelled', 'expired', 'rejected')),
  version integer not null,
  contact jsonb,
  answers jsonb,
  price jsonb not null,
  total bigint not null,
  cancel_reason text,
  refund_amount bigint,
  channel text not null,
  visit_ends_at timestamptz not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  confirmed_at timestamptz,
  erased_at timestamptz,
  changed_xid bigint not null,
  primary key (org_id, id),
  constraint booking_reference_is_unique unique (org_id, reference)
) with (fillfactor = 80);

create table item (
  org_id uuid not null,
  id uuid not null,
  booking_id uuid not null,
  slot_id uuid not null,
  position integer not null,
  unit_id uuid not null,
  name text,
  seat text,
  answers jsonb,
  status text not null constraint item_status_is_known check (status in ('active', 'cancelled')),
  amount bigint not null,
  companion_item_id uuid,
  primary key (org_id, id)
) with (fillfactor = 80);

create table tombstone (
  org_id uuid not null,
  customer_id uuid not null,
  type text not null,
  id uuid not null,
  deleted_at timestamptz not null,
  changed_xid bigint not null,
  primary key (org_id, customer_id, type, id)
);

-- passes ------------------------------------------------------------------------------------------------------

create table pass (
  org_id uuid not null,
  id uuid not null,
  item_id uuid not null,
  slot_id uuid not null,
  customer_id uuid not null,
  kid text not null,
  code text not null,
  issued_at timestamptz not null,
  valid_from timestamptz not null,
  valid_until timestamptz not null,
  revoked_at timestamptz,
  primary key (org_id, id)
);

-- checkin -----------------------------------------------------------------------------------------------------

-- One row for each item that was ever admitted: the row lock on it is what admits exactly one of twenty scans.
create table attendance (
  org_id uuid not null,
  item_id uuid not null,
  slot_id uuid not null,
  inside boolean not null,
  entries integer not null,
  first_admitted_at timestamptz not null,
  last_scan_nonce text not null,
  updated_at timestamptz not null,
  primary key (org_id, item_id)
);

create table scan (
  org_id uuid not null,
  nonce text not null,
  id uuid not null,
  request_hash bytea not null,
  item_id uuid,
  slot_id uuid,
  gate text,
  direction text not null constraint scan_direction_is_known check (direction in ('entry', 'exit')),
  admit boolean not null,
  verdict text not null,
  scanned_at timestamptz not null,
  received_at timestamptz not null,
  scanned_by uuid not null,
  override_reason text,
  undone_at timestamptz,
  undone_by uuid,
  answer bytea not null,
  primary key (org_id, nonce)
);

-- What a scan meant for each item of the party, and the attendance before it, so that it can be undone.
create table scan_outcome (
  org_id uuid not null,
  nonce text not null,
  item_id uuid not null,
  admit boolean not null,
  verdict text not null,
  inside_before boolean not null,
  entries_before integer not null,
  nonce_before text,
  primary key (org_id, nonce, item_id)
);

-- feedback ----------------------------------------------------------------------------------------------------

-- A deleted prompt keeps its row, because what was asked by it points at it.
create table feedback_prompt (
  org_id uuid not null,
  id uuid not null,
  step text not null constraint feedback_prompt_step_is_known
    check (step in ('search', 'hold', 'details', 'payment', 'confirmed', 'visit')),
  kind text not null constraint feedback_prompt_kind_is_known check (kind in ('ces', 'csat', 'nps', 'text')),
  question jsonb not null,
  share_percent integer not null constraint feedback_prompt_share_is_percent check (share_percent between 0 and 100),
  pause_days integer not null constraint feedback_prompt_pause_not_negative check (pause_days >= 0),
  active boolean not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  deleted_at timestamptz,
  primary key (org_id, id)
);

-- One row each time that a customer is asked. `number` counts a customer's asks: its unique key is what lets two
-- answers at once record one ask.
create table feedback_asked (
  org_id uuid not null,
  id uuid not null,
  customer_id uuid not null,
  number integer not null,
  prompt_id uuid not null,
  step text not null,
  kind text not null,
  booking_id uuid,
  product_id uuid,
  channel text not null,
  asked_at timestamptz not null,
  primary key (org_id, id),
  constraint feedback_asked_in_turn unique (org_id, customer_id, number)
);

-- `customer_id` is null for what an app sends before anyone is known. `retention_from` is the end of the visit, or
-- the moment of the feedback where it is about no booking.
create table feedback (
  org_id uuid not null,
  id uuid not null,
  customer_id uuid,
  asked_id uuid,
  step text not null,
  kind text not null,
  score integer,
  text text,
  booking_id uuid,
  product_id uuid,
  channel text not null,
  retention_from timestamptz not null,
  created_at timestamptz not null,
  edited_at timestamptz,
  erased_at timestamptz,
  primary key (org_id, id),
  constraint feedback_answers_once unique (org_id, asked_id)
);

-- core --------------------------------------------------------------------------------------------------------

-- Append-only but for `relayed_at`, which the relay sets once it has enqueued the event's jobs.
create table event (
  org_id uuid not null,
  id uuid not null,
  type text not null,
  subject_id uuid not null,
  data jsonb not null,
  created_at timestamptz not null,
  relayed_at timestamptz,
  primary key (org_id, id)
);

create table idempotency_key (
  org_id uuid not null,
  credential_id uuid not null,
  key_hash bytea not null,
  fingerprint bytea not null,
  status smallint not null,
  body bytea not null,
  customer_id uuid,
  created_at timestamptz not null,
  primary key (org_id, credential_id, key_hash)
);

-- Belongs to the installation, not to an organisation: which worker processes are alive.
create table worker_heartbeat (
  worker_id uuid not null primary key,
  seen_at timestamptz not null
);

-- foreign keys ------------------------------------------------------------------------------------------------

alter table product_version add constraint product_version_product foreign key (org_id, product_id) references product (org_id, id);
alter table slot add constraint slot_product foreign key (org_id, product_id) references product (org_id, id);
alter table quota add constraint quota_slot foreign key (org_id, slot_id) references slot (org_id, id);
alter table claim add constraint claim_slot foreign key (org_id, slot_id) references slot (org_id, id);
alter table seat_claim add constraint seat_claim_claim foreign key (org_id, claim_id) references claim (org_id, id);
alter table refund add constraint refund_intent foreign key (org_id, intent_id) references payment_intent (org_id, id);
alter table booking add constraint booking_order_of foreign key (org_id, order_id) references booking_order (org_id, id);
alter table item add constraint item_booking foreign key (org_id, booking_id) references booking (org_id, id);
alter table feedback_asked add constraint feedback_asked_prompt foreign key (org_id, prompt_id) references feedback_prompt (org_id, id);
alter table feedback add constraint feedback_asked_of foreign key (org_id, asked_id) references feedback_asked (org_id, id);
alter table scan_outcome add constraint scan_outcome_scan foreign key (org_id, nonce) references scan (org_id, nonce);

-- indexes -----------------------------------------------------------------------------------------------------

create index slot_route on slot (org_id, origin_id, destination_id, local_date, starts_at, id);
create index slot_product_date on slot (org_id, product_id, local_date, starts_at, id);
create index slot_gate on slot (org_id, gate, starts_at) where gate is not null;
create index slot_starts on slot (org_id, starts_at, id);
create index claim_slot on claim (org_id, slot_id);
create index claim_holder on claim (org_id, holder_id);
create index seat_claim_claim on seat_claim (org_id, claim_id);
create index payment_intent_order on payment_intent (org_id, order_id);
create index payment_intent_due on payment_intent (next_check_at) where next_check_at is not null;
create index refund_intent on refund (org_id, intent_id);
create index refund_order on refund (org_id, order_id);
create index refund_due on refund (next_check_at) where next_check_at is not null;
create index settlement_order on settlement (org_id, order_id);
create index booking_order_due on booking_order (expires_at) where status = 'on_hold';
create index booking_order_pending on booking_order (pending_until) where status = 'pending';
create index booking_of_order on booking (org_id, order_id);
create index booking_customer on booking (org_id, customer_id, id);
create index booking_changed on booking (org_id, customer_id, changed_xid, id);
create index booking_slot on booking (org_id, slot_id);
create index booking_visit_end on booking (visit_ends_at) where erased_at is null;
create index item_booking on item (org_id, booking_id);
create index item_slot on item (org_id, slot_id);
create index tombstone_changed on tombstone (org_id, customer_id, changed_xid, id);
create unique index pass_live on pass (org_id, item_id) where revoked_at is null;
create unique index pass_issued_once on pass (org_id, item_id, issued_at);
create index scan_item on scan (org_id, item_id, received_at) where item_id is not null;
create index scan_answer_age on scan (received_at) where answer <> '';
create index attendance_slot on attendance (org_id, slot_id);
create index feedback_created on feedback (org_id, created_at, id);
create index feedback_retention on feedback (org_id, retention_from) where text is not null;
create index feedback_asked_at on feedback_asked (org_id, asked_at);
create index event_unrelayed on event (created_at) where relayed_at is null;
create index event_subject on event (org_id, subject_id);
create index event_age on event (created_at);
create index idempotency_key_age on idempotency_key (created_at);
create index customer_email on customer (org_id, email) where email is not null;
create unique index staff_email_is_unique on staff (org_id, email) where revoked_at is null;
create unique index signing_key_active on signing_key (org_id) where retired_at is null;
create index signing_key_kid on signing_key (kid);
create index pass_kid on pass (org_id, kid, valid_until);
create index single_use_code_age on single_use_code (expires_at);
create index session_age on session (last_used_at);
create index mailbox_age on mailbox (created_at);

-- migrate:down

drop table worker_heartbeat, idempotency_key, event, feedback, feedback_asked, feedback_prompt, scan_outcome, scan, attendance, pass,
  tombstone, item, booking, booking_order, settlement, refund, payment_intent, seat_claim, claim, quota, slot,
  product_version, product, seat_layout, place, mailbox, signing_key, single_use_code, session, customer, staff,
  api_key, organisation;
