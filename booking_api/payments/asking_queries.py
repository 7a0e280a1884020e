"""The SQL of asking providers: about which payments and refunds, and taking those, so that nobody else asks meanwhile."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from booking_api.core.db import Connection, fetch_all, fetch_one
from booking_api.core.db.rows import FoundIds
from booking_api.core.rounds import one_by_one
from booking_api.payments.refund_schemas import RefundRow
from booking_api.payments.schemas import IntentCharge

CHARGE_COLUMNS: Final = """
  i.org_id, i.id, i.order_id, i.amount, i.currency, i.provider, i.status, i.token, i.return_url, i.next_action,
  i.provider_reference, i.error_code, i.give_up_at, o.live
"""
REFUND_ROW_COLUMNS: Final = """
  r.org_id, r.id, r.intent_id, r.order_id, r.booking_id, r.amount, r.currency, r.reason, r.attempts, r.tries, r.status,
  r.provider_reference, r.updated_at, i.provider, i.provider_reference as charge_reference
"""


async def find_charge(db: Connection, org_id: UUID, intent_id: UUID) -> IntentCharge | None:
    """An intent with its token, for calling the provider."""
    return await fetch_one(
        db,
        IntentCharge,
        f"""
        select {CHARGE_COLUMNS}
        from payment_intent i join organisation o on o.org_id = i.org_id
        where i.org_id = $1 and i.id = $2
        """,
        org_id,
        intent_id,
    )


async def list_due_intents(db: Connection, now: datetime, limit: int) -> list[FoundIds]:
    """Due intents by organisation: of the oldest thousand the first of each organisation, then the second, and so on, so
    that one with many doesn't keep the others waiting."""
    return await fetch_all(
        db,
        FoundIds,
        """
        select org_id, array_agg(id) as ids
        from (
          select org_id, id, next_check_at, row_number() over (partition by org_id order by next_check_at) as turn
          from (
            select org_id, id, next_check_at from payment_intent where next_check_at <= $1 order by next_check_at limit 1000
          ) oldest
          order by turn, next_check_at limit $2
        ) due
        group by org_id order by min(next_check_at)
        """,
        now,
        limit,
    )


async def take_intents(
    db: Connection, org_id: UUID, ids: Sequence[UUID], now: datetime, leased_until: datetime
) -> list[IntentCharge]:
    """Takes those of these intents that are still due until `leased_until`, when they are due again if nobody finished.

    By their keys, as `core.db.event_queries.claim_events`, and not by the index of all that are due.
    """
    return await fetch_all(
        db,
        IntentCharge,
        f"""
        with due as materialized (
          select id from payment_intent where org_id = $1 and id = any($2::uuid[]) and coalesce(next_check_at, 'infinity') <= $3
          order by id for update skip locked
        )
        update payment_intent i set next_check_at = $4
        from due, organisation o
        where i.org_id = $1 and i.id = due.id and o.org_id = $1
        returning {CHARGE_COLUMNS}
        """,
        org_id,
        ids,
        now,
        leased_until,
    )


async def claim_due_intents(db: Connection, now: datetime, leased_until: datetime, limit: int) -> list[IntentCharge]:
    """Takes due intents of every organisation, an organisation after the other, until `leased_until`."""
    due = await list_due_intents(db, now, limit)
    taken = await one_by_one(due, lambda one: take_intents(db, one.org_id, one.ids, now, leased_until))
    return [one for some in taken for one in some]


async def find_refund_row(db: Connection, org_id: UUID, refund_id: UUID) -> RefundRow | None:
    """A refund as its provider is asked about it; None for one of money that was taken on site."""
    return await fetch_one(
        db,
        RefundRow,
        f"""
        select {REFUND_ROW_COLUMNS}
        from refund r join payment_intent i on i.org_id = r.org_id and i.id = r.intent_id
        where r.org_id = $1 and r.id = $2
        """,
        org_id,
        refund_id,
    )


async def list_due_refunds(db: Connection, now: datetime, limit: int) -> list[FoundIds]:
    """Due refunds by organisation: of the oldest thousand the first of each organisation, then the second, and so on, so
    that one with many doesn't keep the others waiting."""
    return await fetch_all(
        db,
        FoundIds,
        """
        select org_id, array_agg(id) as ids
        from (
          select org_id, id, next_check_at, row_number() over (partition by org_id order by next_check_at) as turn
          from (
            select org_id, id, next_check_at from refund where next_check_at <= $1 order by next_check_at limit 1000
          ) oldest
          order by turn, next_check_at limit $2
        ) due
        group by org_id order by min(next_check_at)
        """,
        now,
        limit,
    )


async def take_refunds(
    db: Connection, org_id: UUID, ids: Sequence[UUID], now: datetime, leased_until: datetime
) -> list[RefundRow]:
    """Takes those of these refunds that are still due until `leased_until`, when they are due again if nobody finished.

    By their keys, as `core.db.event_queries.claim_events`, and not by the index of all that are due.
    """
    return await fetch_all(
        db,
        RefundRow,
        f"""
        with due as materialized (
          select id from refund where org_id = $1 and id = any($2::uuid[]) and coalesce(next_check_at, 'infinity') <= $3
          order by id for update skip locked
        )
        update refund r set next_check_at = $4
        from due, payment_intent i
        where r.org_id = $1 and r.id = due.id and i.org_id = $1 and i.id = r.intent_id
        returning {REFUND_ROW_COLUMNS}
        """,
        org_id,
        ids,
        now,
        leased_until,
    )


async def claim_due_refunds(db: Connection, now: datetime, leased_until: datetime, limit: int) -> list[RefundRow]:
    """Takes due refunds of every organisation, an organisation after the other, until `leased_until`."""
    due = await list_due_refunds(db, now, limit)
    taken = await one_by_one(due, lambda one: take_refunds(db, one.org_id, one.ids, now, leased_until))
    return [one for some in taken for one in some]
