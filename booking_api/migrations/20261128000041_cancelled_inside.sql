-- migrate:up

-- What became of the place of an item that was cancelled although its person had been admitted: `kept`, because they
-- are or were inside and it isn't sold again, or `given_back`. Null for every other item. What was cancelled before
-- this was known gave its place back.
alter table item add column after_admission text;
alter table item add constraint item_after_admission_is_known check (after_admission in ('kept', 'given_back'));
update item set after_admission = 'given_back'
from attendance a where a.org_id = item.org_id and a.item_id = item.id and item.status = 'cancelled';
-- Why a manager changed an item although its person had been admitted. It lives with the item's name and answers.
alter table item add column change_reason text;

-- migrate:down

alter table item drop column change_reason;
alter table item drop constraint item_after_admission_is_known;
alter table item drop column after_admission;
