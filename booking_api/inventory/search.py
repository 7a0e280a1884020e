"""The search for availability: slots, calendar, seats, and what else has room. Nothing of it is cached but terms.

Places are counted by the statement that answers. What a product means for a party on a day, its terms, follows from
an immutable document and is kept.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from booking_api.catalog.answers import conditions_answer, place_brief
from booking_api.catalog.operations import find_places, load_definitions, load_product
from booking_api.catalog.rules import PartyNotAllowed, places
from booking_api.catalog.schemas import Place, ProductDefinition
from booking_api.core.cache import BoundedCache
from booking_api.core.context import Context
from booking_api.core.db import columns
from booking_api.core.errors import FieldError, Invalid, NotFound, invalid, unprocessable
from booking_api.core.money import Money
from booking_api.core.paging import read_cursor, write_cursor
from booking_api.core.texts import pick
from booking_api.inventory import queries, rules, search_queries
from booking_api.inventory.schemas import (
    Alternative,
    Availability,
    AvailabilityPage,
    AvailabilityQuery,
    Calendar,
    CalendarDay,
    FoundSlot,
    OptionSummary,
    ProductSummary,
    SeatLayoutAnswer,
    SlotQuery,
    SlotRow,
    SlotSeats,
    SlotsQuery,
)

SEARCH_DAYS = 31
CALENDAR_DAYS = 62
ALTERNATIVE_DAYS = 31
"""Alternatives are at most this many days away."""
TERMS = "inventory.terms"
CACHED_TERMS = 8_192
NEVER = 2**53
"""Sorts what can't be booked after every price."""

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
StartPosition = tuple[date, Moment, UUID]
PricePosition = tuple[int, Moment, UUID]
LONG_AGO = datetime(1, 1, 2, tzinfo=UTC)


class Route(msgspec.Struct, frozen=True):
    """A search for everything between two places."""

    origin: Place
    destination: Place


Target = ProductDefinition | Route
"""What a search is about."""


def _places_of(target: Target) -> tuple[UUID | None, UUID | None]:
    """The origin and destination that statements filter by; none for a product, whose slots have its own."""
    return (target.origin.id, target.destination.id) if isinstance(target, Route) else (None, None)


def _zone_of(ctx: Context, target: Target) -> str:
    """The zone of the origin or venue, whose dates a search counts in."""
    place = target.origin if isinstance(target, Route) else target.origin or target.venue
    return place.time_zone if place else ctx.org.time_zone


def _holder(ctx: Context) -> UUID | None:
    """Whose claims are the caller's own: only customers have any."""
    return ctx.caller.subject_id if ctx.caller.is_customer else None


async def _find_target(ctx: Context, query: SlotsQuery) -> Target:
    """Raises `Invalid` unless there is either a product or a route, `Unprocessable` for an unknown one."""
    if query.product_id is not None:
        if query.origin is not None or query.destination is not None:
            name = "origin" if query.origin is not None else "destination"
            raise invalid(f"/query/{name}", "Give either a product_id or an origin and a destination.")
        product = await load_product(ctx, query.product_id)
        if product is None:
            raise unprocessable("/query/product_id", "There is no such product.")
        return product
    if query.origin is None or query.destination is None:
        missing = [name for name in ("origin", "destination") if getattr(query, name) is None]
        detail = "Give either a product_id or an origin and a destination."
        names = missing if len(missing) == 1 else ["product_id"]
        raise Invalid(detail, errors=[FieldError(f"/query/{name}", detail) for name in names])
    origin, destination = await find_places(ctx, origin=query.origin, destination=query.destination)
    return Route(origin, destination)


def _range(ctx: Context, target: Target, query: SlotsQuery, most_days: int) -> tuple[date, date]:
    today = ctx.now.astimezone(ZoneInfo(_zone_of(ctx, target))).date()
    return rules.check_range(query.first, query.last, today, most_days)


def _refuse(broken: Sequence[str]) -> PartyNotAllowed:
    return PartyNotAllowed(broken[0], errors=[FieldError("/query/units", detail) for detail in broken])


