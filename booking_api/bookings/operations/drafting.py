"""Drafting: what a hold will write, checked and priced. Pure, so that many requests can be drafted at once."""

import dataclasses
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec

from booking_api.bookings import amounts, details, rules
from booking_api.bookings.operations.refusing import Wanted, sales_closed
from booking_api.bookings.refusals import PriceChanged
from booking_api.bookings.schemas import BookingRow, Contact, ItemRow, NewBookingOfOrder, NewItem, NewOrder, OrderRow
from booking_api.catalog.operations import Version
from booking_api.catalog.rules import PartyNotAllowed, check_party, places, quote
from booking_api.catalog.schemas import OptionDefinition, ProductDefinition, Quote
from booking_api.core.cache import BoundedCache
from booking_api.core.context import Context
from booking_api.core.errors import FieldError, pointer_to, unprocessable
from booking_api.core.ids import new_id, new_reference
from booking_api.core.per_process import PerProcess
from booking_api.inventory.schemas import ClaimRequest, SlotRow
from booking_api.inventory.slot_rules import SlotTimes, slot_times

REFERENCE_LENGTH = 8
PARTIES = PerProcess(lambda: BoundedCache[Any, Party](CACHED_PARTIES))
CACHED_PARTIES = 4_096


class Party(msgspec.Struct, frozen=True):
    """What is the same for everybody who books these units under this option on a day: most book what many book."""

    counts: dict[UUID, int]
    places: int
    quote: Quote
    companions: list[int | None]
    """For each item the index of the one it travels with."""


@dataclasses.dataclass(slots=True)
class Draft:
    """One wished booking before anything is written."""

    slot: SlotRow
    definition: ProductDefinition
    option: OptionDefinition
    times: SlotTimes
    party: Party
    booking: BookingRow
    items: list[ItemRow]
    pointer: str
    """Where in the request it stands."""

    @property
    def counts(self) -> dict[UUID, int]:
        return self.party.counts

    @property
    def places(self) -> int:
        return self.party.places

    def claim(self, order: OrderRow) -> ClaimRequest:
        return ClaimRequest(
            id=self.booking.id,
            slot_id=self.slot.id,
            option_id=self.option.id,
            holder_id=order.customer_id,
            places=self.places,
            quota_places=self.places if self.option.quota is not None else 0,
            expires_at=order.expires_at,
            slot_version=self.slot.version,
        )


@dataclasses.dataclass(slots=True)
class OrderDraft:
    order: OrderRow
    drafts: list[Draft]


@dataclasses.dataclass(slots=True)
class Offers:
    """The slots that are wished, and their products as they are on sale."""

    slots: Mapping[UUID, SlotRow]
    definitions: Mapping[Version, ProductDefinition]


def draft_order(
    ctx: Context, wanted: NewOrder, customer_id: UUID, contact: Contact | None, offers: Offers, *, is_short: bool
) -> OrderDraft:
    """Checks a wish against the rules of its products and prices it. `is_short`: the request has the only booking's
    fields as its own. No hold outlives the slots that it is on.

    Raises `SalesClosed`, `PartyNotAllowed`, `PriceChanged` and `Unprocessable` with a pointer to the field.
    """
    order = OrderRow(
        id=wanted.id or new_id(),
        customer_id=customer_id,
        status="on_hold",
        expires_at=None,
        hold_limit_at=ctx.now + timedelta(seconds=ctx.settings.hold_limit_seconds),
        pending_until=None,
        intent_id=None,
        channel=ctx.caller.channel,
        created_at=ctx.now,
        updated_at=ctx.now,
        version=1,
        status_reason=None,
        session_id=ctx.caller.credential_id if ctx.caller.restriction is not None else None,
        external_reference=None,
        metadata=None,
    )
    drafts: list[Draft] = []
    for position, wish in enumerate(wanted.bookings):
        at = "" if is_short else f"/bookings/{position}"
        drafts.append(_draft(ctx, wish, order, position, contact, offers, at))
    if len({draft.definition.currency for draft in drafts}) > 1:
        raise unprocessable("/bookings", "The bookings of one order must be in one currency.")
    order.expires_at = min(
        ctx.now + timedelta(seconds=ctx.settings.hold_seconds),
        *[draft.times.over_at for draft in drafts],
    )
    price = amounts.sum_prices([draft.booking.price for draft in drafts])
    if wanted.expected_total is not None and wanted.expected_total != price.total:
        raise PriceChanged(price=price)
    return OrderDraft(order, drafts)


