"""Requests, answers and rows of API keys."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from booking_api.core.text import fields
from booking_api.identity.schemas import ScopeName

Channel = Literal["ios", "android", "web", "kiosk", "partner"]
KeyKind = Literal["publishable", "secret"]


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
    allowed_origins: list[str] = []
    allowed_apps: list[str] = []
    rate_limit_per_minute: int | None = None


Origin = Annotated[str, fields.code(300, examples=["https://shop.example"])]
AppId = Annotated[str, fields.code(155, pattern=r"^[A-Za-z0-9][A-Za-z0-9._\-]*$", examples=["example.ostwind.app"])]
Origins = Annotated[list[Origin], msgspec.Meta(max_length=50)]
AppIds = Annotated[list[AppId], msgspec.Meta(max_length=50)]
KeyRate = Annotated[int, msgspec.Meta(ge=1, le=1_000_000, examples=[6000])]


class KeyLimits(msgspec.Struct, frozen=True):
    """Whom a key is bound to, and the rate that it has of its own."""

    allowed_origins: list[str] = []
    allowed_apps: list[str] = []
    rate_limit_per_minute: int | None = None


class NewKey(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """An API key to make."""

    kind: KeyKind
    """A `publishable` key is built into an app; a `secret` one stays on a server and may do what its scopes name."""
    name: Annotated[str, fields.line(200, examples=["iPhone app"])]
    channel: Channel | None = None
    """Where bookings under this key come from. Default: `web` for a publishable key, `partner` for a secret one."""
    scopes: Annotated[list[ScopeName], msgspec.Meta(max_length=20)] = []
    """What a secret key may do: at least one. A publishable key has none."""
    allowed_origins: Origins = []
    """Binds a publishable key to pages of these origins, such as `https://shop.example`. Pages of others are refused, and
    so are requests that come from no page, unless `allowed_apps` has their app. Empty: pages of every origin may use it."""
    allowed_apps: AppIds = []
    """Binds a publishable key to apps that name one of these ids in the header `App-Id`. Empty: every app may use it."""
    rate_limit_per_minute: KeyRate | None = None
    """Requests per minute and server process that the key has of its own. Absent: as the installation has it."""


class KeyChange(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What is to change of a key; absent members stay."""

    name: Annotated[str, fields.line(200, examples=["iPhone app"])] | msgspec.UnsetType = msgspec.UNSET
    allowed_origins: Origins | msgspec.UnsetType = msgspec.UNSET
    """The pages that a publishable key is bound to, all of them; empty frees it."""
    allowed_apps: AppIds | msgspec.UnsetType = msgspec.UNSET
    """The apps that a publishable key is bound to, all of them; empty frees it."""
    rate_limit_per_minute: KeyRate | None | msgspec.UnsetType = msgspec.UNSET
    """Requests per minute and server process. Null: as the installation has it."""


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
    allowed_origins: list[str] = []
    """Of these origins pages may use a publishable key; absent: of every one."""
    allowed_apps: list[str] = []
    """The ids of apps that may use a publishable key; absent: every app."""
    rate_limit_per_minute: int | None = None
    """Its own; absent where it is as the installation has it."""
    available_actions: Annotated[list[str], msgspec.Meta(description="x-extensible-enum: change, revoke")]


class NewKeyAnswer(KeyAnswer, frozen=True, kw_only=True, omit_defaults=True):
    """A new API key. `key` is shown this once: a replay of the answer doesn't have it."""

    key: str | None = None


class KeySecret(msgspec.Struct, frozen=True):
    """The member of a new key's answer that is never stored."""

    key: str


class KeyList(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    items: list[KeyAnswer]
    next_cursor: str | None = None
