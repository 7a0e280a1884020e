-- migrate:up

-- Sessions that can be told apart, listed and ended; see docs/adr/0015. `address_digest` or `booking_id` restrict a
-- session to the bookings with one proven contact, or to one booking. `first_used_at` is null until one of its tokens
-- was used. `advances` is when the latest generations of refresh tokens were first used, the newest first.
-- `narrowed_at` is when a booking may last have left a restricted session. `others_ended_at`, in the row of a
-- customer's first session, ends the sessions made before it that have no row.
alter table session
  add column kind text,
  add column channel text,
  add column device text,
  add column opened_by text,
  add column address_digest bytea,
  add column booking_id uuid,
  add column first_used_at timestamptz,
  add column advances timestamptz[],
  add column narrowed_at timestamptz,
  add column others_ended_at timestamptz;
create index session_subject on session (org_id, subject_id, id);
-- What is there was refreshed or ended, and thereby used. The column stays null until then in new rows alone.
update session set first_used_at = last_used_at;

-- `customer_id` is whom the code stands for: a customer, or a member of staff who signs in. A code that opens its
-- booking `alone` makes a session which sees nothing else.
alter table single_use_code drop constraint single_use_code_purpose_is_known;
alter table single_use_code
  add column address_digest bytea,
  add column alone boolean not null default false,
  add constraint single_use_code_purpose_is_known check (purpose in ('recover', 'resume', 'help', 'sign_in'));
create index single_use_code_subject on single_use_code (org_id, customer_id, created_at);

-- The restricted session that made an order, which it may see before the order has a contact.
alter table booking_order add column session_id uuid;

-- migrate:down

alter table booking_order drop column session_id;
delete from single_use_code where purpose not in ('recover', 'resume');
drop index single_use_code_subject;
alter table single_use_code drop constraint single_use_code_purpose_is_known;
alter table single_use_code
  drop column alone,
  drop column address_digest,
  add constraint single_use_code_purpose_is_known check (purpose in ('recover', 'resume'));
drop index session_subject;
alter table session
  drop column others_ended_at,
  drop column narrowed_at,
  drop column advances,
  drop column first_used_at,
  drop column booking_id,
  drop column address_digest,
  drop column opened_by,
  drop column device,
  drop column channel,
  drop column kind;