def _check_party(definitions: Iterable[ProductDefinition], wanted: rules.Wanted | None) -> None:
    """Raises `PartyNotAllowed` if there are products and none of them allows the party."""
    refusal = None
    for definition in definitions:
        _, broken = rules.party_for(definition, wanted)
        if not broken:
            return
        refusal = refusal or _refuse(broken)
    if refusal is not None:
        raise refusal


async def _all_products(ctx: Context, target: Target, first: date, last: date) -> list[ProductDefinition]:
    """Every product that the search may meet."""
    if not isinstance(target, Route):
        return [target]
    found = await search_queries.find_route_products(
        ctx.db, ctx.org_id, target.origin.id, target.destination.id, first, last
    )
    definitions = await load_definitions(
        ctx.db, ctx.caches, ctx.org_id, [(row.product_id, row.version) for row in found]
    )
    return [definitions[row.product_id, row.version] for row in found]


class _Reader:
    """Turns slots into what they are for one party, with the terms it has met."""

    def __init__(self, ctx: Context, wanted: rules.Wanted | None) -> None:
        self.ctx = ctx
        self.wanted = wanted
        self._party = None if wanted is None else tuple(sorted(wanted.items()))
        self._terms: BoundedCache[object, rules.Terms] = ctx.caches.setdefault(TERMS, BoundedCache(CACHED_TERMS))

    async def terms(self, slots: Sequence[SlotRow]) -> list[rules.Terms]:
        """The terms of each slot, by the version of its product that is on sale."""
        ctx = self.ctx
        definitions = await load_definitions(
            ctx.db, ctx.caches, ctx.org_id, {(slot.product_id, slot.product_version) for slot in slots}
        )
        found: list[rules.Terms] = []
        for slot in slots:
            key = (ctx.org_id, slot.product_id, slot.product_version, slot.local_date, self._party)
            if (terms := self._terms.get(key)) is None:
                definition = definitions[slot.product_id, slot.product_version]
                terms = rules.make_terms(definition, self.wanted, slot.local_date)
                self._terms.put(key, terms)
            found.append(terms)
        return found


# search -----------------------------------------------------------------------------------------------------------


async def search(ctx: Context, query: AvailabilityQuery) -> AvailabilityPage:
    """One page of slots as they are now.

    Raises `Invalid` for a range or cursor that makes no sense, `Unprocessable` for an unknown product or place, and
    `PartyNotAllowed` when no product that was found allows the party.
    """
    wanted = rules.parse_units(query.units)
    target = await _find_target(ctx, query)
    first, last = _range(ctx, target, query, SEARCH_DAYS)
    if not isinstance(target, Route):
        _check_party([target], wanted)
    if query.sort == "price":
        slots, cursor = await _by_price(ctx, target, first, last, wanted, query)
    else:
        slots, cursor = await _by_start(ctx, target, first, last, query)
    terms = await _Reader(ctx, wanted).terms(slots)
    if terms and all(found.broken for found in terms):
        # None on this page allows the party; whether to refuse it depends on all that there are.
        _check_party(await _all_products(ctx, target, first, last), wanted)
    items = [rules.availability(slot, found, ctx.now) for slot, found in zip(slots, terms, strict=True)]
    definitions = {found.definition.id: found.definition for found in terms}
    return AvailabilityPage(
        items=items,
        products={id_: _summary(definition, ctx.languages) for id_, definition in definitions.items()},
        next_cursor=cursor,
    )


async def _by_start(
    ctx: Context, target: Target, first: date, last: date, query: AvailabilityQuery
) -> tuple[list[FoundSlot], str | None]:
    after: StartPosition = (
        read_cursor(query.cursor, StartPosition) if query.cursor else (date.min, LONG_AGO, UUID(int=0))
    )
    holder, limit = _holder(ctx), query.limit + 1
    if isinstance(target, Route):
        rows = await search_queries.search_route(
            ctx.db, ctx.org_id, target.origin.id, target.destination.id, first, last, after, holder, ctx.now, limit
        )
    else:
        rows = await search_queries.search_product(
            ctx.db, ctx.org_id, target.id, first, last, after, holder, ctx.now, limit
        )
    page = rows[: query.limit]
    if len(rows) == len(page):
        return page, None
    return page, write_cursor(page[-1].local_date, page[-1].starts_at, page[-1].id)


