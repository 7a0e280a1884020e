"""The SQL of refunds: opening, noting how a try ended, trying again, settling on site, listing."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from booking_api.core.db import Connection, execute, fetch_all, fetch_one, fetch_value
from booking_api.core.money import Money
from booking_api.payments.refund_schemas import RefundFact, RefundRecord

RECORD_COLUMNS: Final = """
  r.id, r.order_id, r.booking_id, r.intent_id, r.amount, r.currency, r.reason, r.status, r.tries, r.failure_code,
  r.settled_method, r.created_at, r.updated_at, i.provider
"""


async def insert_refund(
    db: Connection, org_id: UUID, refund_id: UUID, intent_id: UUID | None, order_id: UUID, booking_id: UUID | None,
    amount: Money, reason: str, status: str, next_check_at: datetime | None, now: datetime,
) -> int:  # fmt: skip
    """Opens a refund; one with the same id stays as it is, and 0 is returned."""
    return await execute(
        db,
        """
        insert into refund
          (org_id, id, intent_id, order_id, booking_id, amount, currency, reason, status, attempts, next_check_at,
           created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, $10, $11, $11)
        on conflict (org_id, id) do nothing
        """,
        org_id, refund_id, intent_id, order_id, booking_id, amount.amount, amount.currency, reason, status,
        next_check_at, now,
    )  # fmt: skip


async def refund_exists(db: Connection, org_id: UUID, refund_id: UUID) -> bool:
    return await fetch_value(
        db, "select exists (select from refund where org_id = $1 and id = $2) as found", org_id, refund_id
    )


async def sum_refunds_of_intent(db: Connection, org_id: UUID, intent_id: UUID) -> int:
    """What of an intent goes back, in minor units. One that failed is tried again, and so it counts as well."""
    return await fetch_value(
        db,
        "select coalesce(sum(amount), 0)::bigint as amount from refund where org_id = $1 and intent_id = $2",
        org_id,
        intent_id,
    )


async def list_refund_facts(db: Connection, org_id: UUID, order_ids: Sequence[UUID]) -> list[RefundFact]:
    """The refunds of these orders, the oldest first."""
    return await fetch_all(
        db,
        RefundFact,
        """
        select id, order_id, intent_id, booking_id, amount, currency, status, reason
        from refund where org_id = $1 and order_id = any($2::uuid[]) order by created_at, id
        """,
        org_id,
        order_ids,
    )


async def finish_try(
    db: Connection, org_id: UUID, refund_id: UUID, tries: int, status: str, provider_reference: str | None,
    failure_code: str | None, next_check_at: datetime | None, now: datetime,
) -> int:  # fmt: skip
    """Notes how a try ended; 0 when that was noted before, or another try is under way by now."""
    return await execute(
        db,
        """
        update refund
        set status = $4, provider_reference = coalesce($5, provider_reference), failure_code = $6,
            attempts = attempts + 1, next_check_at = $7, updated_at = $8
        where org_id = $1 and id = $2 and status = 'created' and tries = $3
        """,
        org_id, refund_id, tries, status, provider_reference, failure_code, next_check_at, now,
    )  # fmt: skip


async def postpone_refund(
    db: Connection, org_id: UUID, refund_id: UUID, tries: int, next_check_at: datetime, now: datetime
) -> int:
    return await execute(
        db,
        """
        update refund set attempts = attempts + 1, next_check_at = $4, updated_at = $5
        where org_id = $1 and id = $2 and status = 'created' and tries = $3
        """,
        org_id, refund_id, tries, next_check_at, now,
    )  # fmt: skip


async def fail_after_all(
    db: Connection, org_id: UUID, refund_id: UUID, tries: int, failure_code: str, now: datetime
) -> int:
    """A refund that had succeeded has failed after all; 0 when that was noted before, or it was tried again since."""
    return await execute(
        db,
        """
        update refund set status = 'failed', failure_code = $4, next_check_at = null, updated_at = $5
        where org_id = $1 and id = $2 and status = 'succeeded' and tries = $3
        """,
        org_id, refund_id, tries, failure_code, now,
    )  # fmt: skip


async def look_again_at(
    db: Connection, org_id: UUID, refund_id: UUID, status: str, next_check_at: datetime | None
) -> int:
    """When the provider is asked next about a refund that had ended and is as it was."""
    return await execute(
        db,
        "update refund set next_check_at = $4 where org_id = $1 and id = $2 and status = $3",
        org_id,
        refund_id,
        status,
        next_check_at,
    )


async def hurry_refund(db: Connection, org_id: UUID, refund_id: UUID, now: datetime) -> int:
    """Lets the provider be asked about a refund as soon as the job runs; 0 where staff gave the money back."""
    return await execute(
        db,
        """
        update refund set next_check_at = $3
        where org_id = $1 and id = $2 and status in ('created', 'succeeded', 'failed')
        """,
        org_id,
        refund_id,
        now,
    )


async def lock_refund(db: Connection, org_id: UUID, refund_id: UUID) -> int:
    """Locks a refund until the transaction ends, before it is looked at; 0 where there is none."""
    return await execute(db, "select id from refund where org_id = $1 and id = $2 for update", org_id, refund_id)


async def find_refund(db: Connection, org_id: UUID, refund_id: UUID) -> RefundRecord | None:
    return await fetch_one(
        db,
        RefundRecord,
        f"""
        select {RECORD_COLUMNS}
        from refund r left join payment_intent i on i.org_id = r.org_id and i.id = r.intent_id
        where r.org_id = $1 and r.id = $2
        """,
        org_id,
        refund_id,
    )


async def begin_try(db: Connection, org_id: UUID, refund_id: UUID, now: datetime) -> int:
    """A failed refund is tried once more, due at once."""
    return await execute(
        db,
        """
        update refund
        set status = 'created', tries = tries + 1, attempts = 0, failure_code = null, next_check_at = $3, updated_at = $3
        where org_id = $1 and id = $2 and status = 'failed'
        """,
        org_id,
        refund_id,
        now,
    )


async def adopt_success(
    db: Connection, org_id: UUID, refund_id: UUID, provider_reference: str | None, next_check_at: datetime | None,
    now: datetime,
) -> int:  # fmt: skip
    """A try that was taken for failed has succeeded after all."""
    return await execute(
        db,
        """
        update refund set status = 'succeeded', provider_reference = coalesce($3, provider_reference),
          failure_code = null, next_check_at = $4, updated_at = $5
        where org_id = $1 and id = $2 and status in ('created', 'failed')
        """,
        org_id, refund_id, provider_reference, next_check_at, now,
    )  # fmt: skip


async def settle_refund(
    db: Connection, org_id: UUID, refund_id: UUID, method: str, settled_by: UUID, now: datetime
) -> int:
    """Notes that staff gave the money back themselves."""
    return await execute(
        db,
        """
        update refund set status = 'settled', settled_method = $3, settled_by = $4, next_check_at = null, updated_at = $5
        where org_id = $1 and id = $2 and status in ('failed', 'due_on_site')
        """,
        org_id, refund_id, method, settled_by, now,
    )  # fmt: skip


async def list_refunds(
    db: Connection, org_id: UUID, before: datetime, before_id: UUID, limit: int
) -> list[RefundRecord]:
    """An organisation's refunds, the newest first."""
    return await fetch_all(
        db,
        RefundRecord,
        f"""
        select {RECORD_COLUMNS}
        from refund r left join payment_intent i on i.org_id = r.org_id and i.id = r.intent_id
        where r.org_id = $1 and (r.created_at, r.id) < ($2, $3)
        order by r.created_at desc, r.id desc limit $4
        """,
        org_id, before, before_id, limit,
    )  # fmt: skip


async def list_refunds_of_status(
    db: Connection, org_id: UUID, status: str, before: datetime, before_id: UUID, limit: int
) -> list[RefundRecord]:
    """An organisation's refunds in one state, the newest first."""
    return await fetch_all(
        db,
        RefundRecord,
        f"""
        select {RECORD_COLUMNS}
        from refund r left join payment_intent i on i.org_id = r.org_id and i.id = r.intent_id
        where r.org_id = $1 and r.status = $2 and (r.created_at, r.id) < ($3, $4)
        order by r.created_at desc, r.id desc limit $5
        """,
        org_id, status, before, before_id, limit,
    )  # fmt: skip
