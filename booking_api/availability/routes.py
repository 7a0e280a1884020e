"""HTTP of availability: search, calendar, single slots, seats."""

from typing import Any
from uuid import UUID

from litestar import Request, Response

from booking_api.availability import discover as discovering
from booking_api.availability import slots
from booking_api.availability.calendar import calendar
from booking_api.availability.discover_schemas import DiscoverQuery, Discovery
from booking_api.availability.schemas import (
    Availability,
    AvailabilityCalendar,
    AvailabilityPage,
    AvailabilityQuery,
    SeatLayoutAnswer,
    SlotQuery,
    SlotSeats,
    SlotsQuery,
)
from booking_api.availability.search import search
from booking_api.catalog.reference_rules import read_reference
from booking_api.catalog.rules import PartyNotAllowed
from booking_api.core.context import Context
from booking_api.core.errors import NotFound, Unprocessable
from booking_api.core.web.http import Access, endpoint
from booking_api.core.web.inputs import read_query
from booking_api.core.web.replies import Reply, body_etag, runtime_of, send, version_etag
from booking_api.core.web.transactions import make_context

READERS = Access(app=True, customer=True, staff="agent", scope="catalog:read")
FOR_EVER = "public, max-age=31536000, immutable"


@endpoint(
    "GET", "/v1/discover", tag="Availability", access=READERS, answers={200: Discovery}, errors=(PartyNotAllowed,)
)
async def discover(ctx: Context, query: DiscoverQuery) -> Reply:
    """Discover what can be booked soonest.

    The home screen in one call: across all products, those that the party in `units` can book now, each with its next
    slots, its lowest price and its pictures; by the start of the next slot, then by distance. `limit` counts products.
    Exact like a search: nothing is shown that this party can't book at this moment. A product of which the next 500
    slots with any room have too little for the party is left out.
    """
    return Reply(await discovering.discover(ctx, query))


@endpoint(
    "GET", "/v1/availability", tag="Availability", access=READERS, query=AvailabilityQuery,
    answers={200: AvailabilityPage}, errors=(Unprocessable, PartyNotAllowed),
)  # fmt: skip
async def search_availability(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Search for slots.

    By product, or by origin, destination or both, for up to 31 local dates at the origin or venue. Places and prices are
    those of this very moment and of the party in `units`. Slots that are sold out, closed or cancelled are listed
    with that status; past ones are not. Your own hold counts as taken but never hides its slot from you.
    """
    query = read_query(request, AvailabilityQuery)
    ctx = make_context(request, None)
    ctx.reply = Reply(await search(runtime_of(request), ctx, query))
    return send(request, ctx)


@endpoint(
    "GET", "/v1/availability/calendar", tag="Availability", access=READERS, query=SlotsQuery, answers={200: AvailabilityCalendar},
    errors=(Unprocessable, PartyNotAllowed),
)  # fmt: skip
async def get_calendar(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Sum up availability by day.

    For up to 62 local dates, each of them present, with the status of the day's best slot, the places left and the
    lowest total for the party in `units`.
    """
    query = read_query(request, SlotsQuery)
    ctx = make_context(request, None)
    ctx.reply = Reply(await calendar(runtime_of(request), ctx, query))
    return send(request, ctx)


@endpoint(
    "GET", "/v1/slots/{slot_id:uuid}", tag="Availability", access=READERS, answers={200: Availability},
    errors=(NotFound, PartyNotAllowed),
)  # fmt: skip
async def get_slot(ctx: Context, slot_id: UUID, query: SlotQuery) -> Reply:
    """Get a slot.

    As it is at this moment, shaped like an item of a search; past and cancelled ones too. Its ETag is its version.
    """
    shown = await slots.get_slot(ctx, slot_id, query)
    return Reply(shown.content, headers={"ETag": version_etag(shown.version)})


@endpoint("GET", "/v1/slots/{slot_id:uuid}/seats", tag="Availability", access=READERS, errors=(NotFound,))
async def get_slot_seats(ctx: Context, slot_id: UUID) -> SlotSeats:
    """Get the taken seats of a slot.

    `taken` are all seats that aren't free, those of your own live holds and bookings among them; draw the others of
    the layout as free.
    """
    return await slots.get_seats(ctx, slot_id)


@endpoint(
    "GET", "/v1/seat-layouts/{layout:str}", tag="Availability", access=READERS, answers={200: SeatLayoutAnswer},
    errors=(NotFound,), conditional=True,
)  # fmt: skip
async def get_seat_layout(ctx: Context, layout: str) -> Reply:
    """Get a seat layout.

    Decks, rows and seats, by id as slots name it, or the newest of a code. A layout never changes, so an app may keep
    what it got by id for ever.
    """
    named = read_reference(layout)
    kept = {"Cache-Control": FOR_EVER} if named.code is None else {}
    return body_etag(Reply(await slots.get_layout(ctx, named), headers=kept))


ROUTES = [discover, search_availability, get_calendar, get_slot, get_slot_seats, get_seat_layout]
