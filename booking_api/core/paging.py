"""Bounded lists: opaque cursors over a stable order."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from typing import Annotated, Any, TypeVar

import msgspec

from booking_api.core.errors import invalid
from booking_api.core.text import fields

T = TypeVar("T")

Limit = Annotated[int, msgspec.Meta(ge=1, le=200, description="How many items at most.")]
Cursor = Annotated[str, fields.token(400, description="`next_cursor` of the page before.")]


def write_cursor(*position: Any) -> str:
    """The position after the last item of a page, as an opaque string."""
    return urlsafe_b64encode(msgspec.json.encode(position)).decode().rstrip("=")


def read_cursor(cursor: str, into: type[T], pointer: str = "/query/cursor") -> T:
    """The position a cursor stands for, as a tuple type. Raises `Invalid` for one that this server didn't make."""
    try:
        return msgspec.json.decode(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=into)
    except (msgspec.MsgspecError, Base64Error, ValueError):
        raise invalid(pointer, "This is not a cursor of this list.") from None
