"""Signatures of webhooks, as the Standard Webhooks specification 1.0 has them.

`webhook-id`, `webhook-timestamp` (seconds since 1970) and `webhook-signature: v1,<base64>`, an HMAC-SHA-256 over
`id.timestamp.body`.
"""

import hmac
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime

from booking_api.core.errors import DomainError
from booking_api.core.secrets import Vault
from booking_api.core.settings import Settings

TOLERANCE_SECONDS = 300
"""How far a webhook's time may be from ours, so that an old one can't be played again later."""
ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"


class WebhookForged(DomainError):
    code, status, title = "webhook_forged", 401, "The webhook isn't signed by the provider"
    explanation = (
        "A provider signs each webhook (Standard Webhooks 1.0) with the secret that it shares with this server, and "
        f"sends it within {TOLERANCE_SECONDS // 60} minutes. Compare the secrets and the clocks of both."
    )


def webhook_secrets(settings: Settings, vault: Vault) -> list[bytes]:
    """The secrets that a webhook may be signed with, the one to sign with first."""
    return [settings.webhook_secret.encode()] if settings.webhook_secret else vault.keys_for("webhooks")


def sign(secret: bytes, message_id: str, timestamp_seconds: int, body: bytes) -> str:
    content = f"{message_id}.{timestamp_seconds}.".encode() + body
    return f"v1,{b64encode(hmac.digest(secret, content, 'sha256')).decode()}"


def sign_headers(secret: bytes, message_id: str, body: bytes, now: datetime) -> dict[str, str]:
    """The three headers of a signed webhook."""
    seconds = int(now.timestamp())
    return {ID: message_id, TIMESTAMP: str(seconds), SIGNATURE: sign(secret, message_id, seconds, body)}


def check_signature(secrets: Sequence[bytes], headers: Mapping[str, str], body: bytes, now: datetime) -> None:
    """Raises `WebhookForged` for a webhook that isn't signed with one of the secrets, or not lately."""
    message_id, sent, given = headers.get(ID), headers.get(TIMESTAMP, ""), headers.get(SIGNATURE, "")
    if not message_id or not given or not (sent.isascii() and sent.isdecimal() and len(sent) <= 12):
        raise WebhookForged(f"The headers {ID}, {TIMESTAMP} and {SIGNATURE} are needed.")
    signatures = [signature.encode() for signature in given.split(" ")[:10]]
    right = False
    for secret in secrets:
        expected = sign(secret, message_id, int(sent), body).encode()
        for signature in signatures:
            right |= hmac.compare_digest(expected, signature)
    if not right:
        raise WebhookForged("The signature doesn't fit the body.")
    if abs(now.timestamp() - int(sent)) > TOLERANCE_SECONDS:
        raise WebhookForged("The webhook is too old, or the clocks differ.")
