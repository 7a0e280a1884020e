"""Everything there is to know about orders, read in as many statements as there are tables, and shown as answers."""

import dataclasses
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import msgspec

from booking_api.bookings import amounts, queries, rules, slot_rules
from booking_api.bookings.details import missing_details
from booking_api.bookings.refusals import UseOrder
from booking_api.bookings.rules import Asker, BookingStanding, OrderStanding
from booking_api.bookings.schemas import (
    AgreedTimes,
    Booking,
    BookingItem,
    BookingRow,
    ChangeOfSlot,
    Contact,
    ItemRow,
    Order,
    OrderRow,
    Status,
    StatusReason,
    StatusReasonCode,
)
from booking_api.bookings.slot_rules import News, is_moved
from booking_api.catalog import operations as catalog
from booking_api.catalog.answers import option_brief, product_brief
from booking_api.catalog.operations import Version
from booking_api.catalog.schemas import OptionDefinition, ProductDefinition
from booking_api.core.context import Context
from booking_api.core.errors import NotFound
from booking_api.core.money import Money, allocate
from booking_api.core.texts import pick
from booking_api.feedback import operations as feedback
from booking_api.feedback.operations import Occasion
from booking_api.feedback.schemas import FeedbackPrompt
from booking_api.identity import reach
from booking_api.inventory import queries as inventory_queries
from booking_api.inventory.rules import local, slot_answer, slot_over_at
from booking_api.inventory.schemas import SlotRow
from booking_api.passes import operations as passes
from booking_api.passes.schemas import ItemState, PassRow
from booking_api.payments import operations as payments
from booking_api.payments.rules import payment_answer
from booking_api.payments.schemas import Intent, PaymentMethod, RefundFact


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
    settled: dict[UUID, int] = dataclasses.field(default_factory=dict)
    """Paid on site by booking, in minor units."""
    contact_digest: bytes | None = None
    """Of the contact that this operation gives the order, where places under one contact are counted."""
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

    def booking(self, booking_id: UUID) -> BookingRow:
        return next(booking for booking in self.bookings if booking.id == booking_id)

    @property
    def shown(self) -> list[BookingRow]:
        """The bookings that the caller's session sees."""
        return [booking for booking in self.bookings if booking.id not in self.hidden]

    def set_contact(self, booking: BookingRow, contact: Contact | None) -> None:
        """Gives a booking another contact."""
        if booking.contact is not None and not reach.same_addresses(_addresses(booking), _addresses_of(contact)):
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


def _addresses_of(contact: Contact | None) -> tuple[str | None, str | None]:
    return (None, None) if contact is None else (contact.email, contact.phone)


def _addresses(booking: BookingRow) -> tuple[str | None, str | None]:
    return _addresses_of(booking.contact)


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


# standing ---------------------------------------------------------------------------------------------------------


def asker_of(ctx: Context) -> Asker:
    """For whom the law is asked. An app asks for the customer whom it makes."""
    match ctx.caller.kind:
        case "staff":
            return "manager" if ctx.caller.has_role("manager") else "agent"
        case "key" | "system":
            return ctx.caller.kind
        case _:
            return "customer"


def news_of(ctx: Context, facts: Facts, booking: BookingRow) -> News:
    """What its slot means to a booking now, whether that was brought to it yet or not."""
    later, earlier = (timedelta(minutes=n) for n in (ctx.org.moved_later_minutes, ctx.org.moved_earlier_minutes))
    return slot_rules.news_of(booking, facts.slot(booking), later, earlier, ctx.now)


def free_until(ctx: Context, facts: Facts, booking: BookingRow) -> datetime | None:
    """Until when cancelling gives everything back whatever the conditions, because the slot moved."""
    news = news_of(ctx, facts, booking)
    return news.decide_by if undecided(news, ctx.now) == "moved" else None


def undecided(news: News, now: datetime) -> Literal["cancelled", "moved"] | None:
    """What the customer may choose about. A cancelled slot is to be refunded, however late it becomes."""
    return news.kind if news.kind == "cancelled" or (news.decide_by is not None and now < news.decide_by) else None


def ends_at(facts: Facts) -> datetime:
    """When the first of an order's slots is over: no hold outlives that."""
    return min(slot_over_at(facts.slot(booking), facts.option(booking)) for booking in facts.bookings)


def standing_of(ctx: Context, facts: Facts, booking: BookingRow) -> BookingStanding:
    """What the law looks at of a booking at this moment."""
    slot = facts.slot(booking)
    active = [item for item in facts.items[booking.id] if item.status == "active"] if facts.admitted else []
    takes_seat = {unit.id for unit in facts.definition(booking).units if unit.takes_seat} if active else set()
    seated = [item for item in active if item.unit_id in takes_seat]
    return BookingStanding(
        status=rules.shown_status(facts.order, booking.status, ctx.now),
        condition=rules.condition_of(slot, facts.option(booking), ctx.now),
        begun=slot.starts_at <= ctx.now,
        moved=booking.id in facts.disputed or is_moved(booking, slot),
        undecided=undecided(news_of(ctx, facts, booking), ctx.now),
        kept=booking.slot_change == "kept",
        seated=slot.seat_layout_id is not None,
        admitted=any(item.id in facts.admitted for item in active),
        seats_used=bool(seated) and all(item.id in facts.admitted for item in seated),
    )


