"""The keys that passes are signed and verified with."""

import dataclasses
from typing import Annotated

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from booking_api.core.text import fields


@dataclasses.dataclass(frozen=True, slots=True)
class SigningKey:
    """The key that an organisation signs its passes with."""

    kid: str
    private_key: Ed25519PrivateKey


class Jwk(msgspec.Struct, frozen=True, kw_only=True):
    """A public Ed25519 key (RFC 7517, RFC 8037)."""

    kty: Annotated[str, msgspec.Meta(examples=["OKP"])]
    crv: Annotated[str, msgspec.Meta(examples=["Ed25519"])]
    use: Annotated[str, msgspec.Meta(examples=["sig"])]
    alg: Annotated[str, msgspec.Meta(examples=["EdDSA"])]
    kid: Annotated[str, msgspec.Meta(max_length=8, examples=["7K4QM2X9"])]
    x: Annotated[str, msgspec.Meta(description="The public key's 32 bytes, base64url without padding.")]


class JwkSet(msgspec.Struct, frozen=True):
    """Public keys (RFC 7517 §5)."""

    keys: list[Jwk]


class JwksQuery(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    kid: Annotated[str, fields.token(8, min_length=1, examples=["7K4QM2X9"])] | None = None
    """Only the key of this id."""
