"""What staff and integrators do with a slot, and what customers choose about one that moved.

It stands here because holds on a slot may have to be given back.
"""

from typing import Any
from uuid import UUID

from litestar import Request, Response

from booking_api.availability.schemas import Availability
from booking_api.availability.slots import show_slot
from booking_api.bookings.operations.facts import load_order_of
from booking_api.bookings.operations.release import release_holds
from booking_api.bookings.operations.show import Show
from booking_api.bookings.operations.slot_change import keep
from booking_api.bookings.refusals import SlotChanged
from booking_api.bookings.routes import OWNER, TAG, seen_of, versioned
from booking_api.bookings.schemas import Booking, SlotChoice
from booking_api.core.context import Context
from booking_api.core.errors import Conflict, Forbidden, NotFound, Unprocessable, VersionConflict
from booking_api.core.web.http import Access, endpoint
from booking_api.core.web.inputs import read_body
from booking_api.core.web.replies import Reply, expected_versions, runtime_of, send, version_etag
from booking_api.core.web.transactions import writing
from booking_api.inventory.schemas import SlotChange
from booking_api.inventory.writing import WRITE_SCOPE, change_slot

ORGANISERS = Access(staff="agent", scope=WRITE_SCOPE)


@endpoint(
    "PATCH", "/v1/slots/{slot_id:uuid}", tag="Availability", access=ORGANISERS, body=SlotChange,
    answers={200: Availability}, errors=(NotFound, Forbidden, VersionConflict, Unprocessable), conditional=True,
)  # fmt: skip
async def update_slot(request: Request[Any, Any, Any], slot_id: UUID) -> Response[bytes]:
    """Delay, move, close or cancel a slot.

    Absent means untouched. Agents may set and clear the `delay`; the rest is for managers and keys. Bookings hear of it
    within seconds: a delay changes none of them, a slot that was cancelled or moved lets their customers choose (see
    `slot_change`). With `release_holds` what is held and not paid is given back before the answer. With `If-Match`, only
    if nothing changed meanwhile; what would change nothing is answered before that is looked at.
    """
    change = await read_body(request, SlotChange)
    expected = expected_versions(request)
    async with writing(request) as ctx:
        if ctx.resumes is None:
            await change_slot(ctx, slot_id, change, expected)
        if change.release_holds:
            # What is left to do needs transactions of its own; a worker does it too, should this process die here.
            ctx.begun = slot_id
        else:
            ctx.reply = await _show(ctx, slot_id)
    if change.release_holds:
        await release_holds(runtime_of(request), ctx.org_id, slot_id, ctx.now)
        async with writing(request) as ctx:
            ctx.reply = await _show(ctx, slot_id)
    return send(request, ctx)


@endpoint(
    "POST", "/v1/bookings/{booking_id:uuid}/slot-change", tag=TAG, access=OWNER, answers={200: Booking},
    errors=(NotFound, SlotChanged, Conflict, VersionConflict), conditional=True,
)  # fmt: skip
async def choose_about_slot(
    ctx: Context, booking_id: UUID, body: SlotChoice, expected_versions: frozenset[int] | None
) -> Reply:
    """Keep a booking whose slot moved.

    `slot_change` says what happened and what may be chosen. Its new time is agreed from then on, and the conditions
    hold again; repeating it is 200. Who wants the money back cancels the booking instead.
    """
    seen = seen_of(expected_versions, booking_id)
    facts = await load_order_of(ctx, booking_id, lock=True)
    await keep(ctx, facts, facts.booking(booking_id), body.expected_starts_at, seen)
    return versioned(await Show(booking_id=booking_id)(ctx, facts))


async def _show(ctx: Context, slot_id: UUID) -> Reply:
    shown = await show_slot(ctx, slot_id, None)
    return Reply(shown.content, headers={"ETag": version_etag(shown.version)})


ROUTES = [update_slot, choose_about_slot]
