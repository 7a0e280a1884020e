"""Who is asking, for whom, and when: the first argument of every operation."""

import dataclasses
from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from booking_api.core.db import Connection
from booking_api.core.per_process import Caches
from booking_api.core.secrets import Vault
from booking_api.core.settings import Settings
from booking_api.core.text.addresses import likely_country

CallerKind = Literal["anonymous", "app", "customer", "staff", "key", "system", "command"]
Role = Literal["agent", "manager", "owner"]
ROLE_RANK: dict[str, int] = {"agent": 1, "manager": 2, "owner": 3}


class Organisation(msgspec.Struct, frozen=True):
    """The tenant, as every operation needs it."""

    org_id: UUID
    name: str
    time_zone: str
    currency: str
    locale: str
    live: bool
    retention_days: int | None
    country: str | None = None
    """ISO 3166 alpha-2, as it was set."""
    moved_later_minutes: int = 60
    """A slot that moves later by more than this is another one than was booked, and the customer may choose."""
    moved_earlier_minutes: int = 10

    @property
    def phone_country(self) -> str | None:
        """Whose phone numbers are written without the code of a country: as it was set, else as far as the locale and
        the time zone leave no doubt."""
        return self.country or likely_country(self.locale, self.time_zone)


class Restriction(msgspec.Struct, frozen=True):
    """What a session of a customer is restricted to; `identity.reach` says which bookings that are."""

    address: bytes | None = None
    """The digest of the proven address that a booking must have as its contact."""
    booking_id: UUID | None = None
    """The only booking there is to see."""
    narrowed_at: datetime | None = None
    """When a booking may last have left the session: what was answered before may show more than it sees now."""


class Binding(msgspec.Struct, frozen=True):
    """To whom a publishable key is bound, and the rate that it has of its own."""

    origins: frozenset[str] = frozenset()
    apps: frozenset[str] = frozenset()
    rate_per_minute: int | None = None

    def fits(self, origin: str | None, app_id: str | None) -> bool:
        """Whether the key is meant for a page of this origin, or for the app that says it has this id.

        Of a page the origin decides where the key names any, because it is the browser that says it.
        """
        if origin is not None and self.origins:
            return origin in self.origins
        if self.apps:
            return app_id in self.apps
        return not self.origins


class Caller(msgspec.Struct, frozen=True):
    """A verified credential. `subject_id` is the customer or the member of staff, None for keys."""

    kind: CallerKind
    credential_id: UUID
    """The key, or for tokens the session: what idempotency keys are scoped to."""
    subject_id: UUID | None = None
    role: Role | None = None
    scopes: frozenset[str] = frozenset()
    channel: str = "web"
    restriction: Restriction | None = None
    """Of a customer's session that sees only some of their bookings."""
    binding: Binding | None = None
    """Of a key that names origins, apps or a rate of its own."""

    @property
    def is_customer(self) -> bool:
        return self.kind == "customer"

    def has_role(self, least: Role) -> bool:
        return self.role is not None and ROLE_RANK[self.role] >= ROLE_RANK[least]

    def may(self, scope: str, role: Role) -> bool:
        """Whether a secret key has the scope, or a member of staff at least the role."""
        return scope in self.scopes if self.kind == "key" else self.has_role(role)


@dataclasses.dataclass(slots=True)
class Context:
    """One request or job. `now` is read once, so that everything in it happens at one moment."""

    db: Connection
    org: Organisation
    caller: Caller
    now: datetime
    settings: Settings
    vault: Vault
    caches: Caches
    """See `core.per_process`."""
    base_url: str = ""
    request_id: str = ""
    language: str = "en"
    languages: tuple[str, ...] = ("en",)
    """Wanted by the reader, most wanted first, the organisation's own last."""
    reply: Any = None
    """The answer that `core.web.transactions.writing` stores and `core.web.replies.send` sends."""
    about_id: UUID | None = None
    """The customer whom the answer tells of, whichever caller asked: what is stored of it is erased with them."""
    begun: UUID | None = None
    """What a request in two transactions made in its first; see `core.web.transactions.writing`."""
    resumes: UUID | None = None
    """What an earlier try of this request made, when its idempotency key is still unfinished."""
    afterwards: list[Callable[[], None]] | None = None
    """What `after_commit` was given."""

    @property
    def org_id(self) -> UUID:
        return self.org.org_id

    def after_commit(self, act: Callable[[], None]) -> None:
        """Has something done in this process once the transaction is committed, and not at all where it isn't."""
        self.afterwards = [*(self.afterwards or ()), act]
