"""Holding: all bookings of an order or none, and as many orders at once as have gathered.

An order that is to be confirmed at once, and of which nothing is to be paid now, is written as confirmed.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from booking_api.availability.alternatives import Wanted
from booking_api.bookings import queries
from booking_api.bookings.details import contact_words, holds_sensitive
from booking_api.bookings.events import BookingHeld
from booking_api.bookings.hold_queries import find_slots_and_counts
from booking_api.bookings.holding_rules import BoundKey, Keeper
from booking_api.bookings.operations.bounding import claim_room, counts_of, keeper_of, require_proof, unpaid
from booking_api.bookings.operations.complete import Confirmed, complete
from booking_api.bookings.operations.confirmation import check, known_contacts, knows_its_customer
from booking_api.bookings.operations.drafting import Draft, Offers, OrderDraft, draft_order
from booking_api.bookings.operations.facts import Facts
from booking_api.bookings.operations.write import mark_confirmed
from booking_api.bookings.refusals import SoldOut
from booking_api.bookings.schemas import Confirmation, Contact, NewOrder
from booking_api.bookings.write_schemas import InsertedBooking, InsertedItem, InsertedOrder
from booking_api.catalog import operations as catalog
from booking_api.core.context import Context
from booking_api.core.db.rows import row_from
from booking_api.core.errors import DomainError, FieldError, unprocessable
from booking_api.core.queue.events import publish
from booking_api.core.text.folding import words_of
from booking_api.inventory import operations as inventory
from booking_api.inventory.operations import SeatTaken
from booking_api.inventory.schemas import SeatWish, SlotRow


class NoRoom(Exception):
    """A draft found no room. Becomes `SoldOut` once the transaction, and with it the lock on the slot, has ended.

    Where the slot is `outdated`, changed after the draft was checked, it is to be drafted anew.
    """

    def __init__(self, draft: Draft, *, outdated: bool = False) -> None:
        super().__init__()
        self.draft = draft
        self.outdated = outdated


class Wish(NamedTuple):
    """One request to hold, with the context of who asks. The contexts of several share one transaction."""

    ctx: Context
    wanted: NewOrder
    customer_id: UUID
    is_short: bool = False
    """Whether the request has the fields of its only booking as its own, as pointers into it show."""
    address: str | None = None
    """The client's network address, as `identity.rate_limits.client_address` gives it."""


class Drafted(NamedTuple):
    """A wish that passed every check, before anything is written."""

    ctx: Context
    draft: OrderDraft
    facts: Facts
    is_confirmed: bool
    """Whether it is confirmed in the same breath, because that was wished and nothing is to be paid now."""
    keeper: Keeper | None
    """For whom its places are counted while they are unpaid."""


def sold_out(no_room: NoRoom) -> SoldOut:
    """The refusal, about the booking that found no room. Its alternatives are added by `with_alternatives`."""
    draft = no_room.draft
    detail = "There is no place left." if draft.places == 1 else f"There are not {draft.places} places left."
    errors = [FieldError(draft.pointer, detail)] if draft.pointer else None
    refusal = SoldOut(detail, errors=errors, slot_id=str(draft.slot.id))
    if draft.pointer:
        refusal.members["pointer"] = draft.pointer
    refusal.wanted = Wanted(draft.slot, draft.option.id, draft.counts)
    return refusal


async def place_hold(wish: Wish) -> Facts:
    """Holds every booking of one order, or raises and leaves nothing: the caller's transaction is to be rolled back.

    Raises `NoRoom`, `SeatTaken`, `ContactUnproven` and whatever `draft_holds` refuses.
    """
    (drafted,) = await draft_holds([wish])
    if isinstance(drafted, DomainError):
        raise drafted
    if drafted.is_confirmed:
        await require_proof(drafted.ctx, drafted.facts)
    (outcome,) = await place_holds([drafted])
    if isinstance(outcome, NoRoom):
        raise outcome
    return outcome