async def _by_price(
    ctx: Context, target: Target, first: date, last: date, wanted: rules.Wanted | None, query: AvailabilityQuery
) -> tuple[list[FoundSlot], str | None]:
    """Ranks in the database, where every slot of the range is, and then reads the page whole."""
    after: PricePosition = read_cursor(query.cursor, PricePosition) if query.cursor else (-1, LONG_AGO, UUID(int=0))
    products = await _all_products(ctx, target, first, last)
    _check_party(products, wanted)
    ranked = await search_queries.rank_by_price(
        ctx.db, ctx.org_id, _places_of(target), _offer_columns(products, wanted, first, last), after, NEVER,
        ctx.now, query.limit + 1,
    )  # fmt: skip
    page = ranked[: query.limit]
    found = await queries.find_slots_with_room(ctx.db, ctx.org_id, [row.id for row in page], _holder(ctx), ctx.now)
    by_id = {slot.id: slot for slot in found}
    slots = [by_id[row.id] for row in page if row.id in by_id]
    if len(ranked) == len(page):
        return slots, None
    return slots, write_cursor(page[-1].price, page[-1].starts_at, page[-1].id)


def _offer_columns(
    products: Iterable[ProductDefinition], wanted: rules.Wanted | None, first: date, last: date
) -> list[list[object]]:
    return columns([row for product in products for row in rules.offer_rows(product, wanted, first, last)], 7)


def _summary(definition: ProductDefinition, languages: Sequence[str]) -> ProductSummary:
    return ProductSummary(
        title=pick(definition.title, languages),
        kind=definition.kind,
        origin=place_brief(definition.origin) if definition.origin else None,
        destination=place_brief(definition.destination) if definition.destination else None,
        venue=place_brief(definition.venue) if definition.venue else None,
        options={
            option.id: OptionSummary(
                title=pick(option.title, languages),
                conditions=conditions_answer(option.conditions, definition.currency, languages),
            )
            for option in definition.options
        },
    )


async def calendar(ctx: Context, query: SlotsQuery) -> Calendar:
    """Every date of the range with its best slot's status, the places left and the lowest price; errors as `search`."""
    wanted = rules.parse_units(query.units)
    target = await _find_target(ctx, query)
    first, last = _range(ctx, target, query, CALENDAR_DAYS)
    products = await _all_products(ctx, target, first, last)
    _check_party(products, wanted)
    rows = await search_queries.sum_up_days(
        ctx.db, ctx.org_id, _places_of(target), _offer_columns(products, wanted, first, last), _holder(ctx),
        rules.LIMITED_SHARE, ctx.now,
    )  # fmt: skip
    by_day = {row.day: row for row in rows}
    # Amounts of several currencies have no lowest one.
    currencies = {product.currency for product in products}
    currency = currencies.pop() if len(currencies) == 1 else None
    days: list[CalendarDay] = []
    for day in rules.days_between(first, last):
        if (row := by_day.get(day)) is None:
            days.append(CalendarDay(date=day, status="closed", vacancies=0))
            continue
        price = None if row.from_price is None or currency is None else Money(row.from_price, currency)
        days.append(CalendarDay(date=day, status=rules.STATUSES[row.rank], vacancies=row.vacancies, from_price=price))
    return Calendar(days)


# single slots -----------------------------------------------------------------------------------------------------


async def get_slot(ctx: Context, slot_id: UUID, query: SlotQuery) -> Availability:
    """One slot as it is now, also when it is past or cancelled. Raises `NotFound` and `PartyNotAllowed`."""
    wanted = rules.parse_units(query.units)
    slots = await queries.find_slots_with_room(ctx.db, ctx.org_id, [slot_id], _holder(ctx), ctx.now)
    if not slots:
        raise NotFound("There is no such slot.")
    terms = (await _Reader(ctx, wanted).terms(slots))[0]
    if terms.broken:
        raise _refuse(terms.broken)
    return rules.availability(slots[0], terms, ctx.now)


