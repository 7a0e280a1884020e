"""Background work of bookings: ended holds, payments that came or didn't, recovery codes, retention."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from uuid import UUID

import asyncpg
from cryptography.fernet import InvalidToken

from booking_api.bookings import queries, recovery, retention_queries, slot_rules
from booking_api.bookings.events import BookingChanged, BookingForgotten
from booking_api.bookings.operations import admitted, cancellation, release, retention, settlement, slot_change
from booking_api.bookings.operations.facts import Facts, load
from booking_api.bookings.operations.sync import TOMBSTONE_DAYS
from booking_api.bookings.operations.write import announce, events_about, save
from booking_api.core.clock import utc_now
from booking_api.core.context import Context, Organisation
from booking_api.core.db import Connection
from booking_api.core.db import queries as core_queries
from booking_api.core.db.event_queries import StoredEvent
from booking_api.core.log import log
from booking_api.core.money import Money
from booking_api.core.per_process import PerProcess
from booking_api.core.queue.batching import UNDECIDED as GONE
from booking_api.core.queue.events import publish
from booking_api.core.rounds import one_by_one
from booking_api.core.runtime import Runtime, acquire
from booking_api.feedback import operations as feedback
from booking_api.identity import audit, codes, notifier, reach
from booking_api.identity import operations as identity
from booking_api.identity import queries as identity_queries
from booking_api.identity.events import RecoveryRequested
from booking_api.identity.notifier import Message
from booking_api.identity.system import system_context
from booking_api.inventory import operations as inventory
from booking_api.inventory.events import SlotUpdated
from booking_api.passes import operations as passes
from booking_api.payments import operations as payments
from booking_api.payments.events import OfRefund, PaymentSettled

BATCH = 100
ROUNDS = 10
"""Batches that one run of a job does, where a batch may be of fewer bookings than it counts."""
DEAD_AFTER = timedelta(days=7)
"""An order that never stood is kept this long after it ended, so that its customer still sees what became of it."""


BUSY_WAIT = "500ms"
"""How long a sweep waits for a slot that is being sold, with nothing locked but one order that is over."""
BUSY = (asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError, asyncpg.TransactionRollbackError)
"""What says nothing about an order: a lock that wasn't to be had, a statement in a slow moment, a deadlock."""
BUSY_SECONDS, BROKEN_SECONDS = 5.0, 300.0
"""How long an order is left alone that was busy, and one on which a sweep failed, so that others get their turn."""
SKIPPED, MOST_SKIPPED = PerProcess(dict[UUID, float]), 1_000


class _Skipped:
    """Due orders that this process skips for a while, by id, until a moment of the event loop's clock."""

    def __init__(self, runtime: Runtime) -> None:
        self._until = SKIPPED.of(runtime.caches)

    def ids(self) -> list[UUID]:
        now = asyncio.get_running_loop().time()
        for order_id in [order_id for order_id, until in self._until.items() if until <= now]:
            del self._until[order_id]
        return list(self._until)

    def put(self, order_id: UUID, seconds: float) -> None:
        if len(self._until) < MOST_SKIPPED:
            self._until[order_id] = asyncio.get_running_loop().time() + seconds


async def sweep_ended_holds(runtime: Runtime) -> int:
    """Gives the places of ended holds back, a batch at a time; the number of orders.

    Those on slots that nobody is selling right now go together, without waiting. The others follow one by one, so
    that whoever waits for a slot has no other one locked.
    """
    skipped = _Skipped(runtime)
    async with acquire(runtime) as db:
        due = await queries.list_ended_holds(db, utc_now(), skipped.ids(), BATCH)
    by_org: dict[UUID, list[UUID]] = defaultdict(list)
    for order in due:
        by_org[order.org_id].append(order.id)
    done = 0
    for org_id, order_ids in by_org.items():
        ended = await _expire_idle(runtime, org_id, order_ids)
        done += len(ended)
        for order_id in order_ids:
            if order_id not in ended:
                done += await _alone(runtime, org_id, order_id, _expire)
    return done