def _draft(
    ctx: Context,
    wish: NewBookingOfOrder,
    order: OrderRow,
    position: int,
    contact: Contact | None,
    offers: Offers,
    at: str,
) -> Draft:
    slot = offers.slots.get(wish.slot_id)
    if slot is None:
        raise unprocessable(f"{at}/slot_id", "There is no such slot.")
    definition = offers.definitions[slot.product_id, slot.product_version]
    option = definition.option(wish.option_id)
    if option is None:
        raise unprocessable(f"{at}/option_id", "The slot's product has no such option.")
    units = [_unit_id(definition, item, f"{at}/items/{index}") for index, item in enumerate(wish.items)]
    times = slot_times(slot, option)
    verdict = rules.judge_hold(rules.condition_of(slot, times, ctx.now))
    if not verdict.is_allowed:
        raise sales_closed(verdict.because[0], Wanted(slot, option.id, Counter(units)), at)
    party = _party(ctx, slot, definition, option, units, at)
    check_answers(definition, wish.answers, "booking", f"{at}/answers")
    price = party.quote.price
    booking = BookingRow(
        id=wish.id or new_id(),
        order_id=order.id,
        position=position,
        customer_id=order.customer_id,
        reference=new_reference(REFERENCE_LENGTH),
        slot_id=slot.id,
        product_id=slot.product_id,
        product_version=slot.product_version,
        option_id=option.id,
        status="on_hold",
        version=1,
        contact=contact,
        answers=_given(wish.answers),
        price=price,
        total=price.total.amount,
        cancel_reason=None,
        refund_amount=None,
        channel=ctx.caller.channel,
        visit_ends_at=times.ends_at,
        created_at=ctx.now,
        updated_at=ctx.now,
        confirmed_at=None,
        erased_at=None,
        agreed_starts_at=slot.starts_at,
        agreed_ends_at=slot.ends_at,
        agreed_origin_id=slot.origin_id,
        agreed_destination_id=slot.destination_id,
        moved_while_paying=False,
        slot_change=None,
        decide_by=None,
        offered_starts_at=None,
        status_reason=None,
        external_reference=None,
        metadata=None,
    )
    items = _items(definition, wish.items, units, booking, party, at)
    return Draft(slot, definition, option, times, party, booking, items, at)


def _party(
    ctx: Context, slot: SlotRow, definition: ProductDefinition, option: OptionDefinition, units: list[UUID], at: str
) -> Party:
    """A party that is allowed, with its price. Raises `PartyNotAllowed`. A product's version never changes, nor does
    what it makes of a party."""
    parties = PARTIES.of(ctx.caches)
    key = (ctx.org_id, slot.product_id, slot.product_version, option.id, *units, slot.local_date, ctx.languages)
    if (party := parties.get(key)) is None:
        counts = dict(Counter(units))
        if broken := check_party(definition, counts):
            raise PartyNotAllowed(broken[0], errors=[FieldError(f"{at}/items", sentence) for sentence in broken])
        codes = [definition.units_by_id[unit].code for unit in units]
        party = Party(
            counts, places(definition, counts), quote(definition, option.id, counts, slot.local_date, ctx.languages),
            details.companions(codes, definition),
        )  # fmt: skip
        parties.put(key, party)
    return party


def _items(
    definition: ProductDefinition, wishes: list[NewItem], units: list[UUID], booking: BookingRow,
    party: Party, at: str,
) -> list[ItemRow]:  # fmt: skip
    items: list[ItemRow] = []
    amounts = {unit_id: iter(each) for unit_id, each in party.quote.item_amounts.items()}
    for index, (wish, unit_id) in enumerate(zip(wishes, units, strict=True)):
        check_answers(definition, wish.answers, "item", f"{at}/items/{index}/answers")
        items.append(
            ItemRow(
                id=new_id(),
                booking_id=booking.id,
                slot_id=booking.slot_id,
                position=index,
                unit_id=unit_id,
                name=wish.name,
                seat=wish.seat,
                answers=_given(wish.answers),
                status="active",
                amount=next(amounts[unit_id]),
                companion_item_id=None,
            )
        )
    for item, companion in zip(items, party.companions, strict=True):
        item.companion_item_id = None if companion is None else items[companion].id
    return items


def _unit_id(definition: ProductDefinition, item: NewItem, at: str) -> UUID:
    if (item.unit_id is None) == (item.unit is None):
        raise unprocessable(f"{at}/unit", "Give either `unit_id` or `unit`.")
    unit = definition.unit(item.unit_id) if item.unit_id is not None else definition.unit_by_code(item.unit or "")
    if unit is None:
        raise unprocessable(f"{at}/{'unit' if item.unit_id is None else 'unit_id'}", "The product has no such unit.")
    if item.seat is not None and not unit.takes_seat:
        raise unprocessable(f"{at}/seat", f"The unit {unit.code} takes no seat.")
    return unit.id


def _given(answers: dict[str, Any] | None) -> dict[str, Any] | None:
    """What was really answered; None where nothing was."""
    return {code: value for code, value in (answers or {}).items() if value is not None} or None


def check_answers(definition: ProductDefinition, answers: dict[str, Any] | None, per: str, at: str) -> None:
    """Raises `Unprocessable` for the first answer that doesn't fit its question."""
    for code, value in (answers or {}).items():
        if (wrong := details.check_answer(definition, code, value, per)) is not None:
            raise unprocessable(at + pointer_to(code), wrong)
