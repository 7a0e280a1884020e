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
from booking_api.core.errors import FieldError, Invalid, invalid, unprocessable


class Route(msgspec.Struct, frozen=True):
    """A search for everything between two places."""

    origin: Place
    destination: Place


Target = ProductDefinition | Route
"""What a search is about."""


def places_of(target: Target) -> tuple[UUID | None, UUID | None]:
    """The origin and destination that statements filter by; none for a product, whose slots have its own."""
    return (target.origin.id, target.destination.id) if isinstance(target, Route) else (None, None)


def zone_of(ctx: Context, target: Target) -> str:
    """The zone of the origin or venue, whose dates a search counts in."""
    place = target.origin if isinstance(target, Route) else target.origin or target.venue
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
            raise invalid(f"/query/{name}", "Give either a product_id or an origin and a destination.")
        known = await load_products(ctx, [query.product_id]) if products is None else products
        product = known.get(query.product_id)
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
    found = await search_queries.find_route_products(
        ctx.db, ctx.org_id, target.origin.id, target.destination.id, first, last
    )
    definitions = await load_definitions(
        ctx.db, ctx.caches, ctx.org_id, [(row.product_id, row.version) for row in found]
    )
    return [definitions[row.product_id, row.version] for row in found]
