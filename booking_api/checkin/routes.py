"""The gate over HTTP."""

from litestar import Request, Response

from booking_api.checkin import lookup
from booking_api.checkin.operations import scanning
from booking_api.checkin.operations.undo import undo
from booking_api.checkin.rules import LaterScan
from booking_api.checkin.schemas import (
    GateSlotPage,
    GateSlotsQuery,
    LookupPage,
    LookupQuery,
    NewScan,
    ScanAnswer,
    UndoneScan,
)
from booking_api.core.context import Context
from booking_api.core.errors import NotFound
from booking_api.core.queue.together import join
from booking_api.core.web.http import Access, endpoint
from booking_api.core.web.inputs import read_body
from booking_api.core.web.replies import send
from booking_api.core.web.transactions import make_context, writing

TAG = "Gate"
SCANNING = Access(staff="agent", scope="scan")
LOOKING = Access(staff="agent", scope="gate:read")


@endpoint("POST", "/v1/scans", tag=TAG, access=SCANNING, body=NewScan, answers={200: ScanAnswer}, together=True)
async def scan_pass(request: Request) -> Response[bytes]:
    """Scan a pass.

    Judges what was held under the scanner, by the server's clock, and records it, refusals included. The first verdict
    that holds counts: `forged`, `unknown`, for exits `exited`, then `cancelled`, `revoked`, `unpaid`, `wrong_gate`,
    `wrong_slot`, `too_early`, `expired`, `already_used`, else `admitted`. An exit is never refused to anybody who is
    known: where no entry is on record it comes with the attention `entry_unknown`; a forged or unknown code names
    nobody whose exit could be recorded. Of many scans of one pass at once exactly one admits.

    A pass is judged by what is true now, not by the times that are written in it: an older code of the same item and
    holder is as good as the newest one, until a transfer, a move to another phone, a rebooking or a wish revokes it.

    The `nonce` makes a scan unique in the organisation: sent twice it is one scan with one answer, and with anything
    else in it the repeat is refused as `idempotency_mismatch`. `party_item_ids` lets more of the same booking through
    with one pass; a pass that is forged, unknown or revoked admits nobody. `override` lets through against the verdict,
    with a reason that is recorded.
    """
    new = await read_body(request, NewScan)
    ctx = make_context(request, None)
    case = scanning.open_case(ctx, new)
    if (answer := await join(request, ctx, "scan", case, scanning.scan_together, new.nonce)) is not None:
        return answer
    async with writing(request) as ctx:
        ctx.reply = scanning.reply_of(await scanning.scan(ctx, new))
    return send(request, ctx)


@endpoint("POST", "/v1/scans/{nonce:str}/undo", tag=TAG, access=SCANNING, errors=(NotFound, LaterScan))
async def undo_scan(ctx: Context, nonce: str) -> UndoneScan:
    """Undo a scan.

    Whoever was inside before the scan is so again. The scan stays on record together with who undid it. Whoever scanned
    may undo it for ten minutes, a manager or a key with the scope `scan:override` any scan at any time, as long as no
    later scan let the item through. Undoing twice is undoing once.
    """
    return await undo(ctx, nonce)


@endpoint("GET", "/v1/gate/lookup", tag=TAG, access=LOOKING)
async def look_up_bookings(ctx: Context, query: LookupQuery) -> LookupPage:
    """Look up bookings at the gate.

    By `reference`, as it is read aloud, or by the beginnings of words of the `name` of the contact or of a traveller
    on one `slot_id`: case, marks, apostrophes, blanks and the order of words don't matter, and one character is enough.
    An item found here is let through by scanning its `item_id`.
    """
    return await lookup.look_up(ctx, query)


@endpoint("GET", "/v1/gate/slots", tag=TAG, access=LOOKING)
async def list_gate_slots(ctx: Context, query: GateSlotsQuery) -> GateSlotPage:
    """List a gate's slots.

    Slots that run between two hours before and six hours after `at`, of one gate or of all, with how many people are
    expected, were admitted, and are inside.
    """
    return await lookup.list_slots(ctx, query)


ROUTES = [scan_pass, undo_scan, look_up_bookings, list_gate_slots]
