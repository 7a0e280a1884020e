"""Going on on another device: a code, and its picture for that device's camera.

Codes are stored nowhere. So the picture's URL carries its code, encrypted under the master secret, and ends with it.
"""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from cryptography.fernet import InvalidToken

from booking_api.bookings.operations.facts import load_order_of
from booking_api.bookings.operations.refusing import require_booking
from booking_api.bookings.schemas import ResumeCode
from booking_api.core.context import Context
from booking_api.core.errors import NotFound
from booking_api.core.secrets import Vault
from booking_api.identity import codes, reach

PATH = "/v1/resume-codes/qr"
PURPOSE = "resume code"


class PicturedCode(msgspec.Struct, frozen=True, array_like=True):
    """What the `s` of a picture's URL has sealed."""

    purpose: str
    code: str
    expires_at: datetime


async def make_resume_code(ctx: Context, booking_id: UUID) -> ResumeCode:
    """A code that opens no more than its maker sees: of a restricted session, what the address opens that it has
    proven, or this booking. Raises `NotFound` and `Conflict`."""
    facts = await load_order_of(ctx, booking_id)
    require_booking(ctx, facts, facts.booking(booking_id), "resume")
    seconds, restriction = ctx.settings.code_seconds, ctx.caller.restriction
    helped = not ctx.caller.is_customer
    address = None if restriction is None else restriction.address
    contact = facts.booking(booking_id).contact
    if address and (contact is None or not reach.matches(ctx.vault, ctx.org, address, contact.email, contact.phone)):
        address = None
    code = await codes.make_code(
        ctx.db, ctx.org_id, "help" if helped else "resume", facts.order.customer_id, booking_id, ctx.now, seconds,
        address_digest=address, alone=helped or (restriction is not None and address is None),
    )  # fmt: skip
    expires_at = ctx.now + timedelta(seconds=seconds)
    base, sealed = ctx.base_url or ctx.settings.base_url, seal_code(ctx.vault, code, expires_at)
    return ResumeCode(
        code=code,
        expires_at=expires_at,
        svg_url=f"{base}{PATH}.svg?s={sealed}",
        png_url=f"{base}{PATH}.png?s={sealed}",
    )


def seal_code(vault: Vault, code: str, expires_at: datetime) -> str:
    """The `s` of a picture's URL."""
    return vault.encrypt(msgspec.json.encode(PicturedCode(PURPOSE, code, expires_at))).decode()


def open_code(vault: Vault, sealed: str, now: datetime) -> str:
    """The code to draw. Raises `NotFound` for what wasn't sealed here, and once the code has expired."""
    try:
        found = msgspec.json.decode(vault.decrypt(sealed.encode()), type=PicturedCode)
    except (InvalidToken, msgspec.MsgspecError):
        raise NotFound from None
    if found.purpose != PURPOSE or found.expires_at <= now:
        raise NotFound
    return found.code
