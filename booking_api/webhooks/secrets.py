"""The secrets of webhooks, as Standard Webhooks writes them."""

import os
from base64 import b64decode, b64encode

PREFIX = "whsec_"
SECRET_BYTES = 32
FEWEST_BYTES, MOST_BYTES = 24, 64
"""What the specification allows."""


def new_secret() -> bytes:
    return os.urandom(SECRET_BYTES)


def show_secret(secret: bytes) -> str:
    return PREFIX + b64encode(secret).decode()


def read_secret(text: str) -> bytes:
    """Raises `ValueError` for what is no secret."""
    secret = b64decode(text.removeprefix(PREFIX), validate=True)
    if not FEWEST_BYTES <= len(secret) <= MOST_BYTES:
        raise ValueError("A secret has 24 to 64 bytes.")
    return secret
