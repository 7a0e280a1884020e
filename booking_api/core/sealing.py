"""Changing the master secret: each capability that keeps something sealed encrypts it anew."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from uuid import UUID

import msgspec

from booking_api.core.db import Connection
from booking_api.core.secrets import Vault


class Resealed(msgspec.Struct, frozen=True):
    """What became of what an organisation keeps sealed."""

    resealed: int
    current: int
    """Encrypted with the current secret already."""
    unreadable: list[str]
    """Their ids: no configured secret opens them."""


Resealer = Callable[[Connection, Vault, UUID, datetime], Awaitable[Resealed]]
"""(connection, vault, organisation, now): encrypts with the current secret, in the caller's transaction. It may be
repeated and interrupted anywhere, and run twice at once."""
