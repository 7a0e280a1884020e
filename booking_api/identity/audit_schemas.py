"""What the audit knows of: actions, who acted, and the entries as owners read them."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from booking_api.core.ids import new_id
from booking_api.core.paging import Cursor, Limit
from booking_api.core.text import fields

AuditAction = str
"""`<thing>.<what was done to it>`: what a capability declares as `audited`, each with its kind of thing."""
ObjectType = str
ActorKind = Literal["anonymous", "app", "customer", "staff", "key", "system", "command"]


class NewEntry(msgspec.Struct, frozen=True):
    """One entry before it is written."""

    action: AuditAction
    actor_kind: ActorKind
    actor_id: UUID | None
    credential_id: UUID | None
    object_type: ObjectType | None
    object_id: UUID | None
    reason_code: str | None
    request_id: str
    created_at: datetime
    occurrences: int = 1
    id: UUID = msgspec.field(default_factory=new_id)


class AuditRow(msgspec.Struct, frozen=True):
    id: UUID
    action: str
    actor_kind: str
    actor_id: UUID | None
    credential_id: UUID | None
    object_type: str | None
    object_id: UUID | None
    reason_code: str | None
    request_id: str
    occurrences: int
    created_at: datetime


class AuditQuery(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    from_: (
        Annotated[
            datetime,
            msgspec.Meta(tz=True, description="Entries of this moment or later.", examples=["2026-03-01T00:00:00Z"]),
        ]
        | None
    ) = msgspec.field(name="from", default=None)
    to: (
        Annotated[
            datetime,
            msgspec.Meta(tz=True, description="Entries before this moment.", examples=["2026-04-01T00:00:00Z"]),
        ]
        | None
    ) = None
    action: Annotated[str, fields.code(64, description="Only this one.", examples=["key.created"])] | None = None
    actor: Annotated[UUID, msgspec.Meta(description="Only what this member of staff, key or customer did.")] | None = (
        None
    )
    limit: Limit = 50
    cursor: Cursor | None = None


class AuditActor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who acted: a member of staff, a key, a customer, or the installation itself."""

    kind: Annotated[
        str, msgspec.Meta(description="x-extensible-enum: anonymous, app, customer, staff, key, system, command")
    ]
    id: UUID | None = None
    """Of the member of staff, the key or the customer."""
    credential_id: UUID | None = None
    """Of the session or key that was used."""


class AuditObject(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What it was done to."""

    type: Annotated[str, msgspec.Meta(examples=["booking"])]
    id: UUID | None = None


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that somebody did."""

    id: UUID
    created_at: datetime
    action: Annotated[str, msgspec.Meta(examples=["key.created"])]
    actor: AuditActor
    object: AuditObject | None = None
    reason_code: Annotated[str | None, msgspec.Meta(description="Why, as a code; never what somebody typed.")] = None
    request_id: Annotated[
        str | None, msgspec.Meta(description="As the answer's `X-Request-Id` and the log have it.")
    ] = None
    occurrences: Annotated[int, msgspec.Meta(ge=1, description="How often, where many are counted as one entry.")]


class AuditList(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    items: list[AuditEntry]
    next_cursor: str | None = None