async def _expire_idle(runtime: Runtime, org_id: UUID, order_ids: list[UUID]) -> set[UUID]:
    """Ends those whose slots are idle, in one transaction; none of them where that fails."""
    try:
        async with acquire(runtime) as db, db.transaction():
            ctx = await system_context(runtime, db, org_id)
            if ctx is None:
                return set()
            found = await load(ctx, await queries.lock_orders(db, org_id, order_ids))
            slots = {facts.order.id: {booking.slot_id for booking in facts.bookings} for facts in found}
            idle = await inventory.lock_idle(db, org_id, sorted(set().union(*slots.values())))
            ending = [facts for facts in found if slots[facts.order.id] <= idle]
            await cancellation.expire_loaded(ctx, ending)
            return {facts.order.id for facts in ending}
    except GONE:
        raise
    except Exception as error:  # noqa: BLE001 - one bad order among them must not hold up the others
        log.warning("sweep.batch_failed", orders=len(order_ids), error=type(error).__name__)
        return set()


async def sweep_undecided_payments(runtime: Runtime) -> int:
    """Ends orders whose payment had no outcome in time, each in a transaction of its own; the number of orders."""
    skipped = _Skipped(runtime)
    async with acquire(runtime) as db:
        due = await queries.list_undecided_orders(db, utc_now(), skipped.ids(), BATCH)
    return sum([await _alone(runtime, order.org_id, order.id, _decide) for order in due])


async def decide_for_silent(runtime: Runtime) -> int:
    """Serves customers who haven't chosen in time about a slot that was cancelled or moved; the number of orders."""
    skipped = _Skipped(runtime)
    async with acquire(runtime) as db:
        due = await queries.list_due_decisions(db, utc_now(), skipped.ids(), BATCH)
    orders = dict.fromkeys((order.org_id, order.id) for order in due)
    return sum([await _alone(runtime, org_id, order_id, slot_change.decide_for_silent) for org_id, order_id in orders])


async def _expire(ctx: Context, facts: Facts) -> None:
    await cancellation.expire_loaded(ctx, [facts])


async def _decide(ctx: Context, facts: Facts) -> None:
    if facts.intent is not None and facts.intent.is_settled:
        # It had an outcome in time, and nobody was there to draw the conclusion.
        await settlement.settle(ctx, facts, facts.intent)
    else:
        await cancellation.abandon(ctx, facts)


async def _alone(
    runtime: Runtime, org_id: UUID, order_id: UUID, act: Callable[[Context, Facts], Awaitable[None]]
) -> bool:
    """Acts on one order in a transaction of its own. Where that fails or has to wait for long, it is skipped for a while."""
    skipped = _Skipped(runtime)
    try:
        async with acquire(runtime) as db, db.transaction():
            await core_queries.limit_lock_wait(db, BUSY_WAIT)
            ctx = await system_context(runtime, db, org_id)
            orders = await queries.lock_orders(db, org_id, [order_id])
            if ctx is None or not orders:
                return False
            await act(ctx, (await load(ctx, orders))[0])
    except GONE:
        raise
    except BUSY:
        skipped.put(order_id, BUSY_SECONDS)
        return False
    except Exception as error:  # noqa: BLE001 - whatever it was, it concerns this order alone
        skipped.put(order_id, BROKEN_SECONDS)
        log.error("sweep.order_failed", order_id=str(order_id), exc_info=error)
        return False
    return True


async def settle_payment(runtime: Runtime, event: StoredEvent) -> None:
    """Brings an order to where its payment says, as a webhook or the reconciler found it."""
    async with acquire(runtime) as db, db.transaction():
        ctx = await system_context(runtime, db, event.org_id)
        settled = PaymentSettled.of(event)
        order = await queries.lock_order(db, event.org_id, settled.order_id)
        intent = await payments.find_intent(db, event.org_id, settled.intent_id)
        if ctx is None or intent is None:
            return
        if order is None:
            # Buried long ago, when nothing was to come any more. What came all the same goes back.
            if intent.status == "succeeded":
                whole = Money(intent.amount, intent.currency)
                if await payments.open_refund(ctx, intent.id, settled.order_id, None, whole, "no_room"):
                    await audit.note(ctx, "order.refunded", "order", settled.order_id, "no_room")
        else:
            await settlement.settle(ctx, (await load(ctx, [order]))[0], intent)