def order_standing(ctx: Context, facts: Facts) -> OrderStanding:
    """What the law looks at of an order at this moment. Its bookings stand in their order."""
    order = facts.order
    return OrderStanding(
        status=rules.shown_status(order, order.status, ctx.now),
        bookings=[standing_of(ctx, facts, booking) for booking in facts.bookings],
        asker=asker_of(ctx),
        may_overrule=ctx.caller.kind == "system" or ctx.caller.may("scan:override", "manager"),
        at_limit=order.expires_at is None or order.expires_at >= min(order.hold_limit_at, ends_at(facts)),
    )


# answers ----------------------------------------------------------------------------------------------------------


def status_reason(ctx: Context, code: StatusReasonCode | None) -> StatusReason | None:
    return None if code is None else StatusReason(code, pick(rules.STATUS_REASONS[code], ctx.languages))


CHOICES = {"keep": "keep", "refund": "cancel"}
"""What customers may choose about a slot that was cancelled or moved, and the action by which they do."""


def _slot_change(ctx: Context, facts: Facts, booking: BookingRow, actions: list[str]) -> ChangeOfSlot | None:
    """What happened to the slot of a confirmed booking, and what may be chosen now."""
    news, slot = news_of(ctx, facts, booking), facts.slot(booking)
    if news.kind is None or news.decide_by is None:
        return None

    def times(starts_at: datetime, ends_at: datetime, origin_id: UUID, destination_id: UUID | None) -> AgreedTimes:
        return AgreedTimes(
            starts_at=local(starts_at, slot.time_zone), time_zone=slot.time_zone,
            ends_at=local(ends_at, slot.end_time_zone), end_time_zone=slot.end_time_zone,
            origin_id=origin_id, destination_id=destination_id,
        )  # fmt: skip

    now = times(slot.starts_at, slot.ends_at, slot.origin_id, slot.destination_id)
    agreed = now
    if booking.agreed_starts_at is not None and booking.agreed_ends_at is not None:
        agreed = times(
            booking.agreed_starts_at, booking.agreed_ends_at, booking.agreed_origin_id or slot.origin_id,
            booking.agreed_destination_id,
        )  # fmt: skip
    return ChangeOfSlot(
        kind=news.kind, from_=agreed, to=now if news.kind == "moved" else None,
        decide_by=news.decide_by,
        choices=[choice for choice, action in CHOICES.items() if action in actions],
    )  # fmt: skip


def show_booking(
    ctx: Context, facts: Facts, booking: BookingRow, prompt: FeedbackPrompt | None = None,
    standing: OrderStanding | None = None,
) -> Booking:  # fmt: skip
    """A booking as its reader sees it at this moment. `standing`, the order's, spares finding it out again."""
    standing = standing or order_standing(ctx, facts)
    own = standing.bookings[facts.bookings.index(booking)]
    actions = rules.booking_actions(standing, own)
    order, definition, option, slot = facts.order, facts.definition(booking), facts.option(booking), facts.slot(booking)
    items = facts.items[booking.id]
    status = rules.shown_status(order, booking.status, ctx.now)
    paid = facts.paid(booking)
    terms = amounts.cancellation_terms(
        status, option, slot.starts_at, slot.status, paid, ctx.now, free_until=free_until(ctx, facts, booking)
    )
    open_hold = status == "on_hold"
    companions = definition.units
    settled = facts.settled.get(booking.id, 0)
    is_paid = booking.price.due_on_site.amount <= settled
    titles = {unit.id: pick(unit.title, ctx.languages) for unit in companions}
    codes = {unit.id: unit.code for unit in companions}
    currency = booking.price.total.currency
    return Booking(
        id=booking.id,
        reference=booking.reference,
        order_id=booking.order_id,
        status=status,
        status_reason=status_reason(ctx, booking.status_reason),
        version=booking.version,
        updated_at=booking.updated_at,
        expires_at=order.expires_at if open_hold else None,
        pending_until=order.pending_until if status == "pending" else None,
        slot=slot_answer(slot, definition, option),
        product=product_brief(definition, ctx.languages),
        option=option_brief(option, currency, ctx.languages),
        contact=booking.contact,
        answers=booking.answers,
        items=[
            BookingItem(
                id=item.id,
                unit_id=item.unit_id,
                unit=codes.get(item.unit_id, ""),
                title=titles.get(item.unit_id, ""),
                name=item.name,
                seat=item.seat if item.status == "active" else None,
                answers=item.answers,
                status=item.status,
                price=Money(item.amount, currency),
                companion_item_id=item.companion_item_id,
                admitted_at=facts.admitted.get(item.id) if item.status == "active" else None,
                pass_=passes.pass_answer(ctx, facts.passes[item.id], is_paid) if item.id in facts.passes else None,
            )
            for item in items
        ],
        price=booking.price,
        payment=payment_answer(
            due_now=booking.price.due_now,
            due_on_site=booking.price.due_on_site,
            intent=_shown_intent(facts),
            refunds=facts.refunds_of(booking),
            promised=booking.refund_amount or 0,
            settled=settled,
            cancelled=status in rules.FINAL,
            methods=methods_for(ctx, facts) if status in rules.PAYABLE else None,
        ),
        cancellation=terms,
        missing=missing_details(booking, items, definition, is_moved=own.moved) if open_hold else [],
        slot_change=_slot_change(ctx, facts, booking, actions) if own.undecided else None,
        available_actions=actions,
        feedback_prompt=prompt,
    )