async def get_seats(ctx: Context, slot_id: UUID) -> SlotSeats:
    """The seats of a slot that aren't free. Raises `NotFound`, also for a slot without a seat layout."""
    slots = await queries.find_slots(ctx.db, ctx.org_id, [slot_id])
    if not slots:
        raise NotFound("There is no such slot.")
    if slots[0].seat_layout_id is None:
        raise NotFound("This slot has no seats to choose.")
    seats = await queries.find_claimed_seats(ctx.db, ctx.org_id, slot_id, _holder(ctx), ctx.now)
    return SlotSeats(
        layout_id=slots[0].seat_layout_id,
        taken=[row.seat for row in seats],
        held_by_you=[row.seat for row in seats if row.mine],
    )


async def get_layout(ctx: Context, layout_id: UUID) -> SeatLayoutAnswer:
    """How seats are arranged. Raises `NotFound`."""
    row = await queries.find_layout(ctx.db, ctx.org_id, layout_id)
    if row is None:
        raise NotFound("There is no such seat layout.")
    return SeatLayoutAnswer(row.id, row.seats, row.layout.decks)


# alternatives -----------------------------------------------------------------------------------------------------


async def alternatives(
    ctx: Context, slot: SlotRow, option_id: UUID, counts: Mapping[UUID, int], limit: int = 3
) -> list[Alternative]:
    """What has room for a party that a slot has none for, nearest in time first.

    Looks at the same route, or else the same product, within a month, and at the other options of the slot itself.
    Each slot counts once: with the option of the same code if that can be booked, else with the cheapest.
    """
    own = (await load_definitions(ctx.db, ctx.caches, ctx.org_id, [(slot.product_id, slot.product_version)]))[
        slot.product_id, slot.product_version
    ]
    units = {unit.id: unit.code for unit in own.units}
    if not set(counts) <= set(units):
        return []
    reader = _Reader(ctx, {units[unit_id]: count for unit_id, count in counts.items()})
    asked = own.option(option_id)
    found = await queries.find_slots_with_room(
        ctx.db, ctx.org_id, await _nearest(ctx, slot, places(own, counts), limit), None, ctx.now
    )
    chosen: list[Alternative] = []
    for near, terms in zip(found, await reader.terms(found), strict=True):
        best: tuple[bool, int, Alternative] | None = None
        for offer, left in zip(terms.offers, rules.option_vacancies(near, terms), strict=True):
            if (near.id, offer.option.id) == (slot.id, option_id) or offer.total is None:
                continue
            if rules.option_status(near, terms, offer, left, ctx.now) is not None:
                continue
            other_code = asked is None or offer.option.code != asked.code
            if best is None or (other_code, offer.total) < best[:2]:
                best = other_code, offer.total, Alternative(
                    slot_id=near.id, product_id=near.product_id, starts_at=rules.local(near.starts_at, near.time_zone),
                    time_zone=near.time_zone, option_id=offer.option.id, vacancies=left,
                    total=Money(offer.total, terms.definition.currency),
                )  # fmt: skip
        if best is not None:
            chosen.append(best[2])
    chosen.sort(key=lambda alternative: (abs(alternative.starts_at - slot.starts_at), alternative.slot_id))
    return chosen[:limit]


async def _nearest(ctx: Context, slot: SlotRow, wanted_places: int, limit: int) -> list[UUID]:
    """Candidates on both sides; more than wanted, because quotas and conditions are looked at later."""
    away = timedelta(days=ALTERNATIVE_DAYS)
    day, first, last, most = slot.local_date, slot.local_date - away, slot.local_date + away, 4 * limit
    if slot.destination_id is not None:
        return await search_queries.nearest_of_route(
            ctx.db, ctx.org_id, slot.origin_id, slot.destination_id, day, first, last, slot.starts_at, wanted_places,
            ctx.now, most,
        )  # fmt: skip
    return await search_queries.nearest_of_product(
        ctx.db, ctx.org_id, slot.product_id, day, first, last, slot.starts_at, wanted_places, ctx.now, most
    )
