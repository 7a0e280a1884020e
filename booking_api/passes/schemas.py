"""Requests, rows and answers of the passes."""

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

import msgspec

from booking_api.core.text import fields


class PassRequest(msgspec.Struct, frozen=True):
    """A pass to be issued. The window is when the gate lets it in; it is cut to whole seconds."""

    item_id: UUID
    slot_id: UUID
    customer_id: UUID
    valid_from: datetime
    valid_until: datetime


class NewPass(msgspec.Struct, frozen=True):
    """A pass as it is issued. Its times are exactly those inside `code`: whole seconds."""

    id: UUID
    item_id: UUID
    slot_id: UUID
    customer_id: UUID
    kid: str
    code: str
    issued_at: datetime
    valid_from: datetime
    valid_until: datetime


class PassRow(NewPass, frozen=True):
    """An issued pass, and what became of it."""

    revoked_at: datetime | None
    """Since when it isn't the current one: another was issued, or it was revoked. Its code may still be good."""


class ItemState(msgspec.Struct, frozen=True, kw_only=True):
    """What an item shows and where it is: its current pass, if it has one, and since when it counts as admitted."""

    item_id: UUID
    current: PassRow | None
    first_admitted_at: datetime | None
    """None: it was never admitted, or every admission was undone."""


class ItemStateRow(msgspec.Struct, frozen=True):
    item_id: UUID
    id: UUID | None
    slot_id: UUID | None
    customer_id: UUID | None
    kid: str | None
    code: str | None
    issued_at: datetime | None
    valid_from: datetime | None
    valid_until: datetime | None
    first_admitted_at: datetime | None


class PicturedPass(PassRow, frozen=True):
    delayed_by: timedelta


class IssueRow(msgspec.Struct, frozen=True):
    """The latest `iat` that an item's passes ever had, and for whom that pass was."""

    item_id: UUID
    issued_at: datetime
    customer_id: UUID


class Entering(msgspec.Struct, frozen=True):
    """An item that comes in; `nonce` is that of the scan."""

    item_id: UUID
    slot_id: UUID
    nonce: str


class Leaving(msgspec.Struct, frozen=True):
    """An item that goes out; `nonce` is that of the scan."""

    item_id: UUID
    nonce: str


class Revoked(msgspec.Struct, frozen=True):
    """Since which second the codes of an item are good: none that was issued before."""

    item_id: UUID
    issued_before: datetime


class Issue(msgspec.Struct, frozen=True):
    """What tells one pass of an item from the others."""

    item_id: UUID
    issued_at: datetime


class AttendanceBefore(msgspec.Struct, frozen=True):
    """Where an item was before something happened at a gate; `nonce` of the scan before, None: it was never here."""

    item_id: UUID
    inside: bool
    entries: int
    nonce: str | None


class PassClaims(msgspec.Struct, frozen=True):
    """What a code says. The times are seconds since 1970."""

    item_id: UUID
    slot_id: UUID
    issued_at: int
    valid_from: int
    valid_until: int


class IssuedCode(msgspec.Struct, frozen=True):
    """A pass that was issued, whatever became of it."""

    item_id: UUID
    issued_at: datetime
    code: str


class VerifiedPass(msgspec.Struct, frozen=True):
    """What a genuine code says, and whose key signed it."""

    org_id: UUID
    item_id: UUID
    slot_id: UUID
    issued_at: datetime
    valid_from: datetime
    valid_until: datetime
    recorded: bool = False
    """The organisation that asks issued a pass for this item at that second; perhaps it was revoked since."""


class PassAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A pass as its owner's app shows it, with or without a network."""

    id: UUID
    code: Annotated[
        str, msgspec.Meta(description="The text in the QR code: a compact JWT. An app may draw it by itself, offline.")
    ]
    valid_from: Annotated[datetime, msgspec.Meta(description="The gate admits from this moment.")]
    valid_until: Annotated[datetime, msgspec.Meta(description="The gate admits before this moment.")]
    paid: Annotated[bool, msgspec.Meta(description="False while an amount is to be settled on site.")]
    svg_url: Annotated[
        str, msgspec.Meta(description="The QR code as SVG. The URL is signed, needs no header, and ends with the pass.")
    ]
    png_url: Annotated[
        str, msgspec.Meta(description="The QR code as PNG. The URL is signed, needs no header, and ends with the pass.")
    ]


class PassImageQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    s: Annotated[str, fields.token(64)] | None = None
    """The signature of a signed URL; without it a token is needed."""
