"""All SQL of payments."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from booking_api.core.db import Connection, execute, fetch_all, fetch_one, fetch_value
from booking_api.core.money import Money
from booking_api.payments.schemas import Charge, Intent, NextAction, RefundRow


async def insert_intent(
    db: Connection, org_id: UUID, intent: Intent, token: str | None, return_url: str | None
) -> None:
    await execute(
        db,
        """
        insert into payment_intent
          (org_id, id, order_id, amount, currency, provider, token, return_url, status, attempts, next_check_at,
           give_up_at, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
        """,
        org_id, intent.id, intent.order_id, intent.amount, intent.currency, intent.provider, token, return_url,
        intent.status, intent.attempts, intent.next_check_at, intent.give_up_at, intent.created_at, intent.updated_at,
    )  # fmt: skip


async def lock_intent(db: Connection, org_id: UUID, intent_id: UUID) -> Intent | None:
    return await fetch_one(
        db,
        Intent,
        """
        select id, order_id, amount, currency, provider, status, provider_reference, next_action, error_code, attempts,
               next_check_at, give_up_at, created_at, updated_at
        from payment_intent where org_id = $1 and id = $2 for update
        """,
        org_id,
        intent_id,
    )


async def find_intent(db: Connection, org_id: UUID, intent_id: UUID) -> Intent | None:
    return await fetch_one(
        db,
        Intent,
        """
        select id, order_id, amount, currency, provider, status, provider_reference, next_action, error_code, attempts,
               next_check_at, give_up_at, created_at, updated_at
        from payment_intent where org_id = $1 and id = $2
        """,
        org_id,
        intent_id,
    )


async def find_charge(db: Connection, org_id: UUID, intent_id: UUID) -> Charge | None:
    """An intent with its token, for calling the provider."""
    return await fetch_one(
        db,
        Charge,
        """
        select org_id, id, order_id, amount, currency, provider, status, token, return_url, next_action,
               provider_reference, error_code, give_up_at
        from payment_intent where org_id = $1 and id = $2
        """,
        org_id,
        intent_id,
    )


async def latest_intents(db: Connection, org_id: UUID, order_ids: Sequence[UUID]) -> list[Intent]:
    return await fetch_all(
        db,
        Intent,
        """
        select distinct on (order_id)
               id, order_id, amount, currency, provider, status, provider_reference, next_action, error_code, attempts,
               next_check_at, give_up_at, created_at, updated_at
        from payment_intent where org_id = $1 and order_id = any($2::uuid[])
        order by order_id, created_at desc, id desc
        """,
        org_id,
        order_ids,
    )


async def update_intent(
    db: Connection, org_id: UUID, intent: Intent, next_action: NextAction | None, *, erase_token: bool
) -> None:
    """Stores an outcome."""
    await execute(
        db,
        """
        update payment_intent
        set status = $3, provider_reference = $4, next_action = $5::jsonb, error_code = $6, attempts = $7,
            next_check_at = $8, updated_at = $9, token = case when $10 then null else token end
        where org_id = $1 and id = $2
        """,
        org_id, intent.id, intent.status, intent.provider_reference, next_action, intent.error_code, intent.attempts,
        intent.next_check_at, intent.updated_at, erase_token,
    )  # fmt: skip


async def hurry_intents(db: Connection, org_id: UUID, order_ids: Sequence[UUID], now: datetime) -> int:
    """Makes the unsettled intents of these orders due at once, to be cancelled at their provider."""
    return await execute(
        db,
        """
        update payment_intent set give_up_at = $3, next_check_at = $3
        where org_id = $1 and order_id = any($2::uuid[]) and status in ('created', 'processing', 'requires_action')
        """,
        org_id,
        order_ids,
        now,
    )


async def claim_due_intents(db: Connection, now: datetime, leased_until: datetime, limit: int) -> list[Charge]:
    """Takes due intents of every organisation until `leased_until`, when they are due again if nobody finished."""
    return await fetch_all(
        db,
        Charge,
        """
        with due as materialized (
          select org_id, id from payment_intent where next_check_at <= $1
          order by next_check_at limit $3 for update skip locked
        )
        update payment_intent set next_check_at = $2
        from due where payment_intent.org_id = due.org_id and payment_intent.id = due.id
        returning payment_intent.org_id, payment_intent.id, payment_intent.order_id, payment_intent.amount,
          payment_intent.currency, payment_intent.provider, payment_intent.status, payment_intent.token,
          payment_intent.return_url, payment_intent.next_action, payment_intent.provider_reference,
          payment_intent.error_code, payment_intent.give_up_at
        """,
        now,
        leased_until,
        limit,
    )


async def insert_refund(
    db: Connection, org_id: UUID, refund_id: UUID, intent_id: UUID, order_id: UUID, booking_id: UUID | None,
    amount: Money, reason: str, now: datetime,
) -> None:  # fmt: skip
    """Opens a refund, due at once. One with the same id stays as it is."""
    await execute(
        db,
        """
        insert into refund
          (org_id, id, intent_id, order_id, booking_id, amount, currency, reason, status, attempts, next_check_at,
           created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, 'created', 0, $9, $9, $9)
        on conflict (org_id, id) do nothing
        """,
        org_id, refund_id, intent_id, order_id, booking_id, amount.amount, amount.currency, reason, now,
    )  # fmt: skip


async def refund_exists(db: Connection, org_id: UUID, refund_id: UUID) -> bool:
    return await fetch_value(
        db, "select exists (select from refund where org_id = $1 and id = $2) as found", org_id, refund_id
    )


async def sum_refunds_of_intent(db: Connection, org_id: UUID, intent_id: UUID) -> int:
    """What of an intent went back or is about to, in minor units."""
    return await fetch_value(
        db,
        """
        select coalesce(sum(amount), 0)::bigint as amount
        from refund where org_id = $1 and intent_id = $2 and status <> 'failed'
        """,
        org_id,
        intent_id,
    )


async def claim_due_refunds(db: Connection, now: datetime, leased_until: datetime, limit: int) -> list[RefundRow]:
    """Takes due refunds of every organisation until `leased_until`, when they are due again if nobody finished."""
    return await fetch_all(
        db,
        RefundRow,
        """
        with due as materialized (
          select org_id, id from refund where next_check_at <= $1
          order by next_check_at limit $3 for update skip locked
        )
        update refund r set next_check_at = $2
        from due, payment_intent i
        where r.org_id = due.org_id and r.id = due.id and i.org_id = r.org_id and i.id = r.intent_id
        returning r.org_id, r.id, r.intent_id, r.order_id, r.booking_id, r.amount, r.currency, r.reason, r.attempts,
                  i.provider, i.provider_reference as charge_reference
        """,
        now,
        leased_until,
        limit,
    )


async def settle_refund(
    db: Connection, org_id: UUID, refund_id: UUID, status: str, provider_reference: str | None, now: datetime
) -> int:
    """Closes a refund; 0 when it was closed before."""
    return await execute(
        db,
        """
        update refund
        set status = $3, provider_reference = $4, attempts = attempts + 1, next_check_at = null, updated_at = $5
        where org_id = $1 and id = $2 and status = 'created'
        """,
        org_id,
        refund_id,
        status,
        provider_reference,
        now,
    )


async def postpone_refund(db: Connection, org_id: UUID, refund_id: UUID, next_check_at: datetime, now: datetime) -> int:
    return await execute(
        db,
        """
        update refund set attempts = attempts + 1, next_check_at = $3, updated_at = $4
        where org_id = $1 and id = $2 and status = 'created'
        """,
        org_id,
        refund_id,
        next_check_at,
        now,
    )


async def insert_settlement(
    db: Connection, org_id: UUID, settlement_id: UUID, order_id: UUID, booking_id: UUID, method: str, amount: Money,
    staff_id: UUID, now: datetime,
) -> None:  # fmt: skip
    await execute(
        db,
        """
        insert into settlement (org_id, id, order_id, booking_id, method, amount, currency, staff_id, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """,
        org_id, settlement_id, order_id, booking_id, method, amount.amount, amount.currency, staff_id, now,
    )  # fmt: skip


class AmountRow(msgspec.Struct, frozen=True):
    id: UUID
    amount: int


async def sum_settlements(db: Connection, org_id: UUID, booking_ids: Sequence[UUID]) -> list[AmountRow]:
    """What was paid on site for each booking; bookings without a settlement are absent."""
    return await fetch_all(
        db,
        AmountRow,
        """
        select booking_id as id, sum(amount)::bigint as amount
        from settlement where org_id = $1 and booking_id = any($2::uuid[]) group by booking_id
        """,
        org_id,
        booking_ids,
    )
