"""Single-use codes: making, sending, redeeming them."""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from booking_api.core.db import Connection
from booking_api.core.errors import FieldError, Unauthenticated
from booking_api.core.ids import new_code, read_code
from booking_api.core.secrets import Vault, hash_secret
from booking_api.identity import code_queries as queries
from booking_api.identity.session_schemas import Purpose, RecoveryContact, Redeemed

CODE_LENGTH = 10
"""50 random bits, which live for minutes and can be tried a few times a minute."""
MOST_CODES = 3
"""So many codes are sent for one booking, or to one member of staff, within half of a code's lifetime."""


async def make_code(
    db: Connection,
    org_id: UUID,
    purpose: Purpose,
    customer_id: UUID,
    booking_id: UUID | None,
    now: datetime,
    seconds: int,
    *,
    address_digest: bytes | None = None,
    alone: bool = False,
) -> str:
    """A single-use code that stands for a customer, or a member of staff, for some seconds, and opens all that they
    have; only the bookings with a proven address, or only its booking. The database keeps its digest.

    Codes that were made before stay good, so that nobody can spoil one by asking for another.
    """
    code = new_code(CODE_LENGTH)
    expires_at = now + timedelta(seconds=seconds)
    await queries.insert_code(
        db, org_id, hash_secret(code), purpose, customer_id, booking_id, address_digest, alone, expires_at, now
    )
    return f"{code[:5]}-{code[5:]}"


async def may_send_code(
    db: Connection,
    org_id: UUID,
    purpose: Purpose,
    subject_id: UUID,
    booking_id: UUID | None,
    address_digest: bytes | None,
    now: datetime,
    seconds: int,
) -> bool:
    """Whether another code may be sent to an address of somebody. Whoever asks for too many has some that are good for at least half
    of their time, so that refusing to send one more fills no mailbox and locks nobody out."""
    since = now - timedelta(seconds=seconds / 2)
    sent = await queries.count_codes(db, org_id, subject_id, purpose, booking_id, address_digest, since)
    return sent < MOST_CODES


async def redeem(db: Connection, org_id: UUID, code: str, now: datetime) -> Redeemed:
    """Uses a code up. Raises `Unauthenticated` if it is unknown, used, expired, or another organisation's."""
    found = await queries.redeem_code(db, org_id, hash_secret(read_code(code)), now)
    if found is None:
        detail = "The code is unknown, used or expired."
        raise Unauthenticated(detail, errors=[FieldError("/code", detail)], come_back="new_code")
    return found


def seal_contact(vault: Vault, contact: RecoveryContact) -> str:
    """The contact of a `recovery.requested` event: encrypted, as base64url text."""
    return vault.encrypt(msgspec.json.encode(contact)).decode()


def open_contact(vault: Vault, sealed: str) -> RecoveryContact:
    """What `seal_contact` sealed. Raises `cryptography.fernet.InvalidToken` for anything else."""
    return msgspec.json.decode(vault.decrypt(sealed.encode()), type=RecoveryContact)
