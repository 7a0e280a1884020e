-- migrate:up

-- Whom a stored answer tells of, so that it is erased with them whoever asked. Answers from before don't say, and are
-- gone two days later. There is no index: erasing somebody is rare, and reads the organisation's keys.
alter table idempotency_key add column about_id uuid;

-- migrate:down

alter table idempotency_key drop column about_id;
