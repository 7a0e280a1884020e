"""Identifiers: UUIDv7 (RFC 9562) for rows, Crockford's base32 for what people read aloud."""

import os
import unicodedata
from uuid import UUID

import uuid_utils
from asyncpg.pgproto import pgproto

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_FROM_RANDOM_BYTE = bytes(ord(CROCKFORD[byte % 32]) for byte in range(256))
"""32 divides 256, so that every character is as likely as any other."""


_READ_ALOUD = str.maketrans("ILO", "110")


def new_id() -> UUID:
    """A new time-ordered id. The driver's own kind of UUID costs a quarter of the standard library's to make."""
    return pgproto.UUID(uuid_utils.uuid7().bytes)


def id_of_bytes(raw: bytes) -> UUID:
    """An id from its 16 bytes. Raises `ValueError` for any other number of them."""
    if len(raw) != 16:
        raise ValueError("An id has 16 bytes.")
    return pgproto.UUID(raw)


def read_id(text: str) -> UUID | None:
    """The id that a text is in any of the ways in which UUIDs are written; None where it is something else."""
    try:
        return UUID(text)
    except ValueError:
        return None


def new_request_id() -> str:
    """The same as 32 hexadecimal digits."""
    return uuid_utils.uuid7().hex


def new_code(length: int) -> str:
    """A random code of Crockford's base32: no I, L, O or U, so that it survives being read aloud."""
    return os.urandom(length).translate(_FROM_RANDOM_BYTE).decode()


class _Random:
    """Random bytes, drawn from the system many at once: each call of it lets go of the interpreter, for which a busy
    server's other threads wait. Not for secrets, which nobody should find in memory."""

    def __init__(self) -> None:
        self._bytes, self._used = b"", 0
        os.register_at_fork(after_in_child=self.forget)

    def forget(self) -> None:
        """A child must not go on with the bytes that its parent goes on with."""
        self._bytes, self._used = b"", 0

    def take(self, length: int) -> bytes:
        begins, ends = self._used, self._used + length
        if ends > len(self._bytes):
            self._bytes, begins, ends = os.urandom(max(4_096, length)), 0, length
        self._used = ends
        return self._bytes[begins:ends]


_RANDOM = _Random()


def new_reference(length: int) -> str:
    """A code as `new_code` makes them, for what is no secret, such as the reference of a booking."""
    return _RANDOM.take(length).translate(_FROM_RANDOM_BYTE).decode()


def read_code(text: str) -> str:
    """What somebody typed or pasted, as it was printed: upper case and of the usual width, I and L are 1, O is 0.
    What is no letter or digit, such as hyphens, blanks and what nobody sees, doesn't count."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        text = "".join(str(unicodedata.decimal(character, character)) for character in text)
    return "".join(filter(str.isalnum, text.upper().translate(_READ_ALOUD)))
