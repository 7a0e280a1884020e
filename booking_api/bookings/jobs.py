"""Background work of bookings: ended holds, payments that came or didn't, recovery codes, retention."""

from collections import defaultdict
from datetime import timedelta
from uuid import UUID

from booking_api.bookings import queries, retention_queries, rules
from booking_api.bookings.operations import cancel, confirm, edit
from booking_api.bookings.operations.facts import load
from booking_api.bookings.operations.sync import TOMBSTONE_DAYS
from booking_api.core.clock import utc_now
from booking_api.core.queries import StoredEvent
from booking_api.core.runtime import Runtime, acquire
from booking_api.feedback import operations as feedback
from booking_api.identity import notifier
from booking_api.identity import operations as identity
from booking_api.identity import queries as identity_queries
from booking_api.identity.notifier import Message
from booking_api.identity.system import system_context
from booking_api.payments import operations as payments

BATCH = 100
DEAD_AFTER = timedelta(days=7)
"""An expired order without a payment is kept this long, so that its customer still sees what became of it."""


async def sweep_ended_holds(runtime: Runtime) -> int:
    """Gives the places of ended holds back, a batch at a time; the number of orders."""
    async with acquire(runtime) as db, db.transaction():
        by_org: dict[UUID, list[UUID]] = defaultdict(list)
        due = await queries.lock_ended_holds(db, utc_now(), BATCH)
        for order in due:
            by_org[order.org_id].append(order.id)
        for org_id, order_ids in by_org.items():
            if (ctx := await system_context(runtime, db, org_id)) is not None:
                await cancel.expire(ctx, order_ids)
        return len(due)


async def sweep_undecided_payments(runtime: Runtime) -> int:
    """Ends orders whose payment had no outcome in time; each in a transaction of its own."""
    async with acquire(runtime) as db:
        due = await queries.list_undecided_orders(db, utc_now(), BATCH)
        for found in due:
            async with db.transaction():
                ctx = await system_context(runtime, db, found.org_id)
                order = await queries.lock_order(db, found.org_id, found.id)
                if ctx is None or order is None:
                    continue
                facts = (await load(ctx, [order]))[0]
                if facts.intent is not None and facts.intent.is_settled:
                    # It had one in time, and nobody was there to draw the conclusion.
                    await confirm.settle(ctx, facts, facts.intent)
                else:
                    await cancel.abandon(ctx, facts)
        return len(due)


async def settle_payment(runtime: Runtime, event: StoredEvent) -> None:
    """Brings an order to where its payment says: the news of a webhook or of the reconciler."""
    async with acquire(runtime) as db, db.transaction():
        ctx = await system_context(runtime, db, event.org_id)
        order = await queries.lock_order(db, event.org_id, UUID(str(event.data["order_id"])))
        if ctx is None or order is None:
            return
        intent = await payments.find_intent(db, event.org_id, UUID(str(event.data["intent_id"])))
        if intent is not None:
            await confirm.settle(ctx, (await load(ctx, [order]))[0], intent)


async def follow_slot(runtime: Runtime, event: StoredEvent) -> None:
    """Brings a slot's change to its bookings, an order at a time, so that no lock lasts."""
    after = UUID(int=0)
    async with acquire(runtime) as db:
        while found := await queries.list_orders_on_slot(db, event.org_id, event.subject_id, after, BATCH):
            for row in found:
                async with db.transaction():
                    ctx = await system_context(runtime, db, event.org_id)
                    order = await queries.lock_order(db, event.org_id, row.order_id)
                    if ctx is not None and order is not None:
                        await edit.follow_slot(ctx, (await load(ctx, [order]))[0], event.subject_id)
            after = found[-1].order_id


async def apply_retention(runtime: Runtime) -> int:
    """Erases contacts and answers N days after the visit, as each organisation or the installation has set."""
    done = 0
    async with acquire(runtime) as db:
        for org in await identity_queries.list_organisations(db):
            days = org.retention_days or runtime.settings.retention_days
            if days <= 0:
                continue
            now = utc_now()
            before = now - timedelta(days=days)
            async with db.transaction():
                erased = await retention_queries.erase_bookings(db, org.org_id, before, now, BATCH)
                await retention_queries.erase_items(db, org.org_id, [row.id for row in erased])
                idle = await retention_queries.list_idle_customers(db, org.org_id, [row.customer_id for row in erased])
                await identity.forget_contacts(db, org.org_id, [row.customer_id for row in idle], now)
                texts = await feedback.erase_feedback(db, org.org_id, before, BATCH, now=now)
            done += len(erased) + texts
    return done


async def bury_abandoned_orders(runtime: Runtime) -> int:
    """Deletes long-expired orders that were never paid, leaving tombstones for the phones that know them."""
    done = 0
    async with acquire(runtime) as db:
        for org in await identity_queries.list_organisations(db):
            now = utc_now()
            async with db.transaction():
                dead = await retention_queries.list_dead_orders(db, org.org_id, now - DEAD_AFTER, BATCH)
                if dead:
                    await retention_queries.bury_orders(db, org.org_id, [order.id for order in dead], now)
            done += len(dead)
        await retention_queries.delete_tombstones(db, utc_now() - timedelta(days=TOMBSTONE_DAYS), BATCH)
    return done


async def send_recovery_code(runtime: Runtime, event: StoredEvent) -> None:
    """Sends a single-use code to whoever owns the booking, if what they said about it is right; else nothing."""
    contact = identity.open_contact(runtime.vault, str(event.data["contact"]))
    async with acquire(runtime) as db, db.transaction():
        ctx = await system_context(runtime, db, event.org_id)
        found = await queries.find_reference(db, event.org_id, str(event.data["reference"]))
        recipient = (
            None if found is None else rules.recovery_recipient(found.email, found.phone, contact.email, contact.phone)
        )
        if ctx is None or found is None or recipient is None:
            return
        code = await identity.make_code(
            db, event.org_id, "recover", found.customer_id, found.id, ctx.now, runtime.settings.code_seconds
        )
    subject, body = rules.recovery_message(str(event.data.get("language", "en")), ctx.org.name, code)
    message = Message(
        org_id=event.org_id, recipient=recipient, subject=subject, body=body, created_at=ctx.now, id=event.id
    )
    await notifier.send(runtime, message)
