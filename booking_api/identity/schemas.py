"""Requests, answers and rows of identity."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from booking_api.core.context import Organisation, Role

Channel = Literal["ios", "android", "web", "kiosk", "partner"]

SCOPES = (
    "catalog:read",
    "bookings:read",
    "bookings:write",
    "scan",
    "scan:override",
    "gate:read",
    "feedback:read",
    "feedback:write",
    "staff:write",
    "keys:write",
)
"""What a secret key may be allowed; `docs/` and the OpenAPI document explain each."""


class KeyRow(msgspec.Struct, frozen=True):
    """An API key together with its organisation, as authentication reads it."""

    org: Organisation
    id: UUID
    kind: str
    channel: str
    scopes: list[str]
    revoked_at: datetime | None
    last_used_at: datetime | None


class Tokens(msgspec.Struct, frozen=True):
    """Tokens of a customer or a member of staff. The access token goes into `Authorization: Bearer …`."""

    access_token: str
    access_token_expires_at: datetime
    refresh_token: str


class NewOrganisation(msgspec.Struct, frozen=True, kw_only=True):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    time_zone: str
    currency: Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]
    locale: str
    live: bool
    retention_days: int | None = None


class NewKeys(msgspec.Struct, frozen=True):
    """The keys of a new organisation, shown this once."""

    org_id: UUID
    publishable_key: str
    secret_key: str


class StaffRow(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    email: str
    role: Role
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
