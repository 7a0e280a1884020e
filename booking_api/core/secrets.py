"""What the master secret is used for: encrypting private keys at rest, deriving keys, hashing bearer secrets."""

import hashlib
import hmac
from base64 import b64encode, urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from booking_api.core.web.guessing import HOW, why_guessable


class Vault:
    """Keys derived from the master secrets, the current one's first.

    The current one encrypts and signs. What was made under the others is read and believed for as long as they are
    configured, so that changing the secret signs nobody out; `reseal` brings what is stored under the current one.

    Raises `ValueError` for a current secret that is missing or could be guessed, since anybody could mint tokens with
    it. Previous ones aren't measured: changing a bad one must be possible.
    """

    def __init__(self, secret_key: str, previous_secret_keys: str = "") -> None:
        masters = [part.strip() for part in f"{secret_key},{previous_secret_keys}".split(",")]
        if why := why_guessable(masters[0]):
            raise ValueError(f"BOOKING_SECRET_KEY {why}; {HOW}")
        self._masters = [master.encode() for master in dict.fromkeys(masters) if master]
        self._derived: dict[str, list[bytes]] = {}
        self._fernets = [
            Fernet(urlsafe_b64encode(self._derive(master, b"private keys at rest"))) for master in self._masters
        ]
        self._fernet = MultiFernet(self._fernets)

    @property
    def has_previous(self) -> bool:
        """Whether more than the current secret is configured."""
        return len(self._masters) > 1

    @staticmethod
    def _derive(master: bytes, purpose: bytes) -> bytes:
        return hmac.digest(master, purpose, "sha256")

    def keys_for(self, purpose: str) -> list[bytes]:
        """One 32-byte key per master secret, newest first: sign with the first, verify with any."""
        keys = self._derived.get(purpose)
        if keys is None:  # Purposes are words in this program, so that there are few.
            keys = self._derived[purpose] = [self._derive(master, purpose.encode()) for master in self._masters]
        return keys

    def encrypt(self, plain: bytes) -> bytes:
        return self._fernet.encrypt(plain)

    def decrypt(self, sealed: bytes) -> bytes:
        """Raises `cryptography.fernet.InvalidToken` for what none of the secrets has sealed."""
        return self._fernet.decrypt(sealed)

    def can_open(self, sealed: bytes) -> bool:
        """Whether one of the secrets has sealed this."""
        try:
            self._fernet.decrypt(sealed)
        except InvalidToken:
            return False
        return True

    def reseal(self, sealed: bytes) -> bytes | None:
        """The same under the current secret; None where it is already. Raises `InvalidToken` as `decrypt` does."""
        try:
            self._fernets[0].decrypt(sealed)
        except InvalidToken:
            return self._fernet.rotate(sealed)
        return None

    def sign(self, purpose: str, message: str) -> str:
        """A short URL-safe signature of a message (HMAC-SHA-256, 128 bits)."""
        return _short_mac(self.keys_for(purpose)[0], message).decode()

    def verify(self, purpose: str, message: str, signature: str) -> bool:
        given = signature.encode()
        return any(hmac.compare_digest(_short_mac(key, message), given) for key in self.keys_for(purpose))


def _short_mac(key: bytes, message: str) -> bytes:
    return urlsafe_b64encode(hmac.digest(key, message.encode(), "sha256")[:16]).rstrip(b"=")


def hash_secret(secret: str) -> bytes:
    """The form in which a bearer secret of full entropy is stored: SHA-256, since there is nothing to guess."""
    return hashlib.sha256(secret.encode()).digest()


def fingerprint(*parts: bytes) -> bytes:
    """A digest of several byte strings that can't be confused by moving a boundary."""
    return hashlib.sha256(b"".join([len(part).to_bytes(8, "big") + part for part in parts])).digest()


def content_etag(content: bytes) -> str:
    """A strong ETag of what is being sent."""
    return f'"{b64encode(hashlib.sha256(content).digest()[:12]).decode()}"'
