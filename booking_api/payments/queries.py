"""All SQL of payments."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from booking_api.core.db import Connection, execute, fetch_all, fetch_one
from booking_api.core.money import Money
from booking_api.payments.refund_schemas import RefundFact
from booking_api.payments.schemas import Intent, Redirect

INTENT_COLUMNS: Final = """
  i.id, i.order_id, i.amount, i.currency, i.provider, i.status, i.provider_reference, i.next_action, i.error_code,
  i.attempts, i.next_check_at, i.give_up_at, i.created_at, i.updated_at, i.token_digest, i.abandoned_at
"""


async def insert_intent(
    db: Connection, org_id: UUID, intent: Intent, token: str | None, return_url: str | None
) -> None:
    await execute(
        db,
        """
        insert into payment_intent
          (org_id, id, order_id, amount, currency, provider, token, return_url, status, attempts, next_check_at,
           give_up_at, created_at, updated_at, token_digest)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
        """,
        org_id, intent.id, intent.order_id, intent.amount, intent.currency, intent.provider, token, return_url,
        intent.status, intent.attempts, intent.next_check_at, intent.give_up_at, intent.created_at, intent.updated_at,
        intent.token_digest,
    )  # fmt: skip


async def lock_intent(db: Connection, org_id: UUID, intent_id: UUID) -> Intent | None:
    return await fetch_one(
        db,
        Intent,
        f"select {INTENT_COLUMNS} from payment_intent i where i.org_id = $1 and i.id = $2 for update",
        org_id,
        intent_id,
    )


async def find_intent(db: Connection, org_id: UUID, intent_id: UUID) -> Intent | None:
    return await fetch_one(
        db,
        Intent,
        f"select {INTENT_COLUMNS} from payment_intent i where i.org_id = $1 and i.id = $2",
        org_id,
        intent_id,
    )


class LatestIntent(Intent, frozen=True, kw_only=True):
    refunds: list[RefundFact]


async def latest_intents(db: Connection, org_id: UUID, order_ids: Sequence[UUID]) -> list[LatestIntent]:
    """The newest intent of each order, with all refunds of the order, the oldest first."""
    return await fetch_all(
        db,
        LatestIntent,
        f"""
        select distinct on (i.order_id) {INTENT_COLUMNS},
               coalesce((
                 select jsonb_agg(jsonb_build_object(
                   'id', r.id, 'order_id', r.order_id, 'intent_id', r.intent_id, 'booking_id', r.booking_id,
                   'amount', r.amount, 'currency', r.currency, 'status', r.status, 'reason', r.reason
                 ) order by r.created_at, r.id)
                 from refund r where r.org_id = i.org_id and r.order_id = i.order_id
               ), '[]') as refunds
        from payment_intent i where i.org_id = $1 and i.order_id = any($2::uuid[])
        order by i.order_id, i.created_at desc, i.id desc
        """,
        org_id,
        order_ids,
    )


async def update_intent(
    db: Connection, org_id: UUID, intent: Intent, next_action: Redirect | None, *, settled: bool
) -> None:
    """Stores an outcome. What the app gave along is of no use any more once it is settled: the token, and the link back
    into the app, which says whatever the app put there."""
    await execute(
        db,
        """
        update payment_intent
        set status = $3, provider_reference = $4, next_action = $5::jsonb, error_code = $6, attempts = $7,
            next_check_at = $8, updated_at = $9, token = case when $10 then null else token end,
            return_url = case when $10 then null else return_url end
        where org_id = $1 and id = $2
        """,
        org_id, intent.id, intent.status, intent.provider_reference, next_action, intent.error_code, intent.attempts,
        intent.next_check_at, intent.updated_at, settled,
    )  # fmt: skip


async def forget_links(db: Connection, org_id: UUID, order_ids: Sequence[UUID]) -> int:
    """Erases the links into apps that settled payments of these orders keep from before they were erased at once."""
    return await execute(
        db,
        """
        update payment_intent set return_url = null
        where org_id = $1 and order_id = any($2::uuid[]) and return_url is not null
          and status in ('succeeded', 'failed', 'cancelled')
        """,
        org_id,
        order_ids,
    )


class IntentState(msgspec.Struct, frozen=True):
    org_id: UUID
    id: UUID
    status: str


async def list_decided(db: Connection, org_ids: Sequence[UUID], intent_ids: Sequence[UUID]) -> list[IntentState]:
    """Those of the intents, of any organisation, that somebody has heard of from their provider; for waiting alone."""
    return await fetch_all(
        db,
        IntentState,
        """
        select i.org_id, i.id, i.status
        from unnest($1::uuid[], $2::uuid[]) as w (org_id, intent_id)
        join payment_intent i on i.org_id = w.org_id and i.id = w.intent_id
        where i.status in ('requires_action', 'succeeded', 'failed', 'cancelled')
        """,
        org_ids,
        intent_ids,
    )


async def abandon_intents(db: Connection, org_id: UUID, order_ids: Sequence[UUID], now: datetime) -> int:
    """These orders' intents buy nothing any more: those that aren't settled are due at once, to be cancelled."""
    return await execute(
        db,
        """
        update payment_intent set abandoned_at = $3,
          give_up_at = case when next_check_at is null then give_up_at else $3 end,
          next_check_at = case when next_check_at is null then null else $3 end
        where org_id = $1 and order_id = any($2::uuid[]) and abandoned_at is null
        """,
        org_id,
        order_ids,
        now,
    )


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
