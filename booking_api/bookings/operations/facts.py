"""Everything there is to know about orders, read in as many statements as there are tables."""

import dataclasses
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from booking_api.bookings import queries, rules
from booking_api.bookings.refusals import UseOrder
from booking_api.bookings.schemas import (
    BookingRow,
    Contact,
    ItemRow,
    OrderRow,
)
from booking_api.catalog import operations as catalog
from booking_api.catalog.operations import Version
from booking_api.catalog.schemas import OptionDefinition, ProductDefinition
from booking_api.core.context import Context
from booking_api.core.errors import NotFound
from booking_api.core.money import Money, allocate
from booking_api.identity import reach
from booking_api.inventory import queries as inventory_queries
from booking_api.inventory.schemas import SlotRow
from booking_api.inventory.slot_rules import SlotTimes, slot_times
from booking_api.passes import operations as passes
from booking_api.passes.schemas import ItemState, PassRow
from booking_api.payments import operations as payments
from booking_api.payments.refund_schemas import RefundFact
from booking_api.payments.schemas import Intent


@dataclasses.dataclass(slots=True)
class Facts:
    """An order with all that its answers are made of. Operations change the rows and write them back."""

    order: OrderRow
    bookings: list[BookingRow]
    items: dict[UUID, list[ItemRow]]
    """By booking."""
    slots: dict[UUID, SlotRow]
    definitions: dict[Version, ProductDefinition]
    passes: dict[UUID, PassRow] = dataclasses.field(default_factory=dict)
    """By item."""
    admitted: dict[UUID, datetime] = dataclasses.field(default_factory=dict)
    """Since when items of confirmed bookings count as admitted. Who decides by it asks `lock_admissions` first."""
    intent: Intent | None = None
    agreed: list[BookingRow] = dataclasses.field(default_factory=list)
    """Those of the bookings whose customer agrees, in this operation, to another time or place than before."""
    disputed: set[UUID] = dataclasses.field(default_factory=set)
    """Those of the bookings whose slot isn't when the caller of this operation says."""
    crowded_out: frozenset[UUID] = frozenset()
    """Those of the bookings that found no room when this operation tried to have their places again."""
    settled: dict[UUID, int] = dataclasses.field(default_factory=dict)
    """Paid on site by booking, in minor units."""
    places: dict[UUID, int] = dataclasses.field(default_factory=dict)
    """How many a booking occupies, where somebody has counted them already."""
    known_times: dict[UUID, SlotTimes] = dataclasses.field(default_factory=dict)
    """By booking, where they were found out already."""
    contact_digest: bytes | None = None
    """Of the contact that this operation gives the order, where places under one contact are counted."""
    contact_held: int = 0
    """What that contact keeps unpaid in other orders."""
    refunds: list[RefundFact] = dataclasses.field(default_factory=list)
    """What goes back of the order, of any payment, the oldest first."""
    hidden: frozenset[UUID] = frozenset()
    """The bookings that the caller's session doesn't see."""
    leaves_sessions: bool = False
    """Whether a contact is another one than it was, so that a booking may leave the sessions that it opened."""

    def definition(self, booking: BookingRow) -> ProductDefinition:
        return self.definitions[booking.product_id, booking.product_version]

    def option(self, booking: BookingRow) -> OptionDefinition:
        option = self.definition(booking).option(booking.option_id)
        assert option is not None, "a booking's option is part of the version it was made under"
        return option

    def slot(self, booking: BookingRow) -> SlotRow:
        return self.slots[booking.slot_id]

    def times(self, booking: BookingRow) -> SlotTimes:
        """The times of its slot under its option."""
        found = self.known_times.get(booking.id)
        if found is None:
            found = self.known_times[booking.id] = slot_times(self.slot(booking), self.option(booking))
        return found

    def booking(self, booking_id: UUID) -> BookingRow:
        return next(booking for booking in self.bookings if booking.id == booking_id)

    @property
    def shown(self) -> list[BookingRow]:
        """The bookings that the caller's session sees."""
        return [booking for booking in self.bookings if booking.id not in self.hidden]

    def set_contact(self, booking: BookingRow, contact: Contact | None) -> None:
        """Gives a booking another contact."""
        if booking.contact is not None and not reach.same_addresses(_addresses(booking), addresses_of(contact)):
            self.leaves_sessions = True
        booking.contact = contact

    @property
    def live(self) -> list[BookingRow]:
        """The bookings that hold places, as far as the order knows."""
        return [booking for booking in self.bookings if booking.status in rules.HOLDS_PLACES]

    @property
    def of_several(self) -> bool:
        return len(self.bookings) > 1

    @property
    def paid_by_intent(self) -> bool:
        return self.intent is not None and self.intent.is_good

    @property
    def was_confirmed(self) -> bool:
        """Whether the order stood once: then its terms have decided what goes back, and what is kept as a fee."""
        return any(booking.confirmed_at is not None for booking in self.bookings)

    def refunds_of(self, booking: BookingRow) -> list[RefundFact]:
        """What goes back of one booking: its own refunds, and its share of those of the whole order."""
        found: list[RefundFact] = []
        for refund in self.refunds:
            if refund.booking_id is None:
                shares = allocate(refund.amount, [one.price.total.amount for one in self.bookings])
                amount = shares[self.bookings.index(booking)]
            else:
                amount = refund.amount if refund.booking_id == booking.id else 0
            if amount:
                found.append(msgspec.structs.replace(refund, amount=amount))
        return found

    def paid(self, booking: BookingRow) -> Money:
        """What was paid for a booking, by card and on site."""
        now = booking.price.due_now.amount if self.paid_by_intent else 0
        return Money(now + self.settled.get(booking.id, 0), booking.price.total.currency)


