"""Requests, answers and rows of identity."""

import dataclasses
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from booking_api.capabilities import all_scopes
from booking_api.core.context import Role
from booking_api.core.errors import Conflict
from booking_api.core.ids import new_id
from booking_api.core.paging import Cursor, Limit
from booking_api.core.text import fields

Channel = Literal["ios", "android", "web", "kiosk", "partner"]
KeyKind = Literal["publishable", "secret"]
Purpose = Literal["recover", "resume", "help", "sign_in"]
"""What a single-use code is for: a recovery proved an address; a customer goes on on another device; staff help with
one booking; a member of staff signs in."""

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


# tokens -----------------------------------------------------------------------------------------------------------


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
                "How. x-extensible-enum: order (a first order), recover (a code to the contact's address), resume (a "
                "code of the customer's own), help (a code of the staff's), sign_in (a code to the address of a member "
                "of staff), handed (tokens that an owner handed over)"
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
                "x-extensible-enum: everything, address (the bookings with one proven address as contact), booking "
                "(a single one)"
            )
        ),
    ]
    current: bool
    """Whether it is the one that asks."""
    available_actions: Annotated[list[str], msgspec.Meta(description="x-extensible-enum: end")]


class SessionList(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    items: list[SessionAnswer]
    next_cursor: str | None = None


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


class KeyRow(msgspec.Struct, frozen=True):
    id: UUID
    kind: str
    name: str
    channel: str
    scopes: list[str]
    hint: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class NewKey(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """An API key to make."""

    kind: KeyKind
    """A `publishable` key is built into an app; a `secret` one stays on a server and may do what its scopes name."""
    name: Annotated[str, fields.line(200, examples=["iPhone app"])]
    channel: Channel | None = None
    """Where bookings under this key come from. Default: `web` for a publishable key, `partner` for a secret one."""
    scopes: Annotated[list[ScopeName], msgspec.Meta(max_length=20)] = []
    """What a secret key may do: at least one. A publishable key has none."""


class KeyAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An API key, without its secret."""

    id: UUID
    kind: Annotated[str, msgspec.Meta(description="x-extensible-enum: publishable, secret")]
    name: str
    channel: Annotated[str, msgspec.Meta(description="x-extensible-enum: ios, android, web, kiosk, partner")]
    scopes: list[str]
    hint: str
    """The key's last characters, to tell it from others."""
    created_at: datetime
    last_used_at: datetime | None = None
    """To the minute."""
    revoked_at: datetime | None = None
    available_actions: Annotated[list[str], msgspec.Meta(description="x-extensible-enum: revoke")]


class NewKeyAnswer(KeyAnswer, frozen=True, kw_only=True, omit_defaults=True):
    """A new API key. `key` is shown this once: a replay of the answer doesn't have it."""

    key: str | None = None


class KeySecret(msgspec.Struct, frozen=True):
    """The member of a new key's answer that is never stored."""

    key: str


class KeyList(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    items: list[KeyAnswer]
    next_cursor: str | None = None


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


# signing keys -----------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class SigningKey:
    """The key that an organisation signs its passes with."""

    kid: str
    private_key: Ed25519PrivateKey


class Jwk(msgspec.Struct, frozen=True, kw_only=True):
    """A public Ed25519 key (RFC 7517, RFC 8037)."""

    kty: Annotated[str, msgspec.Meta(examples=["OKP"])]
    crv: Annotated[str, msgspec.Meta(examples=["Ed25519"])]
    use: Annotated[str, msgspec.Meta(examples=["sig"])]
    alg: Annotated[str, msgspec.Meta(examples=["EdDSA"])]
    kid: Annotated[str, msgspec.Meta(max_length=8, examples=["7K4QM2X9"])]
    x: Annotated[str, msgspec.Meta(description="The public key's 32 bytes, base64url without padding.")]


class JwkSet(msgspec.Struct, frozen=True):
    """Public keys (RFC 7517 §5)."""

    keys: list[Jwk]


class JwksQuery(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    kid: Annotated[str, fields.token(8, min_length=1, examples=["7K4QM2X9"])] | None = None
    """Only the key of this id."""
