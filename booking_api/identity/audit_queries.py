"""The SQL of the audit: entries are added and read, never changed."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from booking_api.core.db import Connection, execute, fetch_all, fetch_value
from booking_api.core.db.rows import columns_of
from booking_api.identity.audit_schemas import AuditRow, NewEntry


async def insert_notes(db: Connection, org_id: UUID, notes: Sequence[NewEntry]) -> None:
    await execute(
        db,
        """
        insert into audit (org_id, action, actor_kind, actor_id, credential_id, object_type, object_id, reason_code,
                           request_id, created_at, occurrences, id)
        select $1, n.*
        from unnest(
          $2::text[], $3::text[], $4::uuid[], $5::uuid[], $6::text[], $7::uuid[], $8::text[], $9::text[],
          $10::timestamptz[], $11::int[], $12::uuid[]
        ) as n (
          action, actor_kind, actor_id, credential_id, object_type, object_id, reason_code, request_id, created_at,
          occurrences, id
        )
        """,
        org_id,
        *columns_of(notes, NewEntry),
    )


async def insert_count(
    db: Connection, org_id: UUID, entry_id: UUID, action: str, reason_code: str, request_id: str, now: datetime,
    occurrences: int,
) -> bool:  # fmt: skip
    """Adds what nobody known did, so many times; False where there is no such organisation."""
    return bool(
        await execute(
            db,
            """
            insert into audit (org_id, id, action, actor_kind, reason_code, request_id, created_at, occurrences)
            select org_id, $2, $3, 'anonymous', $4, $5, $6, $7 from organisation where org_id = $1
            """,
            org_id,
            entry_id,
            action,
            reason_code,
            request_id,
            now,
            occurrences,
        )
    )


async def list_entries(
    db: Connection, org_id: UUID, after_id: UUID | None, first_id: UUID, end_id: UUID, begins: datetime | None,
    ends: datetime | None, action: str | None, actor_id: UUID | None, limit: int,
) -> list[AuditRow]:  # fmt: skip
    """The newest first. The range of ids is what keeps partitions out that have nothing of the period."""
    return await fetch_all(
        db,
        AuditRow,
        """
        select id, action, actor_kind, actor_id, credential_id, object_type, object_id, reason_code, request_id,
               occurrences, created_at
        from audit
        where org_id = $1 and ($2::uuid is null or id < $2) and id >= $3 and id < $4
          and ($5::timestamptz is null or created_at >= $5) and ($6::timestamptz is null or created_at < $6)
          and ($7::text is null or action = $7) and ($8::uuid is null or actor_id = $8)
        order by id desc limit $9
        """,
        org_id, after_id, first_id, end_id, begins, ends, action, actor_id, limit,
    )  # fmt: skip


async def rest_holds_entries(db: Connection, first: UUID, end: UUID) -> bool:
    """Whether the default partition holds entries of a range of ids, so that it can't have a partition of its own."""
    return await fetch_value(db, "select exists (select from audit_rest where id >= $1 and id < $2)", first, end)


async def delete_rest(db: Connection, org_id: UUID, end: UUID, limit: int) -> int:
    """Deletes an organisation's entries with lower ids from the default partition: the old ones of its first month."""
    return await execute(
        db,
        """
        with due as materialized (
          select id from audit_rest where org_id = $1 and id < $2 order by id limit $3 for update skip locked
        )
        delete from audit_rest using due where audit_rest.org_id = $1 and audit_rest.id = due.id
        """,
        org_id,
        end,
        limit,
    )
