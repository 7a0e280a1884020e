"""Holding and confirming together: what has gathered while one transaction was under way is done in the next.

The same statements as one by one, shared by all; see `core.queue.batching` and `core.queue.together` for why it is safe. Only
what is simple comes here: of a hold one booking without chosen seats, of a confirmation what needs no provider to be
called. What turns out to be unusual (an id that exists, an order that somebody works on, seats to be assigned) goes to
the plain path before anything is written for it, so that a batch waits for no single order.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from booking_api.bookings import queries
from booking_api.bookings.hold_queries import OrderContact, lock_orders_and_count
from booking_api.bookings.operations.bounding import contact_digest, count_beside, needs_proof, require_room_of_contact
from booking_api.bookings.operations.complete import Confirmed
from booking_api.bookings.operations.confirmation import NextStep, check, confirm_now, whole_contact, with_contacts
from booking_api.bookings.operations.facts import Facts, load, may_see, sees
from booking_api.bookings.operations.holding import Drafted, Wish, draft_holds, place_holds
from booking_api.bookings.operations.refusing import Seen
from booking_api.bookings.operations.repeat import id_key
from booking_api.bookings.operations.show import Show, present
from booking_api.bookings.refusals import UseOrder
from booking_api.bookings.schemas import Confirmation, Contact, NewOrder, OrderRow
from booking_api.core.context import Context
from booking_api.core.db.queries import NewAnswer
from booking_api.core.errors import DomainError, NotFound
from booking_api.core.ids import new_id
from booking_api.core.queue.together import Turn
from booking_api.core.web.replies import Reply, version_etag
from booking_api.core.web.sameness import body_fingerprint


class HoldWish(NamedTuple):
    """A request to hold one booking, with what it needs of HTTP."""

    wanted: NewOrder
    body: bytes
    show: Show
    reply: Callable[[Context, Facts, Any], Reply]
    address: str
    """The client's network address."""

    @property
    def booking_id(self) -> UUID | None:
        return self.wanted.bookings[0].id


async def hold_together(turns: Sequence[Turn[HoldWish]]) -> None:
    """Holds, and confirms at once where that is wished."""
    ctx = turns[0].ctx
    known: set[UUID] = set()
    if ids := [booking_id for turn in turns if (booking_id := turn.wish.booking_id)]:
        known = {found.booking_id for found in await queries.find_orders_of(ctx.db, ctx.org_id, ids)}
    fresh = [turn for turn in turns if turn.wish.booking_id not in known]
    drafted: list[tuple[Turn[HoldWish], Drafted]] = []
    for turn, draft in zip(fresh, await draft_holds([_wish(turn) for turn in fresh]), strict=True):
        if isinstance(draft, DomainError):
            turn.outcome = draft
        elif not turn.wish.wanted.confirm or (
            draft.is_confirmed and not _has_seats(draft.facts) and not needs_proof(turn.ctx, draft.facts)
        ):
            drafted.append((turn, draft))
    held: list[tuple[Turn[HoldWish], Facts]] = []
    for (turn, _), outcome in zip(drafted, await place_holds([draft for _, draft in drafted]), strict=True):
        if isinstance(outcome, Exception):
            turn.outcome = outcome
        else:
            held.append((turn, outcome))
    answers = await present([(turn.ctx, facts, turn.wish.show) for turn, facts in held])
    for (turn, facts), answer in zip(held, answers, strict=True):
        turn.outcome = turn.wish.reply(turn.ctx, facts, answer)
        if turn.ctx.caller.kind == "app" and (booking_id := turn.wish.booking_id) is not None:
            # As `repeat.remember_id` does.
            made = body_fingerprint(turn.wish.body)
            turn.notes.append(
                NewAnswer(
                    credential_id=turn.ctx.caller.credential_id,
                    key_hash=id_key(booking_id),
                    fingerprint=made,
                    status=turn.outcome.status,
                    body=b"",
                    customer_id=facts.order.customer_id,
                )
            )


def _wish(turn: Turn[HoldWish]) -> Wish:
    caller = turn.ctx.caller
    customer_id = caller.subject_id if caller.is_customer else None
    return Wish(turn.ctx, turn.wish.wanted, customer_id or new_id(), is_short=True, address=turn.wish.address)


def _has_seats(facts: Facts) -> bool:
    return any(facts.slot(booking).seat_layout_id is not None for booking in facts.bookings)


