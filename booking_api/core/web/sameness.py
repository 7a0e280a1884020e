"""Whether two requests say the same: what was sent is compared, not its bytes.

The order of members and of parameters, white space, escapes and the way in which a number is written don't count. A
member that is absent isn't one that is null, and no default is filled in: the comparison knows nothing of what the
operation would make of it. Of a member that is given twice the last one counts, as it does for the operation.
"""

from typing import Any
from urllib.parse import parse_qsl

import msgspec

from booking_api.core.secrets import fingerprint

_LARGEST_EXACT = 2**53


def _number(written: str) -> int | float:
    """1.0 and 1e0 are 1. Raises `ValueError` for what no double holds."""
    number = float(written)
    if number in {float("inf"), float("-inf")}:
        raise ValueError(written)
    return int(number) if number.is_integer() and abs(number) <= _LARGEST_EXACT else number


_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=_number)
_encoder = msgspec.json.Encoder(order="deterministic")


def body_fingerprint(body: bytes) -> bytes:
    """The same for bodies that say the same. What isn't JSON is compared by its bytes; an empty body is an empty object."""
    try:
        return fingerprint(b"json", _encoder.encode(_decoder.decode(body if body.strip() else b"{}")))
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
        return fingerprint(b"bytes", body)


def request_fingerprint(query: bytes, body: bytes) -> bytes:
    """The same for requests to one target that say the same."""
    said = body_fingerprint(body)
    if not query:
        return said
    parameters = sorted(parse_qsl(query.decode("latin-1"), keep_blank_values=True, errors="surrogateescape"))
    return fingerprint(said, *(part.encode("utf-8", "surrogateescape") for pair in parameters for part in pair))


def is_same_request(stored: bytes, query: bytes, body: bytes) -> bool:
    """Whether a stored fingerprint is that of this request. Those of the version before were of the bytes; they are
    gone with their answers a day after the upgrade."""
    return stored in (request_fingerprint(query, body), fingerprint(query, body))


def is_same_body(stored: bytes, body: bytes) -> bool:
    """The same of a body alone."""
    return stored in (body_fingerprint(body), fingerprint(body))