async def draft_holds(wishes: Sequence[Wish]) -> list[Drafted | DomainError]:
    """Checks what is wished, and nothing is written. Each is drafted or refused by itself.

    Refusals are `SalesClosed`, `PartyNotAllowed`, `PriceChanged`, `TooManyHolds` and `Unprocessable`, where a confirmation is wished
    also those of `confirmation.begin`.
    """
    if not wishes:
        return []
    ctx = wishes[0].ctx
    returning = [
        wish.customer_id
        for wish in wishes
        if wish.wanted.confirm and wish.wanted.contact is None and knows_its_customer(wish.ctx)
    ]
    contacts = await known_contacts(ctx, returning)
    given = [wish.wanted.contact or contacts.get(wish.customer_id) for wish in wishes]
    keepers = [
        keeper_of(wish.ctx, wish.customer_id, contact, wish.address)
        for wish, contact in zip(wishes, given, strict=True)
    ]
    offers, held = await _look_up(ctx, wishes, [keeper for keeper in keepers if keeper is not None])
    drafted: list[Drafted | DomainError] = []
    for wish, contact, keeper in zip(wishes, given, keepers, strict=True):
        try:
            draft = _draft(wish, offers, contact, keeper)
            if keeper is not None and keeper.contact is not None:
                draft.facts.contact_held = held["contact", keeper.contact, None]
            claim_room(wish.ctx, draft.facts, keeper, held)
            drafted.append(draft)
        except DomainError as refusal:
            drafted.append(refusal)
    return drafted


def _draft(wish: Wish, offers: Offers, contact: Contact | None, keeper: Keeper | None) -> Drafted:
    ctx, wanted = wish.ctx, wish.wanted
    draft = draft_order(ctx, wanted, wish.customer_id, contact, offers, is_short=wish.is_short)
    facts = _facts(draft)
    if not wanted.confirm or check(ctx, facts, Confirmation(contact=contact, payment=wanted.payment)) != "confirm":
        return Drafted(ctx, draft, facts, is_confirmed=False, keeper=keeper)
    mark_confirmed(facts, "confirm", ctx.now)
    for booking in facts.bookings:
        booking.version += 1  # Held and confirmed are two changes, though they are written as one.
    return Drafted(ctx, draft, facts, is_confirmed=True, keeper=keeper)


async def place_holds(orders: Sequence[Drafted]) -> list[Facts | NoRoom]:
    """Holds what fits, as if the orders came one by one in this order; a refusal refuses only its own.

    Several orders have one booking each and choose no seats: what is refused of them leaves nothing to undo.
    """
    if not orders:
        return []
    ctx = orders[0].ctx
    no_room = await _take_places(ctx, [one.draft for one in orders])
    held = [one for one in orders if one.draft.order.id not in no_room]
    await _insert(ctx, held)
    begun = [
        BookingHeld(order_id=b.order_id, slot_id=b.slot_id).event(ctx.org_id, b.id, ctx.now)
        for one in held
        for b in one.facts.bookings
    ]
    if confirmed := [Confirmed(one.ctx, one.facts) for one in held if one.is_confirmed]:
        await complete(confirmed, begun)
    else:
        await publish(ctx.db, begun)
    return [no_room.get(one.draft.order.id) or one.facts for one in orders]


def _facts(order: OrderDraft) -> Facts:
    drafts = order.drafts
    return Facts(
        order=order.order,
        bookings=[draft.booking for draft in drafts],
        items={draft.booking.id: draft.items for draft in drafts},
        slots={draft.slot.id: draft.slot for draft in drafts},
        definitions={(d.booking.product_id, d.booking.product_version): d.definition for d in drafts},
        places={draft.booking.id: draft.places for draft in drafts},
        known_times={draft.booking.id: draft.times for draft in drafts},
    )


async def _look_up(ctx: Context, wishes: Sequence[Wish], keepers: Sequence[Keeper]) -> tuple[Offers, Counter[BoundKey]]:
    """The slots with their products, and what is kept unpaid already of those who ask.

    A customer whom the request makes has nothing yet, so that only those who are known are looked up.
    """
    found = await find_slots_and_counts(
        ctx.db, ctx.org_id,
        list({booking.slot_id for wish in wishes for booking in wish.wanted.bookings}),
        list({wish.customer_id for wish in wishes if wish.ctx.caller.is_customer}),
        list({keeper.address for keeper in keepers if keeper.address is not None}),
        list({keeper.contact for keeper in keepers if keeper.contact is not None}),
        ctx.now,
    )  # fmt: skip
    slots: dict[UUID, SlotRow] = {slot.id: slot for slot in found}
    versions = {(slot.product_id, slot.product_version) for slot in found}
    return Offers(slots, await catalog.load_definitions(ctx.db, ctx.caches, ctx.org_id, versions)), counts_of(found)


