"""What a search or a calendar is about: a product or a route, its local dates, the products and parties it meets."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from booking_api.availability import rules, search_queries
from booking_api.availability.schemas import SlotsQuery
from booking_api.catalog.operations import find_places, load_definitions, load_products
from booking_api.catalog.rules import PartyNotAllowed
from booking_api.catalog.schemas import Place, ProductDefinition
from booking_api.core.context import Context
from booking_api.core.errors import FieldError, invalid, unprocessable


class Route(msgspec.Struct, frozen=True):
    """A search for everything between two places, from one to anywhere, or from anywhere to one."""

    origin: Place | None
    destination: Place | None


Target = ProductDefinition | Route
"""What a search is about."""


def places_of(target: Target) -> tuple[UUID | None, UUID | None]:
    """The origin and destination that statements filter by; none for a product, whose slots have its own."""
    if not isinstance(target, Route):
        return None, None
    return target.origin and target.origin.id, target.destination and target.destination.id


def zone_of(ctx: Context, target: Target) -> str:
    """The zone of the origin or venue, whose dates a search counts in; of the destination where only that is named."""
    place = target.origin or (target.destination if isinstance(target, Route) else target.venue)
    return place.time_zone if place else ctx.org.time_zone


def holder_of(ctx: Context) -> UUID | None:
    """Whose claims are the caller's own: only customers have any. A session that sees only some of a customer's
    bookings isn't told how many places the others hold."""
    return ctx.caller.subject_id if ctx.caller.is_customer and ctx.caller.restriction is None else None


async def find_target(
    ctx: Context, query: SlotsQuery, products: Mapping[UUID, ProductDefinition] | None = None
) -> Target:
    """Raises `Invalid` unless there is either a product or a route, `Unprocessable` for an unknown one.

    `products` are those that were looked up already, for several queries at once.
    """
    if query.product_id is not None:
        if query.origin is not None or query.destination is not None:
            name = "origin" if query.origin is not None else "destination"
            raise invalid(f"/query/{name}", "Give either a product_id, or an origin or a destination or both.")
        known = await load_products(ctx, [query.product_id]) if products is None else products
        product = known.get(query.product_id)
        if product is None:
            raise unprocessable("/query/product_id", "There is no such product.")
        return product
    named = {name: given for name in ("origin", "destination") if (given := getattr(query, name)) is not None}
    if not named:
        raise invalid("/query/product_id", "Give either a product_id, or an origin or a destination or both.")
    places = dict(zip(named, await find_places(ctx, **named), strict=True))
    return Route(places.get("origin"), places.get("destination"))


def date_range(ctx: Context, target: Target, query: SlotsQuery, most_days: int) -> tuple[date, date]:
    today = ctx.now.astimezone(ZoneInfo(zone_of(ctx, target))).date()
    return rules.check_range(query.first, query.last, today, most_days)


def refuse(broken: Sequence[str]) -> PartyNotAllowed:
    return PartyNotAllowed(broken[0], errors=[FieldError("/query/units", detail) for detail in broken])


def check_party(definitions: Iterable[ProductDefinition], wanted: rules.UnitCounts | None) -> None:
    """Raises `PartyNotAllowed` if there are products and none of them allows the party."""
    refusal = None
    for definition in definitions:
        _, broken = rules.party_for(definition, wanted)
        if not broken:
            return
        refusal = refusal or refuse(broken)
    if refusal is not None:
        raise refusal


async def all_products(ctx: Context, target: Target, first: date, last: date) -> list[ProductDefinition]:
    """Every product that the search may meet."""
    if not isinstance(target, Route):
        return [target]
    origin_id, destination_id = places_of(target)
    if origin_id is None or destination_id is None:
        found = await search_queries.find_products_at(ctx.db, ctx.org_id, origin_id, destination_id, first, last)
    else:
        found = await search_queries.find_route_products(ctx.db, ctx.org_id, origin_id, destination_id, first, last)
    definitions = await load_definitions(
        ctx.db, ctx.caches, ctx.org_id, [(row.product_id, row.version) for row in found]
    )
    return [definitions[row.product_id, row.version] for row in found]
