"""The SQL of how customers are reached, and of the mailbox that keeps what was written to people."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from booking_api.core.db import Connection, execute, fetch_all
from booking_api.core.db.rows import FoundIds, columns_of
from booking_api.identity.schemas import KnownContact, Reachable

# customers --------------------------------------------------------------------------------------------------------


async def upsert_customers(db: Connection, org_id: UUID, customers: Sequence[Reachable], now: datetime) -> None:
    """Each customer once, in id order, so that two of these don't deadlock."""
    await execute(
        db,
        """
        insert into customer (org_id, id, name, email, phone, locale, created_at, updated_at)
        select $1, c.*, $7, $7
        from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[])
          as c (customer_id, name, email, phone, language)
        on conflict (org_id, id) do update
          set name = excluded.name, email = excluded.email, phone = excluded.phone, locale = excluded.locale,
              updated_at = excluded.updated_at
        """,
        org_id,
        *columns_of(customers, Reachable),
        now,
    )


class FoundContact(KnownContact, frozen=True):
    id: UUID
    language: str


async def find_contacts(db: Connection, org_id: UUID, customer_ids: Sequence[UUID]) -> list[FoundContact]:
    return await fetch_all(
        db,
        FoundContact,
        "select name, email, phone, id, locale as language from customer where org_id = $1 and id = any($2::uuid[])",
        org_id,
        customer_ids,
    )


async def lock_contact(db: Connection, org_id: UUID, customer_id: UUID) -> None:
    """Keeps others from changing what is known of a customer until the transaction ends."""
    await execute(db, "select from customer where org_id = $1 and id = $2 for update", org_id, customer_id)


async def erase_contacts(db: Connection, org_id: UUID, customer_ids: Sequence[UUID], now: datetime) -> int:
    return await execute(
        db,
        """
        update customer set name = null, email = null, phone = null, updated_at = $3
        where org_id = $1 and id = any($2::uuid[]) and (name is not null or email is not null or phone is not null)
        """,
        org_id, customer_ids, now,
    )  # fmt: skip


# the mailbox ------------------------------------------------------------------------------------------------------


class MailRow(msgspec.Struct, frozen=True):
    id: UUID
    recipient: str
    subject: str
    body: str
    created_at: datetime


async def insert_mail(
    db: Connection, org_id: UUID, mail_id: UUID, recipient: str, subject: str, body: str, now: datetime
) -> None:
    """Puts a message into the mailbox; one that is there already stays as it is."""
    await execute(
        db,
        """
        insert into mailbox (org_id, id, recipient, subject, body, created_at) values ($1, $2, $3, $4, $5, $6)
        on conflict (org_id, id) do nothing
        """,
        org_id, mail_id, recipient, subject, body, now,
    )  # fmt: skip


async def list_mail(db: Connection, org_id: UUID, limit: int) -> list[MailRow]:
    """The newest messages first."""
    return await fetch_all(
        db,
        MailRow,
        """
        select id, recipient, subject, body, created_at from mailbox
        where org_id = $1 order by created_at desc, id desc limit $2
        """,
        org_id,
        limit,
    )


async def list_old_mail(db: Connection, before: datetime, limit: int) -> list[FoundIds]:
    """The oldest messages from before a moment, by organisation."""
    return await fetch_all(
        db,
        FoundIds,
        """
        select org_id, array_agg(id) as ids
        from (select org_id, id from mailbox where created_at < $1 order by created_at limit $2) old
        group by org_id
        """,
        before,
        limit,
    )


async def delete_mail(db: Connection, org_id: UUID, ids: Sequence[UUID]) -> int:
    """Deletes messages; skips what somebody works on."""
    return await execute(
        db,
        """
        with due as materialized (
          select id from mailbox where org_id = $1 and id = any($2::uuid[]) order by id for update skip locked
        )
        delete from mailbox using due where mailbox.org_id = $1 and mailbox.id = due.id
        """,
        org_id,
        ids,
    )