async def _take_places(ctx: Context, orders: Sequence[OrderDraft]) -> dict[UUID, NoRoom]:
    """Takes places for each order in turn; those without room by order id. Raises `NoRoom` for an order of several."""
    drafts = [(order, draft) for order in orders for draft in order.drafts]
    if not drafts:
        return {}
    outcomes = await inventory.take(ctx.db, ctx.org_id, [draft.claim(order.order) for order, draft in drafts], ctx.now)
    refused: dict[UUID, NoRoom] = {}
    for (order, draft), outcome in zip(drafts, outcomes, strict=True):
        if not outcome.ok:
            if len(order.drafts) > 1:
                raise NoRoom(draft, outdated=outcome.outdated)
            refused[order.order.id] = NoRoom(draft, outdated=outcome.outdated)
    return refused


async def _insert(ctx: Context, orders: Sequence[Drafted]) -> None:
    if not orders:
        return
    drafts = [draft for one in orders for draft in one.draft.drafts]
    await queries.insert_orders(
        ctx.db,
        ctx.org_id,
        [_inserted_order(one) for one in orders],
        [_inserted_booking(draft) for draft in drafts],
        [row_from(item, InsertedItem, words=words_of(item.name)) for draft in drafts for item in draft.items],
    )
    for draft in drafts:
        await _seat(ctx, draft)


def _inserted_order(drafted: Drafted) -> InsertedOrder:
    until, places = unpaid(drafted.facts)
    keeper = drafted.keeper
    return row_from(
        drafted.draft.order,
        InsertedOrder,
        unpaid_until=until,
        unpaid_places=places,
        address_digest=keeper and keeper.address,
        contact_digest=keeper and keeper.contact,
    )


def _inserted_booking(draft: Draft) -> InsertedBooking:
    return row_from(
        draft.booking,
        InsertedBooking,
        words=contact_words(draft.booking.contact),
        holds_sensitive=holds_sensitive(draft.definition, draft.booking, draft.items),
    )


async def _seat(ctx: Context, draft: Draft) -> None:
    """Takes the seats that were chosen with the hold."""
    wishes = {
        f"{draft.pointer}/items/{position}/seat": SeatWish(item.id, item.seat)
        for position, item in enumerate(draft.items)
        if item.seat is not None
    }
    if wishes:
        await take_seats(ctx, draft.slot, draft.booking.id, wishes)


async def take_seats(ctx: Context, slot: SlotRow, booking_id: UUID, wishes: Mapping[str, SeatWish]) -> None:
    """Gives items of a booking the seats that they wish, each by the pointer to it in the request.

    Raises `Unprocessable` for seats that the slot doesn't have or that are wished twice, and `SeatTaken`.
    """
    if slot.seat_layout_id is None:
        raise unprocessable(next(iter(wishes)), "This slot has no seats to choose.")
    rows = await inventory.layout_rows(ctx.db, ctx.caches, ctx.org_id, slot.seat_layout_id)
    known = {seat for row in rows for seat in row}
    seen: set[str] = set()
    for pointer, wish in wishes.items():
        if wish.seat not in known:
            raise unprocessable(pointer, f"There is no seat {wish.seat}.")
        if wish.seat in seen:
            raise unprocessable(pointer, "One seat is wished twice.")
        seen.add(wish.seat)
    try:
        await inventory.take_seats(ctx.db, ctx.org_id, slot.id, booking_id, list(wishes.values()))
    except SeatTaken as refusal:
        refusal.errors = [
            FieldError(pointer, f"Taken: {wish.seat}.")
            for pointer, wish in wishes.items()
            if wish.seat in refusal.members["seats"]
        ]
        raise