async def follow_refund(runtime: Runtime, event: StoredEvent) -> None:
    """Announces that a refund of an order came, failed or is tried again: by the version of its bookings."""
    async with acquire(runtime) as db, db.transaction():
        ctx = await system_context(runtime, db, event.org_id)
        refund = OfRefund.of(event)
        order = await queries.lock_order(db, event.org_id, refund.order_id)
        if ctx is None or order is None:
            return
        (facts,) = await load(ctx, [order])
        concerned = [b for b in facts.bookings if refund.booking_id in (None, b.id)]
        await save(ctx, facts, concerned)
        await announce(ctx, BookingChanged, concerned)


async def follow_slot(runtime: Runtime, event: StoredEvent) -> None:
    """Brings a slot's change to its bookings, an order at a time, so that no lock lasts.

    Raises the last failure once all others were reached, so that the job is tried again.
    """
    if not slot_rules.concerns_bookings(SlotUpdated.of(event).changed):
        return
    after = UUID(int=0)
    failure: Exception | None = None
    async with acquire(runtime) as db:
        while found := await queries.list_orders_on_slot(db, event.org_id, event.subject_id, after, BATCH):
            for row in found:
                try:
                    async with db.transaction():
                        ctx = await system_context(runtime, db, event.org_id)
                        order = await queries.lock_order(db, event.org_id, row.order_id)
                        if ctx is not None and order is not None:
                            await slot_change.follow_slot(ctx, (await load(ctx, [order]))[0], [event.subject_id])
                except GONE:
                    raise
                except Exception as error:  # noqa: BLE001 - one bad order must not hold up the others
                    log.warning("slot.not_followed", order_id=str(row.order_id), error=type(error).__name__)
                    failure = error
            after = found[-1].order_id
    if failure is not None:
        raise failure


async def follow_admissions(runtime: Runtime) -> int:
    """Announces to those who know a booking that somebody of it was admitted; the number of bookings.

    A scan writes no booking, so that it is quick and waits for no order; here the versions follow within a second.
    """
    done = 0
    async with acquire(runtime) as db:
        for _ in range(ROUNDS):
            untold = await passes.list_untold_admissions(db, BATCH)
            told = sum([await _tell(runtime, db, org_id, item_ids) for org_id, item_ids in untold.items()])
            done += told
            if not told or sum(map(len, untold.values())) < BATCH:
                break
    return done


async def _tell(runtime: Runtime, db: Connection, org_id: UUID, item_ids: list[UUID]) -> int:
    try:
        async with db.transaction():
            ctx = await system_context(runtime, db, org_id)
            return 0 if ctx is None else await admitted.tell_of_admissions(ctx, item_ids)
    except GONE:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it was, it concerns this organisation alone
        log.error("admissions.not_told", org_id=str(org_id), exc_info=error)
        return 0


async def release_holds(runtime: Runtime, event: StoredEvent) -> None:
    """Gives back what was held on a slot when its organiser didn't want it any more."""
    await release.release_holds(runtime, event.org_id, event.subject_id, event.created_at)


async def apply_retention(runtime: Runtime) -> int:
    """Erases sensitive answers once the visit is over, and contacts and all other answers N days after it, as each
    organisation or the installation has set."""
    now, usual_days = utc_now(), runtime.settings.retention_days
    silenced = await _in_each_organisation(
        runtime, lambda db, org: _silence(runtime, db, org),
        lambda db: retention_queries.list_organisations_to_silence(db, now),
    )  # fmt: skip
    return silenced + await _in_each_organisation(
        runtime, lambda db, org: _erase(runtime, db, org),
        lambda db: retention_queries.list_organisations_to_erase(db, now, usual_days),
    )  # fmt: skip


async def _silence(runtime: Runtime, db: Connection, org: Organisation) -> int:
    """Erases what was said in confidence about visits that are over, and nothing else; the number of orders."""
    ctx = await system_context(runtime, db, org.org_id)
    due = [row.id for row in await retention_queries.lock_orders_to_silence(db, org.org_id, utc_now(), BATCH)]
    if ctx is None or not due:
        return 0
    return await retention.silence(ctx, await load(ctx, await queries.lock_orders(db, org.org_id, due)))