def methods_for(ctx: Context, facts: Facts) -> list[PaymentMethod] | None:
    """How an order may be paid here and now; None where nothing is to be paid."""
    if not any(booking.price.total.amount for booking in facts.bookings):
        return None
    return payments.offered(ctx, on_site=all(facts.definition(booking).on_site_payment for booking in facts.bookings))


def _shown_intent(facts: Facts) -> Intent | None:
    """The order's payment. What is left to do for it, and what the provider calls it, isn't for who sees only a part."""
    if facts.intent is None or not facts.hidden:
        return facts.intent
    return msgspec.structs.replace(facts.intent, next_action=None)


def show_order(ctx: Context, facts: Facts, prompt: FeedbackPrompt | None = None) -> Order:
    """An order as its reader sees it. A due prompt rides in its first booking."""
    order = facts.order
    status: Status = rules.shown_status(order, order.status, ctx.now)
    shown = facts.shown
    price = amounts.sum_prices([booking.price for booking in shown])
    standing = order_standing(ctx, facts)
    return Order(
        id=order.id,
        status=status,
        status_reason=status_reason(ctx, order.status_reason),
        version=order.version,
        expires_at=order.expires_at if status == "on_hold" else None,
        pending_until=order.pending_until if status == "pending" else None,
        price=price,
        payment=payment_answer(
            due_now=price.due_now,
            due_on_site=price.due_on_site,
            intent=_shown_intent(facts),
            refunds=[refund for booking in shown for refund in facts.refunds_of(booking)]
            if facts.hidden
            else facts.refunds,
            promised=sum(booking.refund_amount or 0 for booking in shown),
            settled=sum(facts.settled.get(booking.id, 0) for booking in shown),
            cancelled=status in rules.FINAL,
            methods=methods_for(ctx, facts) if status in rules.PAYABLE else None,
        ),
        bookings=[
            show_booking(ctx, facts, booking, prompt if index == 0 else None, standing)
            for index, booking in enumerate(shown)
        ],
        available_actions=[] if facts.hidden else rules.order_actions(standing),
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Show:
    """How an operation on an order answers: with the order, or with one booking of it, by default its first."""

    whole: bool = False
    booking_id: UUID | None = None

    def booking(self, facts: Facts) -> BookingRow:
        """The booking that a question is about."""
        return facts.shown[0] if self.booking_id is None else facts.booking(self.booking_id)

    def answer(self, ctx: Context, facts: Facts, prompt: FeedbackPrompt | None) -> Order | Booking:
        return show_order(ctx, facts, prompt) if self.whole else show_booking(ctx, facts, self.booking(facts), prompt)

    async def __call__(self, ctx: Context, facts: Facts) -> Any:
        """The answer, with the question that is due in it."""
        (answer,) = await present([(ctx, facts, self)])
        return answer


present_order = Show(whole=True)


def present_booking(booking_id: UUID | None) -> Show:
    return Show(booking_id=booking_id)


async def present(shown: Sequence[tuple[Context, Facts, Show]]) -> list[Order | Booking]:
    """The answers about these orders, each with the question that is due in it: customers alone are asked."""
    occasions = {
        place: occasion
        for place, (ctx, facts, show) in enumerate(shown)
        if ctx.caller.is_customer and (occasion := _occasion(ctx, facts, show.booking(facts)))
    }
    asked = dict(zip(occasions, await feedback.due_prompts(list(occasions.values())), strict=True)) if occasions else {}
    return [show.answer(ctx, facts, asked.get(place)) for place, (ctx, facts, show) in enumerate(shown)]


def _occasion(ctx: Context, facts: Facts, booking: BookingRow) -> Occasion | None:
    status = rules.shown_status(facts.order, booking.status, ctx.now)
    items = facts.items[booking.id]
    missing = bool(missing_details(booking, items, facts.definition(booking)))
    visit_over = facts.slot(booking).expected_times[1] <= ctx.now
    step = rules.feedback_step(status, details_missing=missing, visit_over=visit_over)
    if step is None:
        return None
    return Occasion(ctx, step, facts.order.customer_id, booking.id, booking.product_id, ctx.caller.channel)


async def lock_whole(ctx: Context, order_id: UUID | None, booking_id: UUID | None) -> Facts:
    """The locked order; by a booking only where that is all of the order. Raises `NotFound` and `UseOrder`."""
    if order_id is not None:
        return await load_order(ctx, order_id, lock=True)
    assert booking_id is not None
    facts = await load_order_of(ctx, booking_id, lock=True)
    if facts.of_several:
        raise UseOrder(order_id=str(facts.order.id))
    return facts
