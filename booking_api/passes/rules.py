"""The format of a pass (RFC 7519, RFC 8037): pure functions between claims and code.

Header exactly `alg` and `kid`; claims exactly `sub`, `slot`, `iat`, `nbf`, `exp`. Any JOSE library verifies it.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from booking_api.passes.schemas import ItemStateRow, PassClaims, PassRequest, PassRow

T = TypeVar("T")
_encode = msgspec.json.Encoder().encode
ALGORITHM = "EdDSA"
LONGEST_CODE = 287
"""Characters: what keeps the QR code within version 12 at error correction M."""
_CODE = re.compile(r"([A-Za-z0-9_-]{1,64})\.([A-Za-z0-9_-]{1,256})\.([A-Za-z0-9_-]{86})")
_OPTIONS: Any = {
    "verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False, "verify_iss": False,
    "verify_sub": False, "verify_jti": False, "require": [],
}  # fmt: skip


class _Header(msgspec.Struct, frozen=True):
    alg: str
    kid: str


class _Payload(msgspec.Struct, frozen=True):
    sub: str
    slot: str
    iat: int
    nbf: int
    exp: int


def _encode_bytes(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def _decode_text(text: str) -> bytes:
    """Raises `ValueError` unless `text` is the one canonical base64url form of its bytes."""
    raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _encode_bytes(raw) != text:
        raise ValueError("not canonical base64url")
    return raw


def whole_seconds(moment: datetime) -> datetime:
    """A moment cut to its whole second, as NumericDate claims carry it."""
    return moment.astimezone(UTC).replace(microsecond=0)


def next_issue(now: datetime, latest: datetime | None) -> datetime:
    """The `iat` of a new pass: the current second, but always later than that of the pass before."""
    second = int(now.timestamp())
    return datetime.fromtimestamp(second if latest is None else max(second, int(latest.timestamp()) + 1), UTC)


def says(row: PassRow | None, request: PassRequest) -> bool:
    """Whether a pass says all that a requested one would: the same item, slot, holder and window."""
    return row is not None and (row.item_id, row.slot_id, row.customer_id, row.valid_from, row.valid_until) == (
        request.item_id,
        request.slot_id,
        request.customer_id,
        whole_seconds(request.valid_from),
        whole_seconds(request.valid_until),
    )


def is_revoked(issued_at: datetime, current: datetime | None, revoked_before: datetime | None) -> bool:
    """Whether a code of an item, issued at that second, is worthless now.

    `current` is when the item's current pass was issued, None where it has none any more; `revoked_before` the second
    before which every code was revoked. A code that is merely older than the current one is good.
    """
    return current is None or (revoked_before is not None and issued_at < revoked_before)


def current_pass(row: ItemStateRow) -> PassRow | None:
    """The current pass in an item's row, if there is one."""
    if row.id is None:
        return None
    return PassRow(
        row.id, row.item_id, _given(row.slot_id), _given(row.customer_id), _given(row.kid), _given(row.code),
        _given(row.issued_at), _given(row.valid_from), _given(row.valid_until), None,
    )  # fmt: skip


def _given(value: T | None) -> T:
    assert value is not None, "a pass has all of its columns"
    return value


def write_code(claims: PassClaims, kid: str, private_key: Ed25519PrivateKey) -> str:
    """Signs a pass (RFC 7515 §5.1, compact; RFC 8037 §3.1)."""
    payload = _Payload(
        _encode_bytes(claims.item_id.bytes), _encode_bytes(claims.slot_id.bytes), claims.issued_at, claims.valid_from,
        claims.valid_until,
    )  # fmt: skip
    signed = f"{_encode_bytes(_encode(_Header(ALGORITHM, kid)))}.{_encode_bytes(_encode(payload))}"
    return f"{signed}.{_encode_bytes(private_key.sign(signed.encode()))}"


def find_kid(code: str) -> str | None:
    """The key that a code claims to be signed with; None for what can't be a pass."""
    parts = _CODE.fullmatch(code)
    if parts is None:
        return None
    try:
        for part in parts.groups():
            _decode_text(part)
        header = msgspec.json.decode(_decode_text(parts[1]), type=_Header)
    except (ValueError, RecursionError):
        return None
    return header.kid if header.alg == ALGORITHM and 1 <= len(header.kid) <= 8 else None


def _claims(found: _Payload) -> PassClaims:
    claims = PassClaims(
        UUID(bytes=_decode_text(found.sub)), UUID(bytes=_decode_text(found.slot)), found.iat, found.nbf, found.exp
    )
    for second in (claims.issued_at, claims.valid_from, claims.valid_until):
        datetime.fromtimestamp(second, UTC)
    return claims


def read_code(code: str, public_key: Ed25519PublicKey) -> PassClaims | None:
    """The claims of a code whose signature is good, whatever the time is; None for a forgery."""
    if find_kid(code) is None:
        return None
    try:
        found = msgspec.convert(jwt.decode(code, public_key, algorithms=[ALGORITHM], options=_OPTIONS), _Payload)
        return _claims(found)
    except (jwt.PyJWTError, ValueError, OverflowError, OSError, RecursionError):
        return None


def find_claims(code: str) -> PassClaims | None:
    """What a code claims, whoever signed it; None for what can't be a pass. Believe it only if the code is on record
    or its signature is good.
    """
    if find_kid(code) is None:
        return None
    try:
        found = msgspec.json.decode(_decode_text(code.split(".")[1]), type=_Payload)
        return _claims(found)
    except (ValueError, OverflowError, OSError, RecursionError):
        return None


def image_signature_message(org_id: UUID, pass_id: UUID, image_format: str) -> str:
    """What the signature of an image URL covers."""
    return f"{org_id.hex} {pass_id.hex} {image_format}"


def write_signature(org_id: UUID, mac: str) -> str:
    """The `s` of a signed URL: it names the organisation, because such a request has no other credential."""
    return _encode_bytes(org_id.bytes) + mac


def read_signature(signature: str) -> tuple[UUID, str] | None:
    """The organisation and the code of `s`; None for what this server can't have made."""
    try:
        return UUID(bytes=_decode_text(signature[:22])), signature[22:]
    except ValueError:
        return None
