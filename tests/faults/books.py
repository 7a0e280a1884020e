"""What must be true after any fault: the database's books, the payment provider's, and the two compared."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import asyncpg

from booking_api.capabilities import all_checks
from booking_api.core.checks import Examined
from booking_api.core.clock import utc_now
from booking_api.core.db import prepare_connection
from booking_api.core.settings import load_settings
from booking_api.payments.checks import RECONCILED_WITHIN
from tests.operations.test_worker import until

Charges = list[dict[str, Any]]


async def wrongs(database_url: str, charges: Charges, refunds: Charges) -> list[str]:
    """What is wrong, as sentences; nothing, where all is well and nobody is at work any more."""
    db = await asyncpg.connect(database_url)
    try:
        await prepare_connection(db)
        # As if all the time were over that the doctor leaves to the worker.
        books = await _wrong_books(db, utc_now() + RECONCILED_WITHIN)
        return [*books, *await _doubled(db), *await _wrong_money(db, charges, refunds)]
    finally:
        await db.close()


async def wrongs_under_load(database_url: str) -> list[str]:
    """What is wrong at one moment, whoever is at work: every commit leaves the books right."""
    db = await asyncpg.connect(database_url)
    try:
        await prepare_connection(db)
        async with db.transaction(isolation="repeatable_read", readonly=True):
            return [*await _wrong_books(db, utc_now()), *await _doubled(db)]
    finally:
        await db.close()


async def _wrong_books(db: asyncpg.Connection, now: datetime) -> list[str]:
    """The doctor's own checks."""
    found: list[str] = []
    examined = Examined(load_settings(), None, db, now)
    for check in all_checks():
        if check.of_data and check.name != "reconciliation":
            async for finding in check.look(examined):
                found += [f"{check.name}: {finding.problem} {example}" for example in finding.examples]
    return found


async def _doubled(db: asyncpg.Connection) -> list[str]:
    """Each traveller of the tests has a name of their own, and so a name that is there twice was booked twice."""
    rows = await db.fetch("select name from item where name is not null group by org_id, name having count(*) > 1")
    return [f"{row['name']} was booked twice" for row in rows]


async def wrong_scans(database_url: str, told: dict[str, str]) -> list[str]:
    """Which verdicts, by nonce, were forgotten; who was let through twice, or scanned and not let through at all."""
    db = await asyncpg.connect(database_url)
    try:
        rows = await db.fetch("select nonce, item_id::text as item, admit, verdict from scan")
    finally:
        await db.close()
    verdicts = {row["nonce"]: row["verdict"] for row in rows}
    admitted = [row["item"] for row in rows if row["admit"]]
    return [
        *(
            f"scan {nonce} was {said} and is {verdicts.get(nonce)}"
            for nonce, said in told.items()
            if verdicts.get(nonce) != said
        ),
        *(f"{item} was let through twice" for item in set(admitted) if admitted.count(item) > 1),
        *(f"{row['item']} was only {row['verdict']}" for row in rows if row["item"] not in admitted),
    ]


async def _wrong_money(db: asyncpg.Connection, charges: Charges, refunds: Charges) -> list[str]:
    """Every charge belongs to an order that stands, or was given back; nothing was charged or given back twice."""
    rows = await db.fetch(
        """
        select i.id::text as id, i.order_id::text as order_id, i.status, i.amount, o.status as order_status,
          (o.intent_id = i.id and i.abandoned_at is null) as is_current,
          coalesce((select sum(r.amount) from refund r where r.org_id = i.org_id and r.intent_id = i.id
                    and r.status = 'succeeded'), 0)::bigint as refunded,
          coalesce((select sum(b.refund_amount) from booking b where b.org_id = o.org_id and b.order_id = o.id), 0)::bigint
            as promised
        from payment_intent i join booking_order o on o.org_id = i.org_id and o.id = i.order_id
        """
    )
    intents = {row["id"]: row for row in rows}
    found: list[str] = []
    charged = {charge["key"]: charge for charge in charges if charge["status"] == "succeeded"}
    for key, charge in charged.items():
        intent = intents.get(key)
        if intent is None or intent["status"] != "succeeded" or intent["amount"] != charge["amount"]:
            found.append(f"charge {key} of {charge['amount']} is an orphan: {dict(intent) if intent else None}")
            continue
        stands = intent["is_current"] and intent["order_status"] in {"confirmed", "cancelled"}
        due_back = intent["promised"] if stands else charge["amount"]
        if not charge["refunded"] == intent["refunded"] == due_back:
            found.append(f"of charge {key}, {charge['refunded']} went back instead of {due_back}: {dict(intent)}")
    found += [
        f"payment {key} succeeded here alone"
        for key, row in intents.items()
        if row["status"] == "succeeded" and key not in charged
    ]
    standing = [row["order_id"] for row in rows if row["status"] == "succeeded" and row["refunded"] == 0]
    found += [f"order {order} was paid twice" for order in standing if standing.count(order) > 1]
    known = {
        row["id"] for row in await db.fetch("select provider_reference as id from refund where status = 'succeeded'")
    }
    given_back = {refund["id"] for refund in refunds if refund["status"] == "succeeded"}
    found += [f"refund {key} is not in both books" for key in known ^ given_back]
    return found


async def batches(database_url: str) -> int:
    """In how many transactions several requests or several scans were answered."""
    db = await asyncpg.connect(database_url)
    try:
        return await db.fetchval(
            """
            select (select count(*) from (select from idempotency_key group by xmin::text having count(*) > 1) as shared)
              + (select count(*) from (select from scan group by xmin::text having count(*) > 1) as shared)
            """
        )
    finally:
        await db.close()


async def all_done(database_url: str, meanwhile: Callable[[], Awaitable[object]], seconds: float) -> None:
    """Waits until the workers have caught up. Raises `AssertionError` that says what is left in the end."""
    left: dict[str, int] = {}

    async def nothing_is_left() -> bool:
        nonlocal left
        await meanwhile()
        left = await left_over(database_url)
        return not left

    try:
        await until(nothing_is_left, seconds)
    except TimeoutError:
        raise AssertionError(f"still to be done: {left}") from None


async def left_over(database_url: str) -> dict[str, int]:
    """What somebody still has to do; nothing, once the workers have caught up."""
    db = await asyncpg.connect(database_url)
    try:
        row = await db.fetchrow(
            """
            select (select count(*) from event where relayed_at is null) as events,
              (select count(*) from pgqueuer) as jobs,
              (select count(*) from payment_intent where next_check_at is not null) as payments,
              (select count(*) from refund where status = 'created') as refunds,
              (select count(*) from booking_order where status in ('on_hold', 'pending')) as orders
            """
        )
    finally:
        await db.close()
    assert row is not None
    return {name: count for name, count in row.items() if count}
