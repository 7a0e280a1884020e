"""Access and refresh tokens: JWTs (RFC 7519, HS256) that only this installation reads.

A session is an id inside its tokens; its row appears once one of them is used, so that a first order writes none. A refresh token carries its generation: it works while no later generation has been used, so that a
lost answer locks nobody out.

A phone sends its token with every request and gets two with its first order, and random bytes don't compress: so
the claims are few and their ids are written as base64url of their 16 bytes.

They are written and read here without a JOSE library, which took a tenth of what a hold costs the server: with one
header, one algorithm and one issuer there is nothing to negotiate. Any JOSE library can read them, given the key;
`tests/identity/test_tokens.py` reads them with PyJWT.
"""

import hmac
from base64 import urlsafe_b64encode
from binascii import a2b_base64
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec

from booking_api.core.context import Organisation, Role
from booking_api.core.errors import TokenExpired, Unauthenticated
from booking_api.core.ids import id_of_bytes, new_id
from booking_api.core.secrets import Vault
from booking_api.core.settings import Settings
from booking_api.identity.session_schemas import Tokens

SubjectKind = Literal["customer", "staff"]
Use = Literal["access", "refresh"]
AUDIENCES: dict[tuple[SubjectKind, Use], str] = {
    ("customer", "access"): "ca",
    ("customer", "refresh"): "cr",
    ("staff", "access"): "sa",
    ("staff", "refresh"): "sr",
}
"""Whose token it is and what for, as the claim `aud`."""
KINDS = {audience: kind for kind, audience in AUDIENCES.items()}
HEADER = b"eyJhbGciOiJIUzI1NiJ9"
"""`{"alg":"HS256"}`, and no `typ`, which says nothing that `aud` doesn't. Whatever else a header says, alg=none or
another key, it isn't ours."""


URL_SAFE = bytes.maketrans(b"-_", b"+/")
NOT_OURS = "The token is not one of this server."


class Payload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The claims as they are written; ids as base64url of their bytes."""

    org: str
    sub: str
    sid: str
    chn: str
    rol: Role | None = None
    aud: str
    exp: int
    gen: int = 0
    res: bool = False


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Payload).decode


def mint(
    vault: Vault, settings: Settings, org: Organisation, subject: SubjectKind, subject_id: UUID, now: datetime, *,
    channel: str = "web", role: Role | None = None, session_id: UUID | None = None, generation: int = 0,
    restricted: bool = False,
) -> Tokens:  # fmt: skip
    """Tokens of one session. Without a `session_id` it is a new one, which makes the session as many as devices."""
    session = session_id or new_id()
    lifetime = settings.access_token_seconds if subject == "customer" else settings.staff_token_seconds
    expires_at = now + timedelta(seconds=lifetime)
    refresh_until = int(now.timestamp()) + settings.refresh_token_days * 86_400
    key = vault.keys_for("tokens")[0]
    access = Payload(
        org=_short(org.org_id), sub=_short(subject_id), sid=_short(session), chn=channel, rol=role,
        aud=AUDIENCES[subject, "access"], exp=int(expires_at.timestamp()), res=restricted,
    )  # fmt: skip
    refresh = Payload(
        org=access.org, sub=access.sub, sid=access.sid, chn=channel, rol=role,
        aud=AUDIENCES[subject, "refresh"], exp=refresh_until, gen=generation, res=restricted,
    )  # fmt: skip
    return Tokens(
        access_token=_write(access, key),
        access_token_expires_at=expires_at.replace(microsecond=0),
        refresh_token=_write(refresh, key),
    )


def _write(payload: Payload, key: bytes) -> str:
    signed = HEADER + b"." + urlsafe_b64encode(_encode(payload)).rstrip(b"=")
    return (signed + b"." + _signature(signed, key)).decode()


def _signature(signed: bytes, key: bytes) -> bytes:
    return urlsafe_b64encode(hmac.digest(key, signed, "sha256")).rstrip(b"=")


def _short(value: UUID) -> str:
    return urlsafe_b64encode(value.bytes).decode().rstrip("=")


def _long(value: str) -> UUID:
    return id_of_bytes(_unwrapped(value.encode()))


def _unwrapped(text: bytes) -> bytes:
    """What `urlsafe_b64decode` does of a text without its padding, without its four calls: a token has four of them."""
    return a2b_base64(text.translate(URL_SAFE) + b"==")


class TokenClaims(msgspec.Struct, frozen=True, kw_only=True):
    """What a verified token says."""

    org_id: UUID
    subject_id: UUID
    session_id: UUID
    subject: SubjectKind
    role: Role | None
    """Of staff, when the token was made; what counts is the role in their row."""
    channel: str
    expires_at: int
    """Seconds since 1970."""
    generation: int
    restricted: bool
    """Whether the session's row says what it may see; without that row the token is good for nothing."""


def read(vault: Vault, token: str, use: Use, now: datetime) -> TokenClaims:
    """The claims of a token of ours. Raises `Unauthenticated` or `TokenExpired`."""
    payload = _read_payload(vault, token)
    subject, purpose = KINDS.get(payload.aud, (None, None))
    if subject is None or purpose != use:
        raise Unauthenticated(f"This is not a{'n access' if use == 'access' else ' refresh'} token.")
    if payload.exp <= now.timestamp():
        raise TokenExpired
    try:
        ids = [_long(text) for text in (payload.org, payload.sub, payload.sid)]
    except ValueError:
        raise Unauthenticated(NOT_OURS) from None
    return TokenClaims(
        org_id=ids[0],
        subject_id=ids[1],
        session_id=ids[2],
        subject=subject,
        role=payload.rol,
        channel=payload.chn,
        expires_at=payload.exp,
        generation=payload.gen,
        restricted=payload.res,
    )


def claimed_org(token: str) -> UUID:
    """The organisation that a token names, whoever signed it: for counting what was refused, and nothing else.

    Raises `Unauthenticated` for what is no token.
    """
    try:
        payload = token.encode("ascii").split(b".")[1]
        return _long(_decode(_unwrapped(payload)).org)
    except (ValueError, IndexError, RecursionError, msgspec.MsgspecError):
        raise Unauthenticated(NOT_OURS) from None


def read_expired(vault: Vault, token: str) -> TokenClaims:
    """The claims of a refresh token of ours whose time is over, to tell its holder how to come back.

    Raises `Unauthenticated`.
    """
    return read(vault, token, "refresh", datetime.fromtimestamp(0, UTC))


def _read_payload(vault: Vault, token: str) -> Payload:
    """What one of our keys has signed. Nothing of a token is looked into before its signature was found right."""
    try:
        signed, _, signature = token.encode("ascii").rpartition(b".")
        if signed.startswith(HEADER + b"."):
            for key in vault.keys_for("tokens"):
                # As texts, so that a signature can be written in one way only.
                if hmac.compare_digest(_signature(signed, key), signature):
                    payload = signed[len(HEADER) + 1 :]
                    return _decode(_unwrapped(payload))
    except (ValueError, msgspec.DecodeError):  # Not ASCII; or signed with our key, but none of what we write.
        pass
    raise Unauthenticated(NOT_OURS)
