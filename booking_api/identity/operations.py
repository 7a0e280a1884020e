"""The verbs of identity: organisations, keys, staff, tokens."""

import secrets
from base64 import urlsafe_b64encode
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from booking_api.core.context import Organisation, Role
from booking_api.core.db import Connection
from booking_api.core.errors import unprocessable
from booking_api.core.ids import new_id
from booking_api.core.secrets import hash_secret
from booking_api.identity import queries
from booking_api.identity.schemas import SCOPES, NewKeys, NewOrganisation, StaffRow

KEY_SECRET_BYTES = 20


def _new_key(kind: str, org_id: UUID, *, live: bool) -> str:
    """`pk_test_…`: the organisation's id and 160 random bits, so that a key can be looked up within its tenant."""
    secret = urlsafe_b64encode(org_id.bytes + secrets.token_bytes(KEY_SECRET_BYTES)).decode().rstrip("=")
    return f"{'pk' if kind == 'publishable' else 'sk'}_{'live' if live else 'test'}_{secret}"


async def add_key(
    db: Connection, org: Organisation, kind: str, name: str, now: datetime, *, channel: str = "web",
    scopes: tuple[str, ...] = (),
) -> tuple[UUID, str]:  # fmt: skip
    """Makes an API key. The secret is returned this once; the database keeps its digest."""
    key, key_id = _new_key(kind, org.org_id, live=org.live), new_id()
    await queries.insert_key(db, org.org_id, key_id, kind, name, channel, list(scopes), key[-4:], hash_secret(key), now)
    return key_id, key


async def add_organisation(db: Connection, new: NewOrganisation, now: datetime) -> NewKeys:
    """Makes an organisation with one publishable and one secret key. Raises `Unprocessable` for an unknown zone."""
    try:
        ZoneInfo(new.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise unprocessable("/time_zone", f"{new.time_zone!r} is not an IANA time zone.") from None
    org = Organisation(new_id(), new.name, new.time_zone, new.currency, new.locale, new.live, new.retention_days)
    await queries.insert_organisation(db, org, now)
    _, publishable = await add_key(db, org, "publishable", "First app", now)
    _, secret = await add_key(db, org, "secret", "First integration", now, channel="partner", scopes=SCOPES)
    return NewKeys(org.org_id, publishable, secret)


async def add_staff(db: Connection, org: Organisation, name: str, email: str, role: Role, now: datetime) -> StaffRow:
    """Adds a member of staff. Raises `Conflict` when the address is taken."""
    row = StaffRow(new_id(), name, email, role, now, None, None)
    await queries.insert_staff(db, org.org_id, row)
    return row


