"""The SQL that erases one person in the tables of every capability below."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from booking_api.core.db import Connection, execute


async def erase_feedback(
    db: Connection, org_id: UUID, customer_ids: Sequence[UUID], booking_ids: Sequence[UUID], now: datetime
) -> int:
    """Texts; scores stay, which are nobody's without the customer's name."""
    return await execute(
        db,
        """
        update feedback set text = null, erased_at = $4
        where org_id = $1 and (customer_id = any($2::uuid[]) or booking_id = any($3::uuid[])) and text is not null
        """,
        org_id,
        customer_ids,
        booking_ids,
        now,
    )


async def erase_scans(db: Connection, org_id: UUID, booking_ids: Sequence[UUID]) -> int:
    """What was typed and answered; that there was an override stays, as an empty text."""
    return await execute(
        db,
        """
        update scan set answer = ''::bytea,
          override_reason = case when override_reason is not null then '' end
        where org_id = $1 and (override_reason <> '' or answer <> ''::bytea) and item_id in (
          select i.id from item i where i.org_id = $1 and i.booking_id = any($2::uuid[])
        )
        """,
        org_id,
        booking_ids,
    )


async def erase_archived_scans(db: Connection, org_id: UUID, booking_ids: Sequence[UUID]) -> int:
    return await execute(
        db,
        """
        update scan_archive set override_reason = ''
        where org_id = $1 and override_reason <> '' and item_id in (
          select i.id from item i where i.org_id = $1 and i.booking_id = any($2::uuid[])
        )
        """,
        org_id,
        booking_ids,
    )


async def forget_devices(db: Connection, org_id: UUID, customer_ids: Sequence[UUID], now: datetime) -> int:
    """Ends the sessions of customers and forgets on which devices they were."""
    return await execute(
        db,
        """
        update session set device = null, revoked_at = coalesce(revoked_at, $3)
        where org_id = $1 and subject_id = any($2::uuid[]) and (device is not null or revoked_at is null)
        """,
        org_id,
        customer_ids,
        now,
    )


async def delete_answers(db: Connection, org_id: UUID, customer_ids: Sequence[UUID]) -> int:
    """Deletes the answers that are stored for repeats of their own requests."""
    return await execute(
        db,
        """
        delete from idempotency_key where org_id = $1 and (
          customer_id = any($2::uuid[])
          or credential_id in (select id from session where org_id = $1 and subject_id = any($2::uuid[]))
        )
        """,
        org_id,
        customer_ids,
    )


async def erase_answers(
    db: Connection, org_id: UUID, customer_ids: Sequence[UUID], erased: int, unfinished: int
) -> int:
    """Empties the answers about them that are stored for others: for staff, integrations and apps. The keys stay, so
    that a repeat is still known for one and does nothing anew."""
    return await execute(
        db,
        """
        update idempotency_key set status = $3, body = ''::bytea
        where org_id = $1 and about_id = any($2::uuid[]) and status not in ($3, $4) and body <> ''::bytea
        """,
        org_id,
        customer_ids,
        erased,
        unfinished,
    )


async def delete_mail(db: Connection, org_id: UUID, recipients: Sequence[str]) -> int:
    return await execute(
        db,
        "delete from mailbox where org_id = $1 and lower(recipient) = any($2::text[])",
        org_id,
        recipients,
    )
