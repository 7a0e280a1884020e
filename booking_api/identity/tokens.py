"""Access and refresh tokens: JWTs (RFC 7519, HS256) that only this installation reads.

A session is an id inside its tokens; its row appears at the first refresh or revocation, so that a first order
writes none. A refresh token carries its generation `g`: it works while no later generation has been used, so that
a lost answer locks nobody out.
"""

from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import jwt

from booking_api.core.context import Organisation, Role
from booking_api.core.errors import TokenExpired, Unauthenticated
from booking_api.core.ids import new_id
from booking_api.core.secrets import Vault
from booking_api.core.settings import Settings
from booking_api.identity.schemas import Tokens

ISSUER = "booking-api"
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
        "iss": ISSUER, "org": org.org_id.hex, "sub": subject_id.hex, "sid": session.hex, "knd": subject, "chn": channel,
    }  # fmt: skip
    if role is not None:
        common["rol"] = role
    key = vault.keys_for("tokens")[0]
    issued = int(now.timestamp())
    access = {**common, "use": "access", "iat": issued, "exp": int(expires_at.timestamp())}
    refresh = {
        **common, "use": "refresh", "gen": generation, "iat": issued,
        "exp": issued + settings.refresh_token_days * 86_400,
    }  # fmt: skip
    return Tokens(
        access_token=jwt.encode(access, key, algorithm="HS256"),
        access_token_expires_at=expires_at.replace(microsecond=0),
        refresh_token=jwt.encode(refresh, key, algorithm="HS256"),
    )


def read(vault: Vault, token: str, use: Literal["access", "refresh"], now: datetime) -> dict[str, Any]:
    """The claims of a token of ours. Raises `Unauthenticated` or `TokenExpired`."""
    for key in vault.keys_for("tokens"):
        try:
            claims = jwt.decode(
                token, key, algorithms=["HS256"], issuer=ISSUER,
                options={"verify_exp": False, "verify_iat": False, "require": ["exp", "iat", "sub"]},
            )  # fmt: skip
        except jwt.InvalidSignatureError:
            continue
        except jwt.InvalidTokenError:
            raise Unauthenticated("The token is not one of this server.") from None
        if claims.get("use") != use:
            raise Unauthenticated(f"This is not a{'n access' if use == 'access' else ' refresh'} token.")
        if claims["exp"] <= now.timestamp():
            raise TokenExpired
        return claims
    raise Unauthenticated("The token is not one of this server.")
