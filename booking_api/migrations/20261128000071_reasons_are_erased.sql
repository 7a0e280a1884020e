-- migrate:up

-- A reason that somebody typed at the gate is erased with the visit; few scans have one.
create index scan_reason on scan (org_id, received_at) where override_reason is not null;
create index scan_archive_reason on scan_archive (org_id, received_at) where override_reason is not null;

-- migrate:down

drop index scan_archive_reason;
drop index scan_reason;
