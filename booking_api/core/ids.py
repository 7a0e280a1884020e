"""Identifiers: UUIDv7 (RFC 9562) for rows, Crockford's base32 for what people read aloud."""

import secrets
from uuid import UUID

from uuid_utils.compat import uuid7

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_id() -> UUID:
    """A new time-ordered id."""
    return uuid7()


def new_code(length: int) -> str:
    """A random code of Crockford's base32: no I, L, O or U, so that it survives being read aloud."""
    return "".join(secrets.choice(CROCKFORD) for _ in range(length))


def read_code(text: str) -> str:
    """What somebody typed, as it was printed: upper case, I and L are 1, O is 0, hyphens and spaces don't count."""
    return text.upper().translate(str.maketrans({"I": "1", "L": "1", "O": "0", "-": None, " ": None}))
