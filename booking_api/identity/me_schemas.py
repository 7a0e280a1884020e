"""What customers say of themselves, and what they are told of it."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from booking_api.core.text import fields
from booking_api.identity.schemas import Email, PersonName

OwnLanguage = Annotated[
    str,
    fields.code(
        35, pattern="^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$", description="A language of RFC 5646.", examples=["de"]
    ),
]
OwnPhone = Annotated[str, fields.phone(examples=["+49 30 901820"])]


class OwnContact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How to reach you."""

    name: str | None = None
    """Your name."""
    email: str | None = None
    """Your mail address."""
    phone: str | None = None
    """Your phone number, as E.164."""


class Me(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who is signed in."""

    id: UUID
    """The customer."""
    contact: OwnContact | None = None
    """What is filled in where an order is confirmed without one. Absent: you never said, or this session may not see it."""
    language: Annotated[str, msgspec.Meta(examples=["de"])]
    """In which you are written to."""
    email_proven: bool
    """Whether a code that was sent to the mail address was redeemed."""
    sees: Annotated[
        str,
        msgspec.Meta(
            description="What this session sees of your bookings. x-extensible-enum: everything, address (those with one "
            "proven address as contact), booking (a single one)"
        ),
    ]
    available_actions: Annotated[list[str], msgspec.Meta(description="x-extensible-enum: edit")]
    """What can be done next."""


class OwnContactEdit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Changes of how to reach you. Absent means untouched, null clears."""

    name: PersonName | None | UnsetType = UNSET
    email: Email | None | UnsetType = UNSET
    phone: OwnPhone | None | UnsetType = UNSET
    """Kept as E.164. A national number is one of the organisation's country."""


class MeEdit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Changes of what is known of you. Absent means untouched, null clears."""

    contact: OwnContactEdit | None | UnsetType = UNSET
    language: OwnLanguage | UnsetType = UNSET
