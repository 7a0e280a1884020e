-- migrate:up

-- From when on an item's codes are good. Only what makes an earlier code worthless raises it (another holder, another
-- phone, a rebooking, a wish); a pass that is merely issued anew, because its slot moved, doesn't, so that a code that
-- somebody saved goes on being judged by what is true today. What was reissued before this was never revoked on
-- anybody's wish, so there is nothing to fill in.
create table pass_revocation (
  org_id uuid not null,
  item_id uuid not null,
  issued_before timestamptz not null,
  primary key (org_id, item_id)
);

-- migrate:down

drop table pass_revocation;
