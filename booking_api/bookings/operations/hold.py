"""Holding: all bookings of an order or none."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from booking_api.bookings import queries, rules
from booking_api.bookings.operations.facts import Facts
from booking_api.bookings.refusals import PriceChanged, SalesClosed, SoldOut
from booking_api.bookings.schemas import BookingRow, Contact, ItemRow, NewBookingOfOrder, NewItem, NewOrder, OrderRow
from booking_api.catalog import operations as catalog
from booking_api.catalog.rules import PartyNotAllowed, check_party, places, quote, sales_close_at
from booking_api.catalog.schemas import OptionDefinition, Price, ProductDefinition
from booking_api.core.context import Context
from booking_api.core.db import columns
from booking_api.core.errors import FieldError, unprocessable
from booking_api.core.events import Event, publish
from booking_api.core.ids import new_code, new_id
from booking_api.inventory import operations as inventory
from booking_api.inventory import queries as inventory_queries
from booking_api.inventory import search
from booking_api.inventory.schemas import ClaimRequest, SeatWish, SlotRow

REFERENCE_LENGTH = 8
REFERENCE_TRIES = 5


class _Draft:
    """One wished booking, checked and priced, before anything is written."""

    __slots__ = ("booking", "counts", "definition", "items", "option", "places", "slot")

    def __init__(
        self, slot: SlotRow, definition: ProductDefinition, option: OptionDefinition, counts: dict[UUID, int]
    ) -> None:
        self.slot, self.definition, self.option, self.counts = slot, definition, option, counts
        self.places = places(definition, counts)
        self.booking: BookingRow
        self.items: list[ItemRow]


class NoRoom(Exception):
    """A draft found no room. Becomes `SoldOut` once the transaction, and with it the lock on the slot, has ended."""

    def __init__(self, draft: _Draft) -> None:
        super().__init__()
        self.draft = draft


async def sold_out(ctx: Context, no_room: NoRoom) -> SoldOut:
    """The refusal, with alternatives that have room now."""
    draft = no_room.draft
    others = await search.alternatives(ctx, draft.slot, draft.option.id, draft.counts)
    return SoldOut(f"There are not {draft.places} places left.", alternatives=others)


async def place_hold(ctx: Context, wanted: NewOrder, customer_id: UUID, contact: Contact | None) -> Facts:
    """Holds every booking of an order, or raises and leaves nothing.

    Raises `NoRoom`, `SalesClosed`, `PartyNotAllowed`, `PriceChanged`, `SeatTaken` and
    `Unprocessable` with a pointer to the field.
    """
    drafts = await _draft(ctx, wanted.bookings)
    order = OrderRow(
        id=wanted.id or new_id(), customer_id=customer_id, status="on_hold",
        expires_at=ctx.now + timedelta(seconds=ctx.settings.hold_seconds),
        hold_limit_at=ctx.now + timedelta(seconds=ctx.settings.hold_limit_seconds),
        pending_until=None, intent_id=None, channel=ctx.caller.channel, created_at=ctx.now, updated_at=ctx.now,
    )  # fmt: skip
    for position, (draft, wish) in enumerate(zip(drafts, wanted.bookings, strict=True)):
        _fill(ctx, draft, wish, order, position, contact, _pointer(wanted, position))
    _check_total(wanted.expected_total, [draft.booking.price for draft in drafts])
    await _take_places(ctx, order, drafts)
    await _insert(ctx, order, drafts)
    for position, draft in enumerate(drafts):
        await _seat(ctx, draft, _pointer(wanted, position))
    await publish(
        ctx.db,
        [
            Event(ctx.org_id, "booking.held", d.booking.id, {"order_id": order.id, "slot_id": d.slot.id}, ctx.now)
            for d in drafts
        ],
    )
    return Facts(
        order=order,
        bookings=[draft.booking for draft in drafts],
        items={draft.booking.id: draft.items for draft in drafts},
        slots={draft.slot.id: draft.slot for draft in drafts},
        definitions={(d.booking.product_id, d.booking.product_version): d.definition for d in drafts},
    )


def _pointer(wanted: NewOrder, position: int) -> str:
    return f"/bookings/{position}" if len(wanted.bookings) > 1 else ""


async def _draft(ctx: Context, wishes: Sequence[NewBookingOfOrder]) -> list[_Draft]:
    """Looks up what is wished and checks it against the rules of its product."""
    found = {s.id: s for s in await inventory_queries.find_slots(ctx.db, ctx.org_id, list({w.slot_id for w in wishes}))}
    versions = [(slot.product_id, slot.product_version) for slot in found.values()]
    definitions = await catalog.load_definitions(ctx.db, ctx.caches, ctx.org_id, versions)
    drafts: list[_Draft] = []
    for position, wish in enumerate(wishes):
        at = f"/bookings/{position}" if len(wishes) > 1 else ""
        slot = found.get(wish.slot_id)
        if slot is None:
            raise unprocessable(f"{at}/slot_id", "There is no such slot.")
        definition = definitions[slot.product_id, slot.product_version]
        option = definition.option(wish.option_id)
        if option is None:
            raise unprocessable(f"{at}/option_id", "The slot's product has no such option.")
        if not slot.on_sale or slot.status != "open":
            raise SalesClosed("The slot is not on sale.")
        if sales_close_at(option, slot.starts_at, slot.booking_closes_at) <= ctx.now:
            raise SalesClosed("The sales of this option have ended.")
        counts = Counter(_unit_id(definition, item, f"{at}/items/{index}") for index, item in enumerate(wish.items))
        if broken := check_party(definition, counts):
            raise PartyNotAllowed(broken[0], errors=[FieldError(f"{at}/items", sentence) for sentence in broken])
        drafts.append(_Draft(slot, definition, option, dict(counts)))
    if len({draft.definition.currency for draft in drafts}) > 1:
        raise unprocessable("/bookings", "The bookings of one order must be in one currency.")
    return drafts


def _unit_id(definition: ProductDefinition, item: NewItem, at: str) -> UUID:
    if (item.unit_id is None) == (item.unit is None):
        raise unprocessable(f"{at}/unit", "Give either `unit_id` or `unit`.")
    unit = definition.unit(item.unit_id) if item.unit_id is not None else definition.unit_by_code(item.unit or "")
    if unit is None:
        raise unprocessable(f"{at}/{'unit' if item.unit_id is None else 'unit_id'}", "The product has no such unit.")
    if item.seat is not None and not unit.takes_seat:
        raise unprocessable(f"{at}/seat", f"The unit {unit.code} takes no seat.")
    return unit.id


def _fill(
    ctx: Context,
    draft: _Draft,
    wish: NewBookingOfOrder,
    order: OrderRow,
    position: int,
    contact: Contact | None,
    at: str,
) -> None:
    """Makes the rows of one booking from what was wished."""
    definition, slot = draft.definition, draft.slot
    check_answers(definition, wish.answers, "booking", f"{at}/answers")
    priced = quote(definition, draft.option.id, draft.counts, slot.local_date, ctx.languages)
    draft.booking = BookingRow(
        id=wish.id or new_id(), order_id=order.id, position=position, customer_id=order.customer_id,
        reference=new_code(REFERENCE_LENGTH), slot_id=slot.id, product_id=slot.product_id,
        product_version=slot.product_version, option_id=draft.option.id, status="on_hold", version=1, contact=contact,
        answers=_given(wish.answers), price=priced.price, total=priced.price.total.amount, cancel_reason=None,
        refund_amount=None, channel=ctx.caller.channel, visit_ends_at=slot.ends_at, created_at=ctx.now,
        updated_at=ctx.now, confirmed_at=None, erased_at=None,
    )  # fmt: skip
    draft.items = []
    for index, item in enumerate(wish.items):
        check_answers(definition, item.answers, "item", f"{at}/items/{index}/answers")
        unit_id = _unit_id(definition, item, f"{at}/items/{index}")
        draft.items.append(
            ItemRow(
                id=new_id(),
                booking_id=draft.booking.id,
                slot_id=slot.id,
                position=index,
                unit_id=unit_id,
                name=item.name,
                seat=item.seat,
                answers=_given(item.answers),
                status="active",
                amount=priced.unit_amounts[unit_id],
                companion_item_id=None,
            )
        )
    codes = {unit.id: unit.code for unit in definition.units}
    for item, companion in zip(
        draft.items, rules.companions([codes[i.unit_id] for i in draft.items], definition), strict=True
    ):
        item.companion_item_id = None if companion is None else draft.items[companion].id


def _given(answers: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if answers is None else {code: value for code, value in answers.items() if value is not None}


def check_answers(definition: ProductDefinition, answers: dict[str, Any] | None, per: str, at: str) -> None:
    """Raises `Unprocessable` for the first answer that doesn't fit its question."""
    for code, value in (answers or {}).items():
        if (wrong := rules.check_answer(definition, code, value, per)) is not None:
            raise unprocessable(f"{at}/{code}", wrong)


