"""Requests, answers and rows of tokens, sessions and single-use codes."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from booking_api.core.paging import Cursor, Limit
from booking_api.core.text import fields
from booking_api.identity.schemas import Email, Phone

Purpose = Literal["recover", "resume", "help", "sign_in"]
"""What a single-use code is for: a recovery proved an address; a customer goes on on another device; staff help with
one booking; a member of staff signs in."""


class Tokens(msgspec.Struct, frozen=True):
    """Tokens of a customer or a member of staff. The access token goes into `Authorization: Bearer …`."""

    access_token: str
    access_token_expires_at: datetime
    refresh_token: str


class TokensAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Tokens of a session."""

    booking_id: UUID | None = None
    """The booking that the code was made for."""
    session_id: UUID | None = None
    """The session that a code opened; `GET /v1/sessions` lists it."""
    ended_sessions: int | None = None
    """How many others `end_others` ended."""
    access_token: str
    """Goes into `Authorization: Bearer …`."""
    access_token_expires_at: datetime
    refresh_token: str
    """Replaces the one that was sent, which works until this one is first used."""


class CodeAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is stored of a redeemed code's answer; the tokens join it as it is sent."""

    booking_id: UUID | None = None
    session_id: UUID
    ended_sessions: int | None = None


class NewTokens(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What tokens are asked for with: a refresh token, or a single-use code."""

    grant: Literal["refresh", "code"]
    refresh_token: Annotated[str, fields.token(2048, min_length=1)] | None = None
    """With the grant `refresh`."""
    code: Annotated[str, fields.code(64, examples=["7K4QM-2X9VB"])] | None = None
    """With the grant `code`. Upper and lower case, hyphens and spaces don't matter."""
    end_others: bool = False
    """With the grant `code`: end the other sessions that the same address opened, and the customer's own only if
    every booking still to come has that address as its contact. For when a phone is lost."""


class NewRecovery(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A booking's reference, and either the mail address or the phone number that it was made with."""

    reference: Annotated[str, fields.code(32, examples=["K7QM4T"])]
    email: Email | None = None
    phone: Phone | None = None


class RecoveryContact(msgspec.Struct, frozen=True, omit_defaults=True):
    """The contact that somebody named to recover a booking, as it travels encrypted in `recovery.requested`."""

    email: str | None = None
    phone: str | None = None


class NewSignIn(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The mail address of a member of staff."""

    email: Email


class NewContactCode(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The mail address to be proven; by default that of your contact."""

    email: Email | None = None


class Redeemed(msgspec.Struct, frozen=True):
    """Whom a single-use code stands for, and what it opens."""

    purpose: Purpose
    subject_id: UUID
    booking_id: UUID | None
    address_digest: bytes | None
    """Of the address that it was sent to and thereby proves."""
    alone: bool
    """Whether it opens its booking and nothing else."""


class SessionRow(msgspec.Struct, frozen=True):
    """A session as its owner may see it, and what decides about its refresh tokens."""

    id: UUID
    subject_id: UUID
    kind: str | None
    channel: str | None
    device: str | None
    opened_by: str | None
    address_digest: bytes | None
    booking_id: UUID | None
    generation: int
    created_at: datetime
    last_used_at: datetime
    first_used_at: datetime | None
    advances: list[datetime]
    others_ended_at: datetime | None
    revoked_at: datetime | None


class SessionsQuery(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    staff_id: UUID | None = None
    """The sessions of this member of staff; for owners. Absent: your own."""
    limit: Limit = 50
    cursor: Cursor | None = None


class SessionAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody who is signed in on a device."""

    id: UUID
    opened_at: datetime
    opened_by: Annotated[
        str,
        msgspec.Meta(
            description=(
                "How: by a first `order`, a code to the contact's address (`recover`), a code of the customer's own "
                "(`resume`) or of the staff's (`help`), a code to the address of a member of staff (`sign_in`), or "
                "tokens that an owner `handed` over. x-extensible-enum: order, recover, resume, help, sign_in, handed"
            )
        ),
    ]
    last_used_at: datetime | None = None
    """To the minute. Absent: not yet."""
    channel: Annotated[str | None, msgspec.Meta(description="x-extensible-enum: ios, android, web, kiosk, partner")] = (
        None
    )
    device: Annotated[
        str | None, msgspec.Meta(description="A hint from the User-Agent header.", examples=["Safari on iPhone"])
    ] = None
    sees: Annotated[
        str,
        msgspec.Meta(
            description=(
                "What it may see: `everything` of its customer, the bookings with one proven `address` as contact, "
                "or a single `booking`. x-extensible-enum: everything, address, booking"
            )
        ),
    ]
    current: bool
    """Whether it is the one that asks."""
    available_actions: Annotated[list[str], msgspec.Meta(description="x-extensible-enum: end")]


class SessionList(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    items: list[SessionAnswer]
    next_cursor: str | None = None