async def _erase(runtime: Runtime, db: Connection, org: Organisation) -> int:
    days = org.retention_days or runtime.settings.retention_days
    if days <= 0:
        return 0
    now = utc_now()
    before = now - timedelta(days=days)
    orders = [row.id for row in await retention_queries.lock_orders_to_erase(db, org.org_id, before, BATCH)]
    over = [row.id for row in await retention_queries.list_over(db, org.org_id, orders, before)]
    erased = await retention.erase(db, org.org_id, over, now)
    texts = await feedback.erase_feedback(db, org.org_id, before, BATCH, now=now)
    return erased.bookings + texts


async def bury_abandoned_orders(runtime: Runtime) -> int:
    """Deletes orders that never stood and have no money, leaving tombstones for the phones that know them."""
    done = await _in_each_organisation(runtime, _bury)
    async with acquire(runtime) as db:
        old = await retention_queries.list_old_tombstones(db, utc_now() - timedelta(days=TOMBSTONE_DAYS), BATCH)
        await one_by_one(old, lambda one: retention_queries.delete_tombstones(db, one))
    return done


async def _bury(db: Connection, org: Organisation) -> int:
    now = utc_now()
    dead = await retention_queries.list_dead_orders(db, org.org_id, now - DEAD_AFTER, BATCH)
    if dead:
        gone = await retention_queries.bury_orders(db, org.org_id, [order.id for order in dead], now)
        await publish(db, events_about(org.org_id, BookingForgotten, gone, now))
        await identity.narrow_sessions(db, org.org_id, {order.customer_id for order in dead}, now)
    return len(dead)


async def _in_each_organisation(
    runtime: Runtime,
    act: Callable[[Connection, Organisation], Awaitable[int]],
    find: Callable[[Connection], Awaitable[Sequence[retention_queries.Concerned]]] | None = None,
) -> int:
    """Acts in a transaction for each organisation, or for each that is found to have something to do; the sum of what
    was done. One that fails doesn't stop the others."""
    async with acquire(runtime) as db:
        concerned = None if find is None else {one.org_id for one in await find(db)}
        if concerned is not None and not concerned:
            return 0

        async def act_in(org: Organisation) -> int:
            async with db.transaction():
                return await act(db, org)

        every = await identity_queries.list_organisations(db)
        return sum(await one_by_one([org for org in every if concerned is None or org.org_id in concerned], act_in))


async def send_recovery_code(runtime: Runtime, event: StoredEvent) -> None:
    """Sends a single-use code to the contact's address, if what was said about the booking is right; else nothing.

    The code proves that address, and opens the customer's bookings that have it as their contact.
    """
    asked = RecoveryRequested.of(event)
    try:
        contact = codes.open_contact(runtime.vault, asked.contact)
    except InvalidToken:
        # Asked for so long ago that the secret was changed and the one before taken out: nobody waits for a code.
        log.warning("recovery.unreadable", event_id=event.id.hex)
        return
    async with acquire(runtime) as db, db.transaction():
        ctx = await system_context(runtime, db, event.org_id)
        found = await queries.find_reference(db, event.org_id, asked.reference)
        recipient = (
            None
            if ctx is None or found is None
            else recovery.recovery_recipient(
                found.email, found.phone, contact.email, contact.phone, ctx.org.phone_country
            )
        )
        if ctx is None or found is None or recipient is None:
            return
        seconds, kind = runtime.settings.code_seconds, "email" if recipient == found.email else "phone"
        proven = reach.digests(runtime.vault, ctx.org, kind, recipient)[0]
        if not await codes.may_send_code(
            db, event.org_id, "recover", found.customer_id, found.id, proven, ctx.now, seconds
        ):
            return
        code = await codes.make_code(
            db, event.org_id, "recover", found.customer_id, found.id, ctx.now, seconds, address_digest=proven
        )
    subject, body = recovery.recovery_message(asked.language, ctx.org.name, code)
    message = Message(
        org_id=event.org_id, recipient=recipient, subject=subject, body=body, created_at=ctx.now, id=event.id
    )
    await notifier.send(runtime, message)
