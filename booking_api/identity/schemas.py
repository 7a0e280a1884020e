"""Requests, answers and rows of organisations, keys, staff and customers. Those of sessions are in `session_schemas`."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID

import msgspec

from booking_api.capabilities import all_scopes
from booking_api.core.context import Role
from booking_api.core.errors import Conflict
from booking_api.core.ids import new_id
from booking_api.core.paging import Cursor, Limit
from booking_api.core.text import fields

SCOPES = tuple(scope.name for scope in all_scopes())
"""What a secret key may be allowed: what the capabilities declare in their `scopes.py`."""
if TYPE_CHECKING:
    ScopeName = str
else:
    ScopeName = Literal[SCOPES]

Email = Annotated[str, fields.email(examples=["ada@example.org"])]
Phone = Annotated[str, fields.sought_phone(examples=["+49 30 901820"])]
PersonName = Annotated[str, fields.line(200, examples=["Ada Lovelace"])]


class LastOwner(Conflict):
    code, title = "last_owner", "An organisation keeps at least one owner"
    explanation = "Make somebody else an owner first."


class EmailTaken(Conflict):
    code, title = "email_taken", "Somebody with this address works here already"
    explanation = "Look for the address in `GET /v1/staff`; a member of staff has one entry."


# customers --------------------------------------------------------------------------------------------------------


class KnownContact(msgspec.Struct, frozen=True):
    """How to reach a customer, as they last said."""

    name: str | None
    email: str | None
    phone: str | None


class Reachable(msgspec.Struct, frozen=True):
    """A customer who says how to reach them, and in which language."""

    customer_id: UUID
    name: str | None
    email: str | None
    phone: str | None
    language: str


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message to one person. Sent twice under one `id`, it arrives once where the notifier can tell."""

    org_id: UUID
    recipient: str
    """A mail address or a phone number."""
    subject: str
    body: str
    created_at: datetime
    id: UUID = msgspec.field(default_factory=new_id)


# organisations and keys -------------------------------------------------------------------------------------------


class NewOrganisation(msgspec.Struct, frozen=True, kw_only=True):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    time_zone: str
    currency: Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]
    locale: str
    live: bool
    retention_days: int | None = None
    country: str | None = None


RetentionDays = Annotated[int, msgspec.Meta(ge=1, le=3650, examples=[30])]


class OrganisationChange(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What is to change of the organisation; absent members stay."""

    retention_days: RetentionDays | None | msgspec.UnsetType = msgspec.UNSET
    """So many days after a visit its contacts, answers and typed reasons are erased. Null: as the installation does."""


class OrganisationAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The organisation as its staff set it up."""

    id: UUID
    name: str
    time_zone: str
    currency: str
    locale: str
    live: bool
    retention_days: int | None = None
    """Its own; absent where it is as the installation has it."""
    erased_after_days: int | None = None
    """What counts: so many days after a visit its contacts, answers and typed reasons are erased. Absent: never."""


class NewKeys(msgspec.Struct, frozen=True):
    """The keys of a new organisation, shown this once."""

    org_id: UUID
    publishable_key: str
    secret_key: str


class PageQuery(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    limit: Limit = 50
    cursor: Cursor | None = None


# staff ------------------------------------------------------------------------------------------------------------


class StaffRow(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    email: str
    role: Role
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    is_last_owner: bool = False


class NewStaff(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A member of staff to add."""

    name: PersonName
    email: Email
    role: Role
    """An `agent` works at the gate and helps customers; a `manager` sets up and sees summaries too; an `owner` also
    adds staff and keys."""


class StaffChange(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What is to change of a member of staff; absent fields stay."""

    name: PersonName | msgspec.UnsetType = msgspec.UNSET
    role: Role | msgspec.UnsetType = msgspec.UNSET


class StaffAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A member of staff."""

    id: UUID
    name: str
    email: str
    role: Annotated[str, msgspec.Meta(description="x-extensible-enum: agent, manager, owner")]
    created_at: datetime
    last_used_at: datetime | None = None
    """To the minute."""
    revoked_at: datetime | None = None
    available_actions: Annotated[list[str], msgspec.Meta(description="x-extensible-enum: rename, change_role, revoke")]


class NewStaffAnswer(StaffAnswer, frozen=True, kw_only=True, omit_defaults=True):
    """A new member of staff with the tokens to hand over. They are shown with this answer alone."""

    access_token: str
    access_token_expires_at: datetime
    refresh_token: str


class StaffList(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    items: list[StaffAnswer]
    next_cursor: str | None = None