async def load(ctx: Context, orders: Sequence[OrderRow], bookings: Sequence[BookingRow] | None = None) -> list[Facts]:
    """The facts of these orders, in the same order. `bookings` spares reading them again."""
    db, org_id = ctx.db, ctx.org_id
    order_ids = [order.id for order in orders]
    if not order_ids:
        return []
    if bookings is None:
        bookings = await queries.list_bookings_of_orders(db, org_id, order_ids)
    of_order: dict[UUID, list[BookingRow]] = defaultdict(list)
    for booking in bookings:
        of_order[booking.order_id].append(booking)
    ids = [booking.id for booking in bookings]
    items: dict[UUID, list[ItemRow]] = defaultdict(list)
    for item in await queries.list_items(db, org_id, ids):
        items[item.booking_id].append(item)
    slots = {s.id: s for s in await inventory_queries.find_slots(db, org_id, list({b.slot_id for b in bookings}))}
    definitions = await catalog.load_definitions(
        db, ctx.caches, org_id, [(booking.product_id, booking.product_version) for booking in bookings]
    )
    confirmed = [item.id for booking in bookings if booking.status == "confirmed" for item in items[booking.id]]
    states = await passes.find_items(db, org_id, confirmed) if confirmed else {}
    current = {item_id: state.current for item_id, state in states.items() if state.current is not None}
    paying = [order.id for order in orders if order.intent_id is not None]
    intents = await payments.latest_intents(db, org_id, paying) if paying else {}
    refunding = list({b.order_id for b in bookings if b.refund_amount is not None and b.order_id not in intents})
    refunds = await payments.refunds_of(db, org_id, refunding) if refunding else {}
    on_site = [booking.id for booking in bookings if booking.price.due_on_site.amount]
    settled = await payments.settled_amounts(db, org_id, on_site) if on_site else {}
    return [
        Facts(
            order=order,
            bookings=of_order[order.id],
            items={booking.id: items[booking.id] for booking in of_order[order.id]},
            slots=slots,
            definitions=definitions,
            passes=current,
            admitted=admissions(states),
            intent=intents.get(order.id),
            settled=settled,
            refunds=intents[order.id].refunds if order.id in intents else refunds.get(order.id, []),
        )
        for order in orders
    ]


def admissions(states: Mapping[UUID, ItemState]) -> dict[UUID, datetime]:
    """Since when those of the items that were admitted count as that."""
    return {
        item_id: state.first_admitted_at for item_id, state in states.items() if state.first_admitted_at is not None
    }


def may_see(ctx: Context, order: OrderRow) -> bool:
    """Customers see what is theirs; staff and integrators all of their organisation."""
    return not ctx.caller.is_customer or order.customer_id == ctx.caller.subject_id


def addresses_of(contact: Contact | None) -> tuple[str | None, str | None]:
    return (None, None) if contact is None else (contact.email, contact.phone)


def _addresses(booking: BookingRow) -> tuple[str | None, str | None]:
    return addresses_of(booking.contact)


def hide_unseen(ctx: Context, facts: Facts) -> Facts:
    """Marks the bookings of a customer's order that the session of the caller doesn't see."""
    if ctx.caller.restriction is not None:
        session_id = facts.order.session_id
        facts.hidden = frozenset(
            booking.id
            for booking in facts.bookings
            if not reach.reaches(ctx, booking.id, session_id, *_addresses(booking))
        )
    return facts


def sees(ctx: Context, facts: Facts, booking_id: UUID | None = None) -> bool:
    """Whether the caller may act on an order as a whole, or on one booking of it."""
    hidden = hide_unseen(ctx, facts).hidden
    return not hidden if booking_id is None else booking_id not in hidden


async def _find(ctx: Context, order_id: UUID, *, lock: bool) -> Facts:
    find = queries.lock_order if lock else queries.find_order
    order = await find(ctx.db, ctx.org_id, order_id)
    if order is None or not may_see(ctx, order):
        raise NotFound
    return hide_unseen(ctx, (await load(ctx, [order]))[0])


async def load_order(ctx: Context, order_id: UUID, *, lock: bool = False, partly: bool = False) -> Facts:
    """One order. Raises `NotFound` for somebody else's as for none.

    A session that sees only some of its bookings may look at these, where that is asked for `partly`, and do nothing
    with the order.
    """
    facts = await _find(ctx, order_id, lock=lock)
    if not facts.shown or (facts.hidden and not partly):
        raise NotFound
    return facts


async def load_order_of(ctx: Context, booking_id: UUID, *, lock: bool = False) -> Facts:
    """The order that a booking belongs to. Raises `NotFound`."""
    found = await queries.find_orders_of(ctx.db, ctx.org_id, [booking_id])
    if not found:
        raise NotFound
    facts = await _find(ctx, found[0].order_id, lock=lock)
    if booking_id in facts.hidden:
        raise NotFound
    return facts


async def lock_whole(ctx: Context, order_id: UUID | None, booking_id: UUID | None) -> Facts:
    """The locked order; by a booking only where that is all of the order. Raises `NotFound` and `UseOrder`."""
    if order_id is not None:
        return await load_order(ctx, order_id, lock=True)
    assert booking_id is not None
    facts = await load_order_of(ctx, booking_id, lock=True)
    if facts.of_several:
        raise UseOrder(order_id=str(facts.order.id))
    return facts
