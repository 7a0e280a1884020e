"""Access and refresh tokens: JWTs (RFC 7519, HS256) that only this installation reads.

A session is an id inside its tokens; its row appears at the first refresh or revocation, so that a first order
writes none. A refresh token carries its generation: it works while no later generation has been used, so that a
lost answer locks nobody out.

A phone sends its token with every request and gets two with its first order, and random bytes don't compress: so
the claims are few and their ids are written as base64url of their 16 bytes.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime, timedelta
from typing import Any, Literal, cast
from uuid import UUID

import jwt
import msgspec

from booking_api.core.context import Organisation, Role
from booking_api.core.errors import TokenExpired, Unauthenticated
from booking_api.core.ids import new_id
from booking_api.core.secrets import Vault
from booking_api.core.settings import Settings
from booking_api.identity.schemas import Tokens

AUDIENCES = {
    ("customer", "access"): "ca",
    ("customer", "refresh"): "cr",
    ("staff", "access"): "sa",
    ("staff", "refresh"): "sr",
}
"""Whose token it is and what for, as the claim `aud`."""
KINDS = {audience: kind for kind, audience in AUDIENCES.items()}
BARE = {"typ": ""}
"""Leaves the header `typ` out, which says nothing that `aud` doesn't."""
Subject = Literal["customer", "staff"]


def mint(
    vault: Vault, settings: Settings, org: Organisation, subject: Subject, subject_id: UUID, now: datetime, *,
    channel: str = "web", role: Role | None = None, session_id: UUID | None = None, generation: int = 0,
) -> Tokens:  # fmt: skip
    """Tokens of one session. Without a `session_id` it is a new one, which makes the session as many as devices."""
    session = session_id or new_id()
    lifetime = settings.access_token_seconds if subject == "customer" else settings.staff_token_seconds
    expires_at = now + timedelta(seconds=lifetime)
    common: dict[str, Any] = {
        "org": _short(org.org_id),
        "sub": _short(subject_id),
        "sid": _short(session),
        "chn": channel,
    }
    if role is not None:
        common["rol"] = role
    key = vault.keys_for("tokens")[0]
    refresh_until = int(now.timestamp()) + settings.refresh_token_days * 86_400
    access = {**common, "aud": AUDIENCES[subject, "access"], "exp": int(expires_at.timestamp())}
    refresh = {**common, "aud": AUDIENCES[subject, "refresh"], "exp": refresh_until, "gen": generation}
    return Tokens(
        access_token=jwt.encode(access, key, algorithm="HS256", headers=BARE),
        access_token_expires_at=expires_at.replace(microsecond=0),
        refresh_token=jwt.encode(refresh, key, algorithm="HS256", headers=BARE),
    )


def _short(value: UUID) -> str:
    return urlsafe_b64encode(value.bytes).decode().rstrip("=")


def _long(value: str) -> UUID:
    return UUID(bytes=urlsafe_b64decode(value + "=="))


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What a verified token says."""

    org_id: UUID
    subject_id: UUID
    session_id: UUID
    subject: Subject
    role: Role | None
    """Of staff, when the token was made; what counts is the role in their row."""
    channel: str
    expires_at: int
    """Seconds since 1970."""
    generation: int


def read(vault: Vault, token: str, use: Literal["access", "refresh"], now: datetime) -> Claims:
    """The claims of a token of ours. Raises `Unauthenticated` or `TokenExpired`."""
    for key in vault.keys_for("tokens"):
        try:
            claims = jwt.decode(
                token, key, algorithms=["HS256"],
                options={"verify_exp": False, "verify_aud": False, "require": ["exp", "aud", "sub"]},
            )  # fmt: skip
        except jwt.InvalidSignatureError:
            continue
        except jwt.InvalidTokenError:
            raise Unauthenticated("The token is not one of this server.") from None
        subject, purpose = KINDS.get(claims["aud"], ("", ""))
        if purpose != use:
            raise Unauthenticated(f"This is not a{'n access' if use == 'access' else ' refresh'} token.")
        if claims["exp"] <= now.timestamp():
            raise TokenExpired
        return Claims(
            org_id=_long(claims["org"]),
            subject_id=_long(claims["sub"]),
            session_id=_long(claims["sid"]),
            subject=cast("Subject", subject),
            role=claims.get("rol"),
            channel=claims["chn"],
            expires_at=claims["exp"],
            generation=claims.get("gen", 0),
        )
    raise Unauthenticated("The token is not one of this server.")