def _check_total(expected: Any, prices: list[Price]) -> None:
    price = rules.sum_prices(prices)
    if expected is not None and expected != price.total:
        raise PriceChanged(price=price)


async def _take_places(ctx: Context, order: OrderRow, drafts: Sequence[_Draft]) -> None:
    claims = [
        ClaimRequest(
            id=draft.booking.id,
            slot_id=draft.slot.id,
            option_id=draft.option.id,
            holder_id=order.customer_id,
            places=draft.places,
            quota_places=draft.places if draft.option.quota is not None else 0,
            expires_at=order.expires_at,
        )
        for draft in drafts
    ]
    outcomes = await inventory.take(ctx.db, ctx.org_id, claims, ctx.now)
    for draft, outcome in zip(drafts, outcomes, strict=True):
        if not outcome.ok:
            raise NoRoom(draft)


async def _insert(ctx: Context, order: OrderRow, drafts: Sequence[_Draft]) -> None:
    await queries.insert_order(ctx.db, ctx.org_id, order)
    waiting = {draft.booking.id: draft.booking for draft in drafts}
    for _ in range(REFERENCE_TRIES):
        rows = [
            (
                b.id,
                b.order_id,
                b.position,
                b.customer_id,
                b.reference,
                b.slot_id,
                b.product_id,
                b.product_version,
                b.option_id,
                b.contact,
                b.answers,
                b.price,
                b.total,
                b.channel,
                b.visit_ends_at,
                b.created_at,
            )
            for b in waiting.values()
        ]
        for inserted in await queries.insert_bookings(ctx.db, ctx.org_id, columns(rows, 16)):
            del waiting[inserted.id]
        if not waiting:
            break
        for booking in waiting.values():
            booking.reference = new_code(REFERENCE_LENGTH)
    assert not waiting, "five random references in a row were taken"
    rows = [
        (
            i.id,
            i.booking_id,
            i.slot_id,
            i.position,
            i.unit_id,
            i.name,
            i.seat,
            i.answers,
            i.status,
            i.amount,
            i.companion_item_id,
        )
        for draft in drafts
        for i in draft.items
    ]
    await queries.insert_items(ctx.db, ctx.org_id, columns(rows, 11))


async def _seat(ctx: Context, draft: _Draft, at: str) -> None:
    """Takes the seats that were chosen with the hold."""
    wishes = [SeatWish(item.id, item.seat) for item in draft.items if item.seat is not None]
    if wishes:
        await check_seats(ctx, draft.slot, wishes, at)
        await inventory.take_seats(ctx.db, ctx.org_id, draft.slot.id, draft.booking.id, wishes)


async def check_seats(ctx: Context, slot: SlotRow, wishes: Sequence[SeatWish], at: str) -> None:
    """Raises `Unprocessable` for seats that the slot doesn't have or that are wished twice."""
    if slot.seat_layout_id is None:
        raise unprocessable(f"{at}/items", "This slot has no seats to choose.")
    rows = await inventory.layout_rows(ctx.db, ctx.caches, ctx.org_id, slot.seat_layout_id)
    known = {seat for row in rows for seat in row}
    for wish in wishes:
        if wish.seat not in known:
            raise unprocessable(f"{at}/items", f"There is no seat {wish.seat}.")
    if len({wish.seat for wish in wishes}) < len(wishes):
        raise unprocessable(f"{at}/items", "One seat is wished twice.")