class ConfirmWish(NamedTuple):
    """A request to confirm an order, by its id or by that of its only booking."""

    order_id: UUID | None
    booking_id: UUID | None
    wanted: Confirmation
    show: Show
    seen: Seen | None


async def confirm_together(turns: Sequence[Turn[ConfirmWish]]) -> None:
    """Confirms orders of which nothing is to be paid now."""
    locked, held, known = await _lock(turns)
    given = {facts.order.id for turn, facts in locked if turn.wish.wanted.contact or facts.bookings[0].contact}
    wishes = await with_contacts([(turn.ctx, facts, turn.wish.wanted) for turn, facts in locked], known)
    done: list[tuple[Turn[ConfirmWish], Facts]] = []
    now: list[Confirmed] = []
    checked: list[tuple[Turn[ConfirmWish], Facts, NextStep]] = []
    for (turn, facts), wish in zip(locked, wishes, strict=True):
        try:
            checked.append((turn, facts, check(turn.ctx, facts, wish, turn.wish.seen)))
        except DomainError as refusal:
            turn.outcome = refusal
    remembered = [facts for _, facts, step in checked if step == "confirm" and facts.order.id not in given]
    held |= await count_beside(turns[0].ctx, remembered)
    for turn, facts, step in checked:
        try:
            if step == "confirm":
                require_room_of_contact(turn.ctx, facts, held.get(facts.order.id, 0))
        except DomainError as refusal:
            turn.outcome = refusal
            continue
        if step == "confirm" and not _has_seats(facts) and not needs_proof(turn.ctx, facts):
            now.append(Confirmed(turn.ctx, facts))
        elif step != "nothing":
            continue
        done.append((turn, facts))
    await confirm_now(now)
    answers = await present([(turn.ctx, facts, turn.wish.show) for turn, facts in done])
    for (turn, _), answer in zip(done, answers, strict=True):
        turn.outcome = Reply(answer, headers={"ETag": version_etag(answer.version)})


async def _lock(
    turns: Sequence[Turn[ConfirmWish]],
) -> tuple[list[tuple[Turn[ConfirmWish], Facts]], dict[UUID, int], dict[UUID, Contact]]:
    """The orders, locked, with all there is to know, in as many statements as for one; by order the unpaid places of
    other orders with the contact that it has or is given; and by customer their last contact.

    Left to the plain path are orders that somebody works on, a second request about the same order, a customer's
    second order, which may need the contact that comes with the first, and all that has to do with a payment.
    """
    ctx = turns[0].ctx
    order_of: dict[UUID, UUID] = {}
    if booking_ids := [turn.wish.booking_id for turn in turns if turn.wish.booking_id is not None]:
        found = await queries.find_orders_of(ctx.db, ctx.org_id, booking_ids)
        order_of = {row.booking_id: row.order_id for row in found}
    wanted: dict[UUID, Turn[ConfirmWish]] = {}
    for turn in turns:
        order_id = turn.wish.order_id or (turn.wish.booking_id and order_of.get(turn.wish.booking_id))
        if order_id is None:
            turn.outcome = NotFound()
        else:
            wanted.setdefault(order_id, turn)
    asked = [OrderContact(id_, contact_digest(turn.ctx, turn.wish.wanted.contact)) for id_, turn in wanted.items()]
    found_orders = await lock_orders_and_count(ctx.db, ctx.org_id, asked, ctx.now)
    locked = {order.id: order for order in found_orders}
    customers: set[UUID] = set()
    chosen: list[tuple[Turn[ConfirmWish], OrderRow]] = []
    for order_id, turn in wanted.items():
        order = locked.get(order_id)
        if order is None or order.intent_id is not None or order.customer_id in customers:
            continue
        if may_see(turn.ctx, order):
            customers.add(order.customer_id)
            chosen.append((turn, order))
        else:
            turn.outcome = NotFound()
    whole: list[tuple[Turn[ConfirmWish], Facts]] = []
    for (turn, _), facts in zip(chosen, await load(ctx, [order for _, order in chosen]), strict=True):
        if not sees(turn.ctx, facts, turn.wish.booking_id):
            turn.outcome = NotFound()
        elif turn.wish.booking_id is not None and facts.of_several:
            turn.outcome = UseOrder(order_id=str(facts.order.id))
        else:
            whole.append((turn, facts))
    known = {
        order.customer_id: contact
        for order in found_orders
        if (contact := whole_contact(order.known_name, order.known_email, order.known_phone)) is not None
    }
    return whole, {order.id: order.contact_unpaid for order in found_orders}, known
