"""What the master secret is used for: encrypting private keys at rest, deriving keys, hashing bearer secrets."""

import hashlib
import hmac
from base64 import b64encode, urlsafe_b64encode

from cryptography.fernet import Fernet, MultiFernet


class Vault:
    """Keys derived from the master secrets, newest first.

    Raises `ValueError` for a missing or short secret: a guessable one would let anybody mint tokens.
    """

    def __init__(self, secret_key: str) -> None:
        masters = [part.strip() for part in secret_key.split(",") if part.strip()]
        if not masters or any(len(master) < 32 for master in masters):
            raise ValueError("BOOKING_SECRET_KEY must be set to at least 32 random characters")
        self._masters = [master.encode() for master in masters]
        self._derived: dict[str, list[bytes]] = {}
        self._fernet = MultiFernet(
            [Fernet(urlsafe_b64encode(self._derive(master, b"private keys at rest"))) for master in self._masters]
        )

    @staticmethod
    def _derive(master: bytes, purpose: bytes) -> bytes:
        return hmac.new(master, purpose, hashlib.sha256).digest()

    def keys_for(self, purpose: str) -> list[bytes]:
        """One 32-byte key per master secret, newest first: sign with the first, verify with any."""
        keys = self._derived.get(purpose)
        if keys is None:  # Purposes are words in this program, so that there are few.
            keys = self._derived[purpose] = [self._derive(master, purpose.encode()) for master in self._masters]
        return keys

    def encrypt(self, plain: bytes) -> bytes:
        return self._fernet.encrypt(plain)

    def decrypt(self, sealed: bytes) -> bytes:
        return self._fernet.decrypt(sealed)

    def sign(self, purpose: str, message: str) -> str:
        """A short URL-safe signature of a message (HMAC-SHA-256, 128 bits)."""
        mac = hmac.new(self.keys_for(purpose)[0], message.encode(), hashlib.sha256).digest()[:16]
        return urlsafe_b64encode(mac).decode().rstrip("=")

    def verify(self, purpose: str, message: str, signature: str) -> bool:
        return any(
            hmac.compare_digest(
                urlsafe_b64encode(hmac.new(key, message.encode(), hashlib.sha256).digest()[:16]).rstrip(b"="),
                signature.encode(),
            )
            for key in self.keys_for(purpose)
        )


def hash_secret(secret: str) -> bytes:
    """The form in which a bearer secret of full entropy is stored: SHA-256, since there is nothing to guess."""
    return hashlib.sha256(secret.encode()).digest()


def fingerprint(*parts: bytes) -> bytes:
    """A digest of several byte strings that can't be confused by moving a boundary."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


def content_etag(content: bytes) -> str:
    """A strong ETag of what is being sent."""
    return f'"{b64encode(hashlib.sha256(content).digest()[:12]).decode()}"'
